"""Rotations in three dimensions, as `scipy.spatial.transform`.

A rotation is kept as a quaternion (x, y, z, w) of length 1, or many as an array (n, 4); everything else is computed
from it.  The sign of a quaternion does not matter: q and -q are one rotation.  Formulas: M. D. Shuster, "A survey of
attitude representations", 1993; Euler angles: E. Bernardes, S. Viollet, "Quaternion to Euler angles conversion", 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cujax import lax, random
from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.scipy.interpolate.piecewise import floats

__all__ = ["Rotation", "Slerp"]

_SMALL = 1e-3  # angles below which series are used; their next terms are beyond float64


class Rotation(NamedTuple):
    """Rotations; a pytree.  quat: (4,) or (n, 4), of length 1 along the last axis."""

    quat: Array

    # --- made of ------------------------------------------------------------------------------------------------------

    @classmethod
    def from_quat(cls, quat: Any) -> Rotation:
        """Of quaternions (x, y, z, w), (4,) or (n, 4), of any length but 0."""
        q = _vectors("from_quat", "quat", quat, 4)
        return cls(q / jnp.linalg.norm(q, axis=-1, keepdims=True))

    @classmethod
    def from_matrix(cls, matrix: Any) -> Rotation:
        """Of orthogonal matrices, (3, 3) or (n, 3, 3), with determinant 1."""
        (m,) = floats(matrix)
        if m.shape[-2:] != (3, 3):
            raise ValueError(f"Rotation.from_matrix: matrix must have shape (3, 3) or (n, 3, 3), got {m.shape}")
        return cls.from_quat(_quaternion_of(m))

    @classmethod
    def from_rotvec(cls, rotvec: Any, degrees: bool = False) -> Rotation:
        """Of vectors along the axis, (3,) or (n, 3), as long as the angle."""
        v = _vectors("from_rotvec", "rotvec", rotvec, 3)
        v = jnp.deg2rad(v) if degrees else v
        angle = _length(v)
        square = angle * angle
        series = 0.5 - square / 48 + square * square / 3840
        scale = jnp.where(angle <= _SMALL, series, jnp.sin(angle / 2) / jnp.where(angle == 0, 1, angle))
        return cls.from_quat(jnp.concatenate([v * scale, jnp.cos(angle / 2)], axis=-1))

    @classmethod
    def from_mrp(cls, mrp: Any) -> Rotation:
        """Of modified Rodrigues parameters, (3,) or (n, 3): axis times tan(angle / 4)."""
        p = _vectors("from_mrp", "mrp", mrp, 3)
        square = jnp.sum(p * p, -1, keepdims=True)
        return cls.from_quat(jnp.concatenate([2 * p, 1 - square], axis=-1) / (1 + square))

    @classmethod
    def from_euler(cls, seq: str, angles: Any, degrees: bool = False) -> Rotation:
        """Of rotations about one axis after the other.

        seq: up to three axes: "xyz" (fixed in space) or "XYZ" (that turn with the body).  angles: one for each, along
        the last axis; for a single axis also a number.  ValueError for another sequence or number of angles.
        """
        axes, is_intrinsic = _axes(seq)
        (a,) = floats(angles)
        a = jnp.deg2rad(a) if degrees else a
        a = a[None] if a.ndim == 0 else a
        if a.shape[-1] != len(axes):
            raise ValueError(f"Rotation.from_euler: {seq!r} takes {len(axes)} angles, got shape {a.shape}")
        q = _about(axes[0], a[..., 0])
        for i, axis in enumerate(axes[1:], 1):
            other = _about(axis, a[..., i])
            q = _product(q, other) if is_intrinsic else _product(other, q)
        return cls(q)

    @classmethod
    def identity(cls, num: int | None = None, dtype: Any = float) -> Rotation:
        """The rotation that changes nothing, or `num` of them."""
        one = jnp.array([0, 0, 0, 1], dtype)
        return cls(one if num is None else jnp.tile(one, (num, 1)))

    @classmethod
    def random(cls, random_key: Any, num: int | None = None) -> Rotation:
        """A rotation, or `num`, each as likely as another: a normal vector of four is as likely in any direction."""
        return cls.from_quat(random.normal(random_key, (4,) if num is None else (num, 4)))

    @classmethod
    def concatenate(cls, rotations: Sequence[Rotation]) -> Rotation:
        """The rotations of several, one after the other."""
        return cls(jnp.concatenate([r.quat.reshape(-1, 4) for r in rotations]))

    # --- seen as ------------------------------------------------------------------------------------------------------

    def as_quat(self, canonical: bool = False, scalar_first: bool = False) -> Array:
        """Quaternions (x, y, z, w), or (w, x, y, z).  canonical: of the two that with the positive w."""
        q = _canonical(self.quat) if canonical else self.quat
        return jnp.roll(q, 1, -1) if scalar_first else q

    def as_matrix(self) -> Array:
        """Orthogonal matrices, (3, 3) or (n, 3, 3)."""
        x, y, z, w = jnp.moveaxis(self.quat, -1, 0)
        rows = [
            [x * x - y * y - z * z + w * w, 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), -x * x + y * y - z * z + w * w, 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), -x * x - y * y + z * z + w * w],
        ]
        return jnp.stack([jnp.stack(row, -1) for row in rows], -2)

    def as_rotvec(self, degrees: bool = False) -> Array:
        """Vectors along the axis, as long as the angle, which is at most pi."""
        q = _canonical(self.quat)
        half = _length(q[..., :3])
        angle = 2 * jnp.arctan2(half, q[..., 3:])
        square = angle * angle
        series = 2 + square / 12 + 7 * square * square / 2880
        scale = jnp.where(angle <= _SMALL, series, angle / jnp.where(half == 0, 1, half))
        return q[..., :3] * (jnp.rad2deg(scale) if degrees else scale)

    def as_mrp(self) -> Array:
        """Modified Rodrigues parameters, of length 1 at most."""
        q = _canonical(self.quat)
        return q[..., :3] / (1 + q[..., 3:])

    def as_euler(self, seq: str, degrees: bool = False) -> Array:
        """Angles about three axes, as `from_euler` takes them; the third is 0 where its axis and the first are one.

        The first and third lie in [-pi, pi], the middle one in [0, pi], or in [-pi/2, pi/2] for three different axes.
        ValueError for another sequence.
        """
        axes, is_intrinsic = _axes(seq)
        if len(axes) != 3:
            raise ValueError(f"Rotation.as_euler: seq must name three axes, got {seq!r}")
        if axes[0] == axes[1] or axes[1] == axes[2]:
            raise ValueError(f"Rotation.as_euler: axes that follow one another must differ, got {seq!r}")
        angles = _euler_angles(self.quat, axes, is_intrinsic)
        return jnp.rad2deg(angles) if degrees else angles

    def magnitude(self) -> Array:
        """The angles, between 0 and pi."""
        return 2 * jnp.arctan2(_length(self.quat[..., :3])[..., 0], jnp.abs(self.quat[..., 3]))

    # --- what they do -------------------------------------------------------------------------------------------------

    def apply(self, vectors: Any, inverse: bool = False) -> Array:
        """Vectors, (3,) or (n, 3), turned; rotation by rotation, where there are as many."""
        matrix, v = self.as_matrix(), _vectors("apply", "vectors", vectors, 3)
        counts = {len(matrix) if matrix.ndim > 2 else 1, v.shape[-2] if v.ndim > 1 else 1}
        if len(counts - {1}) > 1:
            raise ValueError(f"Rotation.apply: {len(matrix)} rotations do not turn vectors of shape {v.shape}")
        return jnp.einsum("...ji,...j->...i" if inverse else "...ij,...j->...i", matrix, v)

    def inv(self) -> Rotation:
        """The inverse."""
        return Rotation(self.quat * jnp.array([-1, -1, -1, 1], self.quat.dtype))

    def mean(self, weights: Any = None) -> Rotation:
        """The rotation with the least sum of squared distances, weighted (F. Landis Markley et al., 2007)."""
        q = self.quat.reshape(-1, 4)
        w = jnp.ones(len(q), q.dtype) if weights is None else jnp.asarray(weights)
        if w.ndim != 1 or len(w) != len(q):
            raise ValueError(f"Rotation.mean: weights must have shape ({len(q)},), got {w.shape}")
        return Rotation.from_quat(lax.linalg.eigh((q.T * w) @ q)[0][:, -1])

    @property
    def single(self) -> bool:
        """Whether this is one rotation and no array of them."""
        return self.quat.ndim == 1

    def __mul__(self, other: Any) -> Rotation:
        """First `other`, then this one."""
        return Rotation(_product(self.quat, other.quat))

    def __getitem__(self, indexer: Any) -> Rotation:  # type: ignore[override]
        if self.single:
            raise TypeError("a single Rotation has no elements")
        return Rotation(self.quat[indexer])

    def __len__(self) -> int:
        if self.single:
            raise TypeError("a single Rotation has no len()")
        return len(self.quat)


class Slerp(NamedTuple):
    """Rotations between given ones, at constant speed from one to the next: `Slerp.init(times, rotations)`.

    times: (n,).  timedelta: (n - 1,), from one time to the next.  rotations: the first n - 1.  rotvecs: (n - 1, 3),
    from each to the next.
    """

    times: Array
    timedelta: Array
    rotations: Rotation
    rotvecs: Array

    @classmethod
    def init(cls, times: Any, rotations: Rotation) -> Slerp:
        """times: (n,), increasing.  rotations: n.  ValueError for fewer than two, or other numbers."""
        if rotations.single or len(rotations) < 2:
            raise ValueError("Slerp: there must be two rotations at least")
        (times,) = floats(times)
        if times.shape != (len(rotations),):
            raise ValueError(f"Slerp: {len(rotations)} rotations need as many times, got shape {times.shape}")
        first, second = Rotation(rotations.quat[:-1]), Rotation(rotations.quat[1:])
        return cls(times, jnp.diff(times), first, (first.inv() * second).as_rotvec())

    def __call__(self, times: Any) -> Rotation:
        """The rotations at `times`, a number or (m,); before the first and after the last it goes on turning."""
        at = jnp.asarray(times)
        if at.ndim > 1:
            raise ValueError(f"Slerp: times must be a number or of rank 1, got shape {at.shape}")
        piece = jnp.clip(jnp.searchsorted(self.times, at) - 1, 0, len(self.timedelta) - 1)
        part = (at - self.times[piece]) / self.timedelta[piece]
        return self.rotations[piece] * Rotation.from_rotvec(self.rotvecs[piece] * part[..., None])


# --- quaternions ------------------------------------------------------------------------------------------------------


def _length(v: Array) -> Array:
    """Along the last axis, kept; with the derivative 0 at 0."""
    square = jnp.sum(v * v, -1, keepdims=True)
    is_zero = square == 0
    return jnp.where(is_zero, 0, jnp.sqrt(jnp.where(is_zero, 1, square)))


def _canonical(q: Array) -> Array:
    return jnp.where(q[..., 3:] < 0, -q, q)


def _product(p: Array, q: Array) -> Array:
    a, v, b, u = p[..., 3:], p[..., :3], q[..., 3:], q[..., :3]
    return jnp.concatenate([a * u + b * v + jnp.cross(v, u), a * b - jnp.sum(v * u, -1, keepdims=True)], axis=-1)


def _about(axis: int, angle: Array) -> Array:
    """The quaternion of a rotation about one coordinate axis."""
    parts = [jnp.zeros_like(angle)] * 3 + [jnp.cos(angle / 2)]
    parts[axis] = jnp.sin(angle / 2)
    return jnp.stack(parts, -1)


def _quaternion_of(m: Array) -> Array:
    """Four times one of its elements, the largest, times the quaternion: the others may be quotients by almost 0."""
    diagonal = [m[..., i, i] for i in range(3)]
    trace = diagonal[0] + diagonal[1] + diagonal[2]
    candidates = []
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        parts = [trace] * 4
        parts[i] = 1 - trace + 2 * diagonal[i]
        parts[j] = m[..., j, i] + m[..., i, j]
        parts[k] = m[..., k, i] + m[..., i, k]
        parts[3] = m[..., k, j] - m[..., j, k]
        candidates.append(jnp.stack(parts, -1))
    twist = [m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]]
    candidates.append(jnp.stack([*twist, 1 + trace], -1))
    largest = jnp.argmax(jnp.stack([*diagonal, trace], -1), -1)[..., None, None]
    return jnp.take_along_axis(jnp.stack(candidates, -2), largest, -2)[..., 0, :]


def _vectors(name: str, argument: str, value: Any, length: int) -> Array:
    """`value` as floats, which must be vectors of this length."""
    (v,) = floats(value)
    if v.ndim == 0 or v.shape[-1] != length:
        raise ValueError(f"Rotation.{name}: {argument} must have shape ({length},) or (n, {length}), got {v.shape}")
    return v


# --- Euler angles -----------------------------------------------------------------------------------------------------


def _axes(seq: str) -> tuple[list[int], bool]:
    """Numbers of the axes, and whether they turn with the body."""
    if not 1 <= len(seq) <= 3 or not (set(seq) <= set("xyz") or set(seq) <= set("XYZ")):
        raise ValueError(f"Euler angles: seq must be one to three of 'xyz', or of 'XYZ', got {seq!r}")
    return ["xyz".index(letter) for letter in seq.lower()], seq.isupper()


def _euler_angles(q: Array, axes: list[int], is_intrinsic: bool) -> Array:
    i, j, k = reversed(axes) if is_intrinsic else axes
    is_symmetric = i == k
    k = 3 - i - j if is_symmetric else k
    sign = (i - j) * (j - k) * (k - i) // 2  # of the permutation
    x = [q[..., n] for n in range(4)]
    a, b, c, d = (
        (x[3], x[i], x[j], x[k] * sign)
        if is_symmetric
        else (x[3] - x[j], x[i] + x[k] * sign, x[j] + x[3], x[k] * sign - x[i])
    )
    middle = 2 * jnp.arctan2(jnp.hypot(c, d), jnp.hypot(a, b))
    half_sum, half_difference = jnp.arctan2(b, a), jnp.arctan2(d, c)
    eps = 1e-7
    at_zero, at_pi = jnp.abs(middle) <= eps, jnp.abs(middle - np.pi) <= eps
    lone = jnp.where(at_zero, 2 * half_sum, 2 * half_difference * (1 if is_intrinsic else -1))
    is_lone = at_zero | at_pi
    early, late = half_sum - half_difference, half_sum + half_difference
    first, third = (late, early) if is_intrinsic else (early, late)
    third = jnp.where(is_lone, 0, third)
    first = jnp.where(is_lone, lone, first)
    if not is_symmetric:
        if is_intrinsic:
            first = first * sign
        else:
            third = third * sign
        middle = middle - np.pi / 2
    angles = jnp.stack([first, middle, third], -1)
    return jnp.where(angles < -np.pi, angles + 2 * np.pi, jnp.where(angles > np.pi, angles - 2 * np.pi, angles))
