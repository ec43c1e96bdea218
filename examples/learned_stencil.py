"""The heat equation's stencil, learned from what it does: a convolution's kernel found by gradient descent.

Fields on a periodic square are simulated for a few steps by u + d * (neighbours - 4 u). A 3x3 kernel that starts as
noise is applied as many times, and its nine numbers follow the gradient of the squared difference, by Adam, until the
same fields come out: the five of the stencil, and four zeros. The gradient by the kernel passes through all steps.

    python examples/learned_stencil.py [--side 64] [--fields 8] [--descent 400] [--out stencil.png]

D. P. Kingma, J. Ba, Adam: a method for stochastic optimization, 2015. Start reading at `steps_of`.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

import cujax
import cujax.numpy as jnp

DIFFUSION = 0.2
STEPS = 3  # from a field to the one that is compared; odd, since two steps of a kernel and of its negative are the same
RATE, FIRST, SECOND, TINY = 0.02, 0.9, 0.99, 1e-8  # Adam's
STENCIL = DIFFUSION * np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)
STENCIL[1, 1] += 1


def step(fields, kernel):
    """One step of fields (n, side, side)."""
    wide = jnp.pad(fields, [(0, 0), (1, 1), (1, 1)], mode="wrap")[:, None]
    return cujax.lax.conv(wide, kernel[None, None], (1, 1), "VALID")[:, 0]


def steps_of(fields, kernel):
    """STEPS steps."""
    return cujax.lax.fori_loop(0, STEPS, lambda _, u: step(u, kernel), fields)


def difference(kernel, fields, wanted):
    """The mean of the squares."""
    return jnp.mean((steps_of(fields, kernel) - wanted) ** 2)


@cujax.jit
def descend(state, fields, wanted):
    """One step of Adam: (kernel, mean of gradients, mean of their squares, steps done), and the difference."""
    kernel, first, second, done = state
    loss, gradient = cujax.value_and_grad(difference)(kernel, fields, wanted)
    first = FIRST * first + (1 - FIRST) * gradient
    second = SECOND * second + (1 - SECOND) * gradient**2
    done = done + 1
    unbiased = first / (1 - FIRST**done), second / (1 - SECOND**done)
    kernel = kernel - RATE * jnp.exp(-done / 200.0) * unbiased[0] / (jnp.sqrt(unbiased[1]) + TINY)
    return (kernel, first, second, done), loss


def learned(key, fields, wanted, descents):
    """The kernel after each step of descent, (descents + 1, 3, 3), and the differences, (descents,)."""
    kernel = 0.1 * cujax.random.normal(key, (3, 3))
    state = kernel, jnp.zeros((3, 3)), jnp.zeros((3, 3)), 0
    kernels, losses = [kernel], []
    for _ in range(descents):
        state, loss = descend(state, fields, wanted)
        kernels.append(state[0])
        losses.append(loss)
    return np.asarray(jnp.stack(kernels)), np.asarray(jnp.stack(losses))


def draw(kernels, losses, name):
    """Saves a picture: the stencil that was learned, its numbers over the descent, and the difference."""
    figure = Figure(figsize=(14, 4.2), layout="constrained")
    stencil, numbers, loss = figure.subplots(1, 3)
    found = kernels[-1]
    stencil.imshow(found, cmap="RdBu_r", vmin=-0.4, vmax=0.4)
    for (i, j), value in np.ndenumerate(found):
        stencil.text(j, i, f"{value:.5f}", ha="center", va="center")
    stencil.set(title="learned stencil", xticks=[], yticks=[])
    numbers.plot(kernels.reshape(-1, 9), linewidth=1)
    for value in sorted({*STENCIL.ravel().tolist()}):
        numbers.axhline(value, color="black", linewidth=0.5, linestyle=":")
    numbers.set(title="its nine numbers", xlabel="steps of descent")
    loss.semilogy(losses)
    loss.set(title="mean squared difference of the fields", xlabel="steps of descent")
    figure.savefig(name, dpi=120)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="The heat equation's stencil from simulated fields.")
    parser.add_argument("--side", type=int, default=64, help="points along each side of a field")
    parser.add_argument("--fields", type=int, default=8, help="how many are simulated")
    parser.add_argument("--descent", type=int, default=600, help="steps of gradient descent")
    parser.add_argument("--out", default="stencil.png", help="file for the picture")
    return parser.parse_args()


def main():
    """Simulates, learns, prints the stencil and draws."""
    given = arguments()
    field_key, kernel_key = cujax.random.split(cujax.random.key(0))
    fields = cujax.random.normal(field_key, (given.fields, given.side, given.side))
    wanted = cujax.jit(steps_of)(fields, STENCIL)
    kernels, losses = learned(kernel_key, fields, wanted, given.descent)
    print(np.array2string(kernels[-1], precision=5, suppress_small=True))
    print(f"no number is off by more than {abs(kernels[-1] - STENCIL).max():.1e}")
    draw(kernels, losses, given.out)


if __name__ == "__main__":
    main()
