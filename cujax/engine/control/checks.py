"""`check_p`: an assertion inside a traced function; `cujax.experimental.checkify` turns it into a value.

Operands: a boolean, and the values that its message names.  Under `vmap` all of them begin with the same `lanes` axes,
an assertion for each element.  Where nobody turns it into a value it raises when the program gets there, which waits
for the device, or does nothing if it is for `debug` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from cujax.engine.backends.select import selected
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, not_fusable
from cujax.engine.ops.structural import move_dim


class JaxRuntimeError(ValueError):
    """A check has failed."""


@dataclass(frozen=True)
class Complaint:
    """What is wrong where a check fails: `kind` is the exception, made from the text; `text(values)` says it.

    message: a format string.  tree: (args, kwargs) of the format, of which the arrays are `values`.
    """

    kind: type[Exception]
    message: str
    tree: Any

    def text(self, values: Sequence[Any]) -> str:
        """The message, with the values of the moment."""
        args, kwargs = self.tree.unflatten(list(values))
        return self.message.format(*args, **kwargs)

    def error(self, values: Sequence[Any]) -> Exception:
        """The exception with that text."""
        return self.kind(self.text(values))


def _shape(*avals: ShapedArray, **params: Any) -> tuple[()]:
    return ()


def _impl(xp: Any, pred: Any, *values: Any, complaint: Complaint, lanes: int, debug: bool) -> list[Any]:
    if debug:
        return []
    to_host = selected().to_host
    holds = np.ravel(to_host(pred))
    if not holds.all():
        first = int(np.argmin(holds))
        raise JaxRuntimeError(str(complaint.error([_element(to_host(v), lanes, first) for v in values])))
    return []


def _element(value: Any, lanes: int, number: int) -> Any:
    """Of the values for all elements of a batch, that of one."""
    return np.reshape(value, (-1, *np.shape(value)[lanes:]))[number]


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
    return check_p.bind(*primals, **params), []


def _transpose(*args: Any, **params: Any) -> NoReturn:
    raise ValueError("a check has no result to transpose")


def _batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], *, lanes: int, **params: Any
) -> tuple[list[Any], list[int]]:
    moved = [move_dim(axis, x, d, 0) for x, d in zip(operands, dims, strict=True)]
    return check_p.bind(*moved, lanes=lanes + 1, **params), []


check_p = Primitive(
    "check", shape=_shape, impl=_impl, jvp=_jvp, transpose=_transpose, batch=_batch, effect=True, multiple=True,
    may_keep=True, cuda=not_fusable("it runs on the host"), doc="An assertion on values.", domain="any dtype",
    family="control",
)
