"""Pytrees against JAX: the same trees through `jax.tree_util` and ours, compared by what they print.

Classes that both sides must know are registered by `register_both`. Start reading at `TREES`.
"""

import copy
import dataclasses
import doctest
import functools
import inspect
import pickle
import time
from collections import OrderedDict, defaultdict, deque, namedtuple

import hypothesis.strategies as st
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from pytree_oracle import ours, same, theirs

import cujax.tree
import cujax.tree_util
from cujax.engine.ground import pytree

# Public names of JAX that are not here, and why.
EXCLUDED = {
    "PyTreeDef.serialize_using_proto": "XLA's wire format for exported programs; a treedef pickles",
    "PyTreeDef.deserialize_using_proto": "as above",
}


Point = namedtuple("Point", "x y")


class Segment(Point):
    """A subclass of a namedtuple class is a namedtuple too."""


class Labelled:
    """A registered node: two children, one label as aux data."""

    def __init__(self, first, second, label):
        self.first, self.second, self.label = first, second, label

    def __eq__(self, other):
        return type(other) is Labelled and vars(self) == vars(other)

    def __repr__(self):
        return f"Labelled({self.first!r}, {self.second!r}, {self.label!r})"


class Keyed(Labelled):
    """The same, with keys."""


@dataclasses.dataclass
class Body:
    mass: object
    velocity: object
    name: str = dataclasses.field(default="sun", metadata={"static": True})


@dataclasses.dataclass(frozen=True)
class Static:
    value: int


class DictSubclass(dict):
    pass


class TupleSubclass(tuple):
    pass


def register_both():
    for side in (ours, theirs):
        side.register_pytree_node(
            Labelled, lambda n: ((n.first, n.second), n.label), lambda label, xs: Labelled(*xs, label)
        )

        def with_keys(n, side=side):
            return ((side.GetAttrKey("first"), n.first), (side.DictKey("second"), n.second)), n.label

        side.register_pytree_with_keys(Keyed, with_keys, lambda label, xs: Keyed(*xs, label))
        side.register_dataclass(Body)
        side.register_static(Static)


register_both()

TREES = {
    "leaf": 1,
    "none": None,
    "tuple": (1, 2),
    "single": (1,),
    "empty tuple": (),
    "list": [1, [2, (3,)]],
    "empty list": [],
    "dict in order of insertion": {"b": 1, "a": 2},
    "empty dict": {},
    "dict with integer keys": {2: 1, -1: [2]},
    "dict with None as key": {None: 1},
    "none inside": [None, 1, (None, {"a": None})],
    "ordered dict": OrderedDict(b=1, a=(2, 3)),
    "defaultdict": defaultdict(list, b=1, a=2),
    "namedtuple": Point(1, {"c": 2}),
    "namedtuple subclass": Segment(1, 2),
    "registered": Labelled(1, [2, None], "label"),
    "registered with keys": Keyed((1,), 2, ("k", 3)),
    "dataclass": Body(1.0, [2.0, 3.0], "moon"),
    "static": [Static(3), 1],
    "deque is a leaf": [deque([1, 2])],
    "struct sequence is a leaf": (time.gmtime(0), 1),
    "set is a leaf": [{1, 2}],
    "string is a leaf": ["abc"],
    "dict subclass is a leaf": [DictSubclass(a=1)],
    "tuple subclass is a leaf": [TupleSubclass((1, 2))],
    "mixed": ({"params": {"w": [1, 2], "b": Point(3, None)}, "step": 4}, OrderedDict(z=5), [Body(6, 7)]),
}

every_tree = pytest.mark.parametrize("tree", TREES.values(), ids=TREES)


# --- names --------------------------------------------------------------------------------------------------


def public(module):
    return [name for name in dir(module) if not name.startswith("_")]


