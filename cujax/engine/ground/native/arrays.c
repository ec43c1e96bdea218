/* From arrays to what they hold, and back: `read_avals`, `read_buffers` and `wrap_buffers` of core/leaves.py.

   The fields of an array are slots, read and written here at their place in the object.  What is no array goes
   through Python functions.
*/

#include "native.h"
#include <structmember.h>

static PyTypeObject* array_type;
static Py_ssize_t buffer_offset, aval_offset;
static PyObject* aval_of;     /* leaf -> aval, for a leaf that is no array */
static PyObject* known_array; /* leaf -> array */

/* Where the slot `name` of a class stands in its objects; -1 with TypeError when it is no slot. */
static Py_ssize_t slot_offset(PyObject* cls, const char* name) {
    Py_ssize_t offset = -1;
    PyObject* found = PyObject_GetAttrString(cls, name);
    if (found == NULL)
        return -1;
    if (Py_IS_TYPE(found, &PyMemberDescr_Type) && ((PyMemberDescrObject*)found)->d_member->type == T_OBJECT_EX)
        offset = ((PyMemberDescrObject*)found)->d_member->offset;
    else
        PyErr_Format(PyExc_TypeError, "%s is no slot", name);
    Py_DECREF(found);
    return offset;
}

static PyObject* set_array(PyObject* module, PyObject* args) {
    PyObject *cls, *aval_function, *array_function;
    if (!PyArg_ParseTuple(args, "O!OO:set_array", &PyType_Type, &cls, &aval_function, &array_function))
        return NULL;
    buffer_offset = slot_offset(cls, "buffer");
    aval_offset = buffer_offset < 0 ? -1 : slot_offset(cls, "aval");
    if (aval_offset < 0)
        return NULL;
    keep((PyObject**)&array_type, cls);
    keep(&aval_of, aval_function);
    keep(&known_array, array_function);
    Py_RETURN_NONE;
}

static inline PyObject** slot(PyObject* array, Py_ssize_t offset) {
    return (PyObject**)((char*)array + offset);
}

/* What a slot of an array holds: a new reference; AttributeError when it was never set. */
static PyObject* read_slot(PyObject* array, Py_ssize_t offset) {
    PyObject* value = *slot(array, offset);
    if (value == NULL)
        PyErr_SetString(PyExc_AttributeError, "an array without buffer or aval");
    Py_XINCREF(value);
    return value;
}

static PyObject* aval(PyObject* value) {
    if (Py_IS_TYPE(value, array_type))
        return read_slot(value, aval_offset);
    return PyObject_CallOneArg(aval_of, value);
}

static PyObject* buffer(PyObject* value) {
    if (Py_IS_TYPE(value, array_type))
        return read_slot(value, buffer_offset);
    PyObject* array = PyObject_CallOneArg(known_array, value);
    PyObject* found = NULL;
    if (array != NULL && Py_IS_TYPE(array, array_type))
        found = read_slot(array, buffer_offset);
    else if (array != NULL)
        PyErr_Format(PyExc_TypeError, "not an array: %R", array);
    Py_XDECREF(array);
    return found;
}

/* Appends `function(value)` for each of the values, a list, to `result`; -1 on an error. */
static int append_each(PyObject* result, PyObject* (*function)(PyObject*), PyObject* values) {
    PyObject* snapshot = PyList_AsTuple(values); /* `function` may run Python, which may change the list */
    int status = snapshot == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; status == 0 && i < PyTuple_GET_SIZE(snapshot); i++) {
        PyObject* item = function(PyTuple_GET_ITEM(snapshot, i));
        status = item == NULL ? -1 : PyList_Append(result, item);
        Py_XDECREF(item);
    }
    Py_XDECREF(snapshot);
    return status;
}

static int check_ready(PyObject* list) {
    if (array_type != NULL && PyList_Check(list))
        return 0;
    PyErr_SetString(PyExc_TypeError, "expected a list, after set_array has been called");
    return -1;
}

static PyObject* read_avals(PyObject* module, PyObject* leaves) {
    PyObject* result = check_ready(leaves) < 0 ? NULL : PyList_New(0);
    if (result != NULL && append_each(result, aval, leaves) < 0)
        Py_CLEAR(result);
    return result;
}

static PyObject* read_buffers(PyObject* module, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || check_ready(args[0]) < 0 || check_ready(args[1]) < 0) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "read_buffers takes two lists");
        return NULL;
    }
    PyObject* result = PyList_GetSlice(args[0], 0, PY_SSIZE_T_MAX);
    if (result != NULL && append_each(result, buffer, args[1]) < 0)
        Py_CLEAR(result);
    return result;
}

/* An array, as its class makes it of `buffer` and `aval`. */
static PyObject* new_array(PyObject* buffer, PyObject* aval) {
    PyObject* array = array_type->tp_alloc(array_type, 0);
    if (array != NULL) {
        Py_INCREF(buffer);
        *slot(array, buffer_offset) = buffer;
        Py_INCREF(aval);
        *slot(array, aval_offset) = aval;
    }
    return array;
}

static PyObject* wrap_buffers(PyObject* module, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || check_ready(args[0]) < 0 || !PyTuple_Check(args[1])) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "wrap_buffers takes a list and a tuple");
        return NULL;
    }
    Py_ssize_t length = PyTuple_GET_SIZE(args[1]);
    if (PyList_GET_SIZE(args[0]) != length)
        return PyErr_Format(PyExc_ValueError, "%zd buffers for %zd avals", PyList_GET_SIZE(args[0]), length);
    PyObject* arrays = PyTuple_New(length);
    for (Py_ssize_t i = 0; arrays != NULL && i < length; i++) {
        PyObject* array = new_array(PyList_GET_ITEM(args[0], i), PyTuple_GET_ITEM(args[1], i));
        if (array == NULL)
            Py_CLEAR(arrays);
        else
            PyTuple_SET_ITEM(arrays, i, array);
    }
    return arrays;
}

PyMethodDef array_functions[] = {
    {"set_array", set_array, METH_VARARGS,
     "set_array(cls, aval_of, known_array): the class of arrays, and what is asked about other values."},
    {"read_avals", read_avals, METH_O, "read_avals(list of leaves) -> list of their avals"},
    {"read_buffers", (PyCFunction)(void (*)(void))read_buffers, METH_FASTCALL,
     "read_buffers(first, leaves) -> a list: the items of the list `first`, then the buffers of the leaves"},
    {"wrap_buffers", (PyCFunction)(void (*)(void))wrap_buffers, METH_FASTCALL,
     "wrap_buffers(list of buffers, tuple of avals) -> tuple of arrays"},
    {NULL},
};
