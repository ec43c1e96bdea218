"""cujax.scipy.spatial.transform against SciPy, and its interface against JAX's."""

from __future__ import annotations

import inspect
import itertools

import jax
import jax.scipy.spatial.transform
import numpy as np
import pytest
import scipy.spatial.transform as reference

import cujax
import cujax.numpy as jnp
from cujax import test_util
from cujax.scipy.spatial.transform import Rotation, Slerp

theirs = jax.scipy.spatial.transform
Q = np.random.default_rng(0).normal(size=(6, 4))
Q[4:] = [[0, 0, 0, 1], [1, 0, 0, 0]]
SEQUENCES = ["".join(s) for s in itertools.product("xyz", repeat=3) if s[0] != s[1] != s[2]]


@pytest.fixture
def pair(x64):
    return Rotation.from_quat(Q), reference.Rotation.from_quat(Q)


def close(found, expected):
    found = np.asarray(found)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def same(found, expected):
    """Rotations, whatever the sign of the quaternions."""
    close(found.as_matrix(), expected.as_matrix())


def test_representations(pair):
    ours, scipy = pair
    for name in ("as_matrix", "as_quat", "as_rotvec", "as_mrp", "magnitude"):
        close(getattr(ours, name)()[:5], getattr(scipy, name)()[:5])
        close(getattr(ours[0], name)(), getattr(scipy[0], name)())
    close(ours.as_rotvec(degrees=True)[:5], scipy.as_rotvec(degrees=True)[:5])
    close(ours.as_quat(canonical=True, scalar_first=True)[:4], scipy.as_quat(canonical=True, scalar_first=True)[:4])


def test_made_of_representations(pair):
    _, scipy = pair
    for name in ("matrix", "rotvec", "mrp"):
        values = getattr(scipy, f"as_{name}")()
        same(getattr(Rotation, f"from_{name}")(values), scipy)
        same(getattr(Rotation, f"from_{name}")(values[0]), scipy[0])
    same(Rotation.from_rotvec(scipy.as_rotvec(degrees=True), degrees=True), scipy)
    same(Rotation.from_rotvec([1e-5, 0, 0]), reference.Rotation.from_rotvec([1e-5, 0, 0]))


@pytest.mark.parametrize("upper", [False, True])
def test_euler_angles(x64, upper):
    ours, scipy = Rotation.from_quat(Q[:4]), reference.Rotation.from_quat(Q[:4])
    for seq in SEQUENCES:
        seq = seq.upper() if upper else seq
        close(ours.as_euler(seq), scipy.as_euler(seq))
        close(ours[1].as_euler(seq, degrees=True), scipy[1].as_euler(seq, degrees=True))
        same(Rotation.from_euler(seq, scipy.as_euler(seq)), scipy)
        angles = [0.3, 0 if seq[0] == seq[2] else np.pi / 2, 0.4]  # the first and the third axis are one
        found = Rotation.from_euler(seq, angles)
        same(Rotation.from_euler(seq, found.as_euler(seq)), found)
        assert found.as_euler(seq)[2] == 0
    for seq, a in (("x", 0.1), ("zy", [0.1, 0.2]), ("XZ", np.array([[10.0, 20], [30, 40]]))):
        same(Rotation.from_euler(seq, a, degrees=True), reference.Rotation.from_euler(seq, a, degrees=True))


def test_what_rotations_do(pair):
    ours, scipy = pair
    v = np.arange(18.0).reshape(6, 3)
    for inverse in (False, True):
        close(ours.apply(v, inverse), scipy.apply(v, inverse))
        close(ours[0].apply(v, inverse), scipy[0].apply(v, inverse))
        close(ours.apply(v[0], inverse), scipy.apply(v[0], inverse))
    same(ours * ours[::-1], scipy * scipy[::-1])
    same(ours[1] * ours, scipy[1] * scipy)
    same(ours.inv(), scipy.inv())
    same(ours[:3].mean(), scipy[:3].mean())
    same(ours[:3].mean([1.0, 2, 3]), scipy[:3].mean([1, 2, 3]))
    same(Rotation.concatenate([ours, ours[0]]), reference.Rotation.concatenate([scipy, scipy[0]]))
    assert len(ours) == 6 and not ours.single and ours[0].single
    close(Rotation.identity(2).as_quat(), [[0, 0, 0, 1]] * 2)


