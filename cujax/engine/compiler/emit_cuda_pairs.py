"""Reductions over pairs of elements, as forces between bodies or distances between points, for a GPU.

    pairs_kernel(name, body) -> Kernel or None

What is loaded belongs to one of the two: of the kept element, or of the one that is gone over.  So one block reduces
several kept elements side by side, and what it loads of the others, and its loop, serve for all of them.  Each is
reduced as if it were alone: the bits are the same.

    for (int item = blockIdx.x * 4; item < n0; item += gridDim.x * 4) {
        float own_0[4];
        #pragma unroll
        for (int k = 0; k < 4; ++k) {
            const int i0 = item + k < n0 ? item + k : n0 - 1;
            own_0[k] = x0[i0];
        }
        cj::Sum<float>::Acc sum_acc_0[4];
        for (int i1 = threadIdx.x; i1 < n1; i1 += blockDim.x) {
            #pragma unroll
            for (int k = 0; k < 4; ++k) {
                sum_acc_0[k] = sum_acc_0[k] + cj::abs(x0[i1] - own_0[k]);
            }
        }
        ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cujax.engine.compiler.body import Accumulator, Body, total_extent
from cujax.engine.compiler.cpp import type_name
from cujax.engine.compiler.emit_cuda import FLAG, CudaFrame, sets_flag
from cujax.engine.compiler.emit_cuda_reduce import FEW, FEW_ITEMS, Blocks
from cujax.engine.compiler.expression import Load, Node, reachable
from cujax.engine.compiler.frame import indented, invariant_nodes, terms
from cujax.engine.compiler.index import axes_in
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.writer import quick_form

_SIDE_BY_SIDE = 4
_MANY = 8  # side by side, where there are enough of them that all multiprocessors have work throughout
_MANY_ITEMS = 16_384
_MOST_OF_MANY = 11  # values of each of many items that stay in registers; with more, too few threads have enough
_MOST_OWN = 8  # values of each item that stay in registers
_MOST_ACCUMULATORS = 4  # for each item: each takes a register, and what it is computed from


def pairs_kernel(name: str, body: Body) -> Kernel | None:
    """The kernel; None where it would not be worth it."""
    return _Pairs(CudaFrame(name, body)).kernel() if side_by_side(body) > 1 else None


def side_by_side(body: Body) -> int:
    """How many kept elements a block reduces at the same time."""
    is_plain = len(body.phases) == 1 and not any(body.full) and len(body.phases[0]) <= _MOST_ACCUMULATORS
    items = total_extent(body.kept_axes)
    is_long = total_extent(body.reduced_axes) > FEW and items >= _SIDE_BY_SIDE * FEW_ITEMS
    if not (is_plain and is_long and _is_of_pairs(body)):
        return 1
    stay = len(body.phases[0]) + len(_own_loads(body)) + len(_every_term(body.phases[0]))
    return _MANY if items >= _MANY_ITEMS and stay <= _MOST_OF_MANY else _SIDE_BY_SIDE


def _is_of_pairs(body: Body) -> bool:
    """Whether everything that is loaded moves along kept axes or along reduced ones, and something along either."""
    kept, reduced = ({a.number for a in axes} for axes in (body.kept_axes, body.reduced_axes))
    moving = [set(axes_in(n.place)) for n in body.nodes() if isinstance(n, Load)]
    found = {(bool(axes & kept), bool(axes & reduced)) for axes in moving}
    return (True, True) not in found and {(True, False), (False, True)} <= found


def _own_loads(body: Body) -> list[Load]:
    """What is loaded of a kept element, whatever the other one is."""
    kept, reduced = ({a.number for a in axes} for axes in (body.kept_axes, body.reduced_axes))
    loads = [n for n in invariant_nodes(body.nodes(), reduced) if isinstance(n, Load)]
    return [n for n in loads if kept & set(axes_in(n.place))]


def _every_term(accumulators: Sequence[Accumulator]) -> list[Node]:
    """What must be known for a pair to enter the running results."""
    return list(dict.fromkeys(n for a in accumulators for n in terms(a)))


class _Pairs(Blocks):
    """See the module's docstring."""

    def __init__(self, frame: CudaFrame) -> None:
        self.items_per_block = side_by_side(frame.body)
        super().__init__(frame)
        self._arrays = self.names
        self.names = {result: f"{name}[k]" for result, name in self._arrays.items()}

    def _resident(self) -> int:
        """Two of 256 threads, so that other warps go on where one waits: 128 registers each."""
        return 2 if self.items_per_block == _MANY else 0

    def _over_items(self, inner: Sequence[str]) -> list[str]:
        index = self.frame.index
        first, step = (f"{index}({word}.x) * {self.items_per_block}" for word in ("blockIdx", "gridDim"))
        return [f"for ({index} item = {first}; item < {self._count()}; item += {step}) {{", *indented(inner), "}"]

    def _whole(self) -> list[str]:
        with self.writer.scope() as hoisted:
            self.frame.hoist(self.body.nodes(), {a.number for a in self.body.axes})
            every = self._accumulators()
            arrays = [f"{a.reduction.struct}::Acc {self._arrays[a.result]}[{self.items_per_block}];" for a in every]
            empty = [f"{self.names[a.result]} = {a.reduction.struct}::identity();" for a in every]
            with self.writer.scope():
                own = self._own()
                pairs = self.nest(self.reduced[:-1], self._along(0, "0", self.size(self.reduced[-1].extent)))
            item = [*own, *arrays, *self._side_by_side(empty), *pairs, *self._results()]
            return [*self._shared(), *hoisted, *self._over_items(item)]

    def _own(self) -> list[str]:
        """Statements that load what belongs to the kept elements, before the loop: the compiler leaves some inside."""
        loads = _own_loads(self.body)[:_MOST_OWN]
        names = {n: f"own_{k}" for k, n in enumerate(loads)}
        with self.writer.scope() as inside:
            for load, name in names.items():
                self.writer.write(f"{name}[k] = {self.writer.value(load)};")
        for load, name in names.items():
            self.writer.know(load, f"{name}[k]")
        arrays = [f"{type_name(n.dtype)} {name}[{self.items_per_block}];" for n, name in names.items()]
        return [*arrays, *self._side_by_side([*self._places(), *inside])] if loads else []

    def _places(self) -> list[str]:
        """Where the item is; those beyond the last one do what that does, and nobody reads it."""
        n = self._count()
        return self.frame.axis_places(self.kept, f"item + k < {n} ? item + k : {n} - 1")

    def elements(self, phase: int) -> list[str]:
        """Those of all items at one place of the reduced axes.

        Where functions may set the flag, elements enter after it was looked at.  All items have one branch, so that
        their roots and quotients fill one another's gaps:

        bool special = false;
        float term_0[4];
        ... term_0[k] = cj::root(..., special);
        if (special) {
            ... term_0[k] = cj::sqrt(...);
        }
        ... sum_acc_0[k] = sum_acc_0[k] + term_0[k];
        """
        accumulators = self.body.phases[phase]
        names = {n: f"term_{k}" for k, n in enumerate(_every_term(accumulators))}
        with self.writer.flagging(FLAG, by_results=True):
            quick = self._computed(phase, names)
        if not sets_flag(quick):
            return self._side_by_side([*self._places(), *super().elements(phase)])
        inexact = {n: name for n, name in names.items() if any(quick_form(m, FLAG, True) for m in reachable([n]))}
        entering = [
            self.frame.enter(a, self.names[a.result], [f"{names[n]}[k]" for n in terms(a)]) for a in accumulators
        ]
        return [
            f"bool {FLAG} = false;",
            *[f"{type_name(n.dtype)} {name}[{self.items_per_block}];" for n, name in names.items()],
            *quick, f"if ({FLAG}) {{", *indented(self._computed(phase, inexact)), "}", *self._side_by_side(entering),
        ]

    def _computed(self, phase: int, names: Mapping[Node, str]) -> list[str]:
        """Statements that compute these nodes, of all items."""
        with self.writer.scope() as lines:
            self.frame.read_first(self.body.roots(phase))
            for node, name in names.items():
                self.writer.write(f"{name}[k] = {self.writer.value(node)};")
        return self._side_by_side([*self._places(), *lines])

    def _results(self) -> list[str]:
        """One item after the other: all threads of the block reduce each."""
        places = self.frame.axis_places(self.kept, "item + k")
        reduces = [self._reduce(a) for a in self._accumulators()]
        return self._side_by_side([f"if (item + k >= {self._count()}) break;", *places, *reduces, *self._finish()])

    def _own_name(self, accumulator: Accumulator) -> str:
        return self._arrays[accumulator.result]

    def results(self, accumulators: Sequence[Accumulator]) -> list[str]:
        """Statements that name the results."""
        return [self.frame.lowered(a, self._arrays[a.result], self.names[a.result]) for a in accumulators]

    def _side_by_side(self, lines: Sequence[str]) -> list[str]:
        return ["#pragma unroll", f"for (int k = 0; k < {self.items_per_block}; ++k) {{", *indented(lines), "}"]
