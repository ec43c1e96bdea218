"""The backend of a CPU with a C++ compiler: NumPy's arrays and functions, and kernels compiled for this machine.

Everything but the kernels is `numpy_backend`'s.  The compiler is looked for when a program first asks for
`kernels`, so that neither the import nor an operation outside `jit` pays for it.
"""

from __future__ import annotations

from functools import cached_property

from cujax.engine.backends.host_target import HostTarget
from cujax.engine.backends.numpy_backend import NumpyBackend


class HostBackend(NumpyBackend):
    """See `api.Backend`."""

    name = "host"

    @cached_property
    def kernels(self) -> HostTarget | None:
        """The kernel target; None where there is no compiler, and then programs run through NumPy."""
        return HostTarget.find()
