"""Index expressions: what is simplified, and that what is left has the value it should."""

from __future__ import annotations

from itertools import product

import pytest

from cujax.engine.compiler.index import (
    AxisAtom,
    Condition,
    ElementAtom,
    Index,
    QuotientAtom,
    as_index,
    axis_index,
    choose,
    flatten,
    of_atom,
)

ROW, COLUMN = axis_index(0, 6), axis_index(1, 10)


def value(index, places):
    """The value of an index at `places` of the axes."""
    total = index.constant
    for atom, c in index.terms:
        if isinstance(atom, AxisAtom):
            total += c * places[atom.number]
        elif isinstance(atom, QuotientAtom):
            total += c * (value(atom.index, places) // atom.divisor)
        else:
            holds = all(value(i, places) >= 0 for i in atom.condition.indices)
            total += c * value(atom.if_true if holds else atom.if_false, places)
    return total


EXPRESSIONS = {
    "sum": (lambda i, j: 3 * i - j + 7),
    "quotient": (lambda i, j: (10 * i + j + 3) // 4),
    "remainder": (lambda i, j: (10 * i + j + 3) % 4),
    "quotient of a negative": (lambda i, j: (j - 5) // 3),
    "nested": (lambda i, j: ((i * 10 + j) // 4 % 5) * 4 + (i * 10 + j) % 4),
    "whole part": (lambda i, j: (20 * i + j) // 10 + (20 * i + j) % 10),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_values(name):
    function = EXPRESSIONS[name]
    index = as_index(function(ROW, COLUMN))
    for i, j in product(range(6), range(10)):
        assert value(index, (i, j)) == function(i, j)
        assert index.low <= function(i, j) <= index.high


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_comparisons_hold_where_they_should(name):
    function = EXPRESSIONS[name]
    for bound in (-3, 0, 2, 5, 100):
        for compare in (lambda a, b: a < b, lambda a, b: a <= b, lambda a, b: a > b, lambda a, b: a >= b):
            found = compare(as_index(function(ROW, COLUMN)), bound)
            for i, j in product(range(6), range(10)):
                expected = compare(function(i, j), bound)
                if isinstance(found, Condition):
                    assert all(value(x, (i, j)) >= 0 for x in found.indices) == expected
                else:
                    assert found == expected


def test_a_reshape_of_whole_rows_cancels():
    flat = flatten((ROW, COLUMN), (6, 10))
    back = (flat // 10, flat % 10)
    assert back == (ROW, COLUMN)


def test_the_pieces_of_a_quotient_cancel():
    place = axis_index(0, 60)
    assert flatten((place // 10, place % 10), (6, 10)) == place


def test_ranges_decide_comparisons():
    assert (ROW >= 0) is True and (ROW < 6) is True and (ROW > 5) is False
    assert isinstance(ROW >= 1, Condition)
    assert ((ROW >= 0) & (COLUMN < 10)) is True
    assert ((ROW >= 1) & (COLUMN > 9)) is False


def test_an_axis_of_length_one_is_zero():
    assert axis_index(3, 1) == as_index(0)


def test_choosing_narrows_what_is_known():
    loaded = of_atom(ElementAtom("loaded", -(2**31), 2**31 - 1))
    clamped = choose(loaded < 0, 0, choose(loaded > 9, 9, loaded))
    assert (clamped.low, clamped.high) == (0, 9)
    (atom, _), = clamped.terms
    assert (atom.low, atom.high) == (0, 9)
    assert (choose(loaded > 9, 9, choose(loaded < 0, 0, loaded + 3)) + 1).high == 13


def test_equal_sides_need_no_choice():
    assert choose(COLUMN > 3, ROW, ROW) == ROW


def test_equality_and_hash_do_not_depend_on_the_order_of_terms():
    assert ROW + COLUMN == COLUMN + ROW and hash(ROW + COLUMN) == hash(COLUMN + ROW)
    assert ROW + COLUMN != ROW - COLUMN and as_index(3) != as_index(4)
    assert isinstance(ROW + COLUMN, Index)
