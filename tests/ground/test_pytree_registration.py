"""Registering classes as pytree nodes, `Partial` and key entries, against JAX."""

import dataclasses
import functools
import pickle
import threading
from collections import OrderedDict, defaultdict, namedtuple

import jax
import pytest
from pytree_oracle import ours, same

import cujax.tree


def new_class():
    return dataclasses.make_dataclass("New", ["a", "b", ("c", int, dataclasses.field(default=0))])


def flatten_new(node):
    return (node.a, node.b), node.c


def test_a_class_is_registered_once():
    def twice(side):
        cls = new_class()
        for _ in range(2):
            side.register_pytree_node(cls, flatten_new, lambda c, ab: cls(*ab, c))

    assert same(twice) is ValueError
    with pytest.raises(ValueError, match=r"New'> is already registered .* only once"):
        twice(ours)
    for builtin in (tuple, list, dict, OrderedDict, defaultdict, type(None)):
        same(lambda side, cls=builtin: side.register_pytree_node(cls, lambda x: ((), x), lambda x, _: x))


def test_arguments_of_a_registration_are_checked():
    with pytest.raises(TypeError, match="only a class can be registered as a pytree node, got 3"):
        ours.register_pytree_node(3, flatten_new, flatten_new)
    with pytest.raises(TypeError, match=r"flatten function .* node .*New'> must be callable, got None"):
        ours.register_pytree_node(new_class(), None, flatten_new)
    with pytest.raises(TypeError, match=r"unflatten function .* node .*New'> must be callable, got 3"):
        ours.register_pytree_node(new_class(), flatten_new, 3)


def test_a_class_seen_as_a_leaf_can_still_be_registered():
    def late(side):
        cls = new_class()
        before = side.tree_structure(cls(1, 2))
        side.register_pytree_node(cls, flatten_new, lambda c, ab: cls(*ab, c))
        return before, side.tree_flatten(cls(1, 2))

    same(late)


def test_a_registered_namedtuple_is_no_longer_implicit():
    def register(side):
        cls = namedtuple("Pair", "x y")
        before = side.tree_structure(cls(1, 2))
        side.register_pytree_node(cls, lambda p: ((p.x,), p.y), lambda y, x: cls(*x, y))
        return before, side.tree_flatten(cls(1, 2)), side.tree_structure(cls(1, 2)) == before

    same(register)


def test_a_flatten_function_must_return_a_pair():
    def bad(side, result):
        cls = new_class()
        side.register_pytree_node(cls, lambda _: result, lambda c, ab: cls(*ab, c))
        return side.tree_flatten(cls(1, 2))

    for result in (3, (1, 2, 3), None):
        assert same(functools.partial(bad, result=result)) is ValueError
    with pytest.raises(ValueError, match=r"New'> must return a tuple \(children, aux_data\), got 3"):
        bad(ours, 3)


def test_children_reach_unflatten_as_a_tuple():
    def seen(side):
        cls = new_class()
        side.register_pytree_node(cls, lambda n: ([n.a, n.b], n.c), lambda c, children: (c, children))
        return side.tree_map(lambda x: x, cls(1, 2, 3))

    same(seen)


def test_class_decorators():
    def decorated(side, decorator):
        class Vector:
            def __init__(self, *xs):
                self.xs = xs

            def __repr__(self):
                return f"Vector{self.xs}"

            def tree_flatten(self):
                return self.xs, len(self.xs)

            def tree_flatten_with_keys(self):
                return [(side.SequenceKey(i), x) for i, x in enumerate(self.xs)], len(self.xs)

            @classmethod
            def tree_unflatten(cls, n, children):
                assert n == len(children)
                return cls(*children)

        vector = getattr(side, decorator)(Vector)(1, {"a": 2})
        return side.tree_flatten_with_path(vector), side.tree_map(lambda x: -x, vector)

    for decorator in ("register_pytree_node_class", "register_pytree_with_keys_class"):
        same(lambda side, decorator=decorator: decorated(side, decorator))


DATACLASS_CALLS = [
    {},
    {"data_fields": ["a", "b", "c"], "meta_fields": []},
    {"data_fields": ["b"], "meta_fields": ["a", "c"]},
    {"data_fields": ["a"], "meta_fields": ["b"], "drop_fields": ["c"]},
    {"data_fields": ["a"]},
    {"meta_fields": ["a"]},
    {"data_fields": ["a", "b"], "meta_fields": []},
    {"data_fields": ["a", "b", "c", "d"], "meta_fields": []},
    {"data_fields": ["a", "b"], "meta_fields": ["b", "c"]},
]


