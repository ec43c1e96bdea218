"""The compiled parts of the path of a call do what the Python functions beside them do.

Every test runs on both, and is skipped for C where the extension module was not built; `functions` pairs them.
"""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import threading
import time
from collections import OrderedDict, defaultdict, deque, namedtuple
from pathlib import Path
from types import SimpleNamespace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import cujax
import cujax.numpy as jnp
from cujax.engine.backends import host_compiler
from cujax.engine.backends.buffer_pool import SMALL, Pool
from cujax.engine.backends.host_backend import HostBackend
from cujax.engine.backends.host_launch import launcher_python
from cujax.engine.backends.host_target import HostTarget
from cujax.engine.core import leaves
from cujax.engine.core.array import ConcreteArray
from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground import native as package
from cujax.engine.ground import pytree, pytree_spec
from cujax.engine.ground.native import native

FOLDER = Path(package.__file__).parent
F32 = np.dtype(np.float32)

needs_native = pytest.mark.skipif(native is None, reason="the extension module was not built")
needs_compiler = pytest.mark.skipif(host_compiler.find() is None, reason="there is no C++ compiler")


def python_functions():
    pool = Pool(2**30)
    return SimpleNamespace(
        name="python",
        flatten=pytree_spec.flatten_python,
        call_key=leaves.call_key_python,
        read_buffers=leaves.read_buffers_python,
        wrap_buffers=leaves.wrap_buffers_python,
        empty=pool.empty,
        contiguous=lambda buffer: HostBackend.contiguous(SimpleNamespace(empty=pool.empty), buffer),
        launcher=lambda kernel, sizes, wanted, owner: launcher_python(kernel, sizes, wanted, owner),
    )


def compiled_functions():
    python = python_functions()
    return SimpleNamespace(
        name="c",
        flatten=native.flatten,
        call_key=native.call_key,
        read_buffers=native.read_buffers,
        wrap_buffers=native.wrap_buffers,
        empty=native.make_empty(SMALL, python.empty),
        contiguous=native.make_contiguous(python.contiguous),
        launcher=lambda kernel, sizes, wanted, owner: native.Launcher(kernel.address, sizes, wanted, owner).launch,
    )


@pytest.fixture(params=["python", pytest.param("c", marks=needs_native)])
def functions(request):
    return python_functions() if request.param == "python" else compiled_functions()


def outcome(call, *args):
    """What a call returns, or the type and text of its error."""
    try:
        return call(*args)
    except Exception as error:
        return type(error), str(error)


# --- pytrees ------------------------------------------------------------------------------------------------

Point = namedtuple("Point", "x y")


@cujax.tree_util.register_pytree_node_class
class Lazy:
    """Its children come from a generator."""

    def __init__(self, *children):
        self.children = children

    def tree_flatten(self):
        return (child for child in self.children), "aux"

    @classmethod
    def tree_unflatten(cls, aux, children):
        return cls(*children)


class NoPair:
    """A node whose flatten function returns what it should not."""

    def __init__(self, split):
        self.split = split


cujax.tree_util.register_pytree_node(NoPair, lambda node: node.split, lambda aux, children: NoPair(children))


class Raises:
    """A node that cannot be taken apart."""


def raise_type_error(node):
    raise TypeError("not this one")


cujax.tree_util.register_pytree_node(Raises, raise_type_error, lambda aux, children: Raises())


class Clears:
    """A key whose comparison empties the dict."""

    def __init__(self, target):
        self.target = target

    def __lt__(self, other):
        self.target.clear()
        return True


def emptied_while_sorted():
    found: dict = {}
    found.update({Clears(found): 1, Clears(found): 2})
    return found


