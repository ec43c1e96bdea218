"""Writing at lists of places: scatter (set), scatter_mul, scatter_min, scatter_max.

Several updates of one place: of those that overwrite the last wins, in row-major order of the batch; the
others combine.  The derivatives have to say who won, or how a tie is shared; each is explained at its rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import NOT_LINEAR, Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, is_linear
from cujax.engine.ground import dtypes
from cujax.engine.ops import axes as ax
from cujax.engine.ops.constants import iota, zeros_of
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.elementwise import add, div, mul
from cujax.engine.ops.families import ANY, NUMBER, NUMERIC
from cujax.engine.ops.indexing import read_windows, scatter_add_p
from cujax.engine.ops.logic import eq, select
from cujax.engine.ops.rounding import max
from cujax.engine.ops.scatter_family import is_unique, scatter_primitive
from cujax.engine.ops.structural import add_tangents, broadcast_in_dim, reshape


def _masked(mask: Any, t: Any) -> Any:
    """`t` where `mask` holds, 0 elsewhere; `Zero` stays so."""
    return t if type(t) is Zero else select(mask, t, zeros_of(aval_of(t)))


def _add_at(aval: ShapedArray, indices: Any, t_updates: Any, params: dict[str, Any]) -> Any:
    """Zeros of `aval` with the updates added."""
    return scatter_add_p.bind(zeros_of(aval), indices, t_updates, **params)


# --- scatter ------------------------------------------------------------------------------------------


def _winners(x: Any, indices: Any, updates: Any, params: dict[str, Any]) -> tuple[Any, Any]:
    """Which places of the operand stay as they are, and which elements of the updates are the last at theirs.

    A scatter of the windows' own numbers, from 1, tells the owner of each place.
    """
    aval, numbers = aval_of(updates), params["dimension_numbers"]
    batch = ax.other_axes(aval.ndim, numbers.update_window_dims)
    shape = [aval.shape[d] for d in batch]
    own = broadcast_in_dim(reshape(add(iota(dtypes.int32, prod(shape)), 1), shape), aval.shape, batch)
    owner = scatter_p.bind(zeros_of(ShapedArray(aval_of(x).shape, dtypes.int32)), indices, own, **params)
    return eq(owner, 0), eq(read_windows(owner, indices, aval, params), own)


def _scatter_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple:
    """Where windows may overlap, tangents are masked by who won; the rest is then addition."""
    out = scatter_p.bind(*primals, **params)
    (x, indices, updates), (t, _, t_updates) = primals, tangents
    if type(t) is Zero and type(t_updates) is Zero:
        return out, t
    if is_unique(indices, params["dimension_numbers"], params["unique_indices"]):
        t, t_updates = (zeros_of(z.aval) if type(z) is Zero else z for z in (t, t_updates))
        return out, scatter_p.bind(t, indices, t_updates, **params)
    kept, won = _winners(x, indices, updates, params)
    t_out = _masked(kept, t)
    if type(t_updates) is not Zero:
        added = _add_at(aval_of(out).to_tangent_aval(), indices, _masked(won, t_updates), params)
        t_out = add_tangents(t_out, added)
    return out, t_out


def _scatter_transpose(ct: Any, x: Any, indices: Any, updates: Any, **params: Any) -> list[Any]:
    aval = aval_of(updates)
    unique = is_unique(indices, params["dimension_numbers"], params["unique_indices"])
    kept, won = (None, None) if unique else _winners(x, indices, updates, params)
    ct_x = ct_updates = None
    if is_linear(x):
        ct_x = scatter_p.bind(ct, indices, zeros_of(aval), **params) if unique else _masked(kept, ct)
    if is_linear(updates):
        ct_updates = read_windows(ct, indices, aval, params)
        ct_updates = ct_updates if unique else _masked(won, ct_updates)
    return [ct_x, None, ct_updates]


scatter_p, scatter = scatter_primitive(
    "scatter", "set", public="scatter", domain=ANY, jvp=_scatter_jvp, transpose=_scatter_transpose,
    cuda="cj::Last",
    doc="The operand with an update in place of each window; of updates of one place the last is kept.",
)


# --- scatter_mul --------------------------------------------------------------------------------------


def _scatter_mul_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple:
    """The product rule.  For overlapping updates it would need the product of all but one at each place."""
    out = scatter_mul_p.bind(*primals, **params)
    (x, indices, updates), (t, _, t_updates) = primals, tangents
    t_out = t if type(t) is Zero else scatter_mul_p.bind(t, indices, updates, **params)
    if type(t_updates) is not Zero:
        if not is_unique(indices, params["dimension_numbers"], params["unique_indices"]):
            raise NotImplementedError(
                "scatter_mul gradients are only implemented if `unique_indices=True`: the derivative in the "
                "updates. If no two indices are equal, say so: x.at[i].multiply(y, unique_indices=True)."
            )
        added = _add_at(aval_of(x), indices, t_updates, params)
        t_out = add_tangents(t_out, mul(x, added))
    return out, t_out


def _scatter_mul_transpose(ct: Any, x: Any, indices: Any, updates: Any, **params: Any) -> list[Any]:
    if is_linear(updates):
        raise NotImplementedError(f"transpose of scatter_mul in its updates: {NOT_LINEAR.reason}")
    return [scatter_mul_p.bind(ct, indices, updates, **params), None, None]


scatter_mul_p, scatter_mul = scatter_primitive(
    "scatter_mul", "multiply", public="scatter_mul", domain=NUMBER, jvp=_scatter_mul_jvp,
    transpose=_scatter_mul_transpose, cuda="cj::Product",
    doc="The operand multiplied by an update at each index vector; updates of one place multiply.",
)


# --- scatter_min, scatter_max -------------------------------------------------------------------------


def _extremum_jvp(primitive: Callable[[], Primitive]) -> Callable:
    """All that equal the extremum of a place, its old value among them, share its tangent equally."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple:
        out = primitive().bind(*primals, **params)
        (x, indices, updates), (t, _, t_updates) = primals, tangents
        if type(t) is Zero and type(t_updates) is Zero:
            return out, t
        aval, windows = aval_of(out).to_tangent_aval(), aval_of(updates)
        x_won = convert_element_type(eq(x, out), aval.dtype)
        equal = eq(updates, read_windows(out, indices, windows, params))
        updates_won = convert_element_type(equal, aval.dtype)
        share = div(1, max(add(x_won, _add_at(aval, indices, updates_won, params)), 1))
        t_out = t if type(t) is Zero else mul(t, mul(x_won, share))
        if type(t_updates) is not Zero:
            weights = mul(updates_won, read_windows(share, indices, windows, params))
            t_out = add_tangents(t_out, _add_at(aval, indices, mul(t_updates, weights), params))
        return out, t_out

    return rule


scatter_min_p, scatter_min = scatter_primitive(
    "scatter_min", "minimum", public="scatter_min", domain=NUMERIC, transpose=NOT_LINEAR, cuda="cj::Min",
    jvp=_extremum_jvp(lambda: scatter_min_p),
    doc="The smaller of the operand and the update at each index vector; NaN if either is.",
)
scatter_max_p, scatter_max = scatter_primitive(
    "scatter_max", "maximum", public="scatter_max", domain=NUMERIC, transpose=NOT_LINEAR, cuda="cj::Max",
    jvp=_extremum_jvp(lambda: scatter_max_p),
    doc="The greater of the operand and the update at each index vector; NaN if either is.",
)
