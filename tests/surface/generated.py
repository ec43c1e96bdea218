"""Cases made from JAX's signatures: the functions of its modules of arrays, on all dtypes and many shapes.

    cases()     all of them, always in the same order
    sample(n)   as many of them, drawn with a fixed seed

A function whose required arguments are arrays is called with nothing else, `jnp.hypot(x, y)`; calls of others stand in
CALLS.  The arrays of a call are x, y, z, w.  What they hold depends on where the function stands: anything in `jnp`,
parameters that mean something in `scipy.special` and `scipy.stats`, matrices with an inverse in `linalg`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import random
import re
import types
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import jax.scipy.stats
import numpy as np
from oracle_cases import lines, words

MODULES = {
    "jnp": "numpy", "jnp.linalg": "numpy.linalg", "jnp.fft": "numpy.fft", "lax": "lax", "nn": "nn",
    **{f"scipy.{name}": f"scipy.{name}" for name in ("special", "linalg", "fft", "signal")},
    **{f"scipy.stats.{m.name}": f"scipy.stats.{m.name}" for m in pkgutil.iter_modules(jax.scipy.stats.__path__)},
}  # fmt: skip
DTYPES = words("bool int8 uint8 int32 float16 bfloat16 float32 complex64 int64 float64 complex128")
WIDE = words("int64 float64 complex128")  # with 64 bits switched on
FLOATS = words("float32 float64")  # of parameters of distributions
PLACES = ("x", "y", "z", "w")

Shapes = tuple[tuple[int, ...], ...]
# By number of arrays; scalars, empty arrays and axes of length 1 among them.
SHAPES: dict[int, list[Shapes]] = {
    1: [((),), ((4,),), ((3, 4),), ((0,),), ((2, 0, 3),), ((1,),), ((2, 1, 3),)],
    2: [((), ()), ((4,), (4,)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((0,), (0,)), ((1,), (5,)), ((2, 3), ()),
        ((0, 3), (1, 3)), ((3, 4), (3, 4))],
    3: [((), (), ()), ((4,), (4,), (4,)), ((3, 4), (4,), ()), ((2, 1), (1, 3), (2, 3)), ((0,), (0,), (0,))],
    4: [((4,), (4,), (4,), (4,)), ((2, 3), (3,), (), (2, 1)), ((0,), (0,), (0,), (0,))],
}  # fmt: skip
SAME_SHAPES = {n: [(s,) * n for s in ((), (4,), (3, 4), (0,), (2, 1, 3))] for n in SHAPES}  # as `lax` asks for
SQUARES = {n: [(s,) * n for s in ((3, 3), (2, 4, 4), (1, 1), (0, 0), (2, 2), (3, 2))] for n in SHAPES}

# Names of arguments that are arrays.
ARRAYS = frozenset(words("""
    A B M T Z X R a a1 a2 alpha ar ar1 ar2 arr array ary b beta c cov d data df df1 df2 e element f fp g h i im imag in1
    in2 k kappa lhs lmbda loc m max mean min mu n operand p phi prototype q r rhs real s scale t test_elements theta u v
    val w x x1 x2 xp y z