TREES = {
    "leaf": lambda: 1.5,
    "none": lambda: None,
    "call": lambda: ((1, "two"), {}),
    "nested": lambda: [(), [], {}, {"b": 1, "a": [2, (3, None)]}, [[[4]]]],
    "mappings": lambda: [OrderedDict(b=1, a=2), defaultdict(list, {"z": 1, "y": 2}), {3: 0, 1: 0, 2: 0}],
    "namedtuple": lambda: Point(1, Point([2], {"k": 3})),
    "registered": lambda: {"lazy": Lazy(1, Lazy(2, None)), "partial": cujax.tree_util.Partial(max, 1, key=2)},
    "leaves only": lambda: [deque([1]), {1}, frozenset(), np.zeros(2), "text", range(3)],
    "equal keys of two types": lambda: {1: "a", 2.5: "b", True + 2: "c"},
    "keys that do not compare": lambda: {"a": 1, 2: 3},
    "keys that do not compare, ordered": lambda: OrderedDict([("a", 1), (2, 3)]),
    "no pair": lambda: (1, NoPair(3)),
    "a triple": lambda: [NoPair((1, 2, 3))],
    "a pair in a list": lambda: NoPair([(1, 2), "aux"]),
    "children that are none": lambda: NoPair((5, "aux")),
    "an error of the flatten function": lambda: {"a": Raises()},
    "emptied while sorted": emptied_while_sorted,
}


@pytest.mark.parametrize("name", TREES)
def test_flatten(functions, name):
    tree = TREES[name]()
    expected = outcome(pytree_spec.flatten_python, TREES[name]() if name == "emptied while sorted" else tree)
    found = outcome(functions.flatten, tree)
    if isinstance(expected[0], list):
        assert all(a is b for a, b in zip(found[0], expected[0], strict=True))
        assert repr(pytree.treedef_of(found[1])) == repr(pytree.treedef_of(expected[1]))
    else:
        expected, found = [(kind, re.sub("0x[0-9a-f]+", "", text)) for kind, text in (expected, found)]
    assert found == expected


trees = st.recursive(
    st.none() | st.integers() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=4)
    | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=4)
    | st.builds(Point, inner, inner)
    | st.builds(Lazy, inner),
    max_leaves=20,
)


@needs_native
@given(trees)
def test_flatten_of_any_tree(tree):
    assert outcome(native.flatten, tree) == outcome(pytree_spec.flatten_python, tree)


def test_flatten_of_a_type_that_is_registered_later(functions):
    class Late:
        pass

    assert functions.flatten((Late(),))[1][2] == (pytree_spec.LEAF,)
    cujax.tree_util.register_pytree_node(Late, lambda node: ((1, 2), None), lambda aux, children: Late())
    assert functions.flatten((Late(),))[0] == [1, 2]


def test_flatten_has_an_end(functions):
    deep: list = []
    deep.append(deep)
    with pytest.raises(RecursionError):
        functions.flatten(deep)


# --- leaves of a call ---------------------------------------------------------------------------------------


def array(values):
    return ConcreteArray(np.asarray(values, F32), ShapedArray(np.shape(values), F32))


def test_call_key(functions):
    x = array([1.0, 2.0])
    found, key = functions.call_key(((x, 2), {"k": 3.5, "flag": True}), ("static",), 7, ("axes",))
    assert found[0] is x and found[1:] == [2, True, 3.5]
    spec, *rest, first, second, third, fourth = key
    assert spec == pytree.structure(((0, 0), {"k": 0, "flag": 0})).spec and rest == [("static",), 7, ("axes",)]
    assert first is x.aval
    assert (second, third, fourth) == (
        ShapedArray((), np.dtype(np.int32), True), ShapedArray((), np.dtype(bool)), ShapedArray((), F32, True)
    )


def test_call_key_of_tracers_and_numpy_arrays(functions):
    seen = []

    def f(x):
        seen.append((x, functions.call_key([x, np.ones((2, 3)), np.int8(1)], (), 0, ())))
        return x

    cujax.jit(f)(jnp.ones(4))
    ((x, (found, key)),) = seen
    assert found[0] is x
    assert [aval.str_long() for aval in key[4:]] == ["float32[4]", "float32[2,3]", "int8[]"]


def test_call_key_of_what_is_no_array(functions):
    with pytest.raises(TypeError, match=re.escape("'text' of type <class 'str'> is not a valid cujax type")):
        functions.call_key(((array(1.0), "text"), {}), (), 0, ())


def test_read_buffers(functions):
    x, kept = array([1.0, 2.0]), [object(), object()]
    found = functions.read_buffers(kept, [x, 2.5, np.arange(3)])
    assert found[:2] == kept and found[2] is x.buffer and kept == kept[:2]
    assert [b.dtype.name for b in found[3:]] == ["float32", "int32"] and found[3] == 2.5
    assert functions.read_buffers([], []) == []


