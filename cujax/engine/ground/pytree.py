"""Pytrees: nested containers seen as a flat list of leaves and a structure.

`flatten(tree)` gives `(leaves, treedef)`; `unflatten(treedef, leaves)` goes back. Tuples, lists, dicts
(by sorted key), OrderedDicts, defaultdicts, namedtuples, None (a node without children) and registered
classes are nodes; everything else is a leaf.

Other floors import this file only. Below it, `pytree_nodes` says which types are nodes, `pytree_spec` holds
the structure and the hot loop, `pytree_classes` registers users' classes. Start reading at `flatten`. `map`
and `reduce` shadow builtins on purpose: callers write `pytree.map`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from .pytree_classes import (
    Partial,
    register_dataclass,
    register_pytree_node,
    register_pytree_node_class,
    register_pytree_with_keys,
    register_pytree_with_keys_class,
    register_static,
)
from .pytree_nodes import DictKey, FlattenedIndexKey, GetAttrKey, SequenceKey, kind_of, node_kind
from .pytree_spec import LEAF, KeyPath, PyTreeDef, make_treedef, treedef_of, walk, walk_with_path
from .pytree_spec import flatten as flatten_spec

__all__ = [
    "UNSPECIFIED",
    "DictKey",
    "FlattenedIndexKey",
    "GetAttrKey",
    "KeyPath",
    "Partial",
    "PyTreeDef",
    "SequenceKey",
    "all_leaves",
    "all_true",
    "broadcast",
    "broadcast_prefix",
    "flatten",
    "flatten_one_level",
    "flatten_one_level_with_keys",
    "flatten_spec",
    "flatten_with_path",
    "is_tree_node",
    "keystr",
    "leaves",
    "leaves_with_path",
    "make_treedef",
    "map",
    "map_with_path",
    "reduce",
    "reduce_associative",
    "register_dataclass",
    "register_pytree_node",
    "register_pytree_node_class",
    "register_pytree_with_keys",
    "register_pytree_with_keys_class",
    "register_static",
    "structure",
    "transpose",
    "treedef_children",
    "treedef_is_leaf",
    "treedef_of",
    "treedef_tuple",
    "unflatten",
]

UNSPECIFIED = object()
LEAF_TREEDEF = PyTreeDef(LEAF, 1)


def flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], PyTreeDef]:
    """The leaves of a tree, depth first, and its structure; `is_leaf(subtree)` true stops the descent."""
    if is_leaf is None:
        leaves, spec = flatten_spec(tree)
        return leaves, PyTreeDef(spec, len(leaves))
    kind = kind_of(type(tree))
    if is_leaf(tree) or kind is None:
        return [tree], LEAF_TREEDEF
    leaves = []
    spec = walk(kind, tree, leaves, is_leaf)
    return leaves, PyTreeDef(spec, len(leaves))


def unflatten(treedef: PyTreeDef, leaves: Iterable[Any]) -> Any:
    """The tree of structure `treedef` with the given leaves."""
    return treedef.unflatten(leaves)


def leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves of a tree, depth first."""
    return flatten(tree, is_leaf)[0]


def structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> PyTreeDef:
    """The structure of a tree."""
    return flatten(tree, is_leaf)[1]


def map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """`f(leaf, *subtrees of rest at the same place)` for each leaf of `tree`, in a tree of its structure."""
    first, treedef = flatten(tree, is_leaf)
    others = [treedef.flatten_up_to(other, f"tree {i} of tree_map") for i, other in enumerate(rest, 2)]
    return treedef.unflatten([f(*xs) for xs in zip(first, *others, strict=True)])


