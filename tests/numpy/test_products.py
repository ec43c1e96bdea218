"""Products, einsum and convolutions of jnp: values, dtypes, weak types, errors and gradients of JAX.

X is a 3 by 4 matrix, V a vector of 7 (see oracle_cases.py); `t3` and `u3` below are arrays of rank 3.
"""

from __future__ import annotations

import numpy as np
import pytest
from oracle_cases import check, check_transforms, lines

import cujax
import cujax.numpy as jnp
from cujax.engine.core.recording import record
from cujax.engine.core.trace import aval_of

PRODUCTS = r"""
jnp.dot(x, v[:4])
jnp.dot(x, x.T)
jnp.dot(2, 3)
jnp.dot(2.5, v)
jnp.dot(x.reshape(2, 3, 2), xi.reshape(3, 2, 2))
jnp.dot(xi > 3, xi.T > 3)
jnp.dot(xi.astype('int8'), xi.T.astype('uint8'))
jnp.dot(c, x.T, precision='highest')
jnp.dot(x, x.T, preferred_element_type='float16')
jnp.dot(x, x)
jnp.dot([1, 2], v)
jnp.dot(xi, xi.T, preferred_element_type='int8')
jnp.dot(jnp.zeros((2, 0)), jnp.zeros((0, 3)))
jnp.matmul(x, v[:4])
jnp.matmul(v[:3], x)
jnp.matmul(v, v)
jnp.matmul(x.reshape(3, 1, 2, 2), x.reshape(3, 2, 2))
jnp.matmul(x.reshape(1, 3, 4), jnp.zeros((0, 4, 2)))
jnp.matmul(v[:2], x.reshape(3, 2, 2))
jnp.matmul(x.reshape(3, 2, 2), v[:2])
jnp.matmul(x.reshape(2, 3, 2), x.reshape(3, 2, 2))
jnp.matmul(2, x)
jnp.matmul(x, v)
x @ xi.T.astype('float16')
xi.T @ xi
x.dot(v[:4])
jnp.vdot(c, x)
jnp.vdot(c, c)
jnp.vdot(2, 3.0)
jnp.vdot(v, x)
jnp.vecdot(c, x)
jnp.vecdot(c, c, axis=0)
jnp.vecdot(x.reshape(2, 1, 6), x.reshape(2, 6))
jnp.vecdot(x, v)
jnp.vecdot(x, x.reshape(2, 6), axis=0)
jnp.matvec(x, v[:4])
jnp.matvec(x.reshape(3, 2, 2), v[:6].reshape(3, 1, 2))
jnp.matvec(x, v)
jnp.matvec(v, v)
jnp.vecmat(c[:, 0], x)
jnp.vecmat(v[:2], x.reshape(3, 2, 2))
jnp.vecmat(v, x)
jnp.inner(x, x[:2])
jnp.inner(2.0, v)
jnp.inner(x, v)
jnp.outer(x, v[:2])
jnp.outer(2, 3.0)
jnp.outer(x > 0, v > 2)
jnp.outer(v, v, out=v)
jnp.tensordot(x, x, 2)
jnp.tensordot(x, x.T, 1)
jnp.tensordot(x, v, 0)
jnp.tensordot(x, x, ((0,), (0,)))
jnp.tensordot(x, x, (1, -1))
jnp.tensordot(x.reshape(3, 2, 2), x.reshape(2, 2, 3), ((1, 2), (1, 0)))
jnp.tensordot(x, x, ([1, 0], [1, 0]))
jnp.tensordot(2.0, 3.0, 0)
jnp.tensordot(x, x, 3)
jnp.tensordot(x, x, 1)
jnp.tensordot(x, x, 'a')
jnp.tensordot(x, x, (1,))
jnp.tensordot(x, x, ((0, 1), (0,)))
jnp.tensordot(x, x, ((5,), (0,)))
jnp.kron(x, v[:2])
jnp.kron(2, x)
jnp.kron(x.reshape(3, 2, 2), x[:2])
jnp.kron(2, 3)
jnp.cross(x[:, :3], v[:3])
jnp.cross(x[:, :2], v[:2])
jnp.cross(x[:, :2], v[:3])
jnp.cross(v[:3], x[:, :2])
jnp.cross(xi[:, :3], x[:, :3])
jnp.cross(x, x[:, ::-1], axis=0)
jnp.cross(x, x.T[:, :3], axisa=0)
jnp.cross(x, x.T[:, :3], axisa=0, axisc=0)
jnp.cross(x, x)
jnp.cross(x[:, :3], x[:2, :3])
jnp.cross(2.0, v[:3])
"""

