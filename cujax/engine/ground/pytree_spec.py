"""The structure of a pytree as plain data, and the functions that walk a tree along it.

A *spec* is the singleton `LEAF`, or a tuple `(kind, aux, child specs)` with a `Kind` of `pytree_nodes`. Specs
therefore compare and hash at the speed of tuples, the aux data of registered nodes being a part of both.
`PyTreeDef` wraps a spec with its number of leaves; it is what users see and what caches are keyed by.

`flatten` runs in every call of a jitted function. It is compiled (ground/native) where that can be: the arguments
`((x, y), {})` take 0.3 us then, and 1.3 us in Python, which serves elsewhere and wherever `is_leaf` is asked. The
way back, which a jitted function repeats with one structure, is compiled once by `PyTreeDef.unflattener`.

Start reading at `PyTreeDef` and `walk`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .native import native
from .pytree_nodes import DICT, KINDS, LIST, NONE, TUPLE, Kind, classify, kind_of, node_kind

KeyPath = tuple[Any, ...]


class _Leaf:
    """The spec of a leaf. There is one instance, `LEAF`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "*"

    def __reduce__(self) -> str:
        return "LEAF"


LEAF = _Leaf()


class PyTreeDef:
    """The structure of a pytree: hashable, comparable, immutable. Made by `tree_structure` or `tree_flatten`.

    Attributes:
      num_leaves: number of leaves.
      num_nodes: number of nodes, leaves included.
    """

    __slots__ = ("_hash", "num_leaves", "spec")
    _hash: int  # computed when first asked for

    def __init__(self, spec, num_leaves: int):
        self.spec = spec
        self.num_leaves = num_leaves

    def __eq__(self, other: object) -> bool:
        if type(other) is not PyTreeDef:
            return NotImplemented
        return self.spec == other.spec

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            self._hash = _hash(self.spec)
            return self._hash

    def __repr__(self) -> str:
        return f"PyTreeDef({_format(self.spec)})"

    def __reduce__(self):
        return PyTreeDef, (self.spec, self.num_leaves)

    @property
    def num_nodes(self) -> int:
        return _count_nodes(self.spec)

    def unflatten(self, leaves: Iterable[Any], /) -> Any:
        """The tree of this structure with the given leaves; ValueError if their number differs."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"cannot unflatten {len(leaves)} leaves into a structure of {self.num_leaves} leaves, {self}"
            )
        leaves.reverse()
        return _build(self.spec, leaves.pop)

    def unflattener(self) -> Callable[..., Any]:
        """A function `(*leaves) -> tree` compiled for this structure: made once where it is called often."""
        return _compile_build(self.spec)

    def children(self) -> list[PyTreeDef]:
        """The structures of the immediate children; empty for a leaf."""
        return [] if self.spec is LEAF else [treedef_of(child) for child in self.spec[2]]

    def node_data(self) -> tuple[type, Any] | None:
        """`(type, aux data)` of the root, None for a leaf. The aux data of a dict is the list of its keys."""
        if self.spec is LEAF:
            return None
        kind, aux, _ = self.spec
        return kind.cls, list(aux) if kind is DICT else aux

    def flatten_up_to(self, tree: Any, /, name: str = "tree") -> list[Any]:
        """The subtrees of `tree` that stand where this structure has leaves.

        Raises ValueError where the tree does not begin with this structure; `name` is what the error calls
        the tree, before the key path of the difference.
        """
        subtrees: list[Any] = []
        try:
            _match(self.spec, tree, subtrees)
        except _Mismatch as mismatch:
            raise ValueError(_explain(mismatch, self, tree, name)) from None
        return subtrees

    def compose(self, inner: PyTreeDef, /) -> PyTreeDef:
        """This structure with `inner` in the place of every leaf."""
        return treedef_of(_graft(self.spec, inner.spec))

    def walk(self, node_fun: Callable, leaf_fun: Callable | None, leaves: Iterable[Any], /) -> Any:
        """Folds from the leaves up: `leaf_fun(leaf)`, then `node_fun(tuple of results, aux data)`.

        As in JAX, the aux data of a dict are the list of its keys, those of a namedtuple its class.
        """
        return _fold(self.spec, node_fun, leaf_fun or (lambda leaf: leaf), iter(leaves))

    def from_iterable_tree(self, tree: Any, /) -> Any:
        """A tree of this structure, its nodes built from nested iterables of the same shape."""
        return _from_iterables(self.spec, tree)

    @staticmethod
    def from_node_data_and_children(registry, node_data, children: Iterable[PyTreeDef], /) -> PyTreeDef:
        """The structure whose `node_data()` and `children()` are these. There is one registry only."""
        return make_treedef(node_data, children)


def treedef_of(spec) -> PyTreeDef:
    """The `PyTreeDef` of a spec."""
    return PyTreeDef(spec, _count_leaves(spec))


def make_treedef(node_data: tuple[type, Any] | None, children: Iterable[PyTreeDef]) -> PyTreeDef:
    """The structure whose `node_data()` and `children()` are these; ValueError for a type that is no node."""
    if node_data is None:
        return treedef_of(LEAF)
    cls, aux = node_data
    kind = kind_of(cls)
    if kind is None:
        raise ValueError(f"{cls} is not registered as a pytree node")
    return treedef_of((kind, tuple(aux) if kind is DICT else aux, tuple([child.spec for child in children])))


# --- from a tree to its spec --------------------------------------------------------------------------------


def walk(kind: Kind, node: Any, leaves: list[Any], is_leaf: Callable[[Any], bool] | None):
    """The spec of a node, its leaves appended to `leaves`. `is_leaf` is asked about leaves too, as in JAX.

    The hot loop: `kind_of` is written out, not called.
    """
    children, aux = (node, None) if kind.flatten is None else kind.one_level(node)
    specs = []
    for child in children:
        try:
            child_kind = KINDS[type(child)]
        except KeyError:
            child_kind = classify(type(child))
        if (is_leaf is not None and is_leaf(child)) or child_kind is None:
            leaves.append(child)
            specs.append(LEAF)
        else:
            specs.append(walk(child_kind, child, leaves, is_leaf))
    return kind, aux, tuple(specs)


def flatten_python(tree: Any) -> tuple[list[Any], Any]:
    """The leaves of a tree and its spec."""
    kind = kind_of(type(tree))
    if kind is None:
        return [tree], LEAF
    leaves: list[Any] = []
    return leaves, walk(kind, tree, leaves, None)


if native is not None:
    native.set_kinds(KINDS, classify, LEAF, NONE, TUPLE, LIST, DICT)
flatten: Callable[[Any], tuple[list[Any], Any]] = native.flatten if native is not None else flatten_python


def walk_with_path(path: KeyPath, tree: Any, found: list[tuple[KeyPath, Any]], is_leaf):
    """The spec of a tree, its pairs `(path, leaf)` appended to `found`. `is_leaf(path, subtree)` or None."""
    kind = kind_of(type(tree))
    if (is_leaf is not None and is_leaf(path, tree)) or kind is None:
        found.append((path, tree))
        return LEAF
    pairs, aux = kind.one_level_with_keys(tree)
    return kind, aux, tuple([walk_with_path((*path, key), child, found, is_leaf) for key, child in pairs])


# --- from a spec to a tree ----------------------------------------------------------------------------------


def _build(spec, next_leaf: Callable[[], Any]) -> Any:
    """The tree of a spec. Hot: the loop and the commonest kinds are written out, not called."""
    if spec is LEAF:
        return next_leaf()
    kind, aux, specs = spec
    children = []
    for child in specs:
        if child is LEAF:
            children.append(next_leaf())
        else:
            children.append(_build(child, next_leaf))
    if kind is TUPLE:
        return tuple(children)
    if kind is DICT:
        return dict(zip(aux, children))  # noqa: B905 (the keyword would cost half as much again)
    return kind.unflatten(aux, tuple(children))


_DEEPEST_EXPRESSION = 60  # Python's parser refuses about a hundred nested brackets


def _compile_build(spec) -> Callable[..., Any]:
    """`lambda x0, x1, x2: (x0, {c0: x1}, c1(c2, (x2,)))` for the spec `(*, {'a': *}, CustomNode(...))`."""
    if _depth(spec) > _DEEPEST_EXPRESSION:
        treedef = treedef_of(spec)
        return lambda *leaves: treedef.unflatten(leaves)
    constants: dict[str, Any] = {}
    names: list[str] = []
    body = _expression(spec, names, constants)
    return eval(f"lambda {', '.join(names)}: {body}", constants)


def _expression(spec, names: list[str], constants: dict[str, Any]) -> str:
    """The text that builds a tree of this spec; enters its leaves in `names`, keys and aux in `constants`."""
    if spec is LEAF:
        names.append(f"x{len(names)}")
        return names[-1]

    def constant(value: Any) -> str:
        name = f"c{len(constants)}"
        constants[name] = value
        return name

    kind, aux, specs = spec
    children = [_expression(child, names, constants) for child in specs]
    if kind is DICT:
        items = [f"{constant(key)}: {child}" for key, child in zip(aux, children, strict=True)]
        return "{" + ", ".join(items) + "}"
    if kind is LIST:
        return f"[{', '.join(children)}]"
    row = "(" + "".join([f"{child}, " for child in children]) + ")"
    return row if kind is TUPLE else f"{constant(kind.unflatten)}({constant(aux)}, {row})"


def _from_iterables(spec, tree: Any) -> Any:
    if spec is LEAF:
        return tree
    kind, aux, specs = spec
    children = list(tree)
    if len(children) != len(specs):
        raise ValueError(f"expected {len(specs)} children for a node {_format(spec)}, got {len(children)}")
    return kind.unflatten(aux, tuple([_from_iterables(*pair) for pair in zip(specs, children, strict=True)]))


def _fold(spec, node_fun, leaf_fun, leaves: Iterator[Any]) -> Any:
    if spec is LEAF:
        return leaf_fun(next(leaves))
    kind, aux, specs = spec
    results = tuple([_fold(child, node_fun, leaf_fun, leaves) for child in specs])
    return node_fun(results, list(aux) if kind is DICT else kind.cls if kind.implicit else aux)


# --- a spec by itself ---------------------------------------------------------------------------------------


def _count_leaves(spec) -> int:
    return 1 if spec is LEAF else sum([_count_leaves(child) for child in spec[2]])


def _count_nodes(spec) -> int:
    return 1 if spec is LEAF else 1 + sum([_count_nodes(child) for child in spec[2]])


def _depth(spec) -> int:
    return 0 if spec is LEAF else 1 + max([_depth(child) for child in spec[2]], default=0)


def _hash(spec) -> int:
    """The hash of a spec; where some aux data cannot be hashed (a list, say), of the spec without any."""
    try:
        return hash(spec)
    except TypeError:
        return hash(_without_aux(spec))


def _without_aux(spec):
    return LEAF if spec is LEAF else (spec[0], tuple([_without_aux(child) for child in spec[2]]))


def _graft(spec, inner):
    """`spec` with `inner` in the place of its leaves."""
    if spec is LEAF:
        return inner
    kind, aux, specs = spec
    return kind, aux, tuple([_graft(child, inner) for child in specs])


def _format(spec) -> str:
    """A spec as JAX prints it: `(*, {'a': [*, None]})`, `CustomNode(Name[aux], [*])` for registered types."""
    if spec is LEAF:
        return "*"
    kind, aux, specs = spec
    inner = [_format(child) for child in specs]
    if kind is NONE:
        return "None"
    if kind is DICT:
        return "{" + ", ".join([f"{key!r}: {child}" for key, child in zip(aux, inner, strict=True)]) + "}"
    if kind is TUPLE:
        return f"({inner[0]},)" if len(inner) == 1 else f"({', '.join(inner)})"
    listed = f"[{', '.join(inner)}]"
    if kind is LIST:
        return listed
    label = f"namedtuple[{kind.cls.__name__}]" if kind.implicit else f"{kind.cls.__name__}[{aux}]"
    return f"CustomNode({label}, {listed})"


# --- a spec against a tree ----------------------------------------------------------------------------------


class _Mismatch(Exception):
    """A subtree that is not what `spec` asks for. `positions`: its child numbers, innermost first."""

    def __init__(self, spec: Any):
        self.spec = spec
        self.positions: list[int] = []


def _match(spec, tree: Any, subtrees: list[Any]) -> None:
    """Appends the subtrees that stand where `spec` has leaves."""
    if spec is LEAF:
        subtrees.append(tree)
        return
    kind: Kind
    kind, aux, specs = spec
    if kind is not KINDS.get(type(tree)):  # a type not met before cannot be of this kind
        raise _Mismatch(spec)
    children, tree_aux = kind.one_level(tree)
    children = tuple(children)
    if len(children) != len(specs) or tree_aux != aux:
        raise _Mismatch(spec)
    position = 0
    try:
        for child in children:
            if specs[position] is LEAF:
                subtrees.append(child)
            else:
                _match(specs[position], child, subtrees)
            position += 1
    except _Mismatch as mismatch:
        mismatch.positions.append(position)
        raise


def _explain(mismatch: _Mismatch, treedef: PyTreeDef, tree: Any, name: str) -> str:
    path, subtree = name, tree
    for position in reversed(mismatch.positions):
        key, subtree = node_kind(subtree).one_level_with_keys(subtree)[0][position]
        path += str(key)
    return (
        f"pytree structures differ at {path}: expected {_describe(mismatch.spec, None)}, "
        f"got {_describe(_spec_of(subtree), subtree)}.\n"
        f"  expected structure: {treedef}\n"
        f"  structure of {name}: PyTreeDef({_format(_spec_of(tree))})"
    )


def _spec_of(tree: Any):
    return walk(TUPLE, (tree,), [], None)[2][0]


def _describe(spec, tree: Any) -> str:
    if spec is LEAF:
        return f"a leaf of type {type(tree).__name__}"
    kind, _, specs = spec
    if kind is NONE:
        return "None"
    children = "1 child" if len(specs) == 1 else f"{len(specs)} children"
    return f"{kind.cls.__name__} with {children}, {_format(spec)}"
