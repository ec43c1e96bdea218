"""Which types are pytree nodes, and how each is taken apart and put together again.

One record, `Kind`, describes a type of node: `flatten` takes a node to `(children, aux)`, `unflatten` builds
a node from `(aux, children)`, `flatten_with_keys` also names each child with a key entry (`DictKey`,
`SequenceKey`, `GetAttrKey`, `FlattenedIndexKey`) for error messages and paths.

One table, `KINDS`, maps an exact type to its `Kind`, or to None for a type once seen to be a leaf, so that
the hot loop of `pytree.flatten` spends one dictionary lookup on each object. Types enter it through
`register_node` (users' classes; the built-in containers at the foot of this file) or through `classify`,
which recognises namedtuple classes on first sight. Subclasses of containers are leaves, as in JAX: only exact
types and namedtuples count. Start reading at `Kind` and `classify`.

Threads: `classify` never overwrites an entry and registration holds a lock, so a lookup needs none.
What is not ideal: a type that was seen once, also as a leaf, is kept alive by the table.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DictKey:
    """The step `[key]` into a mapping."""

    key: Hashable

    def __str__(self) -> str:
        return f"[{self.key!r}]"


@dataclass(frozen=True)
class SequenceKey:
    """The step `[idx]` into a tuple or list."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"


@dataclass(frozen=True)
class GetAttrKey:
    """The step `.name` into an object with fields."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclass(frozen=True)
class FlattenedIndexKey:
    """The step to child number `key` of a registered node that does not name its children."""

    key: int

    def __str__(self) -> str:
        return f"[<flat index {self.key}>]"


class Kind:
    """How nodes of one type are taken apart and rebuilt.

    Attributes:
      cls: the type, matched exactly.
      flatten: `node -> (children, aux)`, or None where a node is the sequence of its own children.
      unflatten: `(aux, children: tuple) -> node`.
      flatten_with_keys: `node -> (pairs of (key entry, child), aux)`, or None: children go by number.
      implicit: recognised by `classify`; an explicit registration may still replace it.
    """

    __slots__ = ("cls", "flatten", "flatten_with_keys", "implicit", "unflatten")

    def __init__(self, cls, flatten, unflatten, flatten_with_keys=None, implicit=False):
        self.cls = cls
        self.flatten = flatten
        self.unflatten = unflatten
        self.flatten_with_keys = flatten_with_keys
        self.implicit = implicit

    def __reduce__(self):
        return kind_of, (self.cls,)

    def one_level(self, node: Any) -> tuple[Iterable[Any], Hashable]:
        """`(children, aux)` of a node of this kind; ValueError when a user's flatten function returns no pair."""
        if self.flatten is None:
            return node, None
        split = self.flatten(node)
        try:
            children, aux = split
        except (TypeError, ValueError):
            raise self._flatten_error(split) from None
        return children, aux

    def one_level_with_keys(self, node: Any) -> tuple[list[tuple[Any, Any]], Hashable]:
        """`(pairs of (key entry, child), aux)` of a node of this kind."""
        if self.flatten_with_keys is not None:
            pairs, aux = self.flatten_with_keys(node)
            return [(key, child) for key, child in pairs], aux
        children, aux = self.one_level(node)
        return [(FlattenedIndexKey(i), child) for i, child in enumerate(children)], aux

    def _flatten_error(self, split: Any) -> ValueError:
        return ValueError(
            f"the flatten function registered for {self.cls} must return a tuple (children, aux_data), "
            f"got {split!r}"
        )


KINDS: dict[type, Kind | None] = {}
_registration = threading.Lock()


def kind_of(cls: type) -> Kind | None:
    """The `Kind` of a type, or None where its instances are leaves."""
    try:
        return KINDS[cls]
    except KeyError:
        return classify(cls)


def classify(cls: type) -> Kind | None:
    """Decides, once for each type, whether an unregistered type is a namedtuple or a leaf (None)."""
    is_namedtuple = issubclass(cls, tuple) and hasattr(cls, "_fields")
    return KINDS.setdefault(cls, _namedtuple_kind(cls) if is_namedtuple else None)


