"""Cases written once with the library as argument, run with cujax and with JAX, and compared.

`m` in a case is a namespace: lib (cujax or jax), np, lax, names, policies, io_callback.
"""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.ad_checkpoint
import jax.custom_batching
import jax.custom_derivatives
import jax.experimental
import jax.numpy as jax_numpy
import numpy as np

import cujax
import cujax.numpy as cujax_numpy
from cujax import ad_checkpoint, checkpoint_policies, custom_batching, custom_derivatives, debug, experimental
from cujax.api.callbacks import pure_callback

OURS = SimpleNamespace(
    lib=cujax, np=cujax_numpy, lax=cujax.lax, name=ad_checkpoint.checkpoint_name,
    policies=checkpoint_policies, derivatives=custom_derivatives, batching=custom_batching, debug=debug,
    pure_callback=pure_callback, io_callback=experimental.io_callback,
)
THEIRS = SimpleNamespace(
    lib=jax, np=jax_numpy, lax=jax.lax, name=jax.ad_checkpoint.checkpoint_name,
    policies=jax.checkpoint_policies, derivatives=jax.custom_derivatives, batching=jax.custom_batching,
    debug=jax.debug, pure_callback=jax.pure_callback, io_callback=jax.experimental.io_callback,
)


def agree(case, rtol=2e-5):
    """`case(m)` gives trees of equal leaves with both libraries; arrays have equal dtypes, too."""
    ours = cujax.tree_util.tree_leaves(case(OURS))
    theirs = jax.tree_util.tree_leaves(case(THEIRS))
    assert len(ours) == len(theirs)
    for found, expected in zip(ours, theirs, strict=True):
        if hasattr(expected, "dtype") and hasattr(found, "dtype"):
            assert found.dtype == expected.dtype
        assert np.shape(found) == np.shape(expected)
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rtol, atol=1e-6)


def outcome(case, m):
    """The error class of `case(m)`, or None."""
    try:
        case(m)
    except Exception as error:
        return type(error).__name__
    return None


def refused_alike(case):
    """Both libraries raise, with error classes of one name."""
    ours, theirs = outcome(case, OURS), outcome(case, THEIRS)
    assert ours is not None and ours == theirs
