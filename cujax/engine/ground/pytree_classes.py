"""Ways to make a user's class a pytree node, and the one such class made here, `Partial`.

All of them end in `pytree_nodes.register_node`; they differ in where the children and the aux data come from:
two functions, two methods of the class, the fields of a dataclass, or nothing (a static value is all aux).
Aux data take part in the equality and the hash of a structure: keep them small, hashable and comparable by
value, and put arrays among the children.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import methodcaller
from typing import Any, TypeVar

from .pytree_nodes import GetAttrKey, register_node

Class = TypeVar("Class", bound=Any)  # a class; Any, since the methods it must have are looked up


def register_pytree_node(
    nodetype: type,
    flatten_func: Callable[[Any], tuple[Iterable[Any], Hashable]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_with_keys_func: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Hashable]] | None = None,
) -> None:
    """Makes a class a pytree node.

    Args:
      nodetype: the class; subclasses of it are not registered with it.
      flatten_func: `node -> (children, aux_data)`, the aux data hashable and comparable.
      unflatten_func: `(aux_data, children) -> node`; children may be any objects, also tracers and None.
      flatten_with_keys_func: `node -> (pairs (key, child), aux_data)`, for paths. Without it children are
        named by `FlattenedIndexKey`.

    Raises:
      ValueError: the class is registered already, or built in.
      TypeError: `nodetype` is not a class, or a function is not callable.
    """
    register_node(nodetype, flatten_func, unflatten_func, flatten_with_keys_func)


def register_pytree_with_keys(
    nodetype: type,
    flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Hashable]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_func: Callable[[Any], tuple[Iterable[Any], Hashable]] | None = None,
) -> None:
    """Like `register_pytree_node`, the children with their keys; `flatten_func` is a faster form without."""

    def without_keys(node):
        pairs, aux = flatten_with_keys(node)
        return [child for _, child in pairs], aux

    register_node(nodetype, flatten_func or without_keys, unflatten_func, flatten_with_keys)


def register_pytree_node_class(cls: Class) -> Class:
    """Class decorator: a node by its `tree_flatten(self)` and `tree_unflatten(cls, aux_data, children)`."""
    register_node(cls, methodcaller("tree_flatten"), cls.tree_unflatten)
    return cls


def register_pytree_with_keys_class(cls: Class) -> Class:
    """Class decorator: like `register_pytree_node_class`, with a method `tree_flatten_with_keys(self)`."""
    flatten = methodcaller("tree_flatten") if hasattr(cls, "tree_flatten") else None
    register_pytree_with_keys(cls, methodcaller("tree_flatten_with_keys"), cls.tree_unflatten, flatten)
    return cls


def register_static(cls: Class) -> Class:
    """Class decorator: instances are nodes without leaves, wholly aux data, hence hashable and comparable."""
    register_node(cls, lambda node: ((), node), lambda node, _: node)
    return cls


def register_dataclass(
    nodetype: Class,
    data_fields: Sequence[str] | None = None,
    meta_fields: Sequence[str] | None = None,
    drop_fields: Sequence[str] = (),
) -> Class:
    """Makes a dataclass a node: data fields are children, meta fields aux data. Works as a decorator.

    Args:
      nodetype: a dataclass, or any class built by `nodetype(**fields)`, whose fields must then be named.
      data_fields: names of fields that hold arrays or pytrees. Without `data_fields` and `meta_fields`, they
        are the fields whose metadata do not say `static=True`, and all fields must be `init` fields.
      meta_fields: names of fields that are hashable and static.
      drop_fields: `init` fields with a default that are neither: not kept by flattening.

    Raises:
      TypeError: only one of the two lists is given, or none for a class that is no dataclass.
      ValueError: a field in both lists, an `init` field in none, an unknown field; or a second registration.
    """
    data, meta = _split_fields(nodetype, data_fields, meta_fields)
    if dataclasses.is_dataclass(nodetype):
        _check_fields_complete(nodetype, {*data, *meta}, set(drop_fields))
    keys = tuple(GetAttrKey(name) for name in data)

    def flatten(node):
        return [getattr(node, name) for name in data], tuple([getattr(node, name) for name in meta])

    def flatten_with_keys(node):
        children, aux = flatten(node)
        return zip(keys, children, strict=True), aux

    def unflatten(aux, children):
        return nodetype(**dict(zip(data, children, strict=True)), **dict(zip(meta, aux, strict=True)))

    register_node(nodetype, flatten, unflatten, flatten_with_keys)
    return nodetype


def _split_fields(nodetype, data_fields, meta_fields) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if data_fields is None and meta_fields is None:
        return _inferred_fields(nodetype)
    if data_fields is None or meta_fields is None:
        raise TypeError(
            f"register_dataclass({nodetype.__name__}): give both data_fields and meta_fields, or neither; "
            f"got {data_fields=}, {meta_fields=}"
        )
    both = sorted(set(data_fields) & set(meta_fields))
    if both:
        raise ValueError(
            f"register_dataclass({nodetype.__name__}): {both} are both in data_fields and in meta_fields"
        )
    return tuple(data_fields), tuple(meta_fields)


def _inferred_fields(nodetype) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not dataclasses.is_dataclass(nodetype):
        raise TypeError(
            f"register_dataclass: {nodetype} is not a dataclass, so that its fields are unknown; "
            "pass data_fields and meta_fields"
        )
    static = {f.name: bool(f.metadata.get("static", False)) for f in dataclasses.fields(nodetype)}
    return tuple(n for n in static if not static[n]), tuple(n for n in static if static[n])


def _check_fields_complete(nodetype, named: set[str], dropped: set[str]) -> None:
    init = {field.name for field in dataclasses.fields(nodetype) if field.init}
    missing, unknown = sorted(init - named - dropped), sorted(named - init)
    if missing:
        raise ValueError(
            f"register_dataclass({nodetype.__name__}): {missing} are in neither data_fields nor meta_fields; "
            "fields with a default may be listed in drop_fields"
        )
    if unknown:
        raise ValueError(
            f"register_dataclass({nodetype.__name__}): {unknown} are unknown to __init__, which takes "
            f"{sorted(init)}"
        )


class _Whole:
    """A callable kept as it is: `functools.partial` would merge a partial given to it into itself."""

    def __init__(self, fun: Callable):
        self.fun = fun

    def __call__(self, *args, **kwargs):
        return self.fun(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return type(other) is _Whole and self.fun == other.fun

    def __hash__(self) -> int:
        return hash(self.fun)

    def __repr__(self) -> str:
        return repr(self.fun)


class Partial(functools.partial):
    """`functools.partial` as a pytree: the bound arguments are its children, the function is static.

    Equal functions give equal structures: passing a `Partial` of the same function object to a jitted
    function does not retrace it.
    """

    def __new__(cls, func: Callable, *args, **kw):
        whole = _Whole(func) if isinstance(func, functools.partial) else func
        return super().__new__(cls, whole, *args, **kw)


register_node(
    Partial,
    lambda partial: ((partial.args, partial.keywords), partial.func),
    lambda fun, children: Partial(fun, *children[0], **children[1]),
)