def test_read_buffers_of_what_is_no_array(functions):
    with pytest.raises(TypeError, match="is not a valid cujax type"):
        functions.read_buffers([], ["text"])
    with pytest.raises(OverflowError, match="too large"):
        functions.read_buffers([], [array(1.0), 2**40])


def test_read_buffers_of_a_leaked_tracer(functions):
    leaked = []
    with cujax.check_tracer_leaks(False):
        cujax.jit(lambda x: leaked.append(x) or x)(1.0)
    with pytest.raises(cujax.errors.UnexpectedTracerError):
        functions.read_buffers([], leaked)


def test_wrap_buffers(functions):
    buffers = [np.ones(2, F32), np.zeros((), F32)]
    avals = tuple([ShapedArray(b.shape, F32, weak) for b, weak in zip(buffers, (False, True), strict=True)])
    found = functions.wrap_buffers(buffers, avals)
    assert [type(x) for x in found] == [ConcreteArray, ConcreteArray] and type(found) is tuple
    assert all(x.buffer is b and x.aval is a for x, b, a in zip(found, buffers, avals, strict=True))
    assert functions.wrap_buffers([], ()) == ()
    with pytest.raises(ValueError):
        functions.wrap_buffers(buffers, avals[:1])


@needs_native
@pytest.mark.parametrize("call, error", [
    (lambda: native.call_key(1, 2, 3), TypeError),
    (lambda: native.read_buffers((), ()), TypeError),
    (lambda: native.read_buffers([]), TypeError),
    (lambda: native.wrap_buffers((), ()), TypeError),
    (lambda: native.wrap_buffers([], []), TypeError),
    (lambda: native.read_buffers([], [ConcreteArray.__new__(ConcreteArray)]), AttributeError),
    (lambda: native.set_kinds({}), TypeError),
    (lambda: native.set_array(int, None, None), AttributeError),
    (lambda: native.set_array(type("NoSlots", (), {"buffer": 1, "aval": 2}), None, None), TypeError),
    (lambda: native.Launcher(0, [1], 1, None), TypeError),
    (lambda: native.Launcher(0, ("a",), 1, None), TypeError),
    (lambda: native.DeviceLaunch(0, 0, (1, 1), (1, 1, 1), 0, 0, (), None), TypeError),
    (lambda: native.write_addresses(np.zeros(2, np.uint64)), TypeError),
    (lambda: native.write_addresses(5, []), TypeError),
    (lambda: native.write_addresses(b"12345678", []), BufferError),
    (lambda: native.write_addresses(np.zeros(2, np.uint32), []), ValueError),
    (lambda: native.write_addresses(np.zeros(2, np.uint64), [1, 2, 3]), ValueError),
    (lambda: native.write_addresses(np.zeros(2, np.uint64), [1]), AttributeError),
    (lambda: native.kernel_preparer(()), TypeError),
    (lambda: native.kernel_preparer((5,), (), (), (), (), None, None, None)([1]), IndexError),
    (lambda: native.kernel_preparer((), (), (), (), (), None, None, None)(()), TypeError),
    (lambda: native.DeviceLaunch(0, 0, (1, 1, 1), (1, 1, 1), 0, 0, ("a",), None), TypeError),
    (lambda: native.DeviceLaunch(0, 0, (1, 1, 1), (1, 1, 1), 0, 0, (), None).enqueue([]), TypeError),
    (lambda: native.DeviceLaunch(0, 0, (1, 1, 1), (1, 1, 1), 0, 0, (), None).enqueue(5, 0), TypeError),
    (lambda: native.DeviceLaunch(0, 0, (1, 1, 1), (1, 1, 1), 0, 0, (), None).enqueue([], "a"), TypeError),
    (lambda: native.DeviceLaunch(0, 0, (1, 1, 1), (1, 1, 1), 0, 0, (), None).enqueue([1], 0), ValueError),
    (lambda: native.Launcher(0, (), 1, None).launch(5), TypeError),
    (lambda: native.make_empty(1), TypeError),
    (lambda: native.make_empty(1, None)([2], F32), TypeError),
    (lambda: native.make_empty(1, None)((2,), "no dtype"), TypeError),
    (lambda: native.make_empty(1, None)((2,)), TypeError),
    (lambda: native.make_empty(1, None)(("a",), F32), TypeError),
    (lambda: native.make_empty(1, None)((1,) * 100, F32), TypeError),
    (lambda: native.kernel_runner(()), TypeError),
    (lambda: native.kernel_runner([], (), (), (), (), None, None, None), TypeError),
    (lambda: native.kernel_runner((), (), (5,), (), (), None, None, None), TypeError),
    (lambda: native.kernel_runner((), (), ((1, 2, 3, 4),), (), (), None, None, None)([1]), TypeError),
    (lambda: native.kernel_runner((), (), ((0, (), F32),), (), (), None, None, None)([]), IndexError),
    (lambda: native.kernel_runner((), (), ((7,),), (), (), None, None, None)([]), IndexError),
    (lambda: native.kernel_runner((), (), (), (), (), None, None, None)(()), TypeError),
    (lambda: native.kernel_runner((5,), (), (), (), (), None, None, None)([1]), IndexError),
    (lambda: native.kernel_runner((), (), (), (), (-1,), None, None, None)([1]), IndexError),
    (lambda: native.kernel_runner((), (), (), (), ("a",), None, None, None)([1]), TypeError),
    (lambda: native.program_runner((), (), (), None), TypeError),
    (lambda: native.program_runner((), [], (1,), None)([0]), IndexError),
    (lambda: native.program_runner((), [], (), None)(5), TypeError),
])
def test_wrong_calls_are_errors(call, error):
    with pytest.raises(error):
        call()


