"""Options as context managers: `with cujax.enable_x64(True): ...`, for the running thread.

Each is declared in one line below; what the options mean stands in `engine/ground/config.py`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from cujax.engine.ground.config import config, find_option

_MISSING = object()


class OptionContext:
    """Called with a value it gives a context manager under which the option has it; also a decorator."""

    def __init__(self, name: str) -> None:
        option = find_option(name)
        self.name = name
        self._default = True if option.kind is bool else _MISSING
        self.__doc__ = option.doc

    @property
    def value(self) -> Any:
        """The value in force in this thread."""
        return config.read(self.name)

    def __call__(self, new_val: Any = _MISSING) -> AbstractContextManager[None]:
        """The context manager.  TypeError without a value for an option that is not on or off."""
        value = self._default if new_val is _MISSING else new_val
        if value is _MISSING:
            raise TypeError(f"{self.name}: give the value of the option: `with cujax.{self.name}(value):`")
        return config.override(self.name, value)

    def __repr__(self) -> str:
        return f"<option {self.name} = {self.value!r}>"


check_tracer_leaks = OptionContext("check_tracer_leaks")
debug_infs = OptionContext("debug_infs")
debug_key_reuse = OptionContext("debug_key_reuse")
debug_nans = OptionContext("debug_nans")
default_device = OptionContext("default_device")
default_matmul_precision = OptionContext("default_matmul_precision")
default_prng_impl = OptionContext("default_prng_impl")
enable_checks = OptionContext("enable_checks")
enable_custom_prng = OptionContext("enable_custom_prng")
enable_x64 = OptionContext("enable_x64")
explain_cache_misses = OptionContext("explain_cache_misses")
legacy_prng_key = OptionContext("legacy_prng_key")
log_compiles = OptionContext("log_compiles")
numpy_dtype_promotion = OptionContext("numpy_dtype_promotion")
numpy_rank_promotion = OptionContext("numpy_rank_promotion")
softmax_custom_jvp = OptionContext("softmax_custom_jvp")
thread_guard = OptionContext("thread_guard")
threefry_partitionable = OptionContext("threefry_partitionable")
transfer_guard = OptionContext("transfer_guard")
transfer_guard_device_to_device = OptionContext("transfer_guard_device_to_device")
transfer_guard_device_to_host = OptionContext("transfer_guard_device_to_host")
transfer_guard_host_to_device = OptionContext("transfer_guard_host_to_device")


def disable_jit(disable: bool = True) -> AbstractContextManager[None]:
    """Jitted functions, loops and branches run as Python, operation by operation: for the debugger."""
    return config.override("disable_jit", disable)


def checking_leaks() -> AbstractContextManager[None]:
    """A tracer that outlives the function it belongs to raises where that function returns."""
    return config.override("check_tracer_leaks", True)
