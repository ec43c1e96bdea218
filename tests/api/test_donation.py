"""Donated arguments: what is overwritten, what is copied first, what is deleted, and that nobody else sees it."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings
import weakref

import jax
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax.engine.backends.array_address import address_of
from cujax.engine.backends.buffer_pool import Pool
from cujax.engine.backends.select import selected
from cujax.engine.core.array import ConcreteArray, delete_array

LENGTHS = [7, 40_000]  # memory of the C library, and of the pool
X = np.linspace(0.5, 2, 7, dtype=np.float32)

overwriting = pytest.mark.skipif(selected().kernels is None, reason="programs run op by op: nothing is overwritten")
on_cpu = pytest.mark.skipif(selected().platform != "cpu", reason="NumPy's arrays share no memory with a device")


def bump(x):
    return x.at[1].add(10)


def scale(x):
    return x * 2 + 1


STEPS = [bump, scale]


def fresh(length=7):
    """An array whose memory nobody else knows, as a program makes it."""
    return _count(length)


_count = cujax.jit(lambda length: jnp.arange(float(length)), static_argnums=0)


def values(length=7):
    return np.arange(length, dtype=np.float32)


def after(step, length=7):
    x = values(length)
    return x + 10 * (x == 1) if step is bump else x * 2 + 1


# --- against JAX --------------------------------------------------------------------------------------------


def swap(a, b):
    return b + 1, a * 2


def adam(p, m, v, g):
    m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
    return p - 0.1 * m / (v**0.5 + 1e-8), m, v


FUNCTIONS = {
    "update": (bump, 1, (0,)),
    "map": (scale, 1, (0,)),
    "scatter": (lambda x, y: x.at[y.astype("int32") % 3].add(y), 2, (0,)),
    "several results": (adam, 4, (0, 1, 2)),
    "exchanged": (swap, 2, (0, 1)),
    "one for both": (lambda x, y: x + y, 2, (0, 1)),
    "read at other places": (lambda x: x[::-1] + x, 1, (0,)),
    "read later": (lambda x, y: (x.at[0].set(1), (x * y).sum()), 2, (0,)),
    "update of itself": (lambda x: x.at[1:-1].set(x[1:-1] * 2 + x[:-2]), 1, (0,)),
    "own result": (lambda x: (x, x + 1), 1, (0,)),
    "broadcast": (lambda x, y: x[0] + y, 2, (0, 1)),
    "other dtype": (lambda x: x.astype("int32"), 1, (0,)),
    "unused": (lambda x, y: y * 3, 2, (0,)),
    "two kernels": (lambda x: x / (x * x).sum(), 1, (0,)),
    "update of a map": (lambda x: bump(scale(x)), 1, (0,)),
    "shape": (lambda x: x.reshape(1, -1) + 1, 1, (0,)),
}


@pytest.mark.filterwarnings("ignore:Some donated buffers were not usable")
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("length", LENGTHS)
def test_values(name, length):
    function, count, donated = FUNCTIONS[name]
    args = [values(length) % 5 + k for k in range(count)]
    expected = jax.jit(function)(*args)
    found = cujax.jit(function, donate_argnums=donated)(*map(jnp.asarray, args))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:Some donated buffers were not usable")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_deleted_is_deleted_in_jax_too(name):
    function, count, donated = FUNCTIONS[name]
    args = [values() % 5 + k for k in range(count)]
    ours, theirs = [jnp.asarray(a) for a in args], [jax.numpy.array(a) for a in args]
    cujax.jit(function, donate_argnums=donated)(*ours)
    jax.jit(function, donate_argnums=donated)(*theirs)
    assert sum(x.is_deleted() for x in ours) <= sum(x.is_deleted() for x in theirs)
    assert not any(x.is_deleted() for i, x in enumerate(ours) if i not in donated)


def warnings_of(library, function, donated, shapes):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        library.jit(function, donate_argnums=donated)(*[library.numpy.ones(s) for s in shapes])
    return [(w.category, str(w.message)) for w in caught]


@pytest.mark.parametrize("function, donated, shapes", [
    (lambda x: x.sum(), 0, [4]), (lambda x: x.astype("int8"), 0, [4]), (lambda x: x.T, 0, [(2, 3)]),
    (lambda x, y: x[::-1] + y, (0, 1), [4, 4]), (lambda x, y: y[::-1].sum(), 0, [4, 4]),
    (lambda x, y: x[::-1] + y[:4].sum(), (0, 1), [4, 8]), (lambda x: x.reshape(2, 2)[::-1], 0, [4]),
])
def test_warnings_are_those_of_jax(function, donated, shapes):
    ours, theirs = (warnings_of(library, function, donated, shapes) for library in (cujax, jax))
    assert [category for category, _ in ours] == [category for category, _ in theirs]
    for (_, text), (_, other) in zip(ours, theirs, strict=True):
        assert text.startswith(other.split(".")[0])


def test_the_warning_names_the_arguments():
    def function(p, y):
        return p["w"].sum() + y

    ((_, text),) = warnings_of(cujax, lambda *a: function({"w": a[0]}, a[1]), (0, 1), [3, ()])
    assert "float32[3] (a[0]), of <lambda> at " in text and "do not donate them" in text
    with pytest.warns(UserWarning, match=r"float32\[3\] \(p\['w'\]\), of function at .*test_donation.py"):
        cujax.jit(function, donate_argnums=(0, 1))({"w": fresh(3)}, 1.0)


@overwriting
@pytest.mark.parametrize("call", [
    lambda f, x: f(x), lambda f, x: f(x=x), lambda f, x: f.lower(x).compile()(x),
], ids=["call", "by name", "compiled"])
@pytest.mark.parametrize("options", [{"donate_argnums": 0}, {"donate_argnames": "x"}], ids=["argnums", "argnames"])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("function", STEPS)
def test_an_array_given_away_is_deleted(function, length, options, call):
    x = fresh(length)
    assert not x.is_deleted()
    np.testing.assert_array_equal(call(cujax.jit(function, **options), x), after(function, length))
    assert x.is_deleted()


# --- nobody else sees it ------------------------------------------------------------------------------------


HOLDERS = {
    "NumPy": np.asarray,
    "a part in NumPy": lambda x: np.asarray(x)[2:],
    "NumPy, transposed and cut": lambda x: np.asarray(x).reshape(1, -1).T[1:],
    "memoryview": lambda x: memoryview(np.asarray(x)),
    "DLPack": np.from_dlpack,
    "reshape": lambda x: x.reshape(1, -1),
    "slice": lambda x: x[:3],
    "transpose": lambda x: x.reshape(1, -1).T,
    "copy": jnp.array,
    "jitted function": lambda x: cujax.jit(lambda y: x + y),
}


def content(holder):
    return holder(0) if callable(holder) else np.asarray(holder)


@on_cpu
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", HOLDERS)
def test_others_keep_what_they_have(name, length, step):
    x = fresh(length)
    holder = HOLDERS[name](x)
    before = np.array(content(holder))
    result = cujax.jit(step, donate_argnums=0)(x)
    np.testing.assert_array_equal(result, after(step, length))
    np.testing.assert_array_equal(content(holder), before)
    assert not x.is_deleted()
    np.testing.assert_array_equal(x, values(length))


@on_cpu
@overwriting
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("length", LENGTHS)
def test_a_view_is_given_away_when_it_is_all_that_is_left(length, step):
    x = fresh(length + 1)[:length].reshape(1, -1)[0]
    assert x.buffer.base is not None
    np.testing.assert_array_equal(cujax.jit(step, donate_argnums=0)(x), after(step, length))
    assert x.is_deleted()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("part", [lambda x: x.reshape(1, -1)[0], lambda x: x[:-1], lambda x: x.reshape(-1, 1)[:, 0]])
def test_the_whole_stays_when_a_part_of_it_is_given_away(part, length, step):
    x = fresh(length)
    given = part(x)
    assert given.buffer.base is not None
    np.testing.assert_array_equal(cujax.jit(step, donate_argnums=0)(given), after(step, len(given)))
    np.testing.assert_array_equal(x, values(length))
    np.testing.assert_array_equal(given, values(length)[:len(given)])


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("make", [
    lambda x: x, np.asfortranarray, lambda x: np.frombuffer(x.tobytes(), x.dtype), lambda x: x[::-1][::-1],
    lambda x: np.broadcast_to(x, (1, *x.shape))[0],
])
@pytest.mark.parametrize("wrap", [lambda x: x, jnp.asarray, cujax.device_put])
def test_arrays_of_numpy_stay(wrap, make, step):
    given = make(values())
    np.testing.assert_array_equal(cujax.jit(step, donate_argnums=0)(wrap(given)), after(step))
    np.testing.assert_array_equal(given, values())


def test_scalars_of_python():
    step = cujax.jit(scale, donate_argnums=0)
    assert [float(step(3.0)), float(step(np.float32(3))), float(step(3.0))] == [7, 7, 7]


@pytest.mark.parametrize("donated", [(0,), (1,), (0, 1)])
def test_the_same_array_twice(donated):
    function = cujax.jit(lambda x, y: (x * 2, y.at[0].set(9), x + y), donate_argnums=donated)
    x = fresh()
    double, changed, total = function(x, x)
    np.testing.assert_array_equal(double, values() * 2)
    np.testing.assert_array_equal(changed, np.r_[9, values()[1:]].astype(np.float32))
    np.testing.assert_array_equal(total, values() * 2)


@pytest.mark.parametrize("step", STEPS)
def test_an_array_that_the_function_captures(step):
    x = fresh()
    function = cujax.jit(lambda y: step(y) + x, donate_argnums=0)
    for _ in range(2):
        np.testing.assert_array_equal(function(x), after(step) + values())
    np.testing.assert_array_equal(x, values())


def test_results_that_share_memory():
    x = fresh()
    a, b = cujax.jit(lambda x: (x, x))(x)
    step = cujax.jit(scale, donate_argnums=0)
    np.testing.assert_array_equal(step(a), after(scale))
    np.testing.assert_array_equal(step(b), after(scale))
    np.testing.assert_array_equal(step(x), after(scale))
    assert [a.is_deleted(), b.is_deleted(), x.is_deleted()] == [False, False, False]


def test_an_array_that_a_callback_has_kept():
    kept = []
    x = cujax.pure_callback(lambda y: kept.append(y) or y, cujax.ShapeDtypeStruct((7,), np.float32), fresh())
    np.testing.assert_array_equal(cujax.jit(scale, donate_argnums=0)(x), after(scale))
    np.testing.assert_array_equal(kept[0], values())


def test_transforms_leave_arguments_alone():
    step = cujax.jit(scale, donate_argnums=0)
    x = fresh()
    outcomes = [
        cujax.grad(lambda y: step(y).sum())(x), cujax.vmap(step)(x), cujax.jit(lambda y: step(y) + y)(x),
        cujax.jvp(step, (x,), (x,))[1],
    ]
    expected = [values() * 0 + 2, after(scale), after(scale) + values(), values() * 2]
    for found, wanted in zip(outcomes, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(x, values())


def test_threads_that_use_an_array_while_it_is_given_away():
    """Each gets the right values, or the error of a deleted array."""
    step, other = cujax.jit(scale, donate_argnums=0), cujax.jit(bump)
    length = 40_000
    step(fresh(length)), other(fresh(length))
    wrong = []

    def use(x, function, expected, barrier):
        barrier.wait()
        try:
            found = np.array(function(x))
        except RuntimeError as error:
            if "has been deleted" not in str(error):
                wrong.append(error)
        else:
            if not np.array_equal(found, expected):
                wrong.append(found)

    def view(x):
        return np.asarray(x)

    for _ in range(60):
        x, barrier = fresh(length), threading.Barrier(4)
        uses = [(step, scale), (step, scale), (other, bump), (view, None)]
        threads = [
            threading.Thread(target=use, args=(x, f, after(s, length) if s else values(length), barrier))
            for f, s in uses
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


@on_cpu
@overwriting
@pytest.mark.parametrize("read", [lambda x: x.buffer, lambda x: np.asarray(x)[1:]], ids=["buffer", "view"])
@pytest.mark.parametrize("make", [fresh, lambda: fresh(8).reshape(2, 4)[1]], ids=["whole", "part"])
def test_a_thread_that_reads_after_the_question_and_before_the_deletion(monkeypatch, make, read):
    x, kept, ask = make(), [], selected().is_exclusive

    def asked(buffer):
        answer = ask(buffer)
        if not kept:
            kept.append(read(x))
        return answer

    monkeypatch.setattr(selected(), "is_exclusive", asked)
    before = np.array(x)
    np.testing.assert_array_equal(cujax.jit(scale, donate_argnums=0)(x), before * 2 + 1)
    np.testing.assert_array_equal(kept[0], read(ConcreteArray(before, x.aval)))
    assert x.is_deleted()


# --- memory -------------------------------------------------------------------------------------------------


def place_of(x):
    return address_of(x.buffer) if selected().platform == "cpu" else x.buffer.data.ptr


@overwriting
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("length", LENGTHS)
def test_a_loop_stays_in_one_place(step, length, monkeypatch):
    def refused(self, size):
        raise AssertionError(f"{size} bytes were asked for")

    step, x = cujax.jit(step, donate_argnums=0), fresh(length)
    x = step(x)
    place = place_of(x)
    selected().release_memory()
    monkeypatch.setattr(Pool, "_new_block", refused)
    for _ in range(100):
        x = step(x)
        assert place_of(x) == place


def test_without_donation_there_are_two_places():
    step, x = cujax.jit(scale), fresh()
    y = step(x)
    assert place_of(x) != place_of(y)


@overwriting
def test_memory_analysis_tells_what_is_overwritten():
    def function(p, g, n):
        return {"w": p["w"] - g["w"], "b": p["b"] + g["b"]}, n.astype("float32")

    tree = {"w": fresh(100), "b": jnp.zeros((3, 5))}
    compiled = cujax.jit(function, donate_argnums=(0, 2)).lower(tree, tree, jnp.arange(4)).compile()
    assert compiled.memory_analysis().alias_size_in_bytes == 400 + 60
    plain = cujax.jit(function).lower(tree, tree, jnp.arange(4)).compile()
    assert plain.memory_analysis().alias_size_in_bytes == 0


# --- deleted arrays -----------------------------------------------------------------------------------------


def deleted():
    x = fresh()
    x.delete()
    return x


USES = {
    "operator": lambda c, x: x + 1,
    "function": lambda c, x: c.numpy.sin(x),
    "jit": lambda c, x: c.jit(lambda y: y + 1)(x),
    "captured": lambda c, x: c.jit(lambda y: y + x)(1.0),
    "grad": lambda c, x: c.grad(lambda y: y.sum())(x),
    "NumPy": lambda c, x: np.asarray(x),
    "repr": lambda c, x: repr(x),
    "str": lambda c, x: str(x),
    "format": lambda c, x: f"{x}",
    "index": lambda c, x: x[0],
    "list": lambda c, x: list(x),
    "tolist": lambda c, x: x.tolist(),
    "reshape": lambda c, x: x.reshape(7, 1),
    "asarray": lambda c, x: c.numpy.asarray(x) + 0,
    "array": lambda c, x: c.numpy.array(x),
    "block_until_ready": lambda c, x: x.block_until_ready(),
    "devices": lambda c, x: x.devices(),
    "pickle": lambda c, x: pickle.dumps(x),
    "deepcopy": lambda c, x: copy.deepcopy(x),
    "device_get": lambda c, x: c.device_get(x),
}


@pytest.mark.parametrize("name", USES)
def test_to_use_a_deleted_array_is_an_error_as_in_jax(name):
    for library in (cujax, jax):
        x = library.numpy.arange(7.0) + 0
        x.delete()
        with pytest.raises(RuntimeError, match=r"(?i)deleted"):
            USES[name](library, x)
    with pytest.raises(RuntimeError, match=r"^Array has been deleted with shape=float32\[7\]\."):
        USES[name](cujax, deleted())


STILL = {
    "shape": lambda c, x: x.shape,
    "dtype": lambda c, x: x.dtype,
    "size": lambda c, x: (x.size, x.ndim, x.nbytes, len(x)),
    "is_deleted": lambda c, x: x.is_deleted(),
    "delete again": lambda c, x: x.delete(),
    "tree": lambda c, x: c.tree.map(lambda leaf: leaf, [x])[0] is x,
    "eval_shape": lambda c, x: c.eval_shape(lambda y: y + 1, x).shape,
    "lower": lambda c, x: c.jit(lambda y: y + 1).lower(x).out_info.shape,
}


@pytest.mark.parametrize("name", STILL)
def test_what_is_known_of_a_deleted_array(name):
    found = []
    for library in (cujax, jax):
        x = library.numpy.arange(7.0) + 0
        x.delete()
        found.append(STILL[name](library, x))
    assert found[0] == found[1]
    assert isinstance(deleted(), cujax.Array)


def step(state, dt):
    return {"x": state["x"] + dt * state["v"], "v": state["v"]}


@overwriting
def test_the_error_says_who_took_it_and_what_to_write():
    state = {"x": fresh(), "v": fresh()}
    cujax.jit(step, donate_argnums=0)(state, 0.5)
    with pytest.raises(RuntimeError) as caught:
        cujax.jit(step, donate_argnums=0)(state, 0.5)
    assert str(caught.value).startswith("Array has been deleted with shape=float32[7]. It was donated to step at ")
    for word in ("test_donation.py", "as state['x']", "state['x'] = step(...)", "state['x'].copy()", "do not donate"):
        assert word in str(caught.value)
    assert not state["v"].is_deleted()


@overwriting
def test_names_of_arguments_count_static_and_captured_ones():
    captured = fresh()

    def function(n, x, *, y):
        return x.at[n].set(1) + captured, y * 2

    x, y = fresh(), fresh()
    cujax.jit(function, static_argnums=0, donate_argnums=1, donate_argnames="y")(2, x, y=y)
    for array, name in ((x, "x"), (y, "y")):
        with pytest.raises(RuntimeError, match=rf"as {name}, .*\({name} = function\(\.\.\.\)\)"):
            array + 1


def test_delete_says_that_it_was_called():
    with pytest.raises(RuntimeError, match=r"delete\(\) was called"):
        deleted() + 1


def test_a_tracer_cannot_be_deleted():
    for method in ("delete", "is_deleted"):
        with pytest.raises(cujax.errors.ConcretizationTypeError, match=method):
            cujax.jit(lambda x, m=method: getattr(x, m)())(1.0)


def test_a_deleted_array_gives_its_memory_back():
    x = fresh(40_000)
    memory = weakref.ref(x.buffer)
    x.delete()
    assert memory() is None


def test_the_reason_is_never_taken_for_a_buffer():
    x = fresh()
    delete_array(x, "because")
    assert isinstance(x, ConcreteArray)
    for read in (lambda: x.buffer, x.to_numpy, lambda: selected().to_host(x.buffer)):
        with pytest.raises(RuntimeError, match="because"):
            read()


# --- failures -----------------------------------------------------------------------------------------------


def test_an_error_while_tracing_deletes_nothing():
    x = fresh()
    with pytest.raises(ZeroDivisionError):
        cujax.jit(lambda y: y / (1 // 0), donate_argnums=0)(x)
    np.testing.assert_array_equal(x, values())


@overwriting
def test_a_call_that_has_overwritten_arguments_is_not_repeated(monkeypatch):
    function = cujax.jit(lambda x: scale(x), donate_argnums=0)
    function(fresh())
    (recording,) = function._recordings.values()
    calls = []

    def failing(buffers):
        calls.append(buffers)
        raise MemoryError

    monkeypatch.setattr(recording, "_call", failing)
    with pytest.raises(cujax.errors.OutOfMemoryError, match="lambda"):
        function(fresh())
    assert len(calls) == 1


def test_nothing_is_deleted_where_programs_run_op_by_op():
    x = fresh()
    with cujax.disable_jit():
        np.testing.assert_array_equal(cujax.jit(scale, donate_argnums=0)(x), after(scale))
    with cujax.debug_nans():
        np.testing.assert_array_equal(cujax.jit(scale, donate_argnums=0)(x), after(scale))
    np.testing.assert_array_equal(x, values())
