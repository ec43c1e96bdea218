"""cuDNN's graph interface by ctypes: the library found, and descriptors made, filled in, read and executed.

CuPy does not wrap cuDNN any more.  Of its C interface the part called "backend" is stable: every object is a
*descriptor* of some kind, which has attributes and is finalized once they are set.  Names and numbers are those of
cudnn_graph.h, where each attribute is specified; `cudnn_plans.py` puts descriptors together.

    cudnn = load(cuda_major=12)                                     CudnnMissing says why there is none
    tensor = cudnn.descriptor(Kind.TENSOR)
    tensor.set(Attribute.TENSOR_DIMENSIONS, 2, 64, 32, 32).set(...).finalize()

Nothing here needs a device.  Start reading at `load`, then `Descriptor`.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Iterator
from ctypes import POINTER, byref, c_bool, c_char, c_char_p, c_double, c_float, c_int, c_int64, c_size_t, c_void_p
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any

OLDEST = 90800  # version 9.8: the first that takes the properties of a device which is not there
_MAJOR = 9  # libcudnn.so.9; the interface is promised within a major version


class CudnnError(RuntimeError):
    """A function of cuDNN failed."""


class CudnnMissing(RuntimeError):
    """There is no cuDNN that can be used; the text says why."""


class Kind(IntEnum):
    """cudnnBackendDescriptorType_t."""

    POINTWISE = 0
    CONVOLUTION = 1
    ENGINE = 2
    ENGINECFG = 3
    ENGINEHEUR = 4
    EXECUTION_PLAN = 5
    OPERATION_CONVOLUTION_FORWARD = 10
    OPERATION_CONVOLUTION_BACKWARD_FILTER = 11
    OPERATION_CONVOLUTION_BACKWARD_DATA = 12
    OPERATION_POINTWISE = 13
    OPERATIONGRAPH = 15
    VARIANT_PACK = 16
    TENSOR = 17
    DEVICEPROP = 38


class Type(Enum):
    """cudnnBackendAttributeType_t: its number, and the C type of a value."""

    HANDLE = 0, c_void_p
    DATA_TYPE = 1, c_int
    BOOLEAN = 2, c_bool
    INT64 = 3, c_int64
    FLOAT = 4, c_float
    DOUBLE = 5, c_double
    VOID_PTR = 6, c_void_p
    CONVOLUTION_MODE = 7, c_int
    HEUR_MODE = 8, c_int
    NAN_PROPAGATION = 10, c_int
    NUMERICAL_NOTE = 11, c_int
    POINTWISE_MODE = 14, c_int
    BACKEND_DESCRIPTOR = 15, c_void_p
    BEHAVIOR_NOTE = 19, c_int
    CHAR = 24, c_char


class Attribute(Enum):
    """cudnnBackendAttributeName_t: its number, and the type of its values."""

    POINTWISE_MODE = 0, Type.POINTWISE_MODE
    POINTWISE_MATH_PREC = 1, Type.DATA_TYPE
    POINTWISE_NAN_PROPAGATION = 2, Type.NAN_PROPAGATION
    CONVOLUTION_COMP_TYPE = 100, Type.DATA_TYPE
    CONVOLUTION_CONV_MODE = 101, Type.CONVOLUTION_MODE
    CONVOLUTION_DILATIONS = 102, Type.INT64
    CONVOLUTION_FILTER_STRIDES = 103, Type.INT64
    CONVOLUTION_POST_PADDINGS = 104, Type.INT64
    CONVOLUTION_PRE_PADDINGS = 105, Type.INT64
    CONVOLUTION_SPATIAL_DIMS = 106, Type.INT64
    ENGINEHEUR_MODE = 200, Type.HEUR_MODE
    ENGINEHEUR_OPERATION_GRAPH = 201, Type.BACKEND_DESCRIPTOR
    ENGINEHEUR_RESULTS = 202, Type.BACKEND_DESCRIPTOR
    ENGINEHEUR_DEVICEPROP = 204, Type.BACKEND_DESCRIPTOR
    ENGINECFG_ENGINE = 300, Type.BACKEND_DESCRIPTOR
    EXECUTION_PLAN_HANDLE = 400, Type.HANDLE
    EXECUTION_PLAN_ENGINE_CONFIG = 401, Type.BACKEND_DESCRIPTOR
    EXECUTION_PLAN_WORKSPACE_SIZE = 402, Type.INT64
    EXECUTION_PLAN_DEVICEPROP = 407, Type.BACKEND_DESCRIPTOR
    OPERATION_CONVOLUTION_FORWARD_ALPHA = 700, Type.FLOAT
    OPERATION_CONVOLUTION_FORWARD_BETA = 701, Type.FLOAT
    OPERATION_CONVOLUTION_FORWARD_CONV_DESC = 702, Type.BACKEND_DESCRIPTOR
    OPERATION_CONVOLUTION_FORWARD_W = 703, Type.BACKEND_DESCRIPTOR
    OPERATION_CONVOLUTION_FORWARD_X = 704, Type.BACKEND_DESCRIPTOR
    OPERATION_CONVOLUTION_FORWARD_Y = 705, Type.BACKEND_DESCRIPTOR
    OPERATION_CONVOLUTION_BWD_DATA_ALPHA = 706, Type.FLOAT
    OPERATION_CONVOLUTION_BWD_DATA_BETA = 707, Type.FLOAT
    OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC = 708, Type.BACKEND_DESCRIPTOR
    OPERATION_CONVOLUTION_BWD_DATA_W = 709, Type.BACKEND_DESCRIPTOR
    OPERATION_CONVOLUTION_BWD_DATA_DX = 710, Type.BACKEND_DESCRIPTOR
    OPERATION_CONVOLUTION_BWD_DATA_DY = 711, Type.BACKEND_DESCRIPTOR
    OPERATION_CONVOLUTION_BWD_FILTER_ALPHA = 712, Type.FLOAT
    OPERATION_CONVOLUTION_BWD_FILTER_BETA = 713, Type.FLOAT
    OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC = 714, Type.BACKEND_DESCRIPTOR
    OPERATION_CONVOLUTION_BWD_FILTER_DW = 715, Type.BACKEND_DESCRIPTOR
    OPERATION_CONVOLUTION_BWD_FILTER_X = 716, Type.BACKEND_DESCRIPTOR
    OPERATION_CONVOLUTION_BWD_FILTER_DY = 717, Type.BACKEND_DESCRIPTOR
    OPERATION_POINTWISE_PW_DESCRIPTOR = 750, Type.BACKEND_DESCRIPTOR
    OPERATION_POINTWISE_XDESC = 751, Type.BACKEND_DESCRIPTOR
    OPERATION_POINTWISE_BDESC = 752, Type.BACKEND_DESCRIPTOR
    OPERATION_POINTWISE_YDESC = 753, Type.BACKEND_DESCRIPTOR
    OPERATIONGRAPH_HANDLE = 800, Type.HANDLE
    OPERATIONGRAPH_OPS = 801, Type.BACKEND_DESCRIPTOR
    TENSOR_BYTE_ALIGNMENT = 900, Type.INT64
    TENSOR_DATA_TYPE = 901, Type.DATA_TYPE
    TENSOR_DIMENSIONS = 902, Type.INT64
    TENSOR_STRIDES = 903, Type.INT64
    TENSOR_UNIQUE_ID = 906, Type.INT64
    TENSOR_IS_VIRTUAL = 907, Type.BOOLEAN
    VARIANT_PACK_UNIQUE_IDS = 1000, Type.INT64
    VARIANT_PACK_DATA_POINTERS = 1001, Type.VOID_PTR
    VARIANT_PACK_WORKSPACE = 1003, Type.VOID_PTR
    ENGINE_GLOBAL_INDEX = 1301, Type.INT64
    ENGINE_NUMERICAL_NOTE = 1303, Type.NUMERICAL_NOTE
    ENGINE_BEHAVIOR_NOTE = 1305, Type.BEHAVIOR_NOTE
    DEVICEPROP_JSON_REPRESENTATION = 2702, Type.CHAR


class DataType(IntEnum):
    """cudnnDataType_t, by the names of dtypes."""

    float32 = 0
    float64 = 1
    float16 = 2
    bfloat16 = 9


class ConvolutionMode(IntEnum):
    """Whether the filter is reversed, as mathematicians have it, or not."""

    CONVOLUTION = 0
    CROSS_CORRELATION = 1


class PointwiseMode(IntEnum):
    """cudnnPointwiseMode_t: what is done with each number.  RELU_FWD: max(x, 0)."""

    ADD = 0
    RELU_FWD = 100


class HeuristicMode(IntEnum):
    """cudnnBackendHeurMode_t: a decision tree, and engines that work where none of its own does."""

    FALLBACK = 2
    A = 3


class Note(IntEnum):
    """cudnnBackendNumericalNote_t: what is to be known about the numbers that an engine gives."""

    TENSOR_CORE = 0
    DOWN_CONVERT_INPUTS = 1
    REDUCED_PRECISION_REDUCTION = 2
    FFT = 3
    NONDETERMINISTIC = 4
    WINOGRAD = 5
    WINOGRAD_TILE_4x4 = 6
    WINOGRAD_TILE_6x6 = 7
    WINOGRAD_TILE_13x13 = 8
    STRICT_NAN_PROP = 9


_MOST_NOTES = 32  # more than there are
_COMPILES_AT_RUN_TIME = 0  # a cudnnBackendBehaviorNote_t

# --- finding it ---------------------------------------------------------------------------------------------


def load(cuda_major: int) -> Cudnn:
    """The library, for programs that use CUDA `cuda_major`; CudnnMissing says what is wrong."""
    library = _first_that_loads(f"libcudnn.so.{_MAJOR}")
    if library is None:
        raise CudnnMissing("it is not installed")
    check_versions(library, cuda_major)
    # Without cuBLAS cuDNN ends the process where it looks for an engine, so cuBLAS has to be there beforehand.
    cublas = f"libcublasLt.so.{cuda_major}"
    if _first_that_loads(cublas) is None:
        raise CudnnMissing(f"{cublas}, which it needs, is not there")
    return Cudnn(library)


def check_versions(library: Any, cuda_major: int) -> None:
    """CudnnMissing where the library is too old, or made for another CUDA."""
    for name in ("cudnnGetVersion", "cudnnGetCudartVersion"):
        getattr(library, name).restype = c_size_t
    found, cuda = library.cudnnGetVersion(), library.cudnnGetCudartVersion()
    if found < OLDEST:
        raise CudnnMissing(f"it is version {_version_text(found)}, and {_version_text(OLDEST)} is needed")
    if cuda // 1000 != cuda_major:
        raise CudnnMissing(f"it is made for CUDA {cuda // 1000}, and CuPy uses CUDA {cuda_major}")


def _version_text(version: int) -> str:
    return f"{version // 10000}.{version // 100 % 100}.{version % 100}"


def _first_that_loads(name: str) -> ctypes.CDLL | None:
    for candidate in (*_in_wheels(name), name):
        try:
            return ctypes.CDLL(candidate)
        except OSError:
            continue
    return None


def _in_wheels(name: str) -> Iterator[str]:
    """Files of that name in NVIDIA's wheels, which share the namespace package `nvidia`."""
    spec = importlib.util.find_spec("nvidia")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield from map(str, sorted(Path(folder).glob(f"*/lib/{name}")))