"""))

# Calls of functions that need more, or have no signature.
CALLS = """
jnp.add(x, y)  jnp.subtract(x, y)  jnp.multiply(x, y)  jnp.maximum(x, y)  jnp.minimum(x, y)  jnp.logaddexp(x, y)
jnp.logaddexp2(x, y)  jnp.logical_and(x, y)  jnp.logical_or(x, y)  jnp.logical_xor(x, y)  jnp.bitwise_and(x, y)
jnp.bitwise_or(x, y)  jnp.bitwise_xor(x, y)  jnp.negative(x)  jnp.atleast_1d(x)  jnp.atleast_2d(x, y)
jnp.atleast_3d(x)  jnp.append(x, y)  jnp.apply_along_axis(jnp.sum, -1, x)  jnp.apply_over_axes(jnp.sum, x, [0])
jnp.argpartition(x, 1)  jnp.partition(x, 1)  jnp.array(x)  jnp.array_split(x, 2)  jnp.astype(x, 'float32')
jnp.astype(x, 'int8')  jnp.astype(x, bool)  jnp.block([x, y])  jnp.broadcast_arrays(x, y)
jnp.broadcast_to(x, (2, 3, 4))  jnp.choose(jnp.array([0, 1, 0]), [x, y], mode='wrap')  jnp.clip(x, 0, 1)
jnp.clip(x, y, None)  jnp.column_stack([x, y])  jnp.compress(jnp.array([True, False, True]), x, axis=0)
jnp.concat([x, y])  jnp.concatenate([x, y], axis=None)  jnp.concatenate([x, y], -1)  jnp.delete(x, 0)
jnp.delete(x, jnp.array([0, 1]), 0)  jnp.diff(x, n=2)  jnp.digitize(x, jnp.array([-1.0, 0.5, 2.0]))
jnp.dstack([x, y])  jnp.hstack([x, y])  jnp.vstack([x, y])  jnp.einsum('i,i->', x, y)  jnp.einsum('ij,kj->ik', x, y)
jnp.einsum('...i->...', x)  jnp.expand_dims(x, -1)  jnp.expand_dims(x, (0, 2))  jnp.extract(jnp.array([1, 0, 1]), x)
jnp.full((2, 3), x)  jnp.full_like(x, 2)  jnp.full_like(x, 2.5, dtype='float32')  jnp.geomspace(x, y, 4)
jnp.gradient(x)  jnp.gradient(x, axis=0)  jnp.histogram(x, 3)  jnp.imag(x)  jnp.real(x)  jnp.insert(x, 1, y)
jnp.insert(x, 0, 7, axis=0)  jnp.interp(x, y, y)  jnp.ix_(x, y)  jnp.lexsort((x, y))  jnp.linspace(x, y, 5)
jnp.linspace(x, 3, 4, endpoint=False, axis=-1)  jnp.logspace(x, y, 3)  jnp.meshgrid(x, y)
jnp.meshgrid(x, y, indexing='ij')  jnp.moveaxis(x, 0, -1)  jnp.pad(x, 1)  jnp.pad(x, (1, 2), mode='edge')
jnp.pad(x, 2, mode='wrap')  jnp.pad(x, 1, mode='reflect')  jnp.permute_dims(x, (1, 0))
jnp.piecewise(x, [x < 0, x > 1], [0, 1, 2])  jnp.poly(x)  jnp.repeat(x, 2)  jnp.repeat(x, 3, axis=0)
jnp.reshape(x, (-1,))  jnp.reshape(x, (2, -1))  jnp.resize(x, (3, 2))  jnp.roll(x, 1)  jnp.roll(x, (1, 2), (0, 1))
jnp.rollaxis(x, -1)  jnp.select([x > 0, x < -1], [x, 2 * x])  jnp.split(x, 2)  jnp.stack([x, y])
jnp.stack([x, y], -1)  jnp.swapaxes(x, 0, -1)  jnp.take(x, jnp.array([0, -1]))
jnp.take(x, jnp.array([[0, 1]]), axis=0, mode='clip')  jnp.take_along_axis(x, jnp.array([[0], [1]]), 0)
jnp.tile(x, 2)  jnp.tile(x, (2, 1))  jnp.trim_zeros(x)  jnp.unique(x, size=3)  jnp.unique(x)  jnp.where(x > 0, x, y)
jnp.where(x > 0, size=2)  jnp.sum(x, 0)  jnp.sum(x, -1, keepdims=True)  jnp.sum(x, dtype='float32')  jnp.mean(x, 0)
jnp.prod(x, -1)  jnp.std(x, ddof=1)  jnp.var(x, -1)  jnp.max(x, 0)  jnp.min(x, -1, keepdims=True)  jnp.argmax(x, 0)
jnp.argmin(x, -1, keepdims=True)  jnp.all(x, 0)  jnp.any(x, -1)  jnp.cumsum(x, 0)  jnp.cumprod(x, -1)
jnp.median(x, 0)  jnp.quantile(x, 0.3)  jnp.percentile(x, 40, axis=0)  jnp.sort(x, 0)  jnp.sort(x, descending=True)
jnp.argsort(x, -1, descending=True)  jnp.nanmedian(x, -1)  jnp.ptp(x, 0)  jnp.average(x, 0, weights=None)
jnp.trapezoid(x, axis=0)  jnp.searchsorted(x, y)  jnp.searchsorted(jnp.sort(x), y, side='right')  jnp.round(x, 1)
jnp.nan_to_num(x, nan=1.0)  jnp.tensordot(x, y, 1)  jnp.matmul(x, y)  jnp.dot(x, y)  jnp.kron(x, y)  jnp.cross(x, y)
jnp.convolve(x, y)  jnp.convolve(x, y, 'same')  jnp.correlate(x, y, 'full')  jnp.outer(x, y)  jnp.power(x, 2)
jnp.power(2, x)  jnp.float_power(x, 2)  x ** 2  x ** y  2 ** x  x + 1  1 - x  x * 2.5  x / 2  2 // x  x % 3  x // y
x % y  divmod(x, y)  -x  +x  abs(x)  ~x  x & y  x | 1  x ^ y  x << 1  x >> 1  x < y  x == 0  x != y  x >= 1.5  x @ y
x[0]  x[..., None]  x[::-1]  x[1:]  x[x > 0]  x[jnp.array([0, 0])]  x.at[0].set(1)  x.at[0].add(2.5)
x.at[...].multiply(2)  x.at[0].min(0)  x.sum()  x.mean(0)  x.T  x.mT  x.real  x.astype(int)  x.ravel()  x.flatten()
x.reshape(-1)  x.item()  x.tolist()  float(x)  int(x)  bool(x)  len(x)  x.argsort()  x.clip(0, 1)  x.dot(y)
x.round(1)  x.view('int8')  x.nbytes  x.std()  x.squeeze()  x.repeat(2)  x.take(jnp.array([0]))  x.trace()
x.diagonal()  jnp.add.reduce(x)  jnp.add.accumulate(x)  jnp.multiply.outer(x, y)  jnp.maximum.reduce(x, axis=None)
jnp.add.at(x, 0, 1, inplace=False)  jnp.linalg.norm(x, 1)  jnp.linalg.norm(x, axis=-1)  jnp.linalg.norm(x, 'fro')
jnp.linalg.matrix_rank(x)  jnp.linalg.multi_dot([x, y])  jnp.linalg.matrix_power(x, 3)
jnp.linalg.vector_norm(x, ord=3)  jnp.fft.fft(x, 6)  jnp.fft.ifft(x, norm='ortho')  jnp.fft.rfft(x, axis=0)
jnp.fft.fftshift(x, 0)  lax.argmax(x, 0, 'int32')  lax.argmin(x, 0, 'int8')  lax.bitcast_convert_type(x, 'uint8')
lax.broadcast(x, (2,))  lax.collapse(x, 0)  lax.concatenate([x, y], 0)  lax.convert_element_type(x, 'float32')
lax.expand_dims(x, (0,))  lax.dot_general(x, y, (((0,), (0,)), ((), ())))  lax.dynamic_index_in_dim(x, 1)
lax.dynamic_slice_in_dim(x, 1, 2)  lax.dynamic_update_index_in_dim(x, 1, 0, 0)  lax.full_like(x, 3)
lax.index_in_dim(x, -1)  lax.pad(x, x.sum(), [(1, 0, 1)])  lax.reduce_and(x, (0,))  lax.reduce_max(x, (0,))
lax.reduce_min(x, (0,))  lax.reduce_or(x, (0,))  lax.reduce_xor(x, (0,))  lax.reduce_prod(x, (0,))
lax.reduce_sum(x, (0,))  lax.reduce_precision(x, 5, 7)  lax.rev(x, (0,))  lax.squeeze(x, (-2,))
lax.select(x > 0, x, y)  lax.select_n(x > 0, x, y)  lax.slice_in_dim(x, 1, None)  lax.sort_key_val(x, y)
lax.split(x, (1, 2))  lax.tile(x, (2,))  lax.transpose(x, (1, 0))  lax.cumsum(x, 0)  lax.cumlogsumexp(x, 0)
lax.cummax(x, reverse=True)  lax.top_k(x, 2)  lax.integer_pow(x, 3)  lax.sort(x)  lax.clamp(0, x, 1)  nn.one_hot(x, 3)
nn.softmax(x, axis=0)  nn.logsumexp(x, -1)  nn.standardize(x)  nn.leaky_relu(x, 0.1)  nn.elu(x, 2.0)
nn.gelu(x, approximate=False)  nn.glu(x)  nn.celu(x, 0.5)  nn.relu(x)  scipy.special.logsumexp(x, 0)
scipy.special.softmax(x, 0)  scipy.special.xlogy(x, y)  scipy.special.zeta(1 + x, y)  scipy.special.polygamma(2, x)
scipy.special.comb(x, y)  scipy.special.boxcox(x, y)  scipy.special.multigammaln(x, 2)  scipy.linalg.block_diag(x, y)
scipy.linalg.solve_sylvester(x, y, x)  scipy.signal.detrend(x)
"""

# These have other results than JAX on purpose, or none that could be compared.
NOT_COMPARED = {
    "jnp.empty_like": "its values are nobody's",
}


class Case(NamedTuple):
    """A call on arrays of one dtype."""

    call: str
    dtype: str
    shapes: Shapes

    def __str__(self) -> str:
        shapes = " ".join("x".join(map(str, s)) or "scalar" for s in self.shapes)
        return f"{self.call} {self.dtype} {shapes}"

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the call by their names."""
        draws = np.random.default_rng(list(str(self).encode()))
        return {name: self._array(draws, shape) for name, shape in zip(PLACES, self.shapes, strict=False)}

    def _array(self, draws: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        kind = jax.numpy.dtype(self.dtype)
        found = draws.choice([-2.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0], shape)
        if re.match(r"scipy\.(special|stats)", self.call):
            found = draws.choice([0.25, 0.5, 0.75, 1.0], shape)
        if "linalg" in self.call and len(shape) > 1 and shape[-1] == shape[-2]:
            found = found + 4 * np.eye(shape[-1])
        if kind.kind == "b":
            return np.asarray(found > 0)
        if kind.kind == "u":
            found = abs(found)
        if kind.kind == "c":
            found = found + 1j * draws.choice([-1.5, 0.0, 0.5, 1.0], shape)
        return np.asarray(found).astype(kind)


@cache
def cases() -> list[Case]:
    """All of them."""
    return [Case(call, dtype, shapes) for call in calls() for dtype in _dtypes(call) for shapes in _shapes(call)]


def sample(count: int) -> list[Case]:
    """`count` of them, the same ones in every run, in the order of `cases`."""
    every = cases()
    return [every[i] for i in sorted(random.Random(7).sample(range(len(every)), min(count, len(every))))]


def calls() -> list[str]:
    """One for each function that can be called with arrays alone, and those written down."""
    written = [call for line in lines(CALLS) for call in re.split(r"\s{2,}", line)]
    return [*dict.fromkeys([*_made_from_signatures(), *written])]


def _dtypes(call: str) -> list[str]:
    return FLOATS if call.startswith("scipy.stats") else DTYPES


def _shapes(call: str) -> list[Shapes]:
    number = max(k for k, name in enumerate(PLACES, 1) if re.search(rf"\b{name}\b", call))
    if re.match(r"lax\.", call):
        return SAME_SHAPES[number]
    return [*SQUARES[number], *SHAPES[number]][:9] if "linalg" in call else SHAPES[number]


def _made_from_signatures() -> Iterator[str]:
    for short, path in MODULES.items():
        module = importlib.import_module(f"jax.{path}")
        for name in sorted(dir(module)):
            function = getattr(module, name)
            if name.startswith("_") or not callable(function) or inspect.isclass(function):
                continue
            needed = _required(function)
            is_of_arrays = needed and len(needed) <= len(PLACES) and ARRAYS.issuperset(needed)
            if is_of_arrays and f"{short}.{name}" not in NOT_COMPARED:
                yield f"{short}.{name}({', '.join(PLACES[: len(needed)])})"


def _required(function: Any) -> list[str] | None:
    """Names of the arguments without which it cannot be called; None where they are not known."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if isinstance(function, types.ModuleType) or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
