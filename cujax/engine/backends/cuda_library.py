"""What ops need of the GPU beyond the functions that NumPy and CuPy share.

The twin of `numpy_library.py`, function for function.  It imports without CuPy.
"""