# --- buffers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3,), (0, 4), (2, 3, 5), (SMALL // 4,), (SMALL // 4 + 1,), (2**10, 2**9)])
@pytest.mark.parametrize("dtype", [F32, np.dtype(bool), np.dtype(np.complex128), cujax.dtypes.bfloat16])
def test_empty(functions, shape, dtype):
    found = functions.empty(shape, np.dtype(dtype))
    assert (found.shape, found.dtype) == (shape, np.dtype(dtype))
    assert type(found) is np.ndarray and found.flags.c_contiguous and found.flags.writeable and found.flags.aligned
    is_pooled = found.nbytes >= SMALL
    assert (found.base is not None) == is_pooled


def test_empty_of_a_wrong_shape(functions):
    with pytest.raises(ValueError, match="negative"):
        functions.empty((-1, 3), F32)


def test_contiguous(functions):
    ready = np.arange(12, dtype=F32).reshape(3, 4)
    assert functions.contiguous(ready) is ready
    unaligned = np.frombuffer(bytes(17), np.uint8)[1:].view(F32)
    reversed_, transposed, read_only = ready[::-1], ready.T, np.broadcast_to(np.float32(2), (3,))
    for buffer in (reversed_, transposed, read_only, unaligned, np.float32(5), np.complex64(1j)):
        found = functions.contiguous(buffer)
        assert type(found) is np.ndarray and found.flags.c_contiguous and found.flags.aligned
        assert found.dtype == buffer.dtype and np.array_equal(found, buffer) and found.shape == buffer.shape
        assert not np.shares_memory(found, ready)


# --- launches -----------------------------------------------------------------------------------------------

KERNELS = """
extern "C" void count(void* const* buffers, const long long* sizes, int threads) {
    // threads, the sum of all sizes, and the first elements of all buffers but the last
    long long* out = (long long*)buffers[sizes[0]];
    out[0] = threads;
    out[1] = sizes[0] + sizes[1];
    for (int i = 0; i < sizes[0]; ++i) out[2] += *(long long*)buffers[i];
}
extern "C" void wait(void* const* buffers, const long long* sizes, int threads) {
    while (*(volatile long long*)buffers[0] == 0) {}
}
"""


@pytest.fixture(scope="module")
def kernels():
    return HostTarget.find().compile(KERNELS)


def total(functions, kernels, count, wanted=1, threads=1):
    """What `count` finds of arrays that hold 1, 2, 3, ..."""
    owner = SimpleNamespace(threads=threads)
    launch = functions.launcher(kernels.function("count"), (count, 5), wanted, owner)
    out = np.zeros(3, np.int64)
    arrays = [np.full((1,) * (i % 4), i + 1, np.int64) for i in range(count)]
    launch([*arrays, out])
    return out.tolist()


