"""Small programs whose kernels are kept as text (golden/) and counted (test_fusion.py).

Each is a function and its arguments; shapes are odd on purpose, so that equal numbers in a text are no accident.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import cujax
import cujax.numpy as jnp
from cujax import lax


class Case(NamedTuple):
    """`kernels`: how many kernels the program of `function` has."""

    function: Any
    args: tuple
    kernels: int = 1


def f32(*shape: int) -> np.ndarray:
    return np.linspace(0.1, 2.0, int(np.prod(shape)), dtype=np.float32).reshape(shape)


def roll_step(u: Any) -> Any:
    """A 5-point stencil with periodic borders."""
    around = jnp.roll(u, 1, 0) + jnp.roll(u, -1, 0) + jnp.roll(u, 1, 1) + jnp.roll(u, -1, 1)
    return u + 0.1 * (around - 4 * u)


def pad_step(u: Any) -> Any:
    """The same with a border of zeros."""
    p = jnp.pad(u, 1)
    return u + 0.1 * (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * u)


def at_step(u: Any) -> Any:
    """The same with a border that stays as it is."""
    inner = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1]
    return u.at[1:-1, 1:-1].add(0.1 * inner)


def fields_step(f: Any) -> Any:
    """Three fields that stream and meet, as one array of three components."""
    a, b, c = jnp.roll(f[0], 1, 0), jnp.roll(f[1], (1, -1), (0, 1)), f[2]
    mean = (a + b + c) / 3
    return jnp.stack([a + 0.5 * (mean - a), b + 0.5 * (mean - b), c + 0.5 * (mean * mean - c)])


def softmax(x: Any) -> Any:
    e = jnp.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def forces(p: Any, m: Any) -> Any:
    """Softened gravity of all on all."""
    d = p[None] - p[:, None]
    r2 = (d * d).sum(-1) + 0.01
    return (d * (m / (r2 * jnp.sqrt(r2)))[..., None]).sum(1)


def gradient_of(step: Any) -> Any:
    """The cotangent of a step, for the cotangent `ct`."""
    return lambda u, ct: cujax.vjp(step, u)[1](ct)


def lorenz(rho: Any) -> Any:
    """Ten steps of Euler's method."""
    def step(i: Any, u: Any) -> Any:
        x, y, z = u
        return u + 0.01 * jnp.stack([10 * (y - x), x * (rho - z) - y, x * y - 8 / 3 * z])

    return lax.fori_loop(0, 10, step, jnp.array([1.0, 0.0, 0.0], np.float32))


def kepler(e: Any) -> Any:
    """The eccentric anomaly by Newton's method."""
    def more(state: Any) -> Any:
        return (abs(state[1]) > 1e-6) & (state[2] < 50)

    def newton(state: Any) -> Any:
        at, _, n = state
        change = (at - e * jnp.sin(at) - 1.3) / (1 - e * jnp.cos(at))
        return at - change, change, n + 1

    return lax.while_loop(more, newton, (jnp.float32(1.3), jnp.float32(1), 0))[0]


def settled(i: Any, x: Any) -> Any:
    """A loop in one of three branches."""
    def root(x: Any) -> Any:
        return lax.fori_loop(0, 5, lambda k, y: (y + x / y) / 2, x)

    return lax.switch(i, [root, lambda x: -x, jnp.exp], x)


def walk(key: Any) -> Any:
    """Steps drawn in the loop."""
    keys = cujax.random.split(cujax.random.wrap_key_data(key), 9)
    return lax.scan(lambda x, k: (x + cujax.random.normal(k), x), np.float32(0), keys)


def decay_gradient(x: Any, rate: Any) -> Any:
    """By every starting value and by the rate that all share."""
    def last(x: Any, rate: Any) -> Any:
        return lax.fori_loop(0, 10, lambda i, x: x - rate * x * x, x).sum()

    return cujax.grad(last, (0, 1))(x, rate)


