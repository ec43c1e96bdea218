/* NumPy's C interface, which launch.c makes ready; others define NO_IMPORT_ARRAY before this. */

#ifndef CUJAX_NUMPY_API_H
#define CUJAX_NUMPY_API_H

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL cujax_numpy_api
#include <numpy/arrayobject.h>

/* Reads a shape, a tuple, into at most NPY_MAXDIMS lengths; returns how many, or -1 on an error.  launch.c */
int read_shape(PyObject* shape, npy_intp* lengths);

#endif