def node_kind(tree: Any) -> Kind:
    """The `Kind` of an object that must be a node; ValueError for a leaf."""
    kind = kind_of(type(tree))
    if kind is None:
        raise ValueError(f"expected a pytree node, got a leaf of type {type(tree)}, which has no children")
    return kind


def _namedtuple_kind(cls: Any) -> Kind:
    keys = tuple(GetAttrKey(name) for name in cls._fields)
    return Kind(
        cls,
        flatten=None,
        unflatten=lambda _, children: cls(*children),
        flatten_with_keys=lambda node: (zip(keys, node, strict=True), None),
        implicit=True,
    )


def register_node(cls: type, flatten, unflatten, flatten_with_keys=None) -> None:
    """Makes `cls` a node. ValueError if it is one already, TypeError if an argument is of the wrong sort."""
    if not isinstance(cls, type):
        raise TypeError(f"only a class can be registered as a pytree node, got {cls!r}")
    for name, fun in (("flatten", flatten), ("unflatten", unflatten)):
        if not callable(fun):
            raise TypeError(f"the {name} function given for pytree node {cls} must be callable, got {fun!r}")
    _enter(Kind(cls, flatten, unflatten, flatten_with_keys))


def _enter(kind: Kind) -> None:
    with _registration:
        known = KINDS.get(kind.cls)
        if known is not None and not known.implicit:
            raise ValueError(
                f"{kind.cls} is already registered as a pytree node, and a class can be registered only "
                "once; register it where it is defined, not in code that runs again"
            )
        KINDS[kind.cls] = kind


def _flatten_dict(node: dict):
    try:
        keys = tuple(sorted(node))
    except TypeError as error:
        raise ValueError(
            f"the keys of a dict that is a pytree must be comparable with one another, since its leaves are "
            f"ordered by key: {error}. Keys seen: {list(node)!r}. Use keys of one type, or an OrderedDict."
        ) from error
    return map(node.__getitem__, keys), keys


def _flatten_ordered_dict(node: OrderedDict):
    return node.values(), tuple(node)


def _flatten_defaultdict(node: defaultdict):
    keys = tuple(sorted(node))
    return map(node.__getitem__, keys), (node.default_factory, keys)


def _dict_pairs(flatten, keys_of_aux):
    """A `flatten_with_keys` from a mapping's flatten function and the place of its keys in the aux data."""

    def flatten_with_keys(node):
        children, aux = flatten(node)
        return [(DictKey(k), child) for k, child in zip(keys_of_aux(aux), children, strict=True)], aux

    return flatten_with_keys


def _sequence_pairs(node):
    return [(SequenceKey(i), child) for i, child in enumerate(node)], None


NONE = Kind(type(None), lambda _: ((), None), lambda aux, children: None)
TUPLE = Kind(tuple, None, lambda _, children: children, _sequence_pairs)
LIST = Kind(list, None, lambda _, children: list(children), _sequence_pairs)
DICT = Kind(
    dict,
    _flatten_dict,
    lambda keys, children: dict(zip(keys, children, strict=True)),
    _dict_pairs(_flatten_dict, lambda keys: keys),
)
ORDERED_DICT = Kind(
    OrderedDict,
    _flatten_ordered_dict,
    lambda keys, children: OrderedDict(zip(keys, children, strict=True)),
    _dict_pairs(_flatten_ordered_dict, lambda keys: keys),
)
DEFAULTDICT = Kind(
    defaultdict,
    _flatten_defaultdict,
    lambda aux, children: defaultdict(aux[0], zip(aux[1], children, strict=True)),
    _dict_pairs(_flatten_defaultdict, lambda aux: aux[1]),
)
for _kind in (NONE, TUPLE, LIST, DICT, ORDERED_DICT, DEFAULTDICT):
    _enter(_kind)
