"""Pytrees: nested containers of arrays, as `jax.tree_util` names them.

A *pytree* is a leaf (any object that is no node) or a node: a tuple, list, dict, OrderedDict, defaultdict,
namedtuple, None, or an instance of a class registered below. Nodes have children, which are pytrees. Leaves
are ordered depth first, the values of a dict by sorted key. None has no children: it is part of the
structure, not a leaf. A *treedef* (`PyTreeDef`) is a pytree's structure without its leaves.

    >>> leaves, treedef = tree_flatten({"w": [1.0, 2.0], "b": (3.0, None)})
    >>> leaves, treedef
    ([3.0, 1.0, 2.0], PyTreeDef({'b': (*, None), 'w': [*, *]}))
    >>> tree_unflatten(treedef, [0, 1, 2])
    {'b': (0, None), 'w': [1, 2]}

The same functions have shorter names in `cujax.tree`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from types import SimpleNamespace
from typing import Any, TypeVar

from .engine.ground import pytree
from .engine.ground.pytree import (
    DictKey,
    FlattenedIndexKey,
    GetAttrKey,
    KeyPath,
    Partial,
    PyTreeDef,
    SequenceKey,
    register_dataclass,
    register_pytree_node,
    register_pytree_node_class,
    register_pytree_with_keys,
    register_pytree_with_keys_class,
    register_static,
)

__all__ = [
    "DictKey",
    "FlattenedIndexKey",
    "GetAttrKey",
    "KeyEntry",
    "KeyPath",
    "Partial",
    "PyTreeDef",
    "SequenceKey",
    "all_leaves",
    "build_tree",
    "default_registry",
    "flatten_one_level",
    "flatten_one_level_with_keys",
    "is_tree_node",
    "keystr",
    "register_dataclass",
    "register_pytree_node",
    "register_pytree_node_class",
    "register_pytree_with_keys",
    "register_pytree_with_keys_class",
    "register_static",
    "tree_all",
    "tree_broadcast",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_with_path",
    "tree_reduce",
    "tree_reduce_associative",
    "tree_structure",
    "tree_transpose",
    "tree_unflatten",
    "treedef_children",
    "treedef_is_leaf",
    "treedef_tuple",
]

KeyEntry = TypeVar("KeyEntry", bound=Hashable)
IsLeaf = Callable[[Any], bool] | None


def tree_flatten(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[Any], PyTreeDef]:
    """Takes a pytree apart.

    Args:
      tree: a pytree.
      is_leaf: called with every subtree; where it returns true, the subtree is a leaf.

    Returns:
      The list of leaves and the structure.

    Raises:
      ValueError: the keys of a dict in it cannot be compared with one another.

        >>> tree_flatten([1, (2, None)], is_leaf=lambda x: x is None)
        ([1, 2, None], PyTreeDef([*, (*, *)]))
    """
    return pytree.flatten(tree, is_leaf)


def tree_unflatten(treedef: PyTreeDef, leaves: Iterable[Any]) -> Any:
    """Puts a pytree together: the inverse of `tree_flatten`.

    Raises:
      ValueError: the number of leaves is not `treedef.num_leaves`.
    """
    return treedef.unflatten(leaves)


def build_tree(treedef: PyTreeDef, xs: Any) -> Any:
    """The pytree of a structure whose nodes are given as nested iterables of the same shape.

    >>> build_tree(tree_structure({"a": (0, 0)}), [[1, 2]])
    {'a': (1, 2)}
    """
    return treedef.from_iterable_tree(xs)


def tree_leaves(tree: Any, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves of a pytree, depth first.

    >>> tree_leaves({"b": 1, "a": [2, None]})
    [2, 1]
    """
    return pytree.leaves(tree, is_leaf)


def tree_structure(tree: Any, is_leaf: IsLeaf = None) -> PyTreeDef:
    """The structure of a pytree.

    >>> tree_structure({"b": 1, "a": [2, None]})
    PyTreeDef({'a': [*, None], 'b': *})
    """
    return pytree.structure(tree, is_leaf)


def tree_map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """Applies a function to the leaves of a pytree.

    Args:
      f: called as `f(leaf, *others)`, where the others are what stands at the same place in `rest`.
      tree: a pytree.
      rest: pytrees that have the structure of `tree`, or have subtrees where `tree` has leaves.
      is_leaf: called with every subtree of `tree`; where it returns true, the subtree is a leaf.

    Returns:
      A pytree of the structure of `tree` with the results as leaves.

    Raises:
      ValueError: a tree in `rest` does not begin with the structure of `tree`.

        >>> tree_map(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
        {'a': 11, 'b': [22]}
    """
    return pytree.map(f, tree, *rest, is_leaf=is_leaf)


def tree_all(tree: Any, *, is_leaf: IsLeaf = None) -> bool:
    """Whether all leaves are true; true for a tree without leaves."""
    return pytree.all_true(tree, is_leaf=is_leaf)


def tree_reduce(
    function: Callable[[Any, Any], Any],
    tree: Any,
    initializer: Any = pytree.UNSPECIFIED,
    is_leaf: IsLeaf = None,
) -> Any:
    """Folds the leaves from the left: `function(function(l0, l1), l2)`, starting with `initializer` if given.

    Raises:
      TypeError: there are no leaves and no initializer.

        >>> tree_reduce(lambda x, y: x + y, [1, (2, 3)])
        6
    """
    return pytree.reduce(function, tree, initializer, is_leaf)


