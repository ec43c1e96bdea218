"""A generated grid of convolutions against JAX: values, gradients and second derivatives, and what is refused.

A fixed part of it runs always; CUJAX_CONVOLUTION_CASES=2400 runs as many.  What it found stands at the end.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from ops.convolution_cases import Case, case

import cujax
from cujax.engine.ops import convolution_by_tiles

pytestmark = pytest.mark.usefixtures("x64")

_PACK = 24
COUNT = int(os.environ.get("CUJAX_CONVOLUTION_CASES", 6 * _PACK))
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2}
ERRORS = (TypeError, ValueError, RuntimeError, NotImplementedError, ZeroDivisionError)


def call(library: Any, options: dict[str, Any]) -> Callable:
    """The call.  JAX gets what negative padding leaves of its operand: with padding such as (-1, 1) XLA 0.10.2 reads
    beyond the end of rows on a CPU, as `test_padding_on_one_side_and_less_on_the_other` shows."""
    pads = options["padding"]
    if library is jax and not isinstance(pads, str) and any(p < 0 for pair in pads for p in pair):
        return lambda x, y: jax_padded(x, y, **options)
    return lambda x, y: library.lax.conv_general_dilated(x, y, **options)


def jax_padded(x: Any, y: Any, *, padding: Any, lhs_dilation: Any, dimension_numbers: Any, **options: Any) -> Any:
    lhs = jax.lax.conv_dimension_numbers(x.shape, y.shape, dimension_numbers).lhs_spec
    gaps = [f - 1 for f in lhs_dilation or [1] * len(padding)]
    config = [(0, 0, 0)] * x.ndim
    for axis, (low, high), gap in zip(lhs[2:], padding, gaps, strict=True):
        config[axis] = (low, high, gap)
    wide = jax.lax.pad(x, np.zeros((), x.dtype), config)
    none = [(0, 0)] * len(padding)
    return jax.lax.conv_general_dilated(wide, y, padding=none, dimension_numbers=dimension_numbers, **options)


def derivatives(library: Any, options: dict[str, Any], order: int) -> Callable:
    """The value; from order 1 on both gradients at the value itself; at order 2 those of the gradients."""
    convolve = call(library, options)

    def gradients(x: Any, y: Any) -> tuple:
        out, pull_back = library.vjp(convolve, x, y)
        return pull_back(out)

    def found(x: Any, y: Any) -> tuple:
        if order == 0:
            return (convolve(x, y),)
        if order == 1:
            return convolve(x, y), *gradients(x, y)
        first, pull_back = library.vjp(gradients, x, y)
        return convolve(x, y), *first, *pull_back(first)

    return found


def order_of(number: int, case: Case) -> int:
    return (0, 0, 1, 0, 2, 0)[number % 6] if case.is_differentiable else 0


def close(found: Any, expected: Any, what: str) -> None:
    assert str(found.dtype) == str(expected.dtype) and found.shape == expected.shape, what
    found, expected = (np.asarray(v) for v in (found, expected))
    tolerance = TOLERANCE.get(found.dtype.name, 1e-5 if found.dtype.itemsize <= 8 else 1e-12)
    found, expected = (v.astype(np.complex128) for v in (found, expected))
    largest = abs(expected).max(initial=1)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * largest, err_msg=what)


def refusals(cases: dict[int, Case]) -> set[int]:
    """The numbers of those that JAX refuses; both refuse the same."""
    refused = set()
    for number, one in cases.items():
        outcomes = []
        for library in (jax, cujax):
            operands = [library.ShapeDtypeStruct(x.shape, x.dtype) for x in one.operands()]
            try:
                library.eval_shape(call(library, one.options), *operands)
                outcomes.append("")
            except ERRORS as error:
                outcomes.append(f"{type(error).__name__}: {error}")
        assert bool(outcomes[0]) == bool(outcomes[1]), f"case({number}), {one}: JAX {outcomes[0]!r}, {outcomes[1]!r}"
        if outcomes[0]:
            refused.add(number)
    return refused


def expected_of(cases: dict[int, Case]) -> dict[int, tuple]:
    """What JAX gives, by one program."""
    programs = {n: derivatives(jax, c.options, order_of(n, c)) for n, c in cases.items()}
    return jax.jit(lambda xs: {n: program(*xs[n]) for n, program in programs.items()})(
        {n: c.operands() for n, c in cases.items()}
    )


def check(numbers: range, monkeypatch: Any, compiled: bool) -> None:
    cases = {n: case(n) for n in numbers}
    for n in refusals(cases):
        del cases[n]
    expected = expected_of(cases)
    for least in (1, 2**62):  # by tiles wherever these can, and by products
        monkeypatch.setattr(convolution_by_tiles, "FEWEST_PRODUCTS", least)
        for n, one in cases.items():
            found = derivatives(cujax, one.options, order_of(n, one))(*one.operands())
            for a, b in zip(found, expected[n], strict=True):
                close(a, b, f"case({n}), least={least}: {one}")
    if compiled:
        programs = {n: derivatives(cujax, c.options, order_of(n, c)) for n, c in cases.items()}
        found = cujax.jit(lambda xs: {n: program(*xs[n]) for n, program in programs.items()})(
            {n: c.operands() for n, c in cases.items()}
        )
        for n, one in cases.items():
            for a, b in zip(found[n], expected[n], strict=True):
                close(a, b, f"case({n}), jit: {one}")


@pytest.mark.parametrize("first", range(0, COUNT, _PACK))
def test_generated_calls_are_jax_s(first, monkeypatch):
    check(range(first, first + _PACK), monkeypatch, compiled=first % (8 * _PACK) == 0)


# --- what the grid has found ----------------------------------------------------------------------------


def test_padding_on_one_side_and_less_on_the_other():
    """By sums over taps, since JAX's values are of memory beyond the rows: case 323 and 422."""
    random = np.random.default_rng(0)
    x, y = random.integers(-3, 4, (3, 8, 7)).astype(np.float32), random.integers(-3, 4, (2, 8, 2)).astype(np.float32)
    wide = np.pad(x[:, :, 1:], [(0, 0), (0, 0), (0, 1)])
    expected = sum(np.einsum("ncp,oc->nop", wide[:, :, k : k + 6], y[:, :, k]) for k in range(2))
    np.testing.assert_array_equal(cujax.lax.conv_general_dilated(x, y, (1,), [(-1, 1)]), expected)


@pytest.mark.parametrize("name", ["conv", "dot"])
def test_a_narrower_complex_sum_is_refused(name):
    """Real parts are compared: case 848."""
    x = cujax.numpy.ones((2, 2, 2), "complex128")
    call = {
        "conv": lambda: cujax.lax.conv(x, x, (1,), "VALID", preferred_element_type=np.complex64),
        "dot": lambda: cujax.lax.dot(x[0], x[0], preferred_element_type=np.complex64),
    }[name]
    with pytest.raises(TypeError, match="narrower than the operands"):
        call()
