"""The factor 1/N of inverse Fourier transforms, taken into the kernels around them on a GPU.

    leave_out_factors(tape) -> tape

cuFFT does not apply it, so it would be a kernel of its own for each transform:

    y = irfft2(x)          becomes    s = unscaled_irfft2(x);  y = s * (1 / N)

where kernels read y and nobody else does.  Otherwise, where a kernel makes x and the transform alone reads it, x is
multiplied.  As in JAX it is a product with the rounded 1/N.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import prod

from cujax.engine.compiler.kinds import OPAQUE, SCATTER, Producers
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.check import check_if_asked
from cujax.engine.core.tape import Atom, Eqn, Literal, Tape, Var
from cujax.engine.ground import dtypes
from cujax.engine.ops.complex_parts import complex_p, imag_p, real_p
from cujax.engine.ops.elementwise import mul_p
from cujax.engine.ops.fft import FftType, fft_p, unscaled_fft_p

_INVERSES = (FftType.IFFT, FftType.IRFFT)


def leave_out_factors(tape: Tape) -> Tape:
    """`tape` with factors of its own where that saves a kernel."""
    if not any(map(_is_inverse, tape.eqns)):
        return tape
    producers, readers = Producers(tape), _readers(tape)
    eqns: list[Eqn] = []
    for eqn in tape.eqns:
        rewrite = _rewriting(eqn, producers, readers) if _is_inverse(eqn) else None
        eqns += [eqn] if rewrite is None else rewrite(eqn)
    return check_if_asked(Tape(tape.inputs, eqns, tape.outputs, tape.name), "after leave_out_factors")


def _is_inverse(eqn: Eqn) -> bool:
    return eqn.primitive is fft_p and eqn.params["fft_type"] in _INVERSES and eqn.outputs[0].aval.size > 0


def _readers(tape: Tape) -> dict[Var, list[Eqn | None]]:
    """The equations that read each value, None for the caller of the tape."""
    found: dict[Var, list[Eqn | None]] = {v: [] for e in tape.eqns for v in e.outputs}
    reads = [(e, a) for e in tape.eqns for a in e.inputs]
    for eqn, atom in [*reads, *[(None, a) for a in tape.outputs]]:
        if isinstance(atom, Var) and atom in found:
            found[atom].append(eqn)
    return found


def _rewriting(
    eqn: Eqn, producers: Producers, readers: dict[Var, list[Eqn | None]]
) -> Callable[[Eqn], list[Eqn]] | None:
    """How the factor is left out, None where it stays."""

    def are_kernels(eqns: Collection[Eqn | None]) -> bool:
        return bool(eqns) and all(e is not None and producers.kind(e) not in (OPAQUE, SCATTER) for e in eqns)

    (x,), (y,) = eqn.inputs, eqn.outputs
    if are_kernels(readers[y]):
        return _scaled_after
    if isinstance(x, Var) and x in producers and are_kernels([producers[x]]) and len(readers[x]) == 1:
        return _scaled_before
    return None


def _scaled_after(eqn: Eqn) -> list[Eqn]:
    result = Var(eqn.outputs[0].aval)
    return [_unscaled(eqn, eqn.inputs, result), *_times_factor(result, eqn.outputs[0], eqn)]


def _scaled_before(eqn: Eqn) -> list[Eqn]:
    operand = Var(eqn.inputs[0].aval)
    return [*_times_factor(eqn.inputs[0], operand, eqn), _unscaled(eqn, [operand], eqn.outputs[0])]


def _unscaled(eqn: Eqn, inputs: Sequence[Atom], result: Var) -> Eqn:
    return Eqn(unscaled_fft_p, inputs, [result], eqn.params, eqn.source)


def _times_factor(x: Atom, y: Var, eqn: Eqn) -> list[Eqn]:
    """y = x / N; of a complex number both parts, so that an infinity in one makes no NaN of the other."""
    dtype = dtypes.to_real(y.aval.dtype)
    factor = Literal(dtype.type(1 / prod(eqn.params["fft_lengths"])), ShapedArray((), dtype))
    if not dtypes.is_complex(y.aval.dtype):
        return [Eqn(mul_p, [x, factor], [y], {}, eqn.source)]
    found, parts = list[Eqn](), list[Var]()
    for part in (real_p, imag_p):
        before, after = Var(y.aval.update(dtype=dtype)), Var(y.aval.update(dtype=dtype))
        found += [Eqn(part, [x], [before], {}, eqn.source), Eqn(mul_p, [before, factor], [after], {}, eqn.source)]
        parts.append(after)
    return [*found, Eqn(complex_p, parts, [y], {}, eqn.source)]
