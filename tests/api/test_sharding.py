"""Meshes of one device, shardings and shard_map: programs written for many devices run on one, as they do in JAX."""

from __future__ import annotations

import jax
import jax.experimental.mesh_utils
import numpy as np
import pytest

import cujax

X = np.arange(12, dtype=np.float32).reshape(4, 3)


def _mesh(lib):
    return lib.sharding.Mesh(np.array(lib.devices()[:1]).reshape(1, 1), ("x", "y"))


def _shard_map(lib, f, in_specs, out_specs):
    return lib.shard_map(f, mesh=_mesh(lib), in_specs=in_specs, out_specs=out_specs)


# Each says something of a library `c`, in terms that are equal in both.
SAID = {
    "specs": lambda c: [
        repr(c.P("x", None, ("x", "y"))), list(c.P("x", None)), len(c.P("x")), c.P("x") == c.P("x", None),
        c.P(("x",)) == c.P("x"), repr(c.P("x") + c.P("y")), c.P("x", "y")[1], hash(c.P("x")) == hash(c.P("x")),
        c.P("x", "y").index("y"), c.P("x").count("x"), repr(c.P.UNCONSTRAINED), c.P("x") == ("x",),
    ],
    "meshes": lambda c: [
        dict(_mesh(c).shape), _mesh(c).axis_names, _mesh(c).size, _mesh(c).empty, _mesh(c).axis_sizes,
        _mesh(c).device_ids.tolist(), repr(_mesh(c).axis_types), _mesh(c) == _mesh(c), _mesh(c).devices.shape,
        repr(c.make_mesh((1, 1), ("a", "b")).axis_types), c.sharding.get_mesh().empty,
        c.sharding.Mesh(c.devices()[:1], "i").axis_names, c.sharding.get_abstract_mesh().axis_names,
    ],
    "shardings": lambda c: [
        (s.is_fully_replicated, s.shard_shape((4, 3)), len(s.device_set), list(s.devices_indices_map((4, 3)).values()),
         s.num_devices, s == c.NamedSharding(_mesh(c), c.P("x")), s.is_equivalent_to(
             c.sharding.SingleDeviceSharding(c.devices()[0]), 2))
        for s in (c.NamedSharding(_mesh(c), c.P("x")), c.sharding.SingleDeviceSharding(c.devices()[0]))
    ],
    "the mesh in force": lambda c: [_inside(c), c.sharding.get_mesh().empty],
    "arrays": lambda c: [
        np.asarray(c.device_put(X, c.NamedSharding(_mesh(c), c.P("x")))).tolist(),
        np.asarray(c.make_array_from_callback((4, 3), _sharding(c), lambda index: X[index] + 1)).tolist(),
        np.asarray(c.make_array_from_single_device_arrays((4, 3), _sharding(c), [c.numpy.asarray(X)])).tolist(),
        np.asarray(c.lax.with_sharding_constraint(X, _sharding(c))).tolist(),
        [np.asarray(v).tolist() for v in c.device_put((X, 1.0), (_sharding(c), None))],
    ],
}  # fmt: skip


def _sharding(c):
    return c.NamedSharding(_mesh(c), c.P("x", "y"))


def _inside(c):
    with c.set_mesh(_mesh(c)):
        return c.sharding.get_mesh().axis_names, c.sharding.get_abstract_mesh().axis_sizes


@pytest.mark.parametrize("what", SAID)
def test_says_what_jax_says(what):
    assert SAID[what](cujax) == SAID[what](jax)


MAPPED = {
    "a sum over an axis": (lambda c, x: c.lax.psum(x.sum(0), "x"), ("x",), ()),
    "means, extrema": (lambda c, x: c.lax.pmax(c.lax.pmean(x, "x"), "y"), ("x", "y"), ("x", "y")),
    "a ring": (lambda c, x: c.lax.ppermute(x, "x", [(0, 0)]), ("x",), ("x",)),
    "an index": (lambda c, x: x + c.lax.axis_index("y").astype("float32"), ("x",), ("x", "y")),
    "all gathered": (lambda c, x: c.lax.all_gather(x, "x", tiled=True), ("x",), ("x",)),
    "lengths": (lambda c, x: x * c.lax.axis_size("x"), (None, "x"), (None, "x")),
}


