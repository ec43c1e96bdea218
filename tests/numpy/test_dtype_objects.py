"""Dtypes as users write them: values, dtypes, weak types and errors of JAX."""

from __future__ import annotations

import pytest
from oracle_cases import check, lines

CASES = r"""
jnp.finfo('float32').eps
jnp.finfo(jnp.bfloat16).max
jnp.iinfo('int8').max
jnp.finfo(int)
jnp.iinfo(float)
jnp.issubdtype(jnp.float32, jnp.floating)
jnp.issubdtype('bfloat16', jnp.inexact)
jnp.result_type(1, 2.0)
jnp.result_type(x, 1j)
jnp.result_type('int8', jnp.uint8)
jnp.result_type(int, jnp.float16)
jnp.result_type(xi, jnp.float16)
jnp.result_type()
jnp.result_type(1)
jnp.promote_types('int32', 'float32')
jnp.promote_types(int, 'int8')
jnp.promote_types('uint32', 'int64')
jnp.can_cast('int8', 'int32')
jnp.can_cast('float32', 'int32')
jnp.isdtype(jnp.float32, 'real floating')
jnp.isdtype('int32', ('bool', 'integral'))
jnp.isdtype('int32', 'foo')
jnp.isscalar(3)
jnp.isscalar('a')
jnp.isscalar(x)
jnp.isscalar(np.float32(3))
jnp.isscalar(jnp.array(3))
jnp.iscomplexobj(c)
jnp.isrealobj(x)
jnp.float32(3)
jnp.int8([1, 2])
jnp.bool_(3)
jnp.complex64(1)
jnp.float32 == np.float32
jnp.float32.dtype
x.dtype == jnp.float32
jnp.dtype('int8')
"""


@pytest.mark.parametrize("case", lines(CASES))
def test_agrees_with_jax(case):
    check(case)
