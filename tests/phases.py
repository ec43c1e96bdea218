"""Eigenvectors and singular vectors made comparable: each has a sign, or a phase, that every library chooses.

    columns(np_, v)             v times what makes the largest number of each column positive
    svd(np_, u, s, vh)          the same of u, and of the rows of vh what goes with it; vectors beyond the singular
                                values are open but for the space they span, and become columns of its projector
    settled(np_, result, case)  the result of an expression, if it is of eigh or svd, where vectors are open

`np_` is cujax.numpy or jax.numpy.  Shapes stay, and derivatives are determined as well.
"""

from __future__ import annotations

from typing import Any

from cujax.engine.backends.select import selected

ARE_OPEN = selected().platform == "gpu"  # where cuSOLVER chooses; on a CPU LAPACK does for JAX and cujax alike


def columns(np_: Any, v: Any) -> Any:
    """See above; v: (..., n, k)."""
    return v * np_.conj(_phases(np_, v))


def svd(np_: Any, u: Any, s: Any, vh: Any) -> tuple[Any, Any, Any]:
    """See above; u: (..., m, at least k), s: (..., k), vh: (..., at least k, n)."""
    k = s.shape[-1]
    phases, v = _phases(np_, u[..., :k]), _adjoint(np_, vh)
    u, v = ([x[..., :k] * np_.conj(phases), _projected(np_, x[..., k:])] for x in (u, v))
    return np_.concatenate(u, -1), s, _adjoint(np_, np_.concatenate(v, -1))


def settled(np_: Any, result: Any, case: str) -> Any:
    """See above; of other expressions, without vectors and on a CPU the result itself."""
    if not ARE_OPEN or isinstance(result, Exception):
        return result
    if case.endswith(".Vh"):
        return _adjoint(np_, columns(np_, _adjoint(np_, result)))
    if ".eigh(" in case and isinstance(result, tuple):
        return result[0], columns(np_, result[1])
    return svd(np_, *result) if ".svd(" in case and isinstance(result, tuple) else result


def _phases(np_: Any, v: Any) -> Any:
    largest = np_.take_along_axis(v, np_.argmax(np_.abs(v), -2, keepdims=True), -2)
    return largest / np_.abs(largest)


def _projected(np_: Any, open_: Any) -> Any:
    return (open_ @ _adjoint(np_, open_))[..., : open_.shape[-1]]


def _adjoint(np_: Any, x: Any) -> Any:
    return np_.conj(np_.swapaxes(x, -1, -2))
