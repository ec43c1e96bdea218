"""The namespaces of linear algebra and of what is built on it have JAX's names and parameters."""

from __future__ import annotations

import importlib
import inspect

import pytest

# Records of JAX's primitives that are no ops here: their functions are compositions of other ops.
COMPOSED = {"cholesky_update_p", "householder_product_p", "ormqr_p", "symmetric_product_p"}
MODULES = ["numpy.linalg", "lax.linalg", "scipy.linalg", "scipy.sparse.linalg", "scipy.optimize"]


def names_of(module) -> set[str]:
    return {n for n, value in vars(module).items() if not n.startswith("_") and not inspect.ismodule(value)}


def parameters(function) -> list:
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, repr(p.default)) for p in found]


@pytest.mark.parametrize("path", MODULES)
def test_names_and_parameters(path):
    ours, theirs = (importlib.import_module(f"{root}.{path}") for root in ("cujax", "jax"))
    names = names_of(theirs) - COMPOSED
    assert {n for n in names if not hasattr(ours, n)} == set()
    for name in names:
        function = getattr(theirs, name)
        if callable(function) and inspect.isfunction(inspect.unwrap(function)):
            assert parameters(getattr(ours, name)) == parameters(function), name
            assert getattr(ours, name).__doc__, name