KEY, PLACES = np.array([1, 2], np.uint32), np.arange(3001, dtype=np.int32) * 7 % 39  # of 37, so some are outside
U, V, W = f32(37, 53), f32(53), f32(37, 53) * 0.5
CASES = {
    "chain": Case(lambda x: jnp.sin(x) * jnp.exp(-0.1 * x) + jnp.sqrt(x) * jnp.log(x), (U,)),
    "scale_f64": Case(lambda x: 2.5 * x.astype(np.float16) + 1, (U,)),
    "two_results": Case(lambda x: (jnp.sin(x), jnp.cos(x) * x), (U,)),
    "scalar_operand": Case(lambda x, a: a * x + 1, (U, np.float32(2))),
    "integers": Case(lambda i: (i * 7 + 3) // 2 % 5 << 1, (np.arange(99, dtype=np.int32),)),
    "select": Case(lambda x: jnp.where(x > 1, x, -x), (U,)),
    "complex": Case(lambda x: jnp.exp(1j * x) * (2 - 1j), (U,)),
    "half": Case(lambda x: x * x + jnp.bfloat16(1), (U.astype(jnp.bfloat16),)),
    "broadcast": Case(lambda x, v: x * v + v, (U, V)),
    "transpose": Case(lambda x: x.T * 2, (U,)),
    "slices": Case(lambda x: x[2:, ::2] - x[:-2, ::2], (U,)),
    "reverse": Case(lambda x: x[::-1] + x[:, ::-1], (U,)),
    "concatenate": Case(lambda x, v: jnp.concatenate([x, v[None]]) * 2, (U, V)),
    "reshape": Case(lambda x: x.reshape(53, 37) + 1, (U,)),
    "pad_interior": Case(lambda x: lax.pad(x, np.float32(1), [(2, -1, 1), (-3, 4, 0)]), (U,)),
    "iota": Case(lambda x: x + jnp.arange(53), (U,)),
    "gather": Case(lambda x, i: x[i] * 2, (U, np.array([3, 1, -2], np.int32))),
    "dynamic_slice": Case(lambda x, i: lax.dynamic_slice(x, (i, 2), (5, 7)) + 1, (U, np.int32(4))),
    "dynamic_update": Case(lambda x, y, i: lax.dynamic_update_slice(x, y, (i, 0)), (U, V[None], np.int32(4))),
    "stencil_roll": Case(roll_step, (U,)),
    "stencil_pad": Case(pad_step, (U,)),
    "stencil_at": Case(at_step, (U,)),
    "stencil_roll_vjp": Case(gradient_of(roll_step), (U, W)),
    "stencil_pad_vjp": Case(gradient_of(pad_step), (U, W)),
    "stencil_at_vjp": Case(gradient_of(at_step), (U, W)),
    "fields": Case(fields_step, (f32(3, 37, 53),)),
    "fields_vjp": Case(gradient_of(fields_step), (f32(3, 37, 53), f32(3, 37, 53)), 2),
    "uniform": Case(lambda k: cujax.random.uniform(cujax.random.wrap_key_data(k), (101,)), (KEY,)),
    "sum_all": Case(lambda x: (x * x).sum(), (f32(300, 301),)),
    "sum_rows": Case(lambda x: jnp.sin(x).sum(1), (f32(70, 301),)),
    "sum_columns": Case(lambda x: x.sum(0), (f32(301, 70),)),
    "sum_few": Case(lambda x: x.sum(1), (f32(301, 11),)),
    "mean": Case(lambda x: x.mean(1), (U,)),
    "variance": Case(lambda x: x.var(1), (f32(37, 153),)),
    "norm": Case(lambda x: jnp.sqrt((x * x).sum()), (f32(300, 301),)),
    "argmax": Case(lambda x: x.argmax(1), (f32(37, 153),)),
    "any_all": Case(lambda x: ((x > 1).any(0), (x < 9).all(0)), (U,)),
    "log_sum_exp": Case(lambda x: jnp.log(jnp.exp(x - x.max(1, keepdims=True)).sum(1)), (f32(37, 153),)),
    "softmax": Case(softmax, (f32(37, 153),)),
    "forces": Case(forces, (f32(70, 3), f32(70))),
    "short_vector_norm": Case(lambda p: p / jnp.sqrt((p * p).sum(-1, keepdims=True)), (f32(70, 3),)),
    "scatter_add_rows": Case(lambda x, i, u: x.at[i].add(u), (f32(37, 65), PLACES, f32(3001, 65))),
    "scatter_set_points": Case(lambda x, i, v: x.at[i, i % 53].set(v), (U, PLACES, f32(3001))),
    "scatter_max": Case(lambda x, i, v: x.at[i].max(v), (f32(37), PLACES, f32(3001))),
    "scatter_add_short_rows": Case(lambda x, i, u: x.at[i].add(u), (f32(37, 3), PLACES, f32(3001, 3))),
    "histogram": Case(lambda x, i: x.at[i].add(1), (np.zeros(37, np.int32), PLACES)),
    "lanes_scan": Case(cujax.vmap(lorenz), (f32(77),)),
    "lanes_while": Case(cujax.vmap(kepler), (f32(77) / 3,)),
    "lanes_switch": Case(cujax.vmap(settled), (np.arange(77, dtype=np.int32) % 3, f32(77))),
    "lanes_random": Case(cujax.vmap(walk), (np.arange(154, dtype=np.uint32).reshape(77, 2),), 2),
    "lanes_gradient": Case(decay_gradient, (f32(77), np.float32(0.1)), 2),
    "transpose_mixed": Case(lambda x, y: x.T * y + 1, (f32(53, 37), U)),
    "transpose_axes": Case(lambda x, y: jnp.transpose(x, (2, 1, 0)) - y, (f32(53, 3, 37), f32(37, 3, 53))),
    "transpose_stencil": Case(lambda x, y: y + roll_step(x.T), (f32(53, 37), U)),
    "transpose_below": Case(lambda x, y: jnp.concatenate([x.T, y]) * 2, (f32(53, 37), V[None])),
    "convolution": Case(lambda u, w: u + 0.1 * lax.conv(u[None, None], w, (1, 1), "SAME")[0, 0], (U, f32(1, 1, 3, 3))),
    "convolution_vjp": Case(
        lambda u, w, ct: cujax.vjp(lambda u: jnp.convolve(u, w, "same") + u, u)[1](ct)[0], (V, f32(5), V * 2)
    ),
    "pairs": Case(lambda x, y: abs(x[:, None] - y).sum(1), (f32(1030), f32(70))),
    "scatter_add_few": Case(lambda x, i, u: x.at[i].add(u), (f32(3), f32(9001).astype(np.int32) % 3, f32(9001))),
    "stencil_rows": Case(roll_step, (f32(40, 256),)),
    "broadcast_rows": Case(lambda x, v: x * v + v, (f32(37, 52), f32(52))),
}
