"""Matrices that are mostly zeros, as `scipy.sparse`: iterative solvers that take the matrix as a function."""

from cujax.scipy.sparse import linalg as linalg
