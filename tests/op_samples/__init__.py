"""One row for each op: operands, params and JAX's function for the same thing.  `sample.py` says what is in a row.

`tests/test_ops.py` derives from a row: shapes and dtypes, values against JAX over all dtypes of the op's
domain, derivatives to order 2, the inner-product identity of transposition, `vmap` against a loop over
every axis, `jit` against eager, and the index map.  To cover a new op add its row to the table of its family.

    Sample("tan", [reals((3, 4), -1.5, 1.5)])
    Sample("reduce_max", [reals((3, 4))], {"axes": (1,)}, jax=lambda x, axes: lax.reduce_max_p.bind(x, axes=axes, ...))

`jax` defaults to the primitive's bind in `jax.lax` (`<op>_p.bind(*operands, **params)`).
"""

from __future__ import annotations

from op_samples.drawing import RANDOM, USER
from op_samples.elementwise import COMPLEX_PARTS, ELEMENTWISE, LOGIC, ROUNDING, SPECIAL
from op_samples.linalg import LINALG
from op_samples.movers import INDEXING, SLICING, STRUCTURAL
from op_samples.products import CONTRACTION, CONVOLUTION, EPILOGUES, FFT, WINDOWED
from op_samples.reductions import CUMULATIVE, REDUCTIONS, SORTING
from op_samples.sample import Sample

__all__ = ["SAMPLES", "Sample"]

SAMPLES: list[Sample] = [
    *STRUCTURAL, *ELEMENTWISE, *LOGIC, *ROUNDING, *COMPLEX_PARTS, *SORTING, *SPECIAL, *CUMULATIVE,
    *REDUCTIONS, *LINALG, *FFT, *CONTRACTION, *CONVOLUTION, *EPILOGUES, *WINDOWED, *SLICING, *INDEXING,
    *RANDOM, *USER,
]