@pytest.mark.parametrize("short", ["tree_util", "tree"])
def test_every_public_name_of_jax_exists(short):
    theirs_module, ours_module = getattr(jax, short), getattr(cujax, short)
    missing = {f"jax.{short}.{n}" for n in public(theirs_module) if not hasattr(ours_module, n)}
    assert missing == {name for name in EXCLUDED if name.startswith(f"jax.{short}.")}
    assert all(hasattr(ours_module, name) for name in ours_module.__all__)


def test_every_method_of_a_treedef_exists():
    missing = {f"PyTreeDef.{n}" for n in public(theirs.PyTreeDef) if not hasattr(ours.PyTreeDef, n)}
    assert missing == {name for name in EXCLUDED if name.startswith("PyTreeDef")}


@pytest.mark.parametrize("short", ["tree_util", "tree"])
def test_signatures_are_jaxs(short):
    for name in public(getattr(jax, short)):
        there, here = getattr(getattr(jax, short), name), getattr(getattr(cujax, short), name, None)
        if inspect.isfunction(there) and here is not None:
            assert [(p.name, p.kind) for p in inspect.signature(here).parameters.values()] == [
                (p.name, p.kind) for p in inspect.signature(there).parameters.values()
            ], name


@pytest.mark.parametrize("module", [cujax.tree_util, cujax.tree])
def test_the_examples_in_the_docstrings(module):
    assert doctest.testmod(module).failed == 0
    assert all(getattr(module, name).__doc__ for name in module.__all__)


# --- flatten, unflatten -------------------------------------------------------------------------------------


@every_tree
def test_flatten_and_back(tree):
    same(lambda side: side.tree_flatten(tree))
    same(lambda side: side.tree_unflatten(side.tree_structure(tree), side.tree_leaves(tree)))
    same(lambda side: side.tree_map(lambda x: (x, 1), tree))
    leaves, treedef = ours.tree_flatten(tree)
    assert repr(treedef.unflattener()(*leaves)) == repr(treedef.unflatten(leaves))


@every_tree
def test_structure_data(tree):
    same(lambda side: [getattr(side.tree_structure(tree), name) for name in ("num_leaves", "num_nodes")])
    same(lambda side: side.tree_structure(tree).node_data())
    same(lambda side: side.treedef_children(side.tree_structure(tree)))
    same(lambda side: side.treedef_is_leaf(side.tree_structure(tree)))
    same(lambda side: side.treedef_tuple([side.tree_structure(tree)] * 2))
    same(lambda side: side.tree_structure(tree).compose(side.tree_structure({"k": (1, None)})))
    same(lambda side: side.all_leaves([tree]))
    same(lambda side: side.is_tree_node(type(tree)))


@every_tree
def test_one_level(tree):
    def level(side, name):
        children, aux = getattr(side, name)(tree)
        return list(children), aux

    same(lambda side: level(side, "flatten_one_level"))
    if not isinstance(tree, Point):  # there JAX 0.10.2 gives all children the key of the first
        same(lambda side: level(side, "flatten_one_level_with_keys"))


def test_one_level_of_a_namedtuple():
    pairs, aux = ours.flatten_one_level_with_keys(Point(1, 2))
    assert pairs == [(ours.GetAttrKey("x"), 1), (ours.GetAttrKey("y"), 2)] and aux is Point


@every_tree
def test_paths(tree):
    same(lambda side: side.tree_flatten_with_path(tree))
    same(lambda side: [side.keystr(path) for path, _ in side.tree_leaves_with_path(tree)])
    same(lambda side: [side.keystr(p, simple=True) for p, _ in side.tree_leaves_with_path(tree)])
    same(lambda side: [side.keystr(p, separator="/") for p, _ in side.tree_leaves_with_path(tree)])
    same(lambda side: side.tree_map_with_path(lambda path, x, y: (side.keystr(path), x, y), tree, tree))


