"""Every op in the registry, by the same questions; the rows stand in op_samples.

Importing any part of cujax runs its face, which imports all ops and so fills the registry.
"""

from __future__ import annotations

import inspect
import zlib
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import phases
import pytest
from compiled_oracle import QUICKLY
from jax import lax as jax_lax
from op_samples import SAMPLES, Sample

import cujax.numpy
from cujax.engine.backends.select import selected
from cujax.engine.compiler.program import compile_tape
from cujax.engine.control.call import jit_p
from cujax.engine.core.array import ConcreteArray, to_array
from cujax.engine.core.axis import AxisData
from cujax.engine.core.check import check_tape
from cujax.engine.core.primitive import ABSENT, REGISTRY, Refused
from cujax.engine.core.recording import record
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Linear, Zero
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.transforms.batching import batch
from cujax.engine.transforms.jvp import instantiate, jvp
from cujax.engine.transforms.linearize import linearize
from cujax.engine.transforms.transpose import backward_pass

DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "bfloat16",
    "float32", "float64", "complex64", "complex128",
]
pytestmark = pytest.mark.usefixtures("reuse_of_keys")  # the same operands by every way of running an op
by_row = pytest.mark.parametrize("sample", SAMPLES, ids=str)


@pytest.fixture(autouse=True)
def wide():
    """All dtypes exist in these tests."""
    with config.override("enable_x64", True), jax.enable_x64(True):
        yield


def named(name: str):
    return dtypes.bfloat16 if name == "bfloat16" else np.dtype(name)


def domain_of(sample: Sample) -> list:
    if sample.dtypes is not None:
        return [named(d) for d in sample.dtypes]
    if all(o.fixed is not None for o in sample.operands):
        return [np.dtype("float32")]
    domain = REGISTRY[sample.op].domain
    return [named(d) for d in DTYPES if isinstance(domain, str) or named(d) in domain]


def draw(sample: Sample, dtype) -> list[np.ndarray]:
    rng = np.random.default_rng(zlib.crc32(f"{sample}{dtype}".encode()))
    return [o.draw(rng, o.fixed or dtype) for o in sample.operands]


def made(sample: Sample, operands) -> list:
    """The engine's arrays of what was drawn."""
    return [o.make(x) for o, x in zip(sample.operands, operands, strict=True)]


def numbers(x) -> np.ndarray:
    """What an array holds; of keys their words."""
    return x.to_numpy() if isinstance(x, ConcreteArray) else np.asarray(x)


def ours(sample: Sample, *operands):
    """The op's results as a list."""
    out = REGISTRY[sample.op].bind(*operands, **sample.params)
    return list(out) if REGISTRY[sample.op].multiple else [out]


def theirs(sample: Sample, *operands):
    function = sample.jax or getattr(jax_lax, f"{sample.op}_p").bind
    out = function(*map(jnp.asarray, operands), **(sample.params if takes_params(function) else {}))
    return list(out) if isinstance(out, (tuple, list)) else [out]


def comparable(function, np_):
    """`function` (`ours`, `theirs`) without signs and phases that each library chooses for itself, if it is another."""

    def settled(sample: Sample, *operands):
        outs = function(sample, *operands)
        return sample.settled(np_, *outs) if sample.settled and phases.ARE_OPEN else outs

    return settled


our_outs, their_outs = comparable(ours, cujax.numpy), comparable(theirs, jnp)


def theirs_of_each(sample: Sample, drawn: list[list[np.ndarray]]) -> list[list]:
    """The results for each list of operands, by one program: XLA takes most of its time for a program of any size."""
    def of_each(drawn):
        return [their_outs(sample, *operands) for operands in drawn]

    try:
        return jax.jit(of_each, compiler_options=QUICKLY)(drawn)
    except jax.errors.TracerArrayConversionError:  # SciPy's functions, where JAX has none
        return of_each(drawn)


def takes_params(function) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(p.kind in (p.VAR_KEYWORD, p.KEYWORD_ONLY) for p in parameters) or inspect.ismethod(function)