@needs_compiler
@pytest.mark.parametrize("count", [0, 1, 31, 32, 63, 64, 200])
def test_launch(functions, kernels, count):
    assert total(functions, kernels, count) == [1, count + 5, count * (count + 1) // 2]


@needs_compiler
@pytest.mark.parametrize("wanted, threads, used", [(1, 8, 1), (20, 8, 8), (16, 40, 16), (20, 1, 1), (2, 8, 1)])
def test_threads_of_a_launch(functions, kernels, wanted, threads, used):
    time.sleep(1e-3)  # until those are asleep that others have woken
    assert total(functions, kernels, 1, wanted, threads)[0] == used


@needs_compiler
def test_long_kernels_let_other_threads_run(functions, kernels):
    launch = functions.launcher(kernels.function("wait"), (), 2, SimpleNamespace(threads=1))
    flag = np.zeros(1, np.int64)
    waiting = threading.Thread(target=launch, args=([flag],))
    waiting.start()
    time.sleep(0.01)
    flag[0] = 1
    waiting.join(60)
    assert not waiting.is_alive()


@needs_compiler
def test_threads_launch_side_by_side(functions, kernels):
    found = []
    threads = [threading.Thread(target=lambda: found.append(total(functions, kernels, 40, 16, 2))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[2, 45, 820]] * 8


@needs_native
@needs_compiler
@pytest.mark.parametrize("buffer, name", [
    (np.float32(1), "numpy.float32"), (np.zeros((3, 3)).T, "numpy.ndarray"), (np.zeros(8)[::2], "numpy.ndarray"),
    ([1.0], "list"), (None, "NoneType"), (np.ma.zeros(3), "MaskedArray"),
])
def test_a_launch_refuses_what_a_kernel_would_misread(kernels, buffer, name):
    launch = native.Launcher(kernels.function("count").address, (1, 0), 1, None).launch
    text = f"a kernel takes contiguous, aligned NumPy arrays, not a {name} as its buffer 1"
    with pytest.raises(TypeError, match=re.escape(text)):
        launch([np.zeros(1), buffer, np.zeros(3)])


# --- steps and programs -------------------------------------------------------------------------------------
# The runners of programs are compared in `test_jitted_functions`; here, what they do when something fails.


@needs_native
def test_a_step_puts_clears_and_passes_on():
    seen = []

    def run(slots, launches):
        runner = native.kernel_runner(
            (0, 2), (3, 4), ((1, "shape", "dtype"), (1,), ("shape", "dtype")), launches, (0, 2),
            lambda *how: ["empty", *how], lambda *how: ["part", *how], lambda buffer: ("contiguous", buffer),
        )
        runner(slots)
        return slots

    slots = run(["a", "b", "c", None, None, "arena"], (seen.append, seen.append))
    buffers = [("contiguous", "a"), ("contiguous", "c"), ["part", "arena", 1, "shape", "dtype"], ("contiguous", "b"),
               ["empty", "shape", "dtype"]]
    assert seen == [buffers, buffers]
    assert slots == [None, "b", None, buffers[2], buffers[3], "arena"]
    with pytest.raises(ZeroDivisionError):
        run(["a", "b", "c", None, None, "arena"], (lambda buffers: 1 / 0,))


@needs_native
def test_a_program_makes_its_slots_anew():
    others = ["literal", None]
    seen = []

    def step(slots):
        seen.append(list(slots))
        slots[2] = "result"

    run = native.program_runner((step, step), others, (2, 0, 1), lambda: "arena")
    assert run(["input"]) == ["result", "input", "literal"] == run(("input",))
    assert seen[0] == ["input", "literal", None, "arena"] == seen[2] and others == ["literal", None]
    assert native.program_runner((), [], (), None)([]) == []


FUNCTIONS = [
    lambda x: x * 2 + 1,
    lambda x: {"a": [x.sum(), x.T], "b": (x.max(axis=0), None)},
    lambda x: jnp.linalg.norm(x[:2, :2] @ x[:2, :2]) + x,
    lambda x: x.at[1].set(x[0]).at[0, 0].add(2.0),
    lambda x: cujax.lax.fori_loop(0, 3, lambda i, c: (c * 0.5 + i).T.T, x),
    lambda x: jnp.sin(jnp.cumsum(jnp.cos(x).sum(axis=1))),
    lambda x: (),
]


def results():
    """What each function makes of an array, on its second call."""
    x = jnp.arange(12, dtype=F32).reshape(3, 4)
    jitted = [cujax.jit(function) for function in FUNCTIONS]
    return [[cujax.tree.leaves(f(x)) for _ in range(2)][1] for f in jitted]


IN_PYTHON = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy, test_native
assert test_native.native is None
leaves = [x for found in test_native.results() for x in found]
numpy.savez(sys.argv[1], *leaves)
"""


@needs_native
def test_jitted_functions(tmp_path):
    """Their results are the same to the bit in a process that goes without the extension."""
    saved = str(tmp_path / "results.npz")
    environment = os.environ | {"CUJAX_NATIVE": "0"}
    subprocess.run([sys.executable, "-c", IN_PYTHON, saved], check=True, env=environment)
    expected, found = np.load(saved), [np.asarray(x) for leaves in results() for x in leaves]
    assert len(expected.files) == len(found) > 0
    for name, x in zip(expected.files, found, strict=True):
        assert (expected[name].dtype, expected[name].shape) == (x.dtype, x.shape)
        assert expected[name].tobytes() == x.tobytes()


# --- the module itself --------------------------------------------------------------------------------------


def test_the_version_in_c_and_in_python():
    (version,) = re.findall(r"#define VERSION (\d+)", (FOLDER / "native.h").read_text())
    assert int(version) == package.VERSION


def test_every_part_names_the_python_it_stands_for():
    table = package.__doc__
    for name in ("flatten", "call_key", "read_buffers", "wrap_buffers", "Launcher", "empty", "contiguous",
                 "kernel_runner", "kernel_preparer", "program_runner", "DeviceLaunch", "write_addresses"):
        assert name in table
    assert {path.name for path in FOLDER.glob("*.c")} == {*re.findall(r"\w+\.c\b", table), "module.c"}


@needs_native
def test_nothing_is_kept():
    """Neither successful calls nor failing ones hold on to their arguments."""
    x, empty = array([1.0]), native.make_empty(SMALL, None)
    shape, aval, dtype = (3,), x.aval, np.dtype([("a", "f4")])
    failing = [
        lambda: native.call_key([x, {"a": object()}], (), 0, ()),
        lambda: native.flatten([x, {"a": 1, 2: x}]),
        lambda: native.read_buffers([x], [x, object()]),
        lambda: native.wrap_buffers([x, x], (aval,)),
        lambda: native.kernel_runner((0,), (9,), ((shape, dtype),), (), (), empty, None, lambda b: b)([x]),
        lambda: empty((x,), dtype),
        lambda: native.DeviceLaunch(0, 0, (1, 1, 1), (1, 1, 1), 0, 2, (5,), x).enqueue([x, x], 0),
        lambda: native.write_addresses(np.zeros(2, np.uint64), [x, x]),
        lambda: native.kernel_preparer((0,), (9,), ((shape, dtype),), (), (), empty, None, lambda b: b)([x]),
    ]

    def step(slots):
        run = native.kernel_runner((0,), (1,), ((shape, dtype),), (len,), (0,), empty, None, lambda b: b)
        return native.program_runner((run,), [None], (1,), None)(slots)

    def all_of_them():
        native.call_key(([x, x], {"a": x, "b": (x, None)}), (), 0, ())
        native.wrap_buffers(native.read_buffers([x.buffer], [x]), (aval, aval))
        empty(shape, dtype)
        step([x])
        for call in failing:
            with pytest.raises((TypeError, ValueError, IndexError, AttributeError)):
                call()

    kept = (x, x.buffer, shape, aval, dtype, None)
    all_of_them()
    gc.collect()
    before = [sys.getrefcount(value) for value in kept[:-1]]
    for _ in range(100):
        all_of_them()
    gc.collect()
    assert [sys.getrefcount(value) for value in kept[:-1]] == before
