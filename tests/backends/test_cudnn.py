"""Convolutions by cuDNN on GPUs whose memory is the host's, by a cuDNN that is written in Python (`fake_cudnn.py`)."""

from __future__ import annotations

import ctypes
import logging
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cudnn_cases import numbers
from cudnn_reference import execute

import cujax
from cujax.engine.backends import cudnn, cudnn_api, cudnn_device, select
from cujax.engine.backends.cuda import CudaBackend
from cujax.engine.backends.cudnn_api import Attribute, Cudnn, CudnnError, CudnnMissing, Kind, Note
from cujax.engine.backends.cudnn_call import Epilogue, Outlines
from cujax.engine.backends.cudnn_convolution import Window
from cujax.engine.backends.cudnn_convolution import convolve as map_convolution
from cujax.engine.backends.cudnn_plans import Numerics, forbidden_notes
from cujax.engine.backends.numpy_library import convolution as no_library
from cujax.engine.core.array import ConcreteArray
from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground.config import config
from cujax.engine.ops.convolution import conv_general_dilated_p

cupy = pytest.importorskip("cupy", reason="CuPy is not installed; the test extra brings it")

from fake_cudnn import Engine, FakeCudnn  # noqa: E402
from fake_gpu import HostArray, Stream  # noqa: E402

WINDOW = {
    "window_strides": (1,), "padding": ((1, 1),), "lhs_dilation": (1,), "rhs_dilation": (1,),
    "feature_group_count": 1, "batch_group_count": 1,
}  # fmt: skip


@pytest.fixture
def one(gpu, monkeypatch, tmp_path):
    """One GPU, with a compilation cache of its own."""
    found = gpu(1)
    monkeypatch.setattr(cupy, "empty", lambda shape, dtype: found.array(np.full(shape, 77, dtype), found.device))
    monkeypatch.setattr(cupy, "copyto", lambda target, source: fill(target, ..., source))
    with config.override("compilation_cache_dir", str(tmp_path)):
        yield found


@pytest.fixture
def start(monkeypatch):
    """Lets convolutions go to a library, from a process that has made none."""

    def use(library: FakeCudnn) -> FakeCudnn:
        monkeypatch.setattr(cudnn, "_started", [cudnn.Convolutions(Cudnn(library))])
        return library

    return use


def operands(gpu: Any, dtype: str = "float32") -> tuple[Any, Any, np.ndarray]:
    """lhs and rhs on the GPU, and the convolution of the two."""
    rng = np.random.default_rng(0)
    x, y = numbers(rng, (2, 3, 7), dtype), numbers(rng, (4, 3, 3), dtype)
    wide = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1))), 3, axis=2)
    return gpu.array(x), gpu.array(y), np.einsum("ncpk,ock->nop", wide, y)


def convolve(gpu: Any, allows_tf32: bool = False, dtype: str = "float32") -> Any:
    """A convolution, checked; None where cuDNN does not compute it."""
    x, y, expected = operands(gpu, dtype)
    found = cudnn.convolution(x, y, (0, 1, 2), allows_tf32, **WINDOW)
    if found is not None:
        np.testing.assert_allclose(found.get(), expected, rtol=1e-5, atol=1e-5)
    return found


# --- executing ------------------------------------------------------------------------------------------------


def test_a_convolution_is_planned_once(one, start):
    library = start(FakeCudnn(Engine(7)))
    for _ in range(3):
        assert convolve(one) is not None
    assert [engine for _, engine, _ in library.executed] == [7, 7, 7]
    assert library.asked == 1


@pytest.mark.parametrize(("changed", "is_asked"), [
    ({}, True), ({"padding": ((1, 0),)}, False), ({"lhs_dilation": (2,)}, False), ({"window_strides": (2,)}, True),
], ids=str)  # fmt: skip
def test_groups_are_asked_for_where_results_are_right(one, start, changed, is_asked):
    library = start(FakeCudnn(Engine(7)))
    x, y = one.array(np.ones((2, 4, 7), np.float32)), one.array(np.ones((4, 2, 3), np.float32))
    window = WINDOW | {"feature_group_count": 2} | changed
    found = cudnn.convolution(x, y, (0, 1, 2), True, **window)
    assert (found is not None) is bool(library.executed) is is_asked
    volume = {name: value * 3 for name, value in WINDOW.items() if isinstance(value, tuple)} | {"batch_group_count": 1}
    x, y = one.array(np.ones((2, 4, 5, 5, 5), np.float32)), one.array(np.ones((4, 2, 3, 3, 3), np.float32))
    assert cudnn.convolution(x, y, (0, 1, 2, 3, 4), True, **volume, feature_group_count=2) is None