@pytest.mark.parametrize("what", MAPPED)
@pytest.mark.parametrize("around", ["", "jit", "vmap"])
def test_shard_map_gives_what_jax_gives(what, around):
    f, inward, outward = MAPPED[what]

    def run(c):
        mapped = _shard_map(c, lambda x: f(c, x), c.P(*inward), c.P(*outward))
        return getattr(c, around)(mapped)(np.stack([X, X * 2]) if around == "vmap" else X) if around else mapped(X)

    np.testing.assert_array_equal(run(cujax), run(jax))


def test_shard_map_is_differentiated():
    def gradient(c):
        mapped = _shard_map(c, lambda x: c.lax.psum((x**2).sum(), "x"), c.P("x"), c.P())
        return c.grad(mapped)(c.numpy.asarray(X))

    np.testing.assert_array_equal(gradient(cujax), gradient(jax))


def test_shard_map_as_a_decorator_in_a_mesh_in_force():
    with cujax.set_mesh(_mesh(cujax)):

        @cujax.shard_map(in_specs=(cujax.P("x"), cujax.P()), out_specs=cujax.P("x"))
        def scaled(x, by):
            return x * by

        assert scaled(X, 2.0)[1, 0] == 6
    from_before = cujax.experimental.shard_map.shard_map
    specs = (cujax.P(), None), cujax.P()
    assert from_before(scaled.__wrapped__, _mesh(cujax), *specs, check_rep=False)(X, 2.0)[1, 0] == 6


# Calls that are errors in JAX, of the same class here.
WRONG = [
    lambda c: c.NamedSharding(_mesh(c), c.P("z")),
    lambda c: c.NamedSharding(_mesh(c), c.P("x", "x")),
    lambda c: c.sharding.Mesh(c.devices()[:1], ("x", "y")),
    lambda c: c.make_mesh((64,), ("x",)),
    lambda c: c.device_put(np.ones(3), c.NamedSharding(_mesh(c), c.P("x", "y"))),
    lambda c: c.device_put(X, "x"),
    lambda c: c.make_array_from_single_device_arrays((5, 3), _sharding(c), [c.numpy.asarray(X)]),
    lambda c: c.make_array_from_callback((5, 3), _sharding(c), lambda index: X),
    lambda c: c.experimental.mesh_utils.create_device_mesh((64, 1)),
    lambda c: _shard_map(c, lambda x: x, c.P("x"), c.P())(1.0),
    lambda c: _shard_map(c, lambda x: x, c.P("z"), c.P())(X),
    lambda c: _shard_map(c, lambda x: x, (c.P("x"), c.P()), c.P())(X),
    lambda c: _shard_map(c, lambda x: x.sum(), c.P("x"), c.P("x"))(X),
    lambda c: _shard_map(c, lambda x: x, c.P("x"), (c.P("x"), c.P()))(X),
    lambda c: c.shard_map(lambda x: x, in_specs=c.P("x"), out_specs=c.P("x"))(X),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_calls_are_errors_of_the_same_class(number):
    with pytest.raises(Exception) as theirs:
        WRONG[number](jax)
    kind = ValueError if theirs.type.__module__.startswith("jax.") else theirs.type  # one of JAX's private classes
    with pytest.raises(kind):
        WRONG[number](cujax)


def test_a_mesh_has_one_device():
    with pytest.raises(NotImplementedError, match="a mesh has one"):
        cujax.sharding.Mesh(cujax.devices()[:1] * 2, ("x",))


def test_the_backend_says_its_platform():
    found = cujax.extend.backend.get_backend()
    assert found.platform == cujax.default_backend() and found.devices() == cujax.devices()
    with pytest.raises(RuntimeError, match="Unknown backend"):
        cujax.extend.backend.get_backend("tpu")