@pytest.mark.parametrize("arguments", DATACLASS_CALLS, ids=repr)
def test_register_dataclass(arguments):
    def register(side):
        cls = new_class()
        assert side.register_dataclass(cls, **arguments) is cls
        return side.tree_flatten_with_path(cls(1, (2,), 3)), side.tree_map(lambda x: x + 1, cls(1, (2,), 3))

    same(register)


def test_register_dataclass_on_other_classes():
    class Plain:
        def __init__(self, a, b):
            self.a, self.b = a, b

    def register(side, cls, **fields):
        side.register_dataclass(cls, **fields)
        return vars(side.tree_map(lambda x: x + 1, cls(1, 2)))

    assert same(lambda side: register(side, Plain)) is TypeError
    same(lambda side: register(side, Plain, data_fields=["a"], meta_fields=["b"]))
    assert same(lambda side: register(side, Plain, data_fields=["a"], meta_fields=["b"])) is ValueError


def test_fields_without_init_are_not_kept():
    def register(side):
        derived = ("c", int, dataclasses.field(init=False, default=9))
        cls = dataclasses.make_dataclass("Derived", ["a", derived])
        side.register_dataclass(cls)
        return side.tree_flatten(cls(1)), side.tree_map(lambda x: x + 1, cls(1))

    same(register)


def test_static_fields():
    for arguments in ({"default": 3}, {"metadata": {"unit": "m"}}, {"metadata": {"static": False}}):
        here, there = cujax.tree.static(**arguments), jax.tree.static(**arguments)
        assert (here.metadata, here.default is there.default) == (there.metadata, True)


def test_registration_by_many_threads():
    """One thread wins, the others get ValueError; flattening goes on meanwhile."""
    for _ in range(20):
        cls, errors, start = new_class(), [], threading.Barrier(4)

        def register(cls=cls, errors=errors, start=start):
            start.wait()
            ours.tree_leaves([cls(1, 2)])
            try:
                ours.register_pytree_node(cls, flatten_new, lambda c, ab: cls(*ab, c))
            except ValueError as error:
                errors.append(error)

        threads = [threading.Thread(target=register) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(errors) == 3
        assert ours.tree_leaves([cls(1, 2)]) == [1, 2]


# --- Partial, keys ------------------------------------------------------------------------------------------


def test_partial():
    same(lambda side: side.tree_leaves_with_path(side.Partial(max, 1, b=[2, 3])))
    same(lambda side: side.tree_structure(side.Partial(max, 1, b=[2, 3])))
    doubled = ours.tree_map(lambda x: 2 * x, ours.Partial(divmod, 7))
    assert doubled(3) == divmod(14, 3)
    assert isinstance(doubled, functools.partial)


def test_partial_of_a_partial_keeps_the_inner_one_whole():
    inner = functools.partial(max, 1)
    same(lambda side: side.tree_leaves(side.Partial(inner, 2)))
    same(lambda side: side.Partial(side.Partial(max, 1), 2)(0))
    one, two = (ours.tree_structure(ours.Partial(inner, 2)) for _ in range(2))
    assert one == two and hash(one) == hash(two)


def test_key_entries():
    for make in (
        lambda side: side.DictKey("a"),
        lambda side: side.SequenceKey(1),
        lambda side: side.GetAttrKey("x"),
        lambda side: side.FlattenedIndexKey(3),
    ):
        same(make)
        same(lambda side, make=make: str(make(side)))
        same(lambda side, make=make: type(make(side)).__match_args__)
        assert make(ours) == make(ours) and hash(make(ours)) == hash(make(ours))
        assert pickle.loads(pickle.dumps(make(ours))) == make(ours)
    assert ours.SequenceKey(1) != ours.FlattenedIndexKey(1)
    with pytest.raises(AttributeError):
        ours.DictKey("a").key = "b"


def test_foreign_keys_in_paths():
    def keys(side):
        cls = new_class()
        pairs = lambda n: ([("left", n.a), (side.GetAttrKey("b"), n.b)], None)  # noqa: E731
        side.register_pytree_with_keys(cls, pairs, cls)
        paths = [path for path, _ in side.tree_leaves_with_path(cls(1, 2))]
        return paths, [side.keystr(p) for p in paths], [side.keystr(p, simple=True) for p in paths]

    same(keys)