def test_repeated_convolutions_are_not_worked_out_again(one, start, monkeypatch):
    library = start(FakeCudnn(Engine(7)))
    convolve(one)
    with monkeypatch.context() as patch:
        patch.setattr(cudnn, "convolve", None)
        assert convolve(one) is not None
        with pytest.raises(TypeError):
            convolve(one, allows_tf32=True)
    x, y, expected = operands(one)
    room = one.array(np.zeros(100, np.float32))
    moved = HostArray(x.shape, x.dtype, room.data + 4)  # of another alignment
    ctypes.memmove(moved.data.ptr, x.data.ptr, x.nbytes)
    found = cudnn.convolution(moved, y, (0, 1, 2), False, **WINDOW)
    np.testing.assert_allclose(found.get(), expected, rtol=1e-5, atol=1e-5)
    assert library.asked == 2


@pytest.mark.parametrize("changed", [
    {}, {"padding": ((-2, 1),)}, {"lhs_dilation": (2,)}, {"lhs_dilation": (2,), "window_strides": (3,)},
    {"lhs_dilation": (2,), "padding": ((-3, 0),)},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("kernel", [3, 6])
def test_repeats_are_right(one, start, monkeypatch, changed, kernel):
    """Each way to ask cuDNN, with other operands the second time; those of the first are gone."""
    monkeypatch.setattr(cupy, "zeros", lambda shape, dtype: one.array(np.zeros(shape, dtype)))
    monkeypatch.setattr(HostArray, "__setitem__", fill)
    start(FakeCudnn(Engine(7)))
    window = WINDOW | changed
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x, y = numbers(rng, (2, 3, 7), np.float32), numbers(rng, (4, 3, kernel), np.float32)
        found = cudnn.convolution(one.array(x), one.array(y), (0, 1, 2), False, **window)
        expected = map_convolution(np, x, y, (0, 1, 2), Window(**window), lambda a: a.ctypes.data, execute)
        np.testing.assert_allclose(found.get(), expected, rtol=1e-4, atol=1e-5)


def fill(target: Any, index: Any, source: Any) -> None:
    """Assignment to a part of an array on the GPU, without a kernel."""
    in_memory(target)[index] = in_memory(source) if isinstance(source, cupy.ndarray) else source


def in_memory(array: Any) -> np.ndarray:
    """NumPy's view of an array on the GPU, whatever its strides."""
    spans = [(n - 1) * step for n, step in zip(array.shape, array.strides, strict=True)]
    before, after = (abs(sum(s for s in spans if (s < 0) is is_negative)) for is_negative in (True, False))
    room = (ctypes.c_char * (before + after + array.itemsize)).from_address(array.data.ptr - before)
    return np.ndarray(array.shape, array.dtype, room, before, array.strides)


def strides_of(array: Any) -> tuple[int, ...]:
    return tuple(s // array.itemsize for s in array.strides)


def test_dimension_numbers_of_the_result(one, start):
    start(FakeCudnn(Engine(7)))
    x, y, expected = operands(one)
    found = cudnn.convolution(x, y, (2, 0, 1), False, **WINDOW)
    np.testing.assert_allclose(found.get(), expected.transpose(1, 2, 0), rtol=1e-5, atol=1e-5)


def test_the_current_stream_is_used(one, start):
    library = start(FakeCudnn(Engine(7)))
    convolve(one)
    with Stream(one, 4242):
        convolve(one)
    assert [stream for stream, _, _ in library.executed] == [0, 4242]


def test_the_workspace_is_allocated_by_cupy(one, start, monkeypatch):
    library = start(FakeCudnn(Engine(7, workspace=1000)))
    given = []
    alloc = cupy.cuda.alloc
    monkeypatch.setattr(cupy.cuda, "alloc", lambda size: given.append((size, alloc(size))) or given[-1][1])
    convolve(one)
    assert [size for size, _ in given] == [1000]
    assert library.executed == [(0, 7, given[0][1].ptr)]


def test_each_device_has_plans_of_its_own(gpu, start, monkeypatch):
    two = gpu(2)
    monkeypatch.setattr(cupy, "empty", lambda shape, dtype: two.array(np.zeros(shape, dtype), two.device))
    library = start(FakeCudnn(Engine(7)))
    with config.override("enable_compilation_cache", False):
        for number in (0, 1, 0, 1):
            two.device = number
            convolve(two)
    assert library.asked == 2
    assert len(library.streams) == 2


def test_descriptors_are_destroyed(one, start, monkeypatch):
    """All but those of plans, and of the addresses that were the last ones."""
    monkeypatch.setattr(cudnn_device, "_MOST_KEPT", 1)
    library = start(FakeCudnn(Engine(7), Engine(8)))
    convolve(one)
    left = len(library.descriptors)
    for _ in range(3):
        convolve(one)
    assert len(library.descriptors) == left
    cudnn._started.clear()
    assert library.descriptors == {}


# --- epilogues ------------------------------------------------------------------------------------------------


def added(gpu: Any, seed: int, adds: bool = True, axes: tuple[int, ...] = (0, 1, 2)) -> tuple[tuple, np.ndarray]:
    """Arguments of a convolution with an epilogue, and the result, both with axes as `axes` says."""
    x, y, expected = operands(gpu)
    rng = np.random.default_rng(seed)
    bias, residual = numbers(rng, (4,), "float32"), numbers(rng, expected.shape, "float32")
    expected = np.maximum(expected + residual * adds + bias[:, None], 0)
    placed = np.argsort(axes)
    epilogue = Epilogue(gpu.array(residual.transpose(placed)) if adds else None, gpu.array(bias[None]), True)
    return (x, y, axes, False, *WINDOW.values(), epilogue), expected.transpose(placed)


@pytest.mark.parametrize("axes", [(0, 1, 2), (0, 2, 1), (2, 0, 1)])
@pytest.mark.parametrize("adds", [False, True])
def test_epilogues(one, start, axes, adds):
    library = start(FakeCudnn(Engine(7)))
    for seed in range(3):  # the second time without looking at anything but addresses
        arguments, expected = added(one, seed, adds, axes)
        np.testing.assert_allclose(cudnn.convolution(*arguments).get(), expected, rtol=1e-5, atol=1e-5)
    assert len(library.executed) == 3
    assert library.asked == 1


def test_repeats_tell_epilogues_apart(one, start):
    start(FakeCudnn(Engine(7)))
    (*plain, epilogue), expected = added(one, 0)
    changes = {
        "none": None, "no maximum": epilogue._replace(rectifies=False), "no residual": epilogue._replace(residual=None)
    }  # fmt: skip
    first = {name: cudnn.convolution(*plain, changed).get() for name, changed in changes.items()}
    np.testing.assert_allclose(cudnn.convolution(*plain, epilogue).get(), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(first["no maximum"].clip(0), expected, rtol=1e-5, atol=1e-5)
    for name, changed in changes.items():
        np.testing.assert_array_equal(cudnn.convolution(*plain, changed).get(), first[name])
        assert abs(first[name] - expected).max() > 0.1


def outlined(arguments: tuple) -> tuple:
    """The same, of outlines."""
    *plain, epilogue = arguments
    x, y = (Outlines.empty(a.shape, a.dtype) for a in plain[:2])
    outlines = [a if a is None or a is True else Outlines.empty(a.shape, a.dtype) for a in epilogue]
    return (x, y, *plain[2:], Epilogue(*outlines))


def test_a_plan_that_was_asked_for_is_the_one_that_is_executed(one, start):
    library = start(FakeCudnn(Engine(1, builds=False), Engine(2)))
    arguments, _ = added(one, 0)
    for _ in range(2):
        assert cudnn.plans_convolution(*outlined(arguments)) is True
    assert library.executed == []
    cudnn.convolution(*arguments)
    assert library.asked == 1
    start(library)  # another process
    assert cudnn.plans_convolution(*outlined(arguments)) is True
    assert library.asked == 2


def test_refusals_are_remembered(one, start):
    library = start(FakeCudnn(Engine(1, builds=False)))
    arguments, _ = added(one, 0)
    assert cudnn.plans_convolution(*outlined(arguments)) is False
    asked = library.asked
    assert cudnn.plans_convolution(*outlined(arguments)) is False
    assert cudnn.convolution(*arguments) is None
    assert library.asked == asked


def test_engines_that_compile_are_for_plain_convolutions_only(one, start):
    library = start(FakeCudnn(Engine(1, compiles=True), Engine(2)))
    arguments, _ = added(one, 0)
    assert cudnn.convolution(*arguments) is not None
    assert engines_used(one, library) == [1]
    assert [engine for _, engine, _ in library.executed] == [2, 1]


@pytest.mark.parametrize("changed", [
    {"lhs_dilation": (2,)}, {"feature_group_count": 1, "batch_group_count": 2}, {"padding": ((-9, 1),)},
], ids=str)  # fmt: skip
def test_epilogues_are_for_forward_convolutions(one, start, changed):
    start(FakeCudnn(Engine(7)))
    (x, y, axes, allows_tf32, *_, epilogue), _ = added(one, 0, adds=False)
    arguments = x, y, axes, allows_tf32, *(WINDOW | changed).values(), epilogue
    assert cudnn.plans_convolution(*outlined(arguments)) is False
    assert cudnn.convolution(*arguments) is None


def test_gradients_in_a_filter_have_no_epilogue(one, start):
    start(FakeCudnn(Engine(7)))
    (x, _, *rest), _ = added(one, 0, adds=False)
    arguments = x, one.array(np.zeros((4, 3, 7), np.float32)), *rest
    assert cudnn.plans_convolution(*outlined(arguments)) is False


def test_a_program_is_one_execution(one, start, monkeypatch):
    library = start(FakeCudnn(Engine(7)))
    monkeypatch.setattr(select, "_selected", CudaBackend())

    def layer(x: Any, y: Any, b: Any, r: Any) -> Any:
        wide = cujax.lax.conv_general_dilated(x, y, (1,), [(1, 1)], precision="tensorfloat32")
        return cujax.nn.relu(wide + r + b.reshape(-1, 1))

    run = cujax.jit(layer)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x, y, b, r = given = [numbers(rng, s, "float32") for s in ((2, 64, 7), (4, 64, 3), (4,), (2, 4, 7))]
        found = run(*[ConcreteArray(one.array(v), ShapedArray(v.shape, v.dtype, False)) for v in given])
        plain = map_convolution(np, x, y, (0, 1, 2), Window(**WINDOW), lambda a: a.ctypes.data, execute)
        np.testing.assert_allclose(found, np.maximum(plain + r + b[:, None], 0), rtol=1e-5, atol=1e-5)
    assert len(library.executed) == 3
    assert library.asked == 1


def test_nothing_has_a_plan_without_cudnn(one, monkeypatch):
    missing(monkeypatch, "it is not installed")
    arguments, _ = added(one, 0)
    with pytest.warns(RuntimeWarning, match="cuDNN is not in use, since it is not installed"):
        assert cudnn.plans_convolution(*outlined(arguments)) is False


# --- which plan -------------------------------------------------------------------------------------------------


def engines_used(gpu: Any, library: FakeCudnn, **how: Any) -> list[int]:
    before = len(library.executed)
    convolve(gpu, **how)
    return [engine for _, engine, _ in library.executed[before:]]


def test_float32_means_float32_unless_tf32_is_allowed(one, start):
    library = start(FakeCudnn(Engine(1, (Note.TENSOR_CORE,)), Engine(2, (Note.DOWN_CONVERT_INPUTS,)), Engine(3)))
    assert engines_used(one, library) == [3]
    assert engines_used(one, library, allows_tf32=True) == [1]
    assert engines_used(one, library, dtype="float64") == [1]


def test_only_deterministic_engines_unless_others_are_allowed(one, start):
    library = start(FakeCudnn(Engine(1, (Note.NONDETERMINISTIC,)), Engine(2)))
    assert engines_used(one, library) == [2]
    with config.override("deterministic", False):
        assert engines_used(one, library) == [1]


def test_sums_are_never_made_in_16_bits():
    for numerics in (Numerics(False, True), Numerics(True, False)):
        assert Note.REDUCED_PRECISION_REDUCTION in forbidden_notes("float16", numerics)
    assert Note.TENSOR_CORE not in forbidden_notes("float16", Numerics(False, True))


def test_engines_that_refuse_or_need_much_memory_are_passed_over(one, start):
    refusing = Engine(1, builds=False)
    library = start(FakeCudnn(refusing, Engine(2, workspace=2**40), fallback=(Engine(3),)))
    assert engines_used(one, library) == [3]


def test_without_a_plan_there_is_no_convolution(one, start, caplog):
    library = start(FakeCudnn(Engine(1, builds=False)))
    with caplog.at_level(logging.INFO, "cujax"):
        assert convolve(one) is None
        asked = library.asked
        assert convolve(one) is None
    assert library.asked == asked
    said = [record.getMessage().split(" for ")[0] for record in caplog.records]
    assert said == ["cuDNN has no plan"] * 2  # as a forward convolution, and as a gradient in the filter


def test_what_fails_is_not_tried_again(one, start, caplog):
    library = start(FakeCudnn(Engine(1, runs=False)))
    with caplog.at_level(logging.WARNING, "cujax"):
        assert convolve(one) is None
        assert convolve(one) is None
    assert len(library.executed) == 2  # as a forward convolution, and as a gradient in the filter
    assert caplog.records[0].getMessage().startswith(
        "cuDNN could not execute its own plan and is not asked again: cudnnBackendExecute: "
        "CUDNN_STATUS_EXECUTION_FAILED because it is a fake for Convolution(role="
    )


def test_few_plans_stay_in_memory(one, start, monkeypatch):
    monkeypatch.setattr(cudnn_device, "_MOST_KEPT", 2)
    library = start(FakeCudnn(Engine(1)))
    with config.override("enable_compilation_cache", False):
        for dtype in ("float32", "float64", "float32"):
            convolve(one, dtype=dtype)
        assert library.asked == 2
        convolve(one, allows_tf32=True)
        convolve(one)
    assert library.asked == 4


# --- on disk ----------------------------------------------------------------------------------------------------


def test_plans_are_asked_for_in_every_process(one, start):
    """What cuDNN reads back from a plan's text may compute something else."""
    library = FakeCudnn(Engine(1), Engine(2))
    for _ in range(2):  # two processes
        start(library)
        convolve(one)
    assert [engine for _, engine, _ in library.executed] == [1, 1]
    assert library.asked == 2


# --- trying -----------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """Events between which plans take the milliseconds of `clock[engine]`."""
    times: dict[int, float] = {}
    event = SimpleNamespace(record=lambda: None, synchronize=lambda: None)
    monkeypatch.setattr(cupy.cuda, "Event", lambda: event)
    library: list[FakeCudnn] = []
    monkeypatch.setattr(cupy.cuda, "get_elapsed_time", lambda start, stop: times[library[0].executed[-1][1]])
    return times, library


def test_autotuning_keeps_the_fastest(one, start, clock, monkeypatch):
    times, libraries = clock
    times.update({1: 3.0, 2: 1.0, 3: 2.0})
    library = start(FakeCudnn(Engine(1), Engine(2), Engine(3), Engine(4, runs=False), Engine(5, builds=False)))
    libraries.append(library)
    assert engines_used(one, library) == [1]
    with config.override("conv_autotune", True):
        assert engines_used(one, library)[-1] == 2
        assert engines_used(one, library) == [2]
        start(library)  # another process
        assert engines_used(one, library) == [2]
        monkeypatch.setattr(library, "cudnnGetVersion", lambda: 92900)
        start(library)  # another cuDNN, whose plans are others
        assert engines_used(one, library)[:3] == [1, 1, 1]
    assert engines_used(one, library) == [1]


def test_a_choice_that_is_none_any_more_is_made_anew(one, start, clock):
    times, libraries = clock
    times.update({1: 3.0, 2: 1.0})
    libraries.append(start(FakeCudnn(Engine(1), Engine(2))))
    with config.override("conv_autotune", True):
        assert engines_used(one, libraries[0])[-1] == 2
        libraries[:] = [start(FakeCudnn(Engine(1)))]  # with the same name and version
        assert engines_used(one, libraries[0])[-1] == 1


def test_autotuning_may_find_nothing(one, start, clock):
    start(FakeCudnn(Engine(1, runs=False)))
    with config.override("conv_autotune", True):
        assert convolve(one) is None


# --- without cuDNN ------------------------------------------------------------------------------------------------


def missing(monkeypatch, reason: str) -> None:
    def load(major: int) -> Cudnn:
        raise CudnnMissing(reason)

    monkeypatch.setattr(cudnn, "load", load)
    monkeypatch.setattr(cudnn, "_started", [])
    monkeypatch.setattr(cupy.cuda.runtime, "runtimeGetVersion", lambda: 13000)


def test_that_it_is_missing_is_said_once(one, monkeypatch):
    missing(monkeypatch, "it is not installed")
    with pytest.warns(RuntimeWarning) as said:
        assert convolve(one) is None
    assert convolve(one) is None
    assert [str(w.message) for w in said] == [
        "cuDNN is not in use, since it is not installed: convolutions with many features run as a generated kernel, "
        "which is slower. Install it with: pip install 'nvidia-cudnn-cu13>=9.8,<10'"
    ]


def test_a_library_that_does_not_start_is_as_good_as_none(one, monkeypatch):
    library = FakeCudnn(Engine(1))
    library.handles_fail = True
    missing(monkeypatch, "")
    monkeypatch.setattr(cudnn, "load", lambda major: Cudnn(library))
    expected = "cuDNN is not in use, since cudnnCreate: CUDNN_STATUS_EXECUTION_FAILED because it is a fake: "
    with pytest.warns(RuntimeWarning, match=expected):
        assert convolve(one) is None


def test_convolutions_are_computed_without_it():
    """As on a machine without cuDNN: the impl falls back to products."""
    x, y = np.ones((1, 2, 5), np.float32), np.ones((3, 2, 2), np.float32)
    assert no_library(x, y, (0, 1, 2), False, **WINDOW) is None
    out = cujax.lax.conv(x, y, (1,), "VALID")
    np.testing.assert_array_equal(out, np.full((1, 3, 4), 4, np.float32))
    assert conv_general_dilated_p.is_fresh


@pytest.mark.parametrize(("version", "cuda", "expected"), [
    (90701, 12080, "it is version 9.7.1, and 9.8.0 is needed"),
    (92801, 12080, "it is made for CUDA 12, and CuPy uses CUDA 13"),
])  # fmt: skip
def test_versions_must_fit(version, cuda, expected):
    library = SimpleNamespace()
    for name, value in (("cudnnGetVersion", version), ("cudnnGetCudartVersion", cuda)):
        setattr(library, name, lambda value=value: value)
    with pytest.raises(CudnnMissing, match=expected):
        cudnn_api.check_versions(library, 13)


def test_libraries_must_be_there(monkeypatch):
    found: dict[str, Any] = {}
    monkeypatch.setattr(ctypes, "CDLL", lambda name: found.get(name) or (_ for _ in ()).throw(OSError(name)))
    with pytest.raises(CudnnMissing, match="it is not installed"):
        cudnn_api.load(13)
    library = FakeCudnn()
    library.cudnnGetCudartVersion = lambda: 13050
    library.cudnnGetVersion = lambda: 92801
    found["libcudnn.so.9"] = library
    with pytest.raises(CudnnMissing, match=r"libcublasLt\.so\.13, which it needs, is not there"):
        cudnn_api.load(13)
    found["libcublasLt.so.13"] = SimpleNamespace()
    assert cudnn_api.load(13).version == 92801


def test_wheels_come_before_the_system(monkeypatch, tmp_path):
    for folder in ("cudnn", "cu13"):
        (tmp_path / folder / "lib").mkdir(parents=True)
    file = tmp_path / "cudnn" / "lib" / "libcudnn.so.9"
    file.touch()
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(cudnn_api.importlib.util, "find_spec", lambda name: spec)
    tried: list[str] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda name: tried.append(name) or "loaded")
    assert cudnn_api._first_that_loads("libcudnn.so.9") == "loaded"
    assert cudnn_api._first_that_loads("libcublasLt.so.13") == "loaded"
    assert tried == [str(file), "libcublasLt.so.13"]


def test_errors_name_the_attribute_and_what_cudnn_says():
    library = FakeCudnn()
    library.cudnnBackendSetAttribute = lambda *arguments: 3000
    tensor = Cudnn(library).descriptor(Kind.TENSOR)
    with pytest.raises(CudnnError) as found:
        tensor.set(Attribute.TENSOR_DIMENSIONS, 1, 2, 3)
    assert str(found.value) == "TENSOR_DIMENSIONS: CUDNN_STATUS_NOT_SUPPORTED because it is a fake"