# --- using it -----------------------------------------------------------------------------------------------


class Cudnn:
    """Functions of the library, which raise `CudnnError`."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self.version = int(library.cudnnGetVersion())
        library.cudnnGetErrorString.restype = c_char_p
        self._last_error = self._function("cudnnGetLastErrorString", c_char_p, c_size_t)
        self._create_handle = self._function("cudnnCreate", POINTER(c_void_p))
        self._set_stream = self._function("cudnnSetStream", c_void_p, c_void_p)
        self.create = self._function("cudnnBackendCreateDescriptor", c_int, POINTER(c_void_p))
        self.destroy = self._function("cudnnBackendDestroyDescriptor", c_void_p)
        self.finalize = self._function("cudnnBackendFinalize", c_void_p)
        self.set_attribute = self._function("cudnnBackendSetAttribute", c_void_p, c_int, c_int, c_int64, c_void_p)
        self.get_attribute = self._function(
            "cudnnBackendGetAttribute", c_void_p, c_int, c_int, c_int64, POINTER(c_int64), c_void_p
        )
        self._execute = self._function("cudnnBackendExecute", c_void_p, c_void_p, c_void_p)

    def _function(self, name: str, *kinds: type) -> Any:
        function = getattr(self._library, name)
        function.argtypes, function.restype = kinds, c_int
        return function

    def check(self, what: str, status: int) -> None:
        if status:
            text = ctypes.create_string_buffer(512)
            self._last_error(text, len(text))
            name = self._library.cudnnGetErrorString(status).decode()
            raise CudnnError(f"{what}: {name} {text.value.decode(errors='replace')}".rstrip())

    def create_handle(self) -> int:
        """A handle for the current device."""
        handle = c_void_p()
        self.check("cudnnCreate", self._create_handle(byref(handle)))
        return handle.value or 0

    def set_stream(self, handle: int, stream: int) -> None:
        """What is executed with the handle from now on goes to `stream`."""
        self.check("cudnnSetStream", self._set_stream(handle, stream))

    def descriptor(self, kind: Kind) -> Descriptor:
        return Descriptor(self, kind)

    def execute(self, handle: int, plan: Descriptor, pack: Descriptor) -> None:
        """Put the work of a plan into the queue of the handle's stream."""
        self.check("cudnnBackendExecute", self._execute(handle, plan.address, pack.address))