def tree_reduce_associative(
    operation: Callable[[Any, Any], Any],
    tree: Any,
    *,
    identity: Any = pytree.UNSPECIFIED,
    is_leaf: IsLeaf = None,
) -> Any:
    """Combines the leaves in a balanced tree, of depth log2 of their number; `operation` must be associative.

    `identity` is the result for a tree without leaves, for which it is an error (TypeError) not to give one.
    """
    return pytree.reduce_associative(operation, tree, identity=identity, is_leaf=is_leaf)


def tree_transpose(
    outer_treedef: PyTreeDef, inner_treedef: PyTreeDef | None, pytree_to_transpose: Any
) -> Any:
    """Turns a tree of trees inside out.

    Args:
      outer_treedef: structure of the outer tree.
      inner_treedef: structure of each inner tree; None: that of the first one.
      pytree_to_transpose: a pytree of structure `outer_treedef.compose(inner_treedef)`.

    Raises:
      TypeError: it has another structure.
      ValueError: the outer structure has no leaves, the inner has some or is not given.

        >>> tree_transpose(tree_structure([0, 0]), None, [{"x": 1, "y": 2}, {"x": 3, "y": 4}])
        {'x': [1, 3], 'y': [2, 4]}
    """
    return pytree.transpose(outer_treedef, inner_treedef, pytree_to_transpose)


def tree_broadcast(prefix_tree: Any, full_tree: Any, is_leaf: IsLeaf = None) -> Any:
    """Repeats each leaf of a prefix over the subtree of `full_tree` that it stands for.

    Raises:
      ValueError: `prefix_tree` is not a prefix of `full_tree`; the text says where.

        >>> tree_broadcast((1, 2), ({"a": 0, "b": 0}, 0))
        ({'a': 1, 'b': 1}, 2)
    """
    return pytree.broadcast(prefix_tree, full_tree, is_leaf)


def tree_flatten_with_path(
    tree: Any, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> tuple[list[tuple[KeyPath, Any]], PyTreeDef]:
    """Like `tree_flatten`, each leaf with its path: a tuple of key entries, one for each step from the root.

    Args:
      tree: a pytree.
      is_leaf: called with every subtree; where it returns true, the subtree is a leaf.
      is_leaf_takes_path: whether it is called as `is_leaf(path, subtree)`.

        >>> tree_flatten_with_path({"a": [5]})[0]
        [((DictKey(key='a'), SequenceKey(idx=0)), 5)]
    """
    return pytree.flatten_with_path(tree, is_leaf, is_leaf_takes_path)


def tree_leaves_with_path(
    tree: Any, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> list[tuple[KeyPath, Any]]:
    """The pairs `(path, leaf)` of `tree_flatten_with_path`."""
    return pytree.leaves_with_path(tree, is_leaf, is_leaf_takes_path)


def tree_map_with_path(
    f: Callable[..., Any],
    tree: Any,
    *rest: Any,
    is_leaf: Callable[..., bool] | None = None,
    is_leaf_takes_path: bool = False,
) -> Any:
    """Like `tree_map`, with `f(path, leaf, *others)`.

    >>> tree_map_with_path(lambda path, x: keystr(path), {"a": [5, 6]})
    {'a': ["['a'][0]", "['a'][1]"]}
    """
    return pytree.map_with_path(f, tree, *rest, is_leaf=is_leaf, is_leaf_takes_path=is_leaf_takes_path)


def keystr(keys: KeyPath, *, simple: bool = False, separator: str = "") -> str:
    """A path as text.

    Args:
      keys: a tuple of key entries.
      simple: write only the key, index or name of each step.
      separator: written between the steps.

        >>> path = (DictKey("layer"), SequenceKey(0), GetAttrKey("w"))
        >>> keystr(path), keystr(path, simple=True, separator="/")
        ("['layer'][0].w", 'layer/0/w')
    """
    return pytree.keystr(keys, simple=simple, separator=separator)


def all_leaves(iterable: Iterable[Any], is_leaf: IsLeaf = None) -> bool:
    """Whether every element of an iterable is a leaf. None is none."""
    return pytree.all_leaves(iterable, is_leaf)


def is_tree_node(typ: type) -> bool:
    """Whether instances of exactly this type are nodes."""
    return pytree.is_tree_node(typ)


def flatten_one_level(tree: Any) -> tuple[Iterable[Any], Hashable]:
    """`(children, aux data)` of the root of a pytree; ValueError for a leaf."""
    return pytree.flatten_one_level(tree)


def flatten_one_level_with_keys(tree: Any) -> tuple[Iterable[tuple[Any, Any]], Hashable]:
    """`(pairs (key entry, child), aux data)` of the root of a pytree; ValueError for a leaf."""
    return pytree.flatten_one_level_with_keys(tree)


def treedef_tuple(treedefs: Iterable[PyTreeDef]) -> PyTreeDef:
    """The structure of a tuple whose elements have the given structures."""
    return pytree.treedef_tuple(treedefs)


def treedef_children(treedef: PyTreeDef) -> list[PyTreeDef]:
    """The structures of the children of the root; empty for a leaf."""
    return treedef.children()


def treedef_is_leaf(treedef: PyTreeDef) -> bool:
    """Whether a structure is a single node: a leaf, but also None or an empty container."""
    return pytree.treedef_is_leaf(treedef)


def _none_for_leaves(one_level: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda tree: None if pytree.all_leaves([tree]) else one_level(tree)


default_registry = SimpleNamespace(
    flatten=tree_flatten,
    flatten_one_level=_none_for_leaves(flatten_one_level),
    flatten_one_level_with_keys=_none_for_leaves(flatten_one_level_with_keys),
    flatten_with_path=tree_flatten_with_path,
    is_node=is_tree_node,
    register_dataclass_node=register_dataclass,
    register_node=register_pytree_node,
)  # the one registry there is, with JAX's names for what it can do
