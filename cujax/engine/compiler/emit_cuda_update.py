"""Updates whose places may be the same, for a GPU: atomic, first gathered in each block, or in order.

    update_kernel(name, body) -> Kernel

Where the order of updates counts: emit_cuda_few.py for many updates of few places, else emit_cuda_order.py.

Otherwise each update is atomic.  To the target itself: updates of one place then wait for each other.  Or, where the
target is small, to a copy of it in the block's shared memory, which the block merges into the target at its end
(kernels/private.h); the text has a kernel for each, of which one is launched, so that another number of updates or of
places compiles nothing.

To clear and merge a copy costs an atomic update of the target for each of its places and blocks, and saves as many
as there are updates.  So a block gets `_MERGED` updates and more for each place, and where there are fewer updates than
that for one block, there are no copies: so few for each place are not often at the same one.

Lanes of a warp that have the same place do not combine their updates before.  In a window they have different ones;
with one element for each update and a large target they seldom have the same, and to find out costs as much as
an atomic update that meets nobody.
"""

from __future__ import annotations

from cujax.engine.backends.api import KernelCall
from cujax.engine.compiler.body import Body, Store, total_extent
from cujax.engine.compiler.cpp import physical, type_name
from cujax.engine.compiler.emit_cuda import MOST_BLOCKS, THREADS, CudaFrame, blocks_for, strided
from cujax.engine.compiler.emit_cuda_few import few_kernel
from cujax.engine.compiler.emit_cuda_order import ordered_kernel
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.update import Update

_PRIVATE_BYTES = 16384  # as in kernels/private.h
_LEAST_WORD = 4  # bytes of an element there
_MOST_COPIES = 32
_MERGED = 8
_MOST_PRIVATE_BLOCKS = MOST_BLOCKS // 2  # about as many as run at the same time


def update_kernel(name: str, body: Body) -> Kernel:
    """The kernel of an update of which several elements may go to one place."""
    update = body.region
    assert isinstance(update, Update)
    if not update.order_counts:
        return _atomic_kernel(name, body, update)
    return few_kernel(name, body, update) or ordered_kernel(name, body, update)


def _atomic_kernel(name: str, body: Body, update: Update) -> Kernel:
    """One kernel for large targets, one for small ones, and a call of either."""
    frame = _AtomicFrame(name, body)
    texts = [frame.function(strided(frame))]
    items = total_extent(body.axes)
    call = KernelCall(name, frame.sizes.values, body.work, (blocks_for(items), 1), THREADS)
    if update.can_be_gathered:
        own = _PrivateFrame(f"{name}_private", body)
        copies = _copies(update)
        texts.append(own.function(_private(own, update, copies)))
        blocks = min(items // (_MERGED * max(update.target.aval.size, THREADS)), _MOST_PRIVATE_BLOCKS)
        if copies and blocks:
            call = KernelCall(own.name, own.sizes.values, body.work, (blocks, 1), THREADS)
    return Kernel((call,), "\n\n".join(texts), tuple(body.reads), tuple(body.writes))


class _AtomicFrame(CudaFrame):
    """Each update is atomic."""

    def change(self, store: Store, place: str, text: str) -> str:
        return f"cj::atomic_update<{store.reduction}<{type_name(store.var.aval.dtype)}>>(&{place}, {text});"


# --- copies in shared memory ------------------------------------------------------------------------------------------


class _PrivateFrame(CudaFrame):
    """Each update goes to the block's copy of the target."""

    def place(self, store: Store) -> str:
        return self.writer.index(store.place)

    def change(self, store: Store, place: str, text: str) -> str:
        return f"own.update({place}, {text});"


def _copies(update: Update) -> int:
    """Of each place in a block's memory: a power of two, 0 where there is no room."""
    aval = update.full[0].aval
    room = _PRIVATE_BYTES // max(physical(aval.dtype).itemsize, _LEAST_WORD) // max(aval.size, 1)
    return 1 << min(room.bit_length() - 1, _MOST_COPIES.bit_length() - 1) if room else 0


def _private(frame: _PrivateFrame, update: Update, copies: int) -> list[str]:
    """
    __shared__ cj::Private<cj::Sum, float>::Memory memory;
    const cj::Private<cj::Sum, float> own(memory, places, copies);
    own.clear();
    for (...) own.update(cj::to_index(x0[i0]), x1[i0]);
    own.merge(y0);
    """
    (result,) = update.full
    kind = f"cj::Private<{update.reduction}, {type_name(result.aval.dtype)}>"
    places, copied = frame.sizes.give("places", result.aval.size), frame.sizes.give("copies", copies)
    return [
        f"__shared__ {kind}::Memory memory;", f"const {kind} own(memory, {places}, {copied});",
        "own.clear();", *strided(frame), f"own.merge({frame.buffers[result]});",
    ]