def test_random_rotations_are_of_length_one():
    assert Rotation.random(cujax.random.key(0)).single
    r = Rotation.random(cujax.random.key(1), 500)
    np.testing.assert_allclose(np.linalg.norm(r.quat, axis=1), 1, rtol=1e-5)
    assert abs(np.asarray(r.as_matrix()).mean(0)).max() < 0.1


def test_slerp(x64):
    times, turns = [0.0, 1, 3], [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    ours = Slerp.init(times, Rotation.from_rotvec(turns))
    scipy = reference.Slerp(times, reference.Rotation.from_rotvec(turns))
    for at in ([0, 0.5, 1, 2.2, 3], 1.5):
        same(ours(at), scipy(at))
    close(ours(-1.0).as_rotvec(), [-1, 0, 0])  # it goes on turning


def test_rotations_go_through_transformations(x64):
    v = np.arange(3.0)

    def turned(rotvec):
        return Rotation.from_rotvec(rotvec).apply(v)

    test_util.check_grads(turned, (np.array([0.3, -0.2, 0.5]),), 2)
    close(cujax.jacobian(turned)(np.zeros(3)), np.cross(np.eye(3), v).T)  # at no rotation
    test_util.check_grads(lambda q: Rotation.from_quat(q).as_rotvec(), (Q[0],), 1)
    test_util.check_grads(lambda q: Rotation.from_quat(q).as_euler("xyz"), (Q[0],), 1)
    r = Rotation.from_quat(Q)
    close(cujax.jit(cujax.vmap(lambda r: r.inv().as_rotvec()))(r), r.inv().as_rotvec())


@pytest.mark.parametrize(("make", "error", "text"), [
    (lambda: Rotation.from_euler("xyq", jnp.ones(3)), ValueError, "one to three of 'xyz'"),
    (lambda: Rotation.from_euler("xY", jnp.ones(2)), ValueError, "or of 'XYZ', got 'xY'"),
    (lambda: Rotation.from_euler("xyz", jnp.ones(2)), ValueError, "takes 3 angles"),
    (lambda: Rotation.identity().as_euler("xxy"), ValueError, "must differ"),
    (lambda: Rotation.identity().as_euler("xy"), ValueError, "three axes"),
    (lambda: Rotation.from_matrix(jnp.ones((2, 3))), ValueError, r"got \(2, 3\)"),
    (lambda: Rotation.from_quat(jnp.ones(3)), ValueError, r"from_quat: quat must have shape \(4,\).*got \(3,\)"),
    (lambda: Rotation.from_rotvec(jnp.ones((2, 4))), ValueError, "from_rotvec: rotvec must have shape"),
    (lambda: Rotation.from_mrp(1.0), ValueError, "from_mrp: mrp must have shape"),
    (lambda: Rotation.identity().apply(jnp.ones(4)), ValueError, "apply: vectors must have shape"),
    (lambda: Rotation.identity(3).apply(jnp.ones((2, 3))), ValueError, "3 rotations do not turn vectors of shape"),
    (lambda: Rotation.identity(3).mean(jnp.ones(2)), ValueError, r"shape \(3,\)"),
    (lambda: len(Rotation.identity()), TypeError, "no len"),
    (lambda: Rotation.identity()[0], TypeError, "no elements"),
    (lambda: Slerp.init([0.0], Rotation.identity()), ValueError, "two rotations"),
    (lambda: Slerp.init([0.0, 1, 2], Rotation.identity(2)), ValueError, "as many times"),
    (lambda: Slerp.init([0.0, 1], Rotation.identity(2))(jnp.ones((2, 2))), ValueError, "rank 1"),
])
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize("name", ["Rotation", "Slerp"])
def test_methods_are_those_of_jax(name):
    ours, reference = {"Rotation": Rotation, "Slerp": Slerp}[name], getattr(theirs, name)
    assert ours._fields == reference._fields
    for method in [m for m in vars(reference) if not m.startswith("_") and callable(getattr(reference, m))]:
        found, expected = (list(inspect.signature(getattr(c, method)).parameters) for c in (ours, reference))
        assert found == expected
