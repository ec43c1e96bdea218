"""An emulator of CUDA: executes the text of generated kernels for the device on NumPy arrays, thread by thread.

    target = EmulatorTarget()                        a kernel target, as `engine/backends/api.py` describes them
    module = target.compile(source)
    target.launch(module.function("name"), grid, block, shared_bytes, slots)

    Kernels(source, target).run("name", grid, block, array, 3)                        the same by hand
    with emulated_backend(target): cujax.jit(f)(x)                                    from Python to the kernel

The text is compiled as it stands by g++, against headers that define what CUDA defines (device/cuda.h), and run by
a machine that gives each thread its turn (device/machine.h).  EmulatorError says what a thread did wrong, and which:
a divergent barrier, a wrong mask, a deadlock, a trap, a loop without end, a launch that no device accepts.  Beyond that

    same_in_all_orders(target, run)    runs with threads and blocks in other orders and compares the results
    EmulatorTarget(find_races=True)    follows every access to memory: two threads, one place, no order between them
    SanitizedTarget()                  launches in processes of their own, which find accesses out of bounds
    reserve(count, dtype)              arrays of billions of elements of which a kernel touches few

Where it differs from a device: sin, exp and their like are the C library's, different in the last bits; a block runs
after another, so that none can wait for a later one; there are no matrix instructions and no inline PTX.
"""

from emulator.backend import EmulatedBackend, emulated_backend
from emulator.compiling import why_not
from emulator.errors import EmulatorError
from emulator.kernels import Kernels
from emulator.launching import slots_of
from emulator.orders import ORDERS, same_in_all_orders
from emulator.sanitized import SanitizedTarget
from emulator.sparse import reserve
from emulator.target import EmulatorTarget

__all__ = [
    "ORDERS",
    "EmulatedBackend",
    "EmulatorError",
    "EmulatorTarget",
    "Kernels",
    "SanitizedTarget",
    "emulated_backend",
    "reserve",
    "same_in_all_orders",
    "slots_of",
    "why_not",
]
