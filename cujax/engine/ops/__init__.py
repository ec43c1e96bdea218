"""First-order primitives by family; every rule of an op stands beside it.

Files form a strict order, lowest first: axes, structural, constants, conversion, families, logic, elementwise,
complex_parts, rounding, double_log, log1p, special, incomplete, bessel, slicing, joining, slice_updates, cumulative,
reductions, monoids, indexing (with index_dimensions, index_rows and scatter_family below it), scatter_updates,
dynamic_slicing, sorting, contraction, convolution, windowed, matrices, triangular, tridiagonal, lu, determinant, fft,
random_bits.  A rule may call only what lies below it.  To add an op: its block in its family's file, one export line
in `cujax/lax`, one row in `tests/op_samples`.
"""
