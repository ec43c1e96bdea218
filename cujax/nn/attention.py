"""Dot-product attention, and products of matrices whose entries come in scaled blocks.

Letters in comments and texts: B sequences of a batch, T queries and S keys of each, N heads of queries, K heads of keys
and values, H numbers of a head.  Everything is composed of ops: scores, softmax and products are what the compiler
makes of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cujax import lax
from cujax import numpy as jnp
from cujax.api.traced_once import traced_once
from cujax.engine.control.stop_gradient import stop_gradient
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.nn.functions import softmax
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import logsumexp

_SOFTMAX_FLOOR = 0.7  # of the largest float: a score that is left out, from which the maximum can be subtracted


@traced_once("query", "key", "value", "bias", "mask", "scale")
def dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    bias: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    *,
    scale: float | None = None,
    is_causal: bool = False,
    query_seq_lengths: ArrayLike | None = None,
    key_value_seq_lengths: ArrayLike | None = None,
    local_window_size: int | tuple[int, int] | None = None,
    implementation: str | None = None,
    return_residual: bool = False,
) -> Any:
    """softmax(scale * query . key + bias) . value, for each head.

    A. Vaswani et al., "Attention Is All You Need", 2017.

    query: (B, T, N, H), or (T, N, H).  key, value: (B, S, K, H), or (S, K, H), of the query's dtype; each head of
    keys serves N / K heads of queries, so K must divide N.  bias, added to the scores, and mask, booleans that say
    which scores count: of rank 4, with lengths that are 1 or those of (B, N, T, S).  scale: 1 / sqrt(H) by default.
    is_causal: a query sees keys up to its own place.  query_seq_lengths, key_value_seq_lengths: int32 (B,), how many
    are real; results beyond are 0.  local_window_size: how many keys before and behind its own place a query sees.
    implementation: None or "xla", both of which mean the composition of ops described here; there is no cuDNN kernel.
    return_residual: also return logsumexp of the scores, (B, T, N), as a constant of differentiation.

    Scores and softmax are in float32 at least.  Returns an array like `query`.  A query that sees no key gets the mean
    of all values.  ValueError for shapes and dtypes that do not fit; NotImplementedError for "cudnn".
    """
    _check_implementation(implementation)
    shape = np.shape(query)
    q, k, v = (_with_batch(jnp.asarray(x)) for x in (query, key, value))
    _check_operands(q, k, v)
    bias = None if bias is None else _of_rank_4("bias", bias, q, k)
    mask = None if mask is None else _of_rank_4("mask", mask, q, k)
    if mask is not None and mask.dtype != bool:
        raise ValueError(f"dot_product_attention: mask must be boolean, got {mask.dtype}; add numbers by `bias`")
    lengths = _Lengths(
        _lengths("query_seq_lengths", query_seq_lengths, q), _lengths("key_value_seq_lengths", key_value_seq_lengths, q)
    )
    scores = _scores(q, k, scale)
    if bias is not None:
        scores = (scores + _grouped(bias, k.shape[2])).astype(scores.dtype)
    scores = _masked(scores, _grouped(mask, k.shape[2]), is_causal, local_window_size, lengths)
    out = _weighted_values(scores, v, lengths.queries).reshape(shape)
    if not return_residual:
        return out
    total = jnp.moveaxis(logsumexp(scores, -1).reshape(q.shape[0], q.shape[2], q.shape[1]), 1, 2)
    return out, stop_gradient(total.astype(k.dtype).reshape(shape[:-1]))


class _Lengths(NamedTuple):
    queries: Array | None
    keys: Array | None


def _check_implementation(implementation: str | None) -> None:
    if implementation == "cudnn":
        raise NotImplementedError(
            "dot_product_attention: there is no kernel of cuDNN for it; leave implementation=None, which composes ops"
        )
    if implementation not in (None, "xla"):
        raise ValueError(f"dot_product_attention: implementation must be None or 'xla', got {implementation!r}")


def _with_batch(x: Array) -> Array:
    return x if x.ndim == 4 else x[None]


def _check_operands(q: Array, k: Array, v: Array) -> None:
    if {q.ndim, k.ndim, v.ndim} != {4} or v.shape != k.shape or (q.shape[0], q.shape[3]) != (k.shape[0], k.shape[3]):
        raise ValueError(
            "dot_product_attention: query must have shape (B, T, N, H) or (T, N, H), key and value (B, S, K, H) or "
            f"(S, K, H); got {q.shape}, {k.shape} and {v.shape}"
        )
    if {q.dtype, k.dtype, v.dtype} != {q.dtype}:
        raise ValueError(f"dot_product_attention: dtypes must be the same, got {q.dtype}, {k.dtype} and {v.dtype}")
    if not k.shape[2] or q.shape[2] % k.shape[2]:
        raise ValueError(
            f"dot_product_attention: the number of query heads must be a multiple of the number of key heads, got "
            f"{q.shape[2]} and {k.shape[2]}"
        )


def _of_rank_4(name: str, x: ArrayLike, q: Array, k: Array) -> Array:
    x = jnp.asarray(x)
    x = x.reshape((1,) * (4 - x.ndim) + x.shape)
    full = (q.shape[0], q.shape[2], q.shape[1], k.shape[1])
    if x.ndim != 4 or any(n not in (1, m) for n, m in zip(x.shape, full, strict=True)):
        raise ValueError(f"dot_product_attention: {name} must broadcast to (B, N, T, S) = {full}, got shape {x.shape}")
    return x


def _lengths(name: str, x: ArrayLike | None, q: Array) -> Array | None:
    if x is None:
        return None
    x = jnp.asarray(x)
    if x.shape != q.shape[:1] or x.dtype != dtypes.int32:
        raise ValueError(f"dot_product_attention: {name} must be int32[{q.shape[0]}], got {x.aval.str_short()}")
    return x


def _grouped(x: Array | None, heads: int) -> Any:
    """(B, N, T, S) as (B, K, N / K, T, S)."""
    if x is None:
        return None
    b, n, t, s = x.shape
    return x[:, :, None] if n == 1 else x.reshape(b, heads, n // heads, t, s)


def _scores(q: Array, k: Array, scale: float | None) -> Array:
    """(B, K, N / K, T, S), in float32 at least."""
    b, t, n, h = q.shape
    wide = jnp.promote_types(q.dtype, dtypes.float32)
    grouped = q.reshape(b, t, k.shape[2], n // k.shape[2], h)
    products = jnp.einsum("btkgh,bskh->bkgts", grouped, k, preferred_element_type=wide)
    return products * jnp.asarray(1 / np.sqrt(max(h, 1)) if scale is None else scale).astype(wide)


def _masked(
    scores: Array, mask: Array | None, is_causal: bool, window: int | Sequence[int] | None, lengths: _Lengths
) -> Array:
    """Scores, hardly above -inf where something says that they do not count."""
    t, s = scores.shape[-2:]
    at, of = jnp.arange(t)[:, None], jnp.arange(s)
    seen = [] if mask is None else [mask]
    if is_causal:
        seen.append(of <= at)
    if window is not None:
        before, behind = (window, window) if isinstance(window, int) else window
        seen.append((of >= at - before) & (of <= at + behind))
    if lengths.queries is not None:
        seen.append((jnp.arange(t) < lengths.queries[:, None])[:, None, None, :, None])
    if lengths.keys is not None:
        seen.append((of < lengths.keys[:, None])[:, None, None, None, :])
    least = -_SOFTMAX_FLOOR * float(jnp.finfo(scores.dtype).max)
    for condition in seen:
        scores = jnp.where(condition, scores, least)
    return scores


def _weighted_values(scores: Array, v: Array, query_lengths: Array | None) -> Array:
    weights = softmax(scores).astype(v.dtype)
    out = jnp.einsum("bkgts,bskh->btkgh", weights, v)
    if query_lengths is None:
        return out
    is_real = jnp.arange(out.shape[1]) < query_lengths[:, None]
    return out * is_real.astype(out.dtype)[:, :, None, None, None]


# --- scaled blocks ----------------------------------------------------------------------------------------------------


def scaled_matmul(
    lhs: Array, rhs: Array, lhs_scales: Array, rhs_scales: Array, preferred_element_type: Any = np.float32
) -> Array:
    """lhs . rhs^T for each matrix of a batch, after each block of a row has been multiplied by a number of its own.

    lhs: (B, M, K).  rhs: (B, N, K).  lhs_scales: (B, M, n), rhs_scales: (B, N, n), where n divides K: a number for
    each run of K / n entries (Open Compute Project, "Microscaling Formats", 2023).
    Products and sums are in float32; returns (B, M, N) of `preferred_element_type`.  ValueError for shapes that do not
    fit.
    """
    a, b, a_scales, b_scales = map(jnp.asarray, (lhs, rhs, lhs_scales, rhs_scales))
    _check_scaled(a, b, a_scales, b_scales)
    products = jnp.einsum("bmk,bnk->bmn", _scaled(a, a_scales), _scaled(b, b_scales))
    return products.astype(preferred_element_type)


def _check_scaled(a: Array, b: Array, a_scales: Array, b_scales: Array) -> None:
    shapes = [x.shape for x in (a, b, a_scales, b_scales)]
    fits = {len(shape) for shape in shapes} == {3} and len({(s[0], s[2]) for s in shapes[:2]}) == 1
    fits = fits and shapes[2][:2] == shapes[0][:2] and shapes[3][:2] == shapes[1][:2]
    if not fits or shapes[2][2] != shapes[3][2] or not shapes[2][2] or shapes[0][2] % shapes[2][2]:
        raise ValueError(
            "scaled_matmul: lhs must have shape (B, M, K), rhs (B, N, K), their scales (B, M, n) and (B, N, n) where n "
            f"divides K; got {', '.join(map(str, shapes))}"
        )


def _scaled(x: Array, scales: Array) -> Array:
    wide = lax.convert_element_type(x, dtypes.float32)
    return wide * jnp.repeat(scales.astype(dtypes.float32), x.shape[-1] // scales.shape[-1], axis=-1)