@every_tree
def test_is_leaf_sees_what_jax_shows_it(tree):
    for stop in (lambda x: x is None, lambda x: isinstance(x, (list, Point)), lambda x: True):

        def flatten(side, stop=stop):
            seen = []
            return side.tree_flatten(tree, is_leaf=lambda x: seen.append(x) or stop(x)), seen

        same(flatten)
        same(lambda side, stop=stop: side.tree_flatten_with_path(tree, is_leaf=stop))
        same(lambda side, stop=stop: side.tree_map(lambda *xs: xs, tree, tree, is_leaf=stop))
    same(lambda side: side.tree_leaves_with_path(tree, lambda path, x: bool(path), is_leaf_takes_path=True))


@every_tree
def test_folds_of_a_structure(tree):
    def walk(side):
        leaves, treedef = side.tree_flatten(tree)
        return treedef.walk(lambda children, aux: (children, aux), lambda x: [x], leaves)

    def rebuild(side):
        definition = side.tree_structure(tree)
        return side.PyTreeDef.from_node_data_and_children(
            getattr(side, "default_registry", None), definition.node_data(), definition.children()
        )

    same(walk)
    same(rebuild)
    assert repr(ours.build_tree(ours.tree_structure({"a": (0, [0])}), [[1, (2,)]])) == "{'a': (1, [2])}"


@pytest.mark.parametrize(
    "tree",
    [
        {1: 1, "a": 2},
        {1j: 1, 2j: 2},
        {(1, "a"): 1, (1, 2): 2},
        defaultdict(int, {1: 1, "a": 2}),
        [{"x": {None: 1, "a": 2}}],
    ],
    ids=repr,
)
def test_keys_that_cannot_be_compared(tree):
    assert isinstance(same(lambda side: side.tree_flatten(tree)), type)


def test_the_error_for_incomparable_keys_shows_them():
    with pytest.raises(ValueError, match=r"must be comparable.*\[1, 'a'\].*OrderedDict"):
        ours.tree_flatten({1: 1, "a": 2})


@pytest.mark.parametrize("leaves", [[], [1], [1, 2, 3], "ab", (1, 2), 3, iter([1, 2])], ids=lambda x: type(x).__name__)
def test_unflatten_counts_its_leaves(leaves):
    same(lambda side: side.tree_structure((0, [0])).unflatten(copy.copy(leaves)))


def test_unflatten_says_what_it_counted():
    with pytest.raises(ValueError, match=r"1 leaves into a structure of 2 leaves, PyTreeDef\(\(\*, \*\)\)"):
        ours.tree_unflatten(ours.tree_structure((0, 0)), [1])


def test_aux_data_come_back_as_they_were():
    """Equal is not the same: True == 1 == 1.0, but each tree keeps its own."""
    for label in (True, 1, 1.0):
        assert ours.tree_map(lambda x: x, Labelled(0, 0, label)).label is label
        (key,) = ours.tree_map(lambda x: x, {label: 0})
        assert key is label


def test_unflattener_of_a_deep_tree():
    tree = functools.reduce(lambda inner, i: (i, inner), range(90), None)
    leaves, treedef = ours.tree_flatten(tree)
    assert treedef.unflattener()(*leaves) == tree


leaf = st.integers(0, 9) | st.none()
trees = st.recursive(
    leaf,
    lambda inner: st.lists(inner, max_size=3)
    | st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3).map(OrderedDict)
    | st.builds(Point, inner, inner)
    | st.builds(Labelled, inner, inner, st.integers(0, 2)),
    max_leaves=12,
)


@given(trees, trees)
@settings(max_examples=150, deadline=None)
def test_random_pairs_of_trees(one, other):
    same(lambda side: side.tree_flatten_with_path(one))
    same(lambda side: side.tree_structure(one) == side.tree_structure(other))
    same(lambda side: side.tree_map(lambda *xs: xs, one, other))
    same(lambda side: side.tree_broadcast(one, other))
    if ours.tree_structure(one) == ours.tree_structure(other):
        assert hash(ours.tree_structure(one)) == hash(ours.tree_structure(other))
    leaves, treedef = ours.tree_flatten(one)
    assert repr(treedef.unflattener()(*leaves)) == repr(treedef.unflatten(leaves))


