"""Many updates of few places, for a GPU, whose result must repeat: sums and products of floats.

    few_kernel(name, body, update) -> Kernel or None

To enter such updates in their order (emit_cuda_order.py) takes as long as the place that has most of them has to wait,
one update after the other: of 10^7 values in 12 segments 40 ms.  Here every thread gathers its own updates in a copy of
all places that is its own, in shared memory; a block combines its copies, and a second kernel, `..._enter`, what the
blocks have left (kernels/few.h).  Who combines what depends on sizes alone, so equal inputs give equal bits, though not
those of one thread: a sum of so many numbers is closer to the true one in parts.

Blocks have as many threads as have room for their copies, and as many updates as make the copies worth it.
"""

from __future__ import annotations

from cujax.engine.backends.api import KernelCall
from cujax.engine.compiler.body import Body, Store, total_extent
from cujax.engine.compiler.cpp import physical, type_name
from cujax.engine.compiler.emit_cuda import MOST_BLOCKS, THREADS, CudaFrame, strided
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.update import Update

_FEWEST_UPDATES = 1 << 13  # fewer are in order soon enough, and each place then has the bits of one thread
_UPDATES_OF_A_PLACE = 1024
_MEMORY = (16384, 49152)  # bytes of a block: with the first, a multiprocessor runs nearly all threads that it can
_LEAST_ACCUMULATOR = 4  # bytes: halves are gathered as float
_WARP = 32
_ENTERING_THREADS = 128


def few_kernel(name: str, body: Body, update: Update) -> Kernel | None:
    """The kernels; None where places are too many, or updates too few."""
    items, places = total_extent(body.axes), max(update.target.aval.size, 1)
    threads, memory = _threads(places * _accumulator_bytes(update))
    if not update.has_neutral or not threads or items < max(_FEWEST_UPDATES, _UPDATES_OF_A_PLACE * places):
        return None
    blocks = max(1, min(items // (threads * places), MOST_BLOCKS))
    gathering, entering = _GatheringFrame(name, body), CudaFrame(f"{name}_enter", body)
    first = gathering.function(_gather(gathering, places, memory), "char* CJ_RESTRICT parts")
    second = entering.function(_enter(entering, blocks), "char* CJ_RESTRICT parts")
    calls = (
        KernelCall(name, gathering.sizes.values, body.work, (blocks, 1), threads),
        KernelCall(entering.name, entering.sizes.values, 0, (places, 1), _ENTERING_THREADS),
    )
    scratch = places * blocks * _accumulator_bytes(update)
    return Kernel(calls, f"{first}\n\n{second}", tuple(body.reads), tuple(body.writes), scratch)


def _accumulator_bytes(update: Update) -> int:
    return max(physical(update.full[0].aval.dtype).itemsize, _LEAST_ACCUMULATOR)


def _threads(bytes_of_a_copy: int) -> tuple[int, int]:
    """Of a block, and the bytes of its memory; no threads where there is no room."""
    memory = _MEMORY[_WARP * bytes_of_a_copy > _MEMORY[0]]
    found = next((t for t in (THREADS, 128, 64, _WARP) if t * bytes_of_a_copy <= memory), 0)
    return found, memory


class _GatheringFrame(CudaFrame):
    """Each update goes to the thread's copy of the target."""

    def place(self, store: Store) -> str:
        return self.writer.index(store.place)

    def change(self, store: Store, place: str, text: str) -> str:
        return f"own.update({place}, {type_name(store.var.aval.dtype)}({text}));"


def _reduction(body: Body) -> str:
    assert isinstance(body.region, Update)
    return f"{body.region.reduction}<{type_name(body.writes[0].aval.dtype)}>"


def _gather(frame: _GatheringFrame, places: int, memory: int) -> list[str]:
    """
    __shared__ cj::Sum<double>::Acc memory[16384 / sizeof(cj::Sum<double>::Acc)];
    const cj::Few<cj::Sum<double>> own(memory, places);
    own.clear();
    for (...) own.update(cj::to_index(x0[i0]), x1[i0]);
    own.leave(parts);
    """
    reduction = _reduction(frame.body)
    return [
        f"__shared__ {reduction}::Acc memory[{memory} / sizeof({reduction}::Acc)];",
        f"const cj::Few<{reduction}> own(memory, {frame.sizes.give('places', places)});",
        "own.clear();", *strided(frame), "own.leave(parts);",
    ]


def _enter(frame: CudaFrame, chunks: int) -> list[str]:
    (result,) = frame.body.writes
    reduction, element = _reduction(frame.body), type_name(result.aval.dtype)
    return [
        f"__shared__ {reduction}::Acc shared[32];",
        f"cj::enter_parts<{reduction}, {element}>({frame.buffers[result]}, parts, "
        f"{frame.sizes.give('chunks', chunks)}, shared);",
    ]
