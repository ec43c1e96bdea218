"""Threads that trace and run at once: the same function, different functions, different options."""

from __future__ import annotations

import threading

import numpy as np

import cujax
import cujax.numpy as jnp

X = np.array([0.5, -1.0, 2.0], np.float32)


def run_together(*programs):
    """Results of the programs, each in a thread of its own, all started at one moment."""
    barrier = threading.Barrier(len(programs))
    results = [None] * len(programs)

    def run(i, program):
        barrier.wait()
        try:
            results[i] = program()
        except BaseException as error:
            results[i] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(programs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def test_one_function_traced_by_two_threads_at_once():
    """Both are inside the function at the same time, so no lock is held; the first trace is kept."""
    inside = threading.Barrier(2)
    traces = []

    @cujax.jit
    def f(x):
        traces.append(threading.get_ident())
        inside.wait(10)
        return jnp.sin(x) * x

    results = run_together(lambda: f(X), lambda: f(X))
    assert len(traces) == 2 and f._cache_size() == 1
    for result in results:
        np.testing.assert_allclose(result, np.sin(X) * X, rtol=1e-6)
    f(X)
    assert len(traces) == 2


def test_different_functions_and_transforms_at_once():
    def hammer(program, expected):
        def run():
            for _ in range(30):
                np.testing.assert_allclose(program(X), expected, rtol=1e-5)
        return run

    def square(x):
        return (x * x).sum()

    run_together(
        hammer(lambda x: cujax.jit(lambda y: jnp.exp(y))(x), np.exp(X)),
        hammer(lambda x: cujax.grad(square)(x), 2 * X),
        hammer(lambda x: cujax.vmap(cujax.grad(lambda y: y**3))(x), 3 * X**2),
        hammer(lambda x: cujax.jit(cujax.hessian(square))(x), 2 * np.eye(3)),
    )


def test_one_function_at_many_shapes_from_many_threads():
    f = cujax.jit(lambda x: (x * 2).sum())
    sizes = [range(start, 60, 2) for start in (1, 2, 1, 2)]
    run_together(*[
        lambda r=r: [np.testing.assert_allclose(f(np.ones(n, np.float32)), 2 * n) for n in r] for r in sizes
    ])
    assert f._cache_size() == 59


def test_options_belong_to_their_thread():
    def width(on):
        def run():
            with cujax.enable_x64(on):
                return [str(cujax.jit(lambda x: x * 2)(np.arange(3.0)).dtype) for _ in range(50)]
        return run

    wide, narrow = run_together(width(True), width(False))
    assert set(wide) == {"float64"} and set(narrow) == {"float32"}


def test_a_trace_is_seen_by_its_thread_only():
    """An op on values in one thread runs at once while another thread is inside a traced function."""
    tracing, done = threading.Event(), threading.Event()

    @cujax.jit
    def slow(x):
        tracing.set()
        assert done.wait(10)
        return x * 2

    def eager():
        assert tracing.wait(10)
        try:
            return float((jnp.ones(3) * 2).sum())
        finally:
            done.set()

    assert run_together(lambda: float(slow(1.0)), eager) == [2.0, 6.0]
