/* What the parts of the extension module `_native` share.  What it is for: __init__.py. */

#ifndef CUJAX_NATIVE_H
#define CUJAX_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

extern PyMethodDef pytree_functions[]; /* pytree.c */
extern PyMethodDef array_functions[];  /* arrays.c */
extern PyMethodDef buffer_functions[]; /* launch.c */
extern PyTypeObject Launcher_Type;     /* launch.c */

/* Makes NumPy's C interface ready, which launch.c uses; -1 with ImportError when it is not the one compiled for. */
int import_numpy(void);

/* Puts a new reference to `value` where a part keeps it for the life of the process. */
static inline void keep(PyObject** place, PyObject* value) {
    PyObject* old = *place;
    Py_INCREF(value);
    *place = value;
    Py_XDECREF(old);
}

#endif
