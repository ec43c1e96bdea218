"""Sign and magnitude, and the parts of complex numbers.

    sign abs real imag conj complex

Conventions for derivatives are JAX's: a complex number is a pair of reals, tangents are complex, and
a transposed op maps cotangents without conjugation.  So the transpose of `real` makes a complex cotangent
with imaginary part 0, and that of `imag` one with real part 0 and the sign turned.
"""

from __future__ import annotations

from typing import Any

from cujax.engine.core.primitive import Parity
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import is_linear
from cujax.engine.ground import dtypes
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.elementwise import div, mul, neg
from cujax.engine.ops.families import COMPLEX, NUMBER, ZERO_TANGENT, Domain, binary, unary
from cujax.engine.ops.logic import eq, ge, select_n
from cujax.engine.ops.structural import dtype_of

SIGNED = Domain("signedinteger, floating, complexfloating", "ifc")


class _HasComplex(Domain):
    """Floats that can be a part of a complex number, and (with kind "c") complex numbers."""

    def __contains__(self, dtype: Any) -> bool:
        return super().__contains__(dtype) and dtypes.to_real(dtype) in (dtypes.float32, dtypes.float64)


PART = _HasComplex("float32, float64", "f")
PART_OR_COMPLEX = _HasComplex("float32, float64, complexfloating", "fc")

# --- parts --------------------------------------------------------------------------------------------

real_p, real = unary(
    "real", domain=COMPLEX, doc="The real part.", cuda="cj::real({x})", result=dtypes.to_real,
    impl=lambda xp, x: x.real, jvp=lambda t, out, x: real(t),
    transpose=lambda ct, x: (complex(ct, _zero(ct)),),
)
imag_p, imag = unary(
    "imag", domain=COMPLEX, doc="The imaginary part.", cuda="cj::imag({x})", result=dtypes.to_real,
    impl=lambda xp, x: x.imag, jvp=lambda t, out, x: imag(t),
    transpose=lambda ct, x: (complex(_zero(ct), neg(ct)),),
)


def _zero(x: Any) -> Any:
    return zeros_of(aval_of(x).strip_weak_type())


def _complex_impl(xp: Any, x: Any, y: Any) -> Any:
    out = xp.empty(xp.broadcast(x, y).shape, dtypes.to_complex(x.dtype))
    out.real, out.imag = x, y
    return out


complex_p, complex = binary(
    "complex", domain=PART, doc="x + iy of two floats.", cuda="cj::make_complex({x}, {y})",
    result=dtypes.to_complex, impl=_complex_impl,
    jvp=(lambda t, out, x, y: complex(t, _zero(t)), lambda t, out, x, y: complex(_zero(t), t)),
    transpose=lambda ct, x, y: (real(ct) if is_linear(x) else None, imag(neg(ct)) if is_linear(y) else None),
)


def _conj_transpose(ct: Any, x: Any) -> tuple:
    back = conj(ct)
    return (back if dtypes.is_complex(x.aval.dtype) else real(back),)


conj_p, conj = unary(
    "conj", domain=PART_OR_COMPLEX, doc="The complex conjugate; a float becomes complex.",
    cuda="cj::conj({x})", result=dtypes.to_complex, transpose=_conj_transpose,
    impl=lambda xp, x: xp.conj(x).astype(dtypes.to_complex(x.dtype)), jvp=lambda t, out, x: conj(t),
)

# --- sign and magnitude -------------------------------------------------------------------------------


def _sign_impl(xp: Any, x: Any) -> Any:
    """Keeps the sign of zero; x / |x| for complex numbers."""
    if x.dtype.kind in "iu":
        return xp.sign(x)
    if not dtypes.is_complex(x.dtype):
        return xp.where(x == 0, x, xp.sign(x))
    size = xp.abs(x)
    return xp.where(size == 0, x, xp.divide(x, xp.where(size == 0, 1, size)))


sign_p, sign = unary(
    "sign", domain=NUMBER, doc="-1, 0 or 1; x / |x| of complex x.",
    cuda="cj::sign({x})", impl=_sign_impl, jvp=ZERO_TANGENT, parity=Parity.ODD,
)


def _abs_partial(t: Any, out: Any, x: Any) -> Any:
    """t or -t, t at 0; for complex x the real part of t conj(x) / |x|, and 0 at 0."""
    if not dtypes.is_complex(dtype_of(x)):
        return select_n(ge(x, 0), neg(t), t)
    size = select_n(eq(out, 0), out, 1)
    return real(mul(t, div(conj(x), convert_element_type(size, dtype_of(x)))))


abs_p, abs = unary(
    "abs", domain=SIGNED, doc="Absolute value; a float of complex x.", cuda="cj::abs({x})",
    result=dtypes.to_real, ufunc="absolute", jvp=_abs_partial, parity=Parity.EVEN,
)