EINSUMS = r"""
jnp.einsum('ij,jk->ik', x, x.T)
jnp.einsum('ij,jk', x, x.T)
jnp.einsum('ij,kj->ki', x, x[:2])
jnp.einsum('ba,b', x, v[:3])
jnp.einsum('ij,j', xi, v[:4])
jnp.einsum('ij->', x)
jnp.einsum('ij->ji', c)
jnp.einsum('ii', x[:, :3])
jnp.einsum('ii->i', x[:, :3])
jnp.einsum('ijj->ij', x.reshape(3, 2, 2))
jnp.einsum('iij,j->ji', x.reshape(2, 2, 3), v[:3])
jnp.einsum('ij,ij->i', x, x)
jnp.einsum('i,j', v[:2], v)
jnp.einsum('bij,bkj->ikb', x.reshape(3, 2, 2), x.reshape(3, 2, 2))
jnp.einsum('...i,i', x, v[:4])
jnp.einsum('...ij,...jk', x.reshape(3, 2, 2), x.reshape(1, 2, 6)[..., :3])
jnp.einsum('...ij,...ij->...', x.reshape(3, 2, 2), x[:2, :2])
jnp.einsum('i...->...', x)
jnp.einsum('ij,jk', x[:, :1], x)
jnp.einsum('ij,ij->ij', x[:1], x)
jnp.einsum('ij,jk,kl->il', x, x.T, x)
jnp.einsum('ij,jk,kl->il', x, x.T, x, optimize=False)
jnp.einsum('ij,jk,kl->il', x, x.T, x, optimize='greedy')
jnp.einsum('ij,jk,kl->il', x, x.T, x, optimize=[(1, 2), (0, 1)])
jnp.einsum('ij,jk,kl->il', x, x.T, x, optimize='much')
jnp.einsum(x, [0, 1], v[:4], [1])
jnp.einsum(x, [0, 1], x, [2, 1], [2, 0])
jnp.einsum(x, [..., 0], [...])
jnp.einsum('', 2.0)
jnp.einsum(',i', 3, v)
jnp.einsum('ij->i', x > 0)
jnp.einsum('i->', jnp.full(9, 100, 'int8'))
jnp.einsum('i->', jnp.full(9, 100, 'int8'), preferred_element_type='int32')
jnp.einsum('i,i', jnp.full(9, 100, 'int8'), jnp.full(9, 100, 'int8'), preferred_element_type='int32')
jnp.einsum('ij,jk', x, x.T, preferred_element_type='float16')
jnp.einsum('ij,jk', xi, xi.T, preferred_element_type='int8')
jnp.einsum('ij,jk->il', x, x.T)
jnp.einsum('ij,jk->ii', x, x.T)
jnp.einsum('ij,jk', x, x)
jnp.einsum('ijk', x)
jnp.einsum('ij,jk', x)
jnp.einsum('ij', [[1, 2]])
jnp.einsum('ij', x, out=x)
jnp.einsum(5, x)
jnp.einsum_path('ij,jk,kl->il', x, x.T, x)[0]
"""

