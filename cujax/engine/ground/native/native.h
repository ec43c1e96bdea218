/* What the parts of the extension module `_native` share.  What it is for: __init__.py. */

#ifndef CUJAX_NATIVE_H
#define CUJAX_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Changes with every change of what Python calls, here and in __init__.py: a module that was built before is not used. */
#define VERSION 9

extern PyMethodDef pytree_functions[]; /* pytree.c */
extern PyMethodDef array_functions[];  /* arrays.c */
extern PyMethodDef buffer_functions[]; /* launch.c */
extern PyMethodDef step_functions[];   /* steps.c */
extern PyMethodDef loop_functions[];   /* loop.c */
extern PyMethodDef nest_functions[];   /* nest.c */
extern PyMethodDef callback_functions[]; /* callback.c */
extern PyMethodDef device_functions[]; /* device_launch.c */
extern PyTypeObject Launcher_Type;     /* launch.c */
extern PyTypeObject Nest_Type;         /* nest.c */
extern PyTypeObject Callback_Type;     /* callback.c */
extern PyTypeObject DeviceLaunch_Type; /* device_launch.c */

/* Makes NumPy's C interface ready, which launch.c uses; -1 with ImportError when it is not the one compiled for. */
int import_numpy(void);

/* Makes the names of attributes that device_launch.c asks for; -1 on an error. */
int make_device_names(void);

/* The leaves of a tree, a list, and its spec: new references; -1 on an error. */
int flatten_tree(PyObject* tree, PyObject** leaves, PyObject** spec);

/* Puts a new reference to `value` where a part keeps it for the life of the process. */
static inline void keep(PyObject** place, PyObject* value) {
    PyObject* old = *place;
    Py_INCREF(value);
    *place = value;
    Py_XDECREF(old);
}

#endif