def close(found, expected, ulp: int, what: str = "") -> None:
    """Equal within `ulp` units of the last place of the largest magnitude; integers exactly."""
    found, expected = numbers(found), numbers(expected)
    assert found.dtype == expected.dtype, f"{what}: dtype {found.dtype}, JAX has {expected.dtype}"
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, JAX has {expected.shape}"
    if found.size == 0:
        return
    if not dtypes.is_inexact(expected.dtype):
        np.testing.assert_array_equal(found, expected, err_msg=what)
        return
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    found, expected, eps = found.astype(wide), expected.astype(wide), float(dtypes.finfo(expected.dtype).eps)
    finite = np.isfinite(expected)
    scale = max(np.abs(expected[finite]).max(initial=0), np.finfo(np.float32).tiny) if finite.any() else 1.0
    np.testing.assert_allclose(found, expected, rtol=ulp * eps, atol=ulp * eps * scale, err_msg=what)


@by_row
def test_shape_and_dtype_are_those_of_the_result(sample):
    primitive = REGISTRY[sample.op]
    for dtype in domain_of(sample):
        operands = made(sample, draw(sample, dtype))
        avals = primitive.shape(*[x.aval for x in operands], **sample.params)
        for aval, out in zip(avals if primitive.multiple else [avals], ours(sample, *operands), strict=True):
            assert tuple(out.buffer.shape) == aval.shape
            assert out.buffer.dtype == getattr(aval.dtype, "physical", aval.dtype), f"{dtype}"


@by_row
def test_values_are_jax_s(sample):
    domain = domain_of(sample)
    drawn = [draw(sample, dtype) for dtype in domain]
    for dtype, operands, results in zip(domain, drawn, theirs_of_each(sample, drawn), strict=True):
        for found, expected in zip(our_outs(sample, *made(sample, operands)), results, strict=True):
            close(found, expected, sample.ulp, str(dtype))


def derivative_dtypes(sample: Sample) -> list:
    if not sample.order:
        return []
    return [d for d in domain_of(sample) if d in (np.dtype("float64"), np.dtype("complex128"))]


def differentiable(sample: Sample) -> list[int]:
    return [i for i, o in enumerate(sample.operands) if o.differentiable]


def of_inexact(sample: Sample, function, operands):
    """`function(sample, ...)` of its differentiable operands alone."""
    which = differentiable(sample)

    def closed(*xs):
        full = list(operands)
        for i, x in zip(which, xs, strict=True):
            full[i] = x
        return function(sample, *full)

    return closed, [operands[i] for i in which]


def our_vjp(fun, primals, cts):
    outs, linear = linearize(fun, primals)
    nonzero_cts = [ct for ct, nz in zip(cts, linear.nonzero_out, strict=True) if nz]
    holes = [Linear(aval_of(p).to_tangent_aval()) for p in primals]
    found = backward_pass(linear.tape, [*linear.residuals, *holes], nonzero_cts)
    return outs, [instantiate(ct) for ct in found[len(linear.residuals) :]]


def random_like(rng, x):
    x = np.asarray(x)
    values = rng.uniform(-1, 1, x.shape)
    if x.dtype.kind == "c":
        values = values + 1j * rng.uniform(-1, 1, x.shape)
    return values.astype(x.dtype)


def tangent_like(rng, x):
    """A random tangent for an inexact output, None for an integer one (float0 in JAX)."""
    x = np.asarray(x)
    return random_like(rng, x) if dtypes.is_inexact(x.dtype) else None


@by_row
def test_derivatives_are_jax_s(sample):
    for dtype in derivative_dtypes(sample):
        operands = draw(sample, dtype)
        fun, xs = of_inexact(sample, our_outs, operands)
        jax_fun, _ = of_inexact(sample, their_outs, operands)
        rng = np.random.default_rng(3)
        ts = [random_like(rng, x) for x in xs]
        outs, t_outs = jvp(fun, [to_array(x) for x in xs], [to_array(t) for t in ts])
        jax_jvp = jax.jit(lambda xs, ts, f=jax_fun: jax.jvp(f, xs, ts), compiler_options=QUICKLY)
        jax_outs, jax_ts = jax_jvp(tuple(xs), tuple(ts))
        inexact = [i for i, o in enumerate(jax_outs) if dtypes.is_inexact(np.asarray(o).dtype)]
        assert all(isinstance(t, Zero) for i, t in enumerate(t_outs) if i not in inexact)
        for i in inexact:
            close(outs[i], jax_outs[i], 16 * sample.ulp, "primal out")
            close(instantiate(t_outs[i]), jax_ts[i], 64 * sample.ulp, "jvp")
        if sample.order > 1 and inexact:
            check_second_order(sample, fun, jax_fun, xs, ts, jax_outs, inexact, rng)


