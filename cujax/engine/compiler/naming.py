"""Names of kernels and of their parameters."""

from __future__ import annotations

import re

from cujax.engine.compiler.body import Body
from cujax.engine.compiler.cpp import short_name
from cujax.engine.compiler.expression import Operation, Reduced
from cujax.engine.compiler.update import Update
from cujax.engine.core.tape import Literal, Var

_MOST_WORDS = 4


def kernel_name(body: Body) -> str:
    """What the kernel does and the dtype of its first result: `fused_mul_add_tanh_f32`."""
    region = body.region
    words: dict[str, None] = {region.eqn.primitive.name: None} if isinstance(region, Update) else {}
    for node in body.nodes():
        if isinstance(node, Operation) and node.name != "part":
            words.setdefault(node.name)
        elif isinstance(node, Reduced):
            words.setdefault(body.region.producers[node.var].primitive.name)
    chosen = [w.replace("convert_element_type", "convert") for w in words]
    if len(chosen) > _MOST_WORDS:
        chosen = [*chosen[: _MOST_WORDS - 1], f"{len(chosen) - _MOST_WORDS + 1}_more"]
    text = "_".join(["fused" if chosen else "copy", *chosen, short_name(body.writes[0].aval.dtype)])
    return re.sub(r"\W", "_", text)


def buffer_names(body: Body) -> dict[Var | Literal, str]:
    """x0, x1, ... for what is read, y0, y1, ... for what is written, and read before where that is in place."""
    reads: dict[Var | Literal, str] = {v: f"x{k}" for k, v in enumerate(body.reads)}
    writes = {v: f"y{k}" for k, v in enumerate(body.writes)}
    return reads | writes | {operand: writes[result] for result, operand in body.region.in_place.items()}
