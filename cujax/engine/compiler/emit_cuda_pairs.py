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

from collections.abc import Sequence

from cujax.engine.compiler.body import Accumulator, Body, total_extent
from cujax.engine.compiler.cpp import type_name
from cujax.engine.compiler.emit_cuda import FLAG, CudaFrame, sets_flag
from cujax.engine.compiler.emit_cuda_reduce import FEW, FEW_ITEMS, Blocks
from cujax.engine.compiler.expression import Load
from cujax.engine.compiler.frame import indented, invariant_nodes
from cujax.engine.compiler.index import axes_in
from cujax.engine.compiler.kernel import Kernel

_SIDE_BY_SIDE = 4
_MOST_OWN = 8  # values of each item that stay in registers
_MOST_ACCUMULATORS = 4  # for each item: each takes a register, and what it is computed from


def pairs_kernel(name: str, body: Body) -> Kernel | None:
    """The kernel; None where it would not be worth it."""
    return _Pairs(CudaFrame(name, body)).kernel() if side_by_side(body) > 1 else None


def side_by_side(body: Body) -> int:
    """How many kept elements a block reduces at the same time."""
    is_plain = len(body.phases) == 1 and not any(body.full) and len(body.phases[0]) <= _MOST_ACCUMULATORS
    is_long = total_extent(body.reduced_axes) > FEW and total_extent(body.kept_axes) >= _SIDE_BY_SIDE * FEW_ITEMS
    return _SIDE_BY_SIDE if is_plain and is_long and _is_of_pairs(body) else 1


def _is_of_pairs(body: Body) -> bool:
    """Whether everything that is loaded moves along kept axes or along reduced ones, and something along either."""
    kept, reduced = ({a.number for a in axes} for axes in (body.kept_axes, body.reduced_axes))
    moving = [set(axes_in(n.place)) for n in body.nodes() if isinstance(n, Load)]
    found = {(bool(axes & kept), bool(axes & reduced)) for axes in moving}
    return (True, True) not in found and {(True, False), (False, True)} <= found


class _Pairs(Blocks):
    """See the module's docstring."""

    items_per_block = _SIDE_BY_SIDE

    def __init__(self, frame: CudaFrame) -> None:
        super().__init__(frame)
        self._arrays = self.names
        self.names = {result: f"{name}[k]" for result, name in self._arrays.items()}

    def _over_items(self, inner: Sequence[str]) -> list[str]:
        index = self.frame.index
        first, step = (f"{index}({word}.x) * {_SIDE_BY_SIDE}" for word in ("blockIdx", "gridDim"))
        return [f"for ({index} item = {first}; item < {self._count()}; item += {step}) {{", *indented(inner), "}"]

    def _whole(self) -> list[str]:
        with self.writer.scope() as hoisted:
            self.frame.hoist(self.body.nodes(), {a.number for a in self.body.axes})
            every = self._accumulators()
            arrays = [f"{a.reduction.struct}::Acc {self._arrays[a.result]}[{_SIDE_BY_SIDE}];" for a in every]
            empty = [f"{self.names[a.result]} = {a.reduction.struct}::identity();" for a in every]
            with self.writer.scope():
                own = self._own()
                pairs = self.nest(self.reduced[:-1], self._along(0, "0", self.size(self.reduced[-1].extent)))
            item = [*own, *arrays, *_side_by_side(empty), *pairs, *self._results()]
            return [*self._shared(), *hoisted, *self._over_items(item)]

    def _own(self) -> list[str]:
        """Statements that load what belongs to the kept elements, before the loop: the compiler leaves some inside."""
        kept, reduced = ({a.number for a in axes} for axes in (self.kept, self.reduced))
        loads = [n for n in invariant_nodes(self.body.nodes(), reduced) if isinstance(n, Load)]
        loads = [n for n in loads if kept & set(axes_in(n.place))][:_MOST_OWN]
        names = {n: f"own_{k}" for k, n in enumerate(loads)}
        with self.writer.scope() as inside:
            for load, name in names.items():
                self.writer.write(f"{name}[k] = {self.writer.value(load)};")
        for load, name in names.items():
            self.writer.know(load, f"{name}[k]")
        arrays = [f"{type_name(n.dtype)} {name}[{_SIDE_BY_SIDE}];" for n, name in names.items()]
        return [*arrays, *_side_by_side([*self._places(), *inside])] if loads else []

    def _places(self) -> list[str]:
        """Where the item is; those beyond the last one do what that does, and nobody reads it."""
        n = self._count()
        return self.frame.axis_places(self.kept, f"item + k < {n} ? item + k : {n} - 1")

    def elements(self, phase: int) -> list[str]:
        """Those of all items at one place of the reduced axes."""
        places = self._places()
        with self.writer.flagging(FLAG, of_quotients=True):
            quick = _side_by_side([*places, *super().elements(phase)])
        if not sets_flag(quick):
            return quick
        return self._again_where_special(phase, quick, _side_by_side([*places, *super().elements(phase)]))

    def _again_where_special(self, phase: int, quick: Sequence[str], usual: Sequence[str]) -> list[str]:
        """As that of `Blocks`; all items have one branch, so that their roots and quotients fill one another's gaps.

        bool special = false;
        cj::Sum<float>::Acc sum_acc_0_before[4];
        ...
        if (special) { ... }
        """
        every = [(self._arrays[a.result], a.reduction.struct) for a in self.body.phases[phase]]
        arrays = [f"{struct}::Acc {name}_before[{_SIDE_BY_SIDE}];" for name, struct in every]
        kept = _side_by_side([f"{name}_before[k] = {name}[k];" for name, _ in every])
        back = _side_by_side([f"{name}[k] = {name}_before[k];" for name, _ in every])
        again = [f"if ({FLAG}) {{", *indented([*back, *usual]), "}"]
        return [f"bool {FLAG} = false;", *arrays, *kept, *quick, *again]

    def _results(self) -> list[str]:
        """One item after the other: all threads of the block reduce each."""
        places = self.frame.axis_places(self.kept, "item + k")
        reduces = [self._reduce(a) for a in self._accumulators()]
        return _side_by_side([f"if (item + k >= {self._count()}) break;", *places, *reduces, *self._finish()])

    def _shared(self) -> list[str]:
        return [f"__shared__ {a.reduction.struct}::Acc {self._shared_by(a)}[32];" for a in self._accumulators()]

    def _shared_by(self, accumulator: Accumulator) -> str:
        return f"{self._arrays[accumulator.result]}_shared"

    def _reduce(self, accumulator: Accumulator) -> str:
        name, struct = self.names[accumulator.result], accumulator.reduction.struct
        return f"{name} = cj::block_reduce<{struct}>({name}, {self._shared_by(accumulator)});"

    def results(self, accumulators: Sequence[Accumulator]) -> list[str]:
        """Statements that name the results."""
        return [self.frame.lowered(a, self._arrays[a.result], self.names[a.result]) for a in accumulators]


def _side_by_side(lines: Sequence[str]) -> list[str]:
    return ["#pragma unroll", f"for (int k = 0; k < {_SIDE_BY_SIDE}; ++k) {{", *indented(lines), "}"]
