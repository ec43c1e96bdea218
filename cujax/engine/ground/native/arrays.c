/* From arrays to what they hold, and back: `call_key`, `read_buffers` and `wrap_buffers` of core/leaves.py.

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
    Py_ssize_t to_buffer = slot_offset(cls, "buffer"), to_aval = to_buffer < 0 ? -1 : slot_offset(cls, "aval");
    if (to_aval < 0)
        return NULL;
    buffer_offset = to_buffer;
    aval_offset = to_aval;
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
    PyObject* found = array == NULL ? NULL : PyObject_GetAttrString(array, "buffer"); /* it may be a deleted one */
    Py_XDECREF(array);
    return found;
}

static int check_ready(int is_called_right, const char* usage) {
    if (array_type == NULL)
        PyErr_SetString(PyExc_RuntimeError, "set_array has not been called");
    else if (!is_called_right)
        PyErr_SetString(PyExc_TypeError, usage);
    return array_type == NULL || !is_called_right ? -1 : 0;
}

/* --- arguments -------------------------------------------------------------------------------------------- */

/* The key of a call: a tuple of the spec and three more things, then the avals of the leaves. */
static PyObject* make_key(PyObject* spec, PyObject* const* more, PyObject* leaves) {
    Py_ssize_t count = PyList_GET_SIZE(leaves);
    PyObject* key = PyTuple_New(4 + count);
    if (key == NULL)
        return NULL;
    PyObject* first[] = {spec, more[0], more[1], more[2]};
    for (Py_ssize_t i = 0; i < 4; i++) {
        Py_INCREF(first[i]);
        PyTuple_SET_ITEM(key, i, first[i]);
    }
    for (Py_ssize_t i = 0; key != NULL && i < count; i++) {
        PyObject* found = aval(PyList_GET_ITEM(leaves, i));
        if (found == NULL)
            Py_CLEAR(key);
        else
            PyTuple_SET_ITEM(key, 4 + i, found);
    }
    return key;
}

static PyObject* call_key(PyObject* module, PyObject* const* args, Py_ssize_t count) {
    PyObject *leaves, *spec;
    if (check_ready(count == 4, "call_key takes four arguments") < 0 || flatten_tree(args[0], &leaves, &spec) < 0)
        return NULL;
    PyObject* key = make_key(spec, args + 1, leaves);
    PyObject* pair = key == NULL ? NULL : PyTuple_Pack(2, leaves, key);
    Py_DECREF(leaves);
    Py_DECREF(spec);
    Py_XDECREF(key);
    return pair;
}

static PyObject* read_buffers(PyObject* module, PyObject* const* args, Py_ssize_t count) {
    int is_called_right = count == 2 && PyList_Check(args[0]) && PyList_Check(args[1]);
    if (check_ready(is_called_right, "read_buffers takes two lists") < 0)
        return NULL;
    PyObject* leaves = PyList_AsTuple(args[1]); /* of which reading one may run Python, which may change the list */
    PyObject* result = leaves == NULL ? NULL : PyList_GetSlice(args[0], 0, PY_SSIZE_T_MAX);
    for (Py_ssize_t i = 0; result != NULL && i < PyTuple_GET_SIZE(leaves); i++) {
        PyObject* found = buffer(PyTuple_GET_ITEM(leaves, i));
        if (found == NULL || PyList_Append(result, found) < 0)
            Py_CLEAR(result);
        Py_XDECREF(found);
    }
    Py_XDECREF(leaves);
    return result;
}

/* --- results ---------------------------------------------------------------------------------------------- */

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
    int is_called_right = count == 2 && PyList_Check(args[0]) && PyTuple_Check(args[1]);
    if (check_ready(is_called_right, "wrap_buffers takes a list and a tuple") < 0)
        return NULL;
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
    {"call_key", (PyCFunction)(void (*)(void))call_key, METH_FASTCALL,
     "call_key(tree, a, b, c) -> (list of leaves, (spec, a, b, c, *avals of the leaves))"},
    {"read_buffers", (PyCFunction)(void (*)(void))read_buffers, METH_FASTCALL,
     "read_buffers(first, leaves) -> a list: the items of the list `first`, then the buffers of the leaves"},
    {"wrap_buffers", (PyCFunction)(void (*)(void))wrap_buffers, METH_FASTCALL,
     "wrap_buffers(list of buffers, tuple of avals) -> tuple of arrays"},
    {NULL},
};
