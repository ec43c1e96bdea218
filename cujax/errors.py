"""The errors that cujax raises; each docstring shows the mistake and its repair."""

from cujax.engine.ground.errors import (
    ConcretizationTypeError,
    IncompatibleDevicesError,
    InconclusiveDimensionOperation,
    JaxRuntimeError,
    KeyReuseError,
    NonConcreteBooleanIndexError,
    OutOfMemoryError,
    TracerArrayConversionError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
    UnexpectedTracerError,
)

__all__ = [
    "ConcretizationTypeError",
    "IncompatibleDevicesError",
    "InconclusiveDimensionOperation",
    "JaxRuntimeError",
    "KeyReuseError",
    "NonConcreteBooleanIndexError",
    "OutOfMemoryError",
    "TracerArrayConversionError",
    "TracerBoolConversionError",
    "TracerIntegerConversionError",
    "UnexpectedTracerError",
]
