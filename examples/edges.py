"""A photograph blurred, sharpened, and reduced to its edges: small kernels as convolutions.

A picture is (color, height, width). Each color is blurred for itself by two convolutions with a row and a column of
weights, which together are a Gauss function; edges are where the brightness changes most, by Sobel's two kernels. With
so few channels cujax writes a convolution out as a stencil, so that everything here is a few kernels. The last picture
goes the other way: by gradient descent through the blur it recovers a picture from its blurred copy.

    python examples/edges.py [--width 3] [--steps 200] [--out edges.png]

The photograph is Grace Hopper's, which ships with matplotlib. I. Sobel, G. Feldman, An isotropic 3x3 gradient operator,
1968. Start reading at `blurred`.
"""

import argparse

import numpy as np
from matplotlib import cbook, image
from matplotlib.figure import Figure

import cujax
import cujax.numpy as jnp

BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue, ITU-R BT.601
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
RATE = 1.5  # of descent; below 2, since a blur makes nothing larger


def photograph(every=1):
    """The picture (3, height, width), numbers from 0 to 1; of every so many pixels one."""
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        pixels = image.imread(file, format="jpg")[::every, ::every]
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0), np.float32) / 255


def convolved(picture, kernel):
    """Each color with a kernel (height, width); beyond its border a picture goes on as there."""
    rows, columns = kernel.shape
    around = [(0, 0), (rows // 2, rows // 2), (columns // 2, columns // 2)]
    wide = jnp.pad(picture, around, mode="edge")
    return cujax.lax.conv(wide[:, None], kernel[None, None], (1, 1), "VALID")[:, 0]  # colors are a batch


def gauss(width):
    """The weights of a blur with this standard deviation, in pixels, out to three of them."""
    reach = int(np.ceil(3 * width))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1, dtype=np.float32) / width) ** 2)
    return weights / weights.sum()


def blurred(picture, weights):
    """Along columns, then along rows."""
    return convolved(convolved(picture, weights[:, None]), weights[None, :])


def sharpened(picture, weights):
    """What the blur takes away, added once more."""
    return jnp.clip(2 * picture - blurred(picture, weights), 0, 1)


def edges(picture):
    """How fast the brightness changes, (height, width)."""
    gray = jnp.tensordot(BRIGHTNESS, picture, 1)[None]
    return jnp.hypot(convolved(gray, SOBEL), convolved(gray, SOBEL.T))[0]


@cujax.jit
def recovered(blurry, weights, steps):
    """A picture whose blurred copy is this one, by gradient descent on half the squared difference."""

    def difference(picture):
        return 0.5 * jnp.sum((blurred(picture, weights) - blurry) ** 2)

    return cujax.lax.fori_loop(
        0, steps, lambda _, picture: jnp.clip(picture - RATE * cujax.grad(difference)(picture), 0, 1), blurry
    )


def draw(pictures, name):
    """Saves the pictures side by side, each under its title."""
    figure = Figure(figsize=(4 * len(pictures), 5.2), layout="constrained")
    for axes, (title, picture) in zip(figure.subplots(1, len(pictures)), pictures.items(), strict=True):
        axes.imshow(np.moveaxis(np.asarray(picture), 0, -1) if picture.ndim == 3 else picture, cmap="gray_r")
        axes.set(title=title, xticks=[], yticks=[])
    figure.savefig(name, dpi=100)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="A photograph blurred, sharpened, its edges, and the blur undone.")
    parser.add_argument("--width", type=float, default=3, help="standard deviation of the blur in pixels")
    parser.add_argument("--steps", type=int, default=200, help="of gradient descent")
    parser.add_argument("--every", type=int, default=1, help="take one pixel of so many")
    parser.add_argument("--out", default="edges.png", help="file for the picture")
    return parser.parse_args()


def main():
    """Prints how much of the blur is undone, and draws."""
    given = arguments()
    picture, weights = photograph(given.every), gauss(given.width)
    blurry = cujax.jit(blurred)(picture, weights)
    back = recovered(blurry, weights, given.steps)
    lost, left = (float(jnp.sqrt(jnp.mean((p - picture) ** 2))) for p in (blurry, back))
    print(f"{picture.shape[2]} x {picture.shape[1]} pixels; off by {lost:.4f} when blurred, {left:.4f} when recovered")
    draw({
        "photograph": picture, "blurred": blurry, "sharpened": cujax.jit(sharpened)(picture, gauss(1)),
        "edges": cujax.jit(edges)(picture), "recovered from the blur": back,
    }, given.out)  # fmt: skip


if __name__ == "__main__":
    main()