def check_second_order(sample, fun, jax_fun, xs, ts, outs, inexact, rng):
    """The jvp of the vjp, in random directions: every rule twice, in both modes."""
    cts = [random_like(rng, outs[i]) for i in inexact]

    def our_grad(*xs):
        return our_vjp(lambda *a: [fun(*a)[i] for i in inexact], xs, [to_array(ct) for ct in cts])[1]

    def jax_grad(*xs):
        return jax.vjp(lambda *a: [jax_fun(*a)[i] for i in inexact], *xs)[1](list(map(jnp.asarray, cts)))

    theirs_twice = jax.jit(lambda xs, ts: jax.jvp(jax_grad, xs, ts), compiler_options=QUICKLY)
    jax_first, jax_second = theirs_twice(tuple(map(jnp.asarray, xs)), tuple(map(jnp.asarray, ts)))
    for found, expected in zip(our_grad(*map(to_array, xs)), jax_first, strict=True):
        close(found, expected, 64 * sample.ulp, "vjp")
    _, second = jvp(our_grad, [to_array(x) for x in xs], [to_array(t) for t in ts])
    for found, expected in zip(second, jax_second, strict=True):
        close(instantiate(found), expected, 256 * sample.ulp, "jvp of vjp")


def select_outputs(fun, which, *args):
    outs = fun(*args)
    return [outs[i] for i in which]


def inner(x, y) -> float:
    """The real part of sum(x * y), in double precision."""
    return np.sum(np.asarray(x).astype(np.complex128) * np.asarray(y).astype(np.complex128)).real


@by_row
def test_transposition_keeps_inner_products(sample):
    """<ct, J t> = <J^T ct, t> (real part, as JAX's convention has it)."""
    for dtype in derivative_dtypes(sample):
        operands = draw(sample, dtype)
        fun, xs = of_inexact(sample, ours, operands)
        rng = np.random.default_rng(4)
        ts = [random_like(rng, x) for x in xs]
        outs, t_outs = jvp(fun, [to_array(x) for x in xs], [to_array(t) for t in ts])
        inexact = [i for i, t in enumerate(t_outs) if not isinstance(t, Zero)]
        cts = [random_like(rng, outs[i]) for i in inexact]
        if not inexact:
            continue
        picked = partial(select_outputs, fun, inexact)
        _, back = our_vjp(picked, [to_array(x) for x in xs], [to_array(c) for c in cts])
        forward = sum(inner(t_outs[i], ct) for i, ct in zip(inexact, cts, strict=True))
        backward = sum(inner(b, t) for b, t in zip(back, ts, strict=True))
        eps = max(float(dtypes.finfo(np.asarray(outs[i]).dtype).eps) for i in inexact)
        np.testing.assert_allclose(forward, backward, rtol=64 * eps, atol=64 * eps)


@by_row
def test_vmap_is_a_loop(sample):
    if not sample.vmap or not sample.operands:
        return
    dtype = preferred(sample)
    operands = draw(sample, dtype)
    choices = [[None, *range(x.ndim + 1)] for x in operands]
    plans = {
        tuple(min(k, len(c) - 1) and c[min(k, len(c) - 1)] for c in choices)
        for k in range(1, max(map(len, choices)))
    }
    for i, options in enumerate(choices):  # each operand batched alone, at every axis
        plans |= {tuple(d if j == i else None for j in range(len(choices))) for d in options if d is not None}
    for size in (3, 0):
        for dims in sorted(plans, key=str):
            if any(d is not None for d in dims):
                check_batch(sample, operands, dims, size)


def preferred(sample: Sample):
    domain = domain_of(sample)
    return np.dtype("float64") if np.dtype("float64") in domain else domain[0]