# --- structures as keys -------------------------------------------------------------------------------------


def test_structures_compare_by_value_and_hash():
    for a in TREES.values():
        for b in TREES.values():
            same(lambda side, a=a, b=b: side.tree_structure(a) == side.tree_structure(b))
    first, second = (ours.tree_structure({"b": Point(1, 2), "a": [None]}) for _ in range(2))
    assert first == second and hash(first) == hash(second) and len({first, second}) == 1
    assert first != 3


def test_aux_data_take_part_in_equality():
    structures = [ours.tree_structure(Labelled(1, 2, label)) for label in ("a", "a", "b")]
    assert structures[0] == structures[1] != structures[2]
    assert hash(structures[0]) == hash(structures[1])


def test_unhashable_aux_data_still_hash():
    """As in JAX, where the aux data stay out of the hash; they are compared all the same."""
    one, two, other = (ours.tree_structure(Labelled(1, 2, label)) for label in ([1], [1], [2]))
    assert one == two and hash(one) == hash(two) and one != other


@every_tree
def test_structures_pickle_and_copy(tree):
    treedef = ours.tree_structure(tree)
    assert pickle.loads(pickle.dumps(treedef)) == treedef
    assert copy.deepcopy(treedef) == treedef


# --- mismatches ---------------------------------------------------------------------------------------------

MISMATCHES = [
    ((1, 2), [1, 2]),
    ((1, 2), (1,)),
    ({"a": 1}, {"b": 1}),
    ({"a": 1, "b": 2}, {"a": 1}),
    ({"a": 1}, (1,)),
    ((1, None), (1, 2)),
    (None, 1),
    ((1,), None),
    (Point(1, 2), (1, 2)),
    (Point(1, 2), Segment(1, 2)),
    (Labelled(1, 2, "a"), Labelled(1, 2, "b")),
    (OrderedDict(a=1), {"a": 1}),
    (OrderedDict(a=1, b=2), OrderedDict(b=1, a=2)),
    (defaultdict(int, a=1), defaultdict(list, a=1)),
    ([1, (2, 3)], [1, 3]),
]
MATCHES = [(1, (2, 3)), ((1, [2]), ([1, 2], [{"a": 5}])), (1, None), ({"a": 1, "b": 2}, {"b": [3], "a": 4})]


@pytest.mark.parametrize("tree, other", MISMATCHES + MATCHES, ids=repr)
def test_map_and_broadcast_refuse_what_jax_refuses(tree, other):
    mapped = same(lambda side: side.tree_map(lambda *xs: xs, tree, other))
    assert (mapped is ValueError) == ((tree, other) in MISMATCHES)
    same(lambda side: side.tree_structure(tree).flatten_up_to(other))
    same(lambda side: side.tree_broadcast(tree, other))


def test_a_mismatch_names_path_and_structures():
    with pytest.raises(ValueError) as error:
        ours.tree_map(lambda *xs: xs, {"w": [1, (2, 3)]}, {"w": [1, Body(1, 2)]})
    assert str(error.value).splitlines() == [
        "pytree structures differ at tree 2 of tree_map['w'][1]: expected tuple with 2 children, (*, *), "
        "got Body with 2 children, CustomNode(Body[('sun',)], [*, *]).",
        "  expected structure: PyTreeDef({'w': [*, (*, *)]})",
        "  structure of tree 2 of tree_map: PyTreeDef({'w': [*, CustomNode(Body[('sun',)], [*, *])]})",
    ]


def test_errors_of_the_mapped_function_pass_through():
    with pytest.raises(ZeroDivisionError):
        ours.tree_map(lambda x, y: x / y, [1], [0])


