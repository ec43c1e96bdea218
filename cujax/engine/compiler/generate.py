"""From the steps of a plan to the kernels of one source.

    generate(plan, language) -> Generated: for each step its Kernel or its equation, and the source of all kernels
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from cujax.engine.backends.api import KernelCall, KernelTarget
from cujax.engine.backends.kernel_errors import KernelCompileError, UserSourceError
from cujax.engine.backends.kernel_headers import headers_folder
from cujax.engine.compiler import (
    emit_cuda,
    emit_cuda_reduce,
    emit_cuda_tile,
    emit_cuda_update,
    emit_host_tile,
    emit_host_update,
)
from cujax.engine.compiler.body import Body
from cujax.engine.compiler.emit_cuda_pairs import pairs_kernel
from cujax.engine.compiler.emit_cuda_rows import rows_kernel
from cujax.engine.compiler.emit_host import map_kernel
from cujax.engine.compiler.emit_host_reduce import reduce_kernel
from cujax.engine.compiler.emit_lanes import LaneBody, lane_kernel
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.kernel import Kernel, without_comments
from cujax.engine.compiler.lane_region import LaneRegion
from cujax.engine.compiler.naming import kernel_name
from cujax.engine.compiler.plan import Plan
from cujax.engine.compiler.tile import tiling_of
from cujax.engine.compiler.traffic import moved_by
from cujax.engine.compiler.update import Update
from cujax.engine.compiler.user_functions import called_in, definition, function_in
from cujax.engine.core.tape import Eqn, Var


class Generated(NamedTuple):
    """steps: a Kernel or an equation each, in order.  source: what is compiled, with comments.

    changed: the inputs whose buffers are overwritten.  taken: as in `in_place.Changes`.  in_place: results that a
    library writes over an operand, and that operand.
    """

    steps: list[Kernel | Eqn]
    source: str
    changed: frozenset[Var]
    taken: Mapping[Eqn, tuple[int, ...]] = MappingProxyType({})
    in_place: Mapping[Var, Var] = MappingProxyType({})

    @property
    def kernels(self) -> list[Kernel]:
        return [s for s in self.steps if isinstance(s, Kernel)]


def _host_kernel(name: str, body: Body) -> Kernel:
    if body.reduced_axes and body.region.axes is None:
        return emit_host_update.update_kernel(name, body)
    if body.region.axes is not None:
        text, sizes = reduce_kernel(name, body)
    elif tiling := tiling_of(body, emit_host_tile.STAGED_BYTES):
        text, sizes = emit_host_tile.tiled_kernel(name, body, tiling)
    else:
        text, sizes = map_kernel(name, body)
    return Kernel((KernelCall(name, sizes.values, body.work),), text, tuple(body.reads), tuple(body.writes))


def _cuda_kernel(name: str, body: Body) -> Kernel:
    if body.region.axes is not None:
        return pairs_kernel(name, body) or emit_cuda_reduce.reduce_kernel(name, body)
    if body.reduced_axes:
        return emit_cuda_update.update_kernel(name, body)
    tiling = tiling_of(body, emit_cuda_tile.STAGED_BYTES)
    if tiling is not None and tiling.staged:
        return emit_cuda_tile.tiled_kernel(name, body, tiling)
    return rows_kernel(name, body) or emit_cuda.map_kernel(name, body)


def _kernel(region: Region, names: _Names, language: str) -> Kernel:
    if isinstance(region, LaneRegion):
        lanes = LaneBody(region)
        return lane_kernel(names.fresh(lanes.name()), lanes, language)
    body = Body(region, language)
    return _EMITTERS[language](names.fresh(kernel_name(body)), body)


_EMITTERS = {"host": _host_kernel, "cuda": _cuda_kernel}
LANGUAGES = tuple(_EMITTERS)


def generate(plan: Plan, language: str) -> Generated:
    """The kernels of `plan` in the language of a target; equal texts are one kernel."""
    names = _Names()
    steps: list[Kernel | Eqn] = []
    for step in plan.steps:
        if isinstance(step, Region):
            kernel = _kernel(step, names, language)
            target = step.target if isinstance(step, Update) and not step.in_place else None
            steps.append(kernel._replace(target=target, in_place=step.in_place, bytes_moved=moved_by(step)))
        else:
            steps.append(step)
    return Generated(steps, source_of([s for s in steps if isinstance(s, Kernel)]), plan.changed, plan.taken)


def source_of(kernels: Sequence[Kernel]) -> str:
    """One text: the headers that the kernels use, the functions of users that they call, then each kernel."""
    texts = [k.text for k in kernels]
    called = called_in("\n".join(texts))
    return _joined([definition(name) for name in called], texts)


def blame(source: str, target: KernelTarget) -> None:
    """After `source` was refused: UserSourceError if a user's function that it calls is not compiled alone either.

    Not where the compiler takes nothing at all.
    """
    if not called_in(source) or not _takes(target, _joined([], [])):
        return
    for name in called_in(source):
        try:
            target.compile(without_comments(_joined([definition(name)], [])))
        except KernelCompileError as error:
            function = function_in(name)
            lines = "\n".join(filter(None, (function.preamble, function.source)))
            raise UserSourceError(function.name, lines, error.compiler, error.log) from None


def _takes(target: KernelTarget, source: str) -> bool:
    try:
        target.compile(source)
    except KernelCompileError:
        return False
    return True


def _joined(definitions: Sequence[str], kernels: Sequence[str]) -> str:
    """Headers, definitions, kernels; lines are counted on after definitions, which name their own."""
    headers = _headers_for("\n".join([*definitions, *kernels])) + ["cuda_names.h"] * bool(definitions)
    parts = ["\n".join(f'#include "{name}"' for name in headers), *definitions]
    if definitions:
        line = "\n\n".join(parts).count("\n") + 4
        parts.append(f'#line {line} "kernels"')
    return "\n\n".join([*parts, *kernels]) + "\n"


class _Names:
    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def fresh(self, name: str) -> str:
        count = self._taken[name] = self._taken.get(name, 0) + 1
        return name if count == 1 else f"{name}_{count}"


_USED = re.compile(r"\bcj::(\w+)")
_BASE = ("prelude.h", "math.h")
_OF_TYPES = {"c64": "complex.h", "c128": "complex.h", "f16": "half.h", "bf16": "half.h"}


def _headers_for(text: str) -> list[str]:
    """The headers that declare the functions of `cj` in the text; the base always.

    complex.h and half.h have functions of math.h once more: they are needed for their types alone.
    """
    owners = _owners()
    words = set(_USED.findall(text))
    used = {owners[name] for name in words if name in owners} - set(_OF_TYPES.values())
    used |= {header for name, header in _OF_TYPES.items() if name in words}
    return [*_BASE, *sorted(used - set(_BASE))]


_DECLARED = re.compile(
    r"\b(?:struct|class|using|constexpr \w+)\s+(?:alignas\(\d+\)\s*)?(\w+)\b(?!\s*;)"
    r"|(?:CJ_FN|static void)\b[^;={(]*?\b(\w+)\s*(?:<[^<>]*>)?\s*\("
)


@cache
def _owners() -> dict[str, str]:
    """Which header declares what: read from the headers, so that no list is kept."""
    found: dict[str, str] = {}
    for path in sorted(headers_folder().glob("*.h"), key=lambda p: (p.name not in _BASE, p.name)):
        for kind, function in _DECLARED.findall(without_comments(path.read_text())):
            found.setdefault(kind or function, path.name)
    return found