def all_leaves(iterable: Iterable[Any], is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether every element is a leaf."""
    return all(structure(x, is_leaf).spec is LEAF for x in iterable)


def is_tree_node(typ: type) -> bool:
    """Whether instances of exactly this type are nodes."""
    return kind_of(typ) is not None


def flatten_one_level(tree: Any) -> tuple[Iterable[Any], Hashable]:
    """`(children, aux data)` of the root, for a namedtuple `(children, class)`; ValueError for a leaf."""
    kind = node_kind(tree)
    children, aux = kind.one_level(tree)
    return children, kind.cls if kind.implicit else aux


def flatten_one_level_with_keys(tree: Any) -> tuple[Iterable[tuple[Any, Any]], Hashable]:
    """`(pairs of (key entry, child), aux data)` of the root, as in `flatten_one_level`."""
    kind = node_kind(tree)
    pairs, aux = kind.one_level_with_keys(tree)
    return pairs, kind.cls if kind.implicit else aux


# --- making and taking apart structures ---------------------------------------------------------------------


def treedef_tuple(treedefs: Iterable[PyTreeDef]) -> PyTreeDef:
    """The structure of a tuple whose elements have these structures."""
    return make_treedef((tuple, None), treedefs)


def treedef_children(treedef: PyTreeDef) -> list[PyTreeDef]:
    """The structures of the immediate children."""
    return treedef.children()


def treedef_is_leaf(treedef: PyTreeDef) -> bool:
    """Whether the structure is a single node: a leaf, None or an empty container."""
    return treedef.spec is LEAF or not treedef.spec[2]


# --- paths --------------------------------------------------------------------------------------------------


def flatten_with_path(
    tree: Any, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> tuple[list[tuple[KeyPath, Any]], PyTreeDef]:
    """Pairs `(path, leaf)` and the structure. `is_leaf` takes a subtree, or a path and a subtree."""
    if is_leaf is not None and not is_leaf_takes_path:
        stop = is_leaf

        def is_leaf(_, subtree):
            return stop(subtree)

    found: list[tuple[KeyPath, Any]] = []
    spec = walk_with_path((), tree, found, is_leaf)
    return found, PyTreeDef(spec, len(found))


def leaves_with_path(
    tree: Any, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> list[tuple[KeyPath, Any]]:
    """Pairs `(path, leaf)`."""
    return flatten_with_path(tree, is_leaf, is_leaf_takes_path)[0]


def map_with_path(
    f: Callable[..., Any],
    tree: Any,
    *rest: Any,
    is_leaf: Callable[..., bool] | None = None,
    is_leaf_takes_path: bool = False,
) -> Any:
    """`map` whose function takes the path of the leaf first."""
    found, treedef = flatten_with_path(tree, is_leaf, is_leaf_takes_path)
    others = [treedef.flatten_up_to(other, f"tree {i} of tree_map") for i, other in enumerate(rest, 2)]
    return treedef.unflatten([f(*pair, *xs) for pair, *xs in zip(found, *others, strict=True)])


def keystr(keys: KeyPath, *, simple: bool = False, separator: str = "") -> str:
    """A path as text: `['w'][0].x`; with `simple` only the values, as in `w/0/x` for the separator `/`."""
    return separator.join([_simple_key(key) if simple else str(key) for key in keys])


def _simple_key(key: Any) -> str:
    match key:
        case DictKey(value) | SequenceKey(value) | GetAttrKey(value) | FlattenedIndexKey(value):
            return str(value)
    return str(key)


# --- prefixes -----------------------------------------------------------------------------------------------


def broadcast_prefix(
    prefix_tree: Any, full_tree: Any, is_leaf: Callable[[Any], bool] | None = None, name: str = "tree"
) -> list[Any]:
    """One leaf of `prefix_tree` for each leaf of `full_tree`: the one that stands at or above its place.

    None in the prefix is a leaf here (an unmapped argument of `vmap`), and `is_leaf` adds others. Where the
    prefix does not fit, the ValueError names the key path in `full_tree`, written after `name`, and both
    structures.
    """

    def none_or_leaf(subtree):
        return subtree is None or (is_leaf is not None and is_leaf(subtree))

    return _broadcast(prefix_tree, full_tree, none_or_leaf, name)


def _broadcast(prefix_tree: Any, full_tree: Any, is_leaf, name: str) -> list[Any]:
    prefix_leaves, treedef = flatten(prefix_tree, is_leaf)
    result = []
    for leaf, subtree in zip(prefix_leaves, treedef.flatten_up_to(full_tree, name), strict=True):
        result.extend([leaf] * structure(subtree).num_leaves)
    return result


def broadcast(prefix_tree: Any, full_tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """A tree of the structure of `full_tree` with the leaves of its prefix; None in the prefix is a node."""
    return structure(full_tree).unflatten(_broadcast(prefix_tree, full_tree, is_leaf, "full_tree"))


# --- reductions and transposition ---------------------------------------------------------------------------


def all_true(tree: Any, *, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether every leaf is true."""
    return all(leaves(tree, is_leaf))


def reduce(function, tree: Any, initializer: Any = UNSPECIFIED, is_leaf=None) -> Any:
    """`functools.reduce` over the leaves; TypeError for no leaves and no initializer."""
    start = () if initializer is UNSPECIFIED else (initializer,)
    return functools.reduce(function, leaves(tree, is_leaf), *start)


def reduce_associative(operation, tree: Any, *, identity: Any = UNSPECIFIED, is_leaf=None) -> Any:
    """Combines the leaves pairwise in a balanced tree; TypeError for no leaves and no identity."""
    values = leaves(tree, is_leaf)
    if values:
        return _halves(operation, values)
    if identity is UNSPECIFIED:
        raise TypeError("tree_reduce_associative of a tree without leaves needs the argument identity")
    return identity


def _halves(operation, values: list[Any]) -> Any:
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    return operation(_halves(operation, values[:middle]), _halves(operation, values[middle:]))


def transpose(outer_treedef: PyTreeDef, inner_treedef: PyTreeDef | None, pytree_to_transpose: Any) -> Any:
    """Turns a tree of structure outer(inner) into inner(outer); an inner structure of None is inferred."""
    values, treedef = flatten(pytree_to_transpose)
    if inner_treedef is None:
        inner_treedef = _common_inner(outer_treedef, pytree_to_transpose)
    expected = outer_treedef.compose(inner_treedef)
    if treedef != expected:
        raise TypeError(f"tree_transpose: expected a tree of structure\n  {expected}, got\n  {treedef}")
    inner = inner_treedef.num_leaves
    if inner and not outer_treedef.num_leaves:
        raise ValueError(f"tree_transpose: {outer_treedef} has no leaves to transpose into {inner_treedef}")
    return inner_treedef.unflatten([outer_treedef.unflatten(values[i::inner]) for i in range(inner)])


def _common_inner(outer_treedef: PyTreeDef, tree: Any) -> PyTreeDef:
    subtrees = outer_treedef.flatten_up_to(tree, "pytree_to_transpose")
    if not subtrees:
        raise ValueError(f"tree_transpose: {outer_treedef} has no leaves, inner_treedef must be given")
    return structure(subtrees[0])