# --- prefixes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prefix, full, expected",
    [
        (0, (1, [2, 3]), [0, 0, 0]),
        (None, (1, [2, 3]), [None] * 3),
        ((0, None), (1, [2, 3]), [0, None, None]),
        ((0, (None, 1)), ({"a": 1, "b": 2}, ([3], (4, 5))), [0, 0, None, 1, 1]),
        ((0, 1), (None, 2), [1]),
        ((None, 1), (None, 2), [1]),
        ({"b": 0, "a": None}, {"a": 1, "b": [2, 3]}, [None, 0, 0]),
        (Point(0, None), Point([1, 2], 3), [0, 0, None]),
        ((), (), []),
    ],
    ids=repr,
)
def test_broadcast_prefix_takes_none_as_a_leaf(prefix, full, expected):
    assert pytree.broadcast_prefix(prefix, full) == expected


def test_broadcast_prefix_with_leaves_of_the_caller():
    is_pair = lambda x: isinstance(x, tuple)  # noqa: E731
    assert pytree.broadcast_prefix([(0, 1), None], [[5, 6], 7], is_leaf=is_pair) == [(0, 1), (0, 1), None]


def test_broadcast_prefix_says_where_it_does_not_fit():
    with pytest.raises(ValueError) as error:
        pytree.broadcast_prefix((0, {"w": (0, None)}), (1, {"w": [2, 3]}), name="args")
    assert str(error.value).splitlines() == [
        "pytree structures differ at args[1]['w']: expected tuple with 2 children, (*, *), "
        "got list with 2 children, [*, *].",
        "  expected structure: PyTreeDef((*, {'w': (*, *)}))",
        "  structure of args: PyTreeDef((*, {'w': [*, *]}))",
    ]
    with pytest.raises(ValueError, match=r"differ at args\[0\]: expected list .* got a leaf of type ndarray"):
        pytree.broadcast_prefix(([0],), (np.zeros(3),), name="args")


# --- reductions, transposition ------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(10))
def test_reductions_associate_as_in_jax(n):
    tree = [i if i % 2 else (i, None) for i in range(n)]
    pair = lambda x, y: (x, y)  # noqa: E731
    same(lambda side: side.tree_reduce(pair, tree))
    same(lambda side: side.tree_reduce(pair, tree, None))
    same(lambda side: side.tree_reduce_associative(pair, tree))
    same(lambda side: side.tree_reduce_associative(pair, tree, identity=7))
    same(lambda side: side.tree_reduce(lambda x, y: x, tree, "start", lambda x: isinstance(x, tuple)))


def test_all():
    for tree in ([], [1, (2,)], [1, (0,)], None, [None]):
        same(lambda side, tree=tree: side.tree_all(tree))
    same(lambda side: side.tree_all([(), 1], is_leaf=lambda x: isinstance(x, tuple)))


@pytest.mark.parametrize(
    "outer, inner, tree",
    [
        ((0, 0), [0, 0, 0], ([1, 2, 3], [4, 5, 6])),
        ((0, 0), ..., ([1, 2, 3], [4, 5, 6])),
        ((0, 0), ..., ([1, 2, 3], [4, 5])),
        ((0, 0), (0, 0), ([1, 2, 3], [4, 5, 6])),
        ({"a": 0, "b": None}, Point(0, 0), {"b": None, "a": Point(1, 2)}),
        ((), (1, 2), ()),
        ((), (), ()),
        ((0,), (), ((),)),
    ],
)
def test_transpose(outer, inner, tree):
    def transpose(side):
        inner_treedef = None if inner is ... else side.tree_structure(inner)
        return side.tree_transpose(side.tree_structure(outer), inner_treedef, tree)

    same(transpose)


def test_transpose_without_leaves_needs_the_inner_structure():
    with pytest.raises(ValueError, match="inner_treedef must be given"):
        ours.tree_transpose(ours.tree_structure(()), None, ())
