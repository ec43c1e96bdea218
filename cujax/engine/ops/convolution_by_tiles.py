"""Values of a convolution where there is a compiler: kernels that lay out no columns.

On a host it is that of `kernels/convolve.h`, on a GPU without cuDNN that of `kernels/convolve_gemm.h`.  Operands and
result are read and written where they lie, in whatever order of axes, so nothing is transposed.  Beside the result the
host needs less than 1.5 MB for each thread, and 256 KB that they share, a GPU some tens of MB where few places and
features are sums of many products.  More than three axes of space are left to `convolution_by_product.py`, and on a
host complex numbers and small convolutions, for which the compiler would not be worth starting.

Start reading at `convolve_by_tiles`.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd, prod
from typing import Any, NamedTuple

from cujax.engine.backends import cuda_convolution, host_convolution
from cujax.engine.backends.kernel_errors import KernelCompileError
from cujax.engine.backends.select import selected
from cujax.engine.ops.conv_dimensions import ConvDimensionNumbers, Shape, place
from cujax.engine.ops.convolution_shape import Window

FEWEST_PRODUCTS = 2**16  # at least one, so that nothing is without elements
_SPACE = 3  # axes of space that the kernels have
_KERNELS: dict[str, Any] = {"host": host_convolution, "cuda": cuda_convolution}  # by language


def fits_tiles(lhs: Any, rhs: Any, work: Any, out_dtype: Any, shape: Shape, language: str = "host") -> bool:
    """Whether `convolve_by_tiles` is there for a result of this canonical shape, and worth it; lhs, rhs: also avals.

    It is so if the backend's kernels are in this language.
    """
    target = selected().kernels
    fewest = FEWEST_PRODUCTS if language == "host" else 1
    return (
        target is not None and target.language == language and len(shape) <= _SPACE + 2
        and prod(shape) * (prod(rhs.shape) // shape[1] if shape[1] else 0) >= fewest
        and lhs.dtype == rhs.dtype and _KERNELS[language].takes(lhs.dtype, work, out_dtype)
    )


def convolve_by_tiles(
    lhs: Any, rhs: Any, shape: Shape, numbers: ConvDimensionNumbers, work: Any, out_dtype: Any, window: Window,
    feature_group_count: int, batch_group_count: int,
) -> Any:
    """The convolution, of canonical `shape` (N, O, *places); None where the compiler refused, or a kernel cannot count
    so far.

    The former is told to the user by the programs that are compiled, of which this is none.
    """
    backend = selected()
    x, kernel = backend.contiguous(lhs), backend.contiguous(rhs)
    dtypes, groups = (lhs.dtype, work, out_dtype), (feature_group_count, batch_group_count)
    target: Any = backend.kernels
    planned = _plan(target, dtypes, x.shape, kernel.shape, shape, numbers, window, groups)
    if planned is None:
        return None
    out = backend.empty(planned.shape, out_dtype)
    if not planned.is_complete:
        out.fill(0)
    for run in planned.runs:
        run(x, kernel, out, backend.empty)
    return out


class _Plan(NamedTuple):
    """What computes a convolution: kernels for parts of its result, and whether these make up all of it."""

    shape: Shape
    runs: tuple[Any, ...]
    is_complete: bool


@lru_cache(maxsize=1024)
def _plan(
    target: Any, dtypes: tuple, x: Shape, kernel: Shape, shape: Shape, numbers: ConvDimensionNumbers, window: Window,
    groups: tuple[int, int],
) -> _Plan | None:
    """For contiguous arrays of these shapes; None where the compiler refused, or a kernel cannot count so far."""
    out = place(shape, numbers.out_spec)
    operand, _, result = [dtype.itemsize for dtype in dtypes]
    geometries, is_complete = _geometries(
        _layout(x, operand, numbers.lhs_spec), _layout(kernel, operand, numbers.rhs_spec),
        _layout(out, result, numbers.out_spec), window, *groups,
    )  # fmt: skip
    if target.language == "cuda" and not all(map(cuda_convolution.fits, geometries)):
        return None
    products = prod(shape) * (prod(kernel) // shape[1]) // max(len(geometries), 1)
    compiled = _KERNELS[target.language].compiled
    try:
        return _Plan(out, tuple([compiled(target, dtypes, geometry, products) for geometry in geometries]), is_complete)
    except KernelCompileError:
        return None


class _Layout(NamedTuple):
    """Of an array with canonical axes; strides in bytes."""

    shape: Shape
    strides: Shape
    itemsize: int


def _layout(shape: Shape, itemsize: int, spec: Shape) -> _Layout:
    """Of a contiguous array of this shape, whose canonical axes are those of `spec`."""
    strides = [itemsize * prod(shape[axis + 1 :]) for axis in spec]
    return _Layout(tuple([shape[axis] for axis in spec]), tuple(strides), itemsize)


def _geometries(
    x: _Layout, kernel: _Layout, out: _Layout, window: Window, feature_groups: int, batch_groups: int
) -> tuple[list[tuple[int, ...]], bool]:
    """What the header is told, a convolution at a time, and whether they make up the whole result."""
    parts = _convolution(x, kernel, out, window, feature_groups, batch_groups).phases()
    met = [part.geometry() for part in parts if 0 not in part.taps]
    return met, len(met) == len(parts)


class _Convolution(NamedTuple):
    """The members of `Convolution` in the header, in order; strides count elements."""

    counts: tuple[int, ...]  # groups, batch, channels, features
    places: Shape
    taps: Shape
    lengths: Shape
    low: Shape
    stride: Shape
    step: Shape
    gap: Shape
    x: tuple[int, ...]
    w: tuple[int, ...]  # the last ones are of taps
    out: tuple[int, ...]  # the last ones are of places
    w_start: int = 0
    out_start: int = 0

    def geometry(self) -> tuple[int, ...]:
        *groups, w_start, out_start = self
        return (*(entry for group in groups for entry in group), w_start, out_start)

    def phases(self) -> list[_Convolution]:
        """Convolutions without gaps of x that make up this one: places that are `gap` apart meet the same taps.

        A gradient by the input of a convolution with stride s multiplies no zeros then, s times fewer numbers along
        each axis.  Of axes along which windows move by more than one place, the gaps stay.
        """
        found = [self]
        for axis, gap in enumerate(self.gap):
            if gap > 1 and self.stride[axis] == 1:
                found = [part._phase(axis, first) for part in found for first in range(gap)]
        return [part for part in found if 0 not in part.places]

    def _phase(self, axis: int, first: int) -> _Convolution:
        """That of places `first`, `first + gap`, ... along an axis.

        Place p meets an element of x with tap t where p + t * step - low is a multiple of the gap.
        """
        gap, step, low = self.gap[axis], self.step[axis], self.low[axis]
        every = gap // gcd(gap, step)  # of the taps
        start = next((t for t in range(every) if (first + t * step - low) % gap == 0), None)
        last = len(self.gap) - axis
        changed = {
            "places": _count(self.places[axis] - first, gap),
            "taps": 0 if start is None else _count(self.taps[axis] - start, every),
            "low": 0 if start is None else -((first + start * step - low) // gap),
            "step": every * step // gap,
            "gap": 1,
        }
        entries = {name: _with(getattr(self, name), axis, value) for name, value in changed.items()}
        return self._replace(
            **entries, w=_with(self.w, -last, self.w[-last] * every), out=_with(self.out, -last, self.out[-last] * gap),
            w_start=self.w_start + (start or 0) * self.w[-last], out_start=self.out_start + first * self.out[-last],
        )  # fmt: skip


def _count(length: int, step: int) -> int:
    """How many of `length` elements are `step` apart, the first among them."""
    return max(0, -(-length // step))


def _with(entries: tuple[int, ...], position: int, value: int) -> tuple[int, ...]:
    changed = list(entries)
    changed[position] = value
    return tuple(changed)


def _convolution(
    x: _Layout, kernel: _Layout, out: _Layout, window: Window, feature_groups: int, batch_groups: int
) -> _Convolution:
    """That of x (N', C, *spatial) by a kernel (O, I, *taps) into out (N, O, *places)."""
    groups = feature_groups * batch_groups
    batch, channels, features = x.shape[0] // batch_groups, kernel.shape[1], kernel.shape[0] // groups
    x_n, x_c, *x_space = _strides(x)
    w_o, w_c, *w_space = _strides(kernel)
    out_n, out_o, *out_space = _strides(out)
    return _Convolution(
        (groups, batch, channels, features), _in_space(out.shape[2:]), _in_space(kernel.shape[2:]),
        _in_space(x.shape[2:]), _in_space([low for low, _ in window.padding], 0), _in_space(window.strides),
        _in_space(window.rhs_dilation), _in_space(window.lhs_dilation),
        (batch * x_n if batch_groups > 1 else channels * x_c, x_n, x_c, *_in_space(x_space, 0)),
        (features * w_o, w_o, w_c, *_in_space(w_space, 0)),
        (features * out_o, out_o, out_n, *_in_space(out_space, 0)),
    )  # fmt: skip


def _strides(array: _Layout) -> tuple[int, ...]:
    """In elements; those of axes with one element do not matter, and are 1."""
    return tuple(1 if d == 1 else s // array.itemsize for d, s in zip(array.shape, array.strides, strict=True))


def _in_space(entries: Any, missing: int = 1) -> tuple[int, ...]:
    """`entries` of the axes of space, those of axes that are not there first."""
    return (*[missing] * (_SPACE - len(entries)), *entries)