def check_batch(sample, operands, dims, size):
    batched = [
        x if d is None else np.stack([np.roll(x, k) for k in range(size)], d) if size else empty(x, d)
        for x, d in zip(operands, dims, strict=True)
    ]
    outs, out_dims = batch(
        lambda *xs: our_outs(sample, *xs), AxisData(None, size), made(sample, batched), dims
    )
    for k in range(size):
        element = [x if d is None else np.take(x, k, d) for x, d in zip(batched, dims, strict=True)]
        for out, d, expected in zip(outs, out_dims, our_outs(sample, *made(sample, element)), strict=True):
            found = numbers(out) if d is None else np.take(numbers(out), k, d)
            close(found, expected, 64, f"in_axes {dims}, element {k}")
    if not size:
        single = REGISTRY[sample.op].shape(*[x.aval for x in made(sample, operands)], **sample.params)
        for out, d, aval in zip(
            outs, out_dims, single if REGISTRY[sample.op].multiple else [single], strict=True
        ):
            shape = aval.shape if d is None else (*aval.shape[:d], 0, *aval.shape[d:])
            assert numbers(out).shape == shape


def empty(x, d):
    return np.zeros((*x.shape[:d], 0, *x.shape[d:]), x.dtype)


@by_row
def test_jit_is_eager(sample):
    dtype = preferred(sample)
    operands = made(sample, draw(sample, dtype))
    traced = []

    def fun(*xs):
        traced.append(1)
        return ours(sample, *xs)

    tape, consts = record(fun, [x.aval for x in operands])
    check_tape(tape)
    first = jit_p.bind(*consts, *operands, tape=tape, name="f")
    program = compile_tape(tape)
    second = jit_p.bind(*consts, *operands, tape=tape, name="f")
    assert len(traced) == 1 and compile_tape(tape) is program
    for a, b, eager in zip(first, second, ours(sample, *operands), strict=True):
        np.testing.assert_array_equal(numbers(a), numbers(b))
        if selected().kernels is None:
            np.testing.assert_array_equal(numbers(a), numbers(eager))
        else:  # kernels call other implementations of the same functions, and reduce in another order
            close(a, eager, sample.ulp, "jit")


class NumpyReader:
    """Evaluates an index map on integer arrays: the meaning that generated code must have."""

    def __init__(self, operands):
        self.operands = operands

    def read(self, operand: int, index: tuple):
        x = self.operands[operand]
        if 0 in x.shape:
            return np.zeros(np.broadcast_shapes(*(np.shape(i) for i in index)), x.dtype)
        clipped = tuple(np.clip(i, 0, d - 1) for i, d in zip(index, x.shape, strict=True))
        return x[clipped]

    def where(self, condition, if_true, if_false):
        return np.where(condition, if_true, if_false)

    def value(self, x, dtype):
        return np.asarray(x).astype(dtype)


@pytest.mark.parametrize("sample", [s for s in SAMPLES if REGISTRY[s.op].index_map is not ABSENT], ids=str)
def test_index_map_says_what_impl_does(sample):
    primitive = REGISTRY[sample.op]
    operands = draw(sample, preferred(sample))
    arrays = made(sample, operands)
    avals = [x.aval for x in arrays]
    for k, expected in enumerate(map(numbers, ours(sample, *arrays))):
        which = {"output": k} if primitive.multiple else {}
        index = tuple(np.indices(expected.shape))
        found = primitive.index_map(NumpyReader(operands), index, *avals, **sample.params, **which)
        np.testing.assert_array_equal(np.broadcast_to(found, expected.shape), expected)


def test_every_op_has_a_row():
    structured = {name for name, p in REGISTRY.items() if p.family == "control"}
    missing = set(REGISTRY) - structured - {s.op for s in SAMPLES}
    assert not missing, f"ops without a row in op_samples: {sorted(missing)}"


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_slot_is_filled_or_refused(name):
    primitive = REGISTRY[name]
    assert primitive.doc and primitive.domain
    for slot in ("shape", "impl", "jvp", "transpose", "batch"):
        rule = getattr(primitive, slot)
        assert callable(rule) or (isinstance(rule, Refused) and rule.reason), f"{slot} of {name}"
    fusable = primitive.cuda is not ABSENT or primitive.index_map is not ABSENT
    assert fusable, f"{name} says neither how it is generated nor why it is not"