CONVOLUTIONS = r"""
jnp.convolve(v, v[:3])
jnp.convolve(v[:3], v, 'same')
jnp.convolve(v, v[:4], 'same')
jnp.convolve(v[:3], v, 'valid')
jnp.convolve(xi[0], xi[1].astype('int8'))
jnp.convolve(c[0], v)
jnp.convolve(x, v)
jnp.convolve(v, v[:0])
jnp.convolve(v, v, 'much')
jnp.convolve(v, [1, 2])
jnp.convolve(v, v, preferred_element_type='float16')
jnp.correlate(v, v[:3])
jnp.correlate(v[:3], v)
jnp.correlate(v, v[:4], 'same')
jnp.correlate(v[:4], v, 'same')
jnp.correlate(c[0, :3], c[1], 'full')
jnp.correlate(c[0], c[1, :3], 'full')
jnp.correlate(v, v[:0])
jnp.correlate(xi[0], xi[1])
"""

GRADIENTS = r"""
jnp.dot(x, v[:4])
jnp.matmul(x.reshape(3, 1, 2, 2), x.reshape(3, 2, 2))
jnp.vdot(x, x)
jnp.vecdot(x, x * x)
jnp.vecmat(v[:3], x)
jnp.outer(x, x[0])
jnp.tensordot(x.reshape(3, 2, 2), x.reshape(2, 2, 3), ((1, 2), (1, 0)))
jnp.kron(x, v[:2] + x[0, :2])
jnp.cross(x[:, :3], x[0, 1:])
jnp.einsum('ij,jk,k->i', x, x.T @ x, v[:4])
jnp.einsum('iij->j', x.reshape(2, 2, 3))
jnp.einsum('...ij,...ij->...', x.reshape(3, 2, 2), x[:2, :2])
jnp.convolve(x[0], v, 'same')
jnp.correlate(v, x[1], 'full')
"""


@pytest.mark.parametrize("case", lines(PRODUCTS + EINSUMS + CONVOLUTIONS))
def test_agrees_with_jax(case):
    check(case)


@pytest.mark.parametrize("case", lines(GRADIENTS))
def test_transforms(case):
    check_transforms(case)


def equations(function, *args) -> list[str]:
    tape, _ = record(lambda *xs: [function(*xs)], [aval_of(np.asarray(a)) for a in args])
    return [e.primitive.name for e in tape.eqns]


def test_batches_are_never_repeated():
    x, y = np.ones((5, 2, 3), np.float32), np.ones((3, 4), np.float32)
    assert equations(jnp.matmul, x, y) == ["dot_general"]
    assert equations(jnp.matmul, x, x.swapaxes(1, 2)) == ["dot_general"]
    assert "broadcast_in_dim" not in equations(jnp.matmul, x[:, None], np.ones((7, 3, 4), np.float32))
    assert equations(lambda a, b: jnp.einsum("ij,jk->ki", a, b), x[0], y) == ["dot_general"]


def test_errors_name_the_function_and_both_shapes():
    x = np.ones((2, 3), np.float32)
    with pytest.raises(TypeError, match=r"matmul .*\(2, 3\) and \(2, 3\), lengths 3 and 2"):
        jnp.matmul(x, x)
    with pytest.raises(TypeError, match=r"dot sums axes \(1,\) of shape \(2, 3\) with axes \(0,\) of shape \(2, 3\)"):
        jnp.dot(x, x)
    with pytest.raises(ValueError, match=r"vecdot .*\(2, 3\) and \(2,\)"):
        jnp.vecdot(x, x[:, 0])
    with pytest.raises(ValueError, match=r"matmul: the leading axes .*\(5, 2, 3\) and \(4, 3, 1\)"):
        jnp.matmul(np.ones((5, 2, 3)), np.ones((4, 3, 1)))


def test_an_einsum_is_planned_once():
    from_letters = cujax.jit(lambda a, b: jnp.einsum("ij,jk->ik", a, b))
    x = np.ones((2, 2), np.float32)
    np.testing.assert_array_equal(from_letters(x, x), x @ x)
    assert equations(lambda a, b: jnp.einsum("ab,bc->ac", a, b), x, x) == ["dot_general"]