class Descriptor:
    """One object of cuDNN.  It keeps those that its attributes name, and is destroyed with this object."""

    def __init__(self, cudnn: Cudnn, kind: Kind) -> None:
        self._cudnn, self._kind = cudnn, kind
        self._kept: list[Descriptor] = []
        address = c_void_p()
        cudnn.check(f"creating {kind.name}", cudnn.create(kind, byref(address)))
        self.address = address.value

    def __del__(self) -> None:
        if getattr(self, "address", None):
            self._cudnn.destroy(self.address)

    def set(self, attribute: Attribute, *values: Any, type: Type | None = None) -> Descriptor:
        """Give an attribute its values, which may be descriptors; `type` is for attributes that take several."""
        self._kept += [v for v in values if isinstance(v, Descriptor)]
        number, kind = attribute.value
        code, c_type = (type or kind).value
        array = (c_type * len(values))(*[v.address if isinstance(v, Descriptor) else v for v in values])
        status = self._cudnn.set_attribute(self.address, number, code, len(values), array)
        self._cudnn.check(attribute.name, status)
        return self

    def set_text(self, attribute: Attribute, text: bytes) -> Descriptor:
        """Give an attribute of characters its value."""
        number, kind = attribute.value
        buffer = ctypes.create_string_buffer(text, len(text))
        status = self._cudnn.set_attribute(self.address, number, kind.value[0], len(text), buffer)
        self._cudnn.check(attribute.name, status)
        return self

    def finalize(self) -> Descriptor:
        """Check the attributes and make the object usable; afterwards none can be set."""
        self._cudnn.check(f"finalizing {self._kind.name}", self._cudnn.finalize(self.address))
        return self

    def count(self, attribute: Attribute) -> int:
        """How many values an attribute has."""
        return self._read(attribute, 0, None)

    def ints(self, attribute: Attribute, at_most: int = 1) -> list[int]:
        """The values of an attribute of integers."""
        values = (attribute.value[1].value[1] * at_most)()
        return list(values[: self._read(attribute, at_most, values)])

    def descriptors(self, attribute: Attribute, kind: Kind, at_most: int) -> list[Descriptor]:
        """The descriptors of one kind that an attribute names."""
        found = [self._cudnn.descriptor(kind) for _ in range(at_most)]
        addresses = (c_void_p * at_most)(*[f.address for f in found])
        return found[: self._read(attribute, at_most, addresses)]

    def notes(self) -> frozenset[Note]:
        """Of an engine: what is known about its numbers.  Notes that this file does not know are left out."""
        known = set(Note)
        return frozenset([Note(n) for n in self.ints(Attribute.ENGINE_NUMERICAL_NOTE, _MOST_NOTES) if n in known])

    def compiles_at_run_time(self) -> bool:
        """Of an engine: whether its kernels are not there yet, and a plan takes seconds."""
        return _COMPILES_AT_RUN_TIME in self.ints(Attribute.ENGINE_BEHAVIOR_NOTE, _MOST_NOTES)

    def _read(self, attribute: Attribute, size: int, target: Any) -> int:
        """Fill `target`, which has room for `size` values; how many there are."""
        number, kind = attribute.value
        found = c_int64()
        status = self._cudnn.get_attribute(self.address, number, kind.value[0], size, byref(found), target)
        self._cudnn.check(attribute.name, status)
        return found.value if size == 0 else min(found.value, size)
