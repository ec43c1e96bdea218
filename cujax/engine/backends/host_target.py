"""The kernel target of CPUs."""

from __future__ import annotations


class HostTarget:
    """See `api.KernelTarget`."""

    language = "host"

    @classmethod
    def find(cls) -> HostTarget | None:
        """The target of this process, None where no compiler is to be used or found."""
        return None
