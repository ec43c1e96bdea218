/* From a pytree to its leaves and its spec: `flatten` of pytree_spec.py, without the cost of its loops.

   Tuples, lists, dicts and None are taken apart here.  Nodes of every other kind, and dicts whose keys cannot be
   sorted, are taken apart by the Python function of their Kind, so that their meaning stands in one place.
   Start at `walk`.
*/

#include "native.h"

static PyObject* kinds;    /* dict: type -> Kind, or None where objects of the type are leaves */
static PyObject* classify; /* type -> Kind or None, for a type that is not in `kinds` yet */
static PyObject* leaf;     /* the spec of a leaf */
static PyObject *none_kind, *tuple_kind, *list_kind, *dict_kind;

static PyObject* set_kinds(PyObject* module, PyObject* args) {
    PyObject *table, *missing, *leaf_spec, *none, *tuple, *list, *dict;
    if (!PyArg_ParseTuple(args, "O!OOOOOO:set_kinds", &PyDict_Type, &table, &missing, &leaf_spec, &none, &tuple,
                          &list, &dict))
        return NULL;
    keep(&kinds, table);
    keep(&classify, missing);
    keep(&leaf, leaf_spec);
    keep(&none_kind, none);
    keep(&tuple_kind, tuple);
    keep(&list_kind, list);
    keep(&dict_kind, dict);
    Py_RETURN_NONE;
}

/* The Kind of an object's type, None for a leaf: a new reference. */
static PyObject* kind_of(PyObject* object) {
    PyObject* type = (PyObject*)Py_TYPE(object);
    PyObject* kind = PyDict_GetItemWithError(kinds, type);
    if (kind != NULL || PyErr_Occurred()) {
        Py_XINCREF(kind);
        return kind;
    }
    return PyObject_CallOneArg(classify, type);
}

/* The sorted keys of a dict as a tuple; NULL with the error of a comparison. */
static PyObject* sorted_keys(PyObject* dict) {
    PyObject* list = PyDict_Keys(dict);
    PyObject* keys = list == NULL || PyList_Sort(list) < 0 ? NULL : PyList_AsTuple(list);
    Py_XDECREF(list);
    return keys;
}

/* The values of a dict under `keys`, as a tuple in their order. */
static PyObject* values_of(PyObject* dict, PyObject* keys) {
    Py_ssize_t count = PyTuple_GET_SIZE(keys);
    PyObject* values = PyTuple_New(count);
    for (Py_ssize_t i = 0; values != NULL && i < count; i++) {
        PyObject* value = PyDict_GetItemWithError(dict, PyTuple_GET_ITEM(keys, i));
        if (value == NULL) {
            if (!PyErr_Occurred())
                PyErr_SetObject(PyExc_KeyError, PyTuple_GET_ITEM(keys, i));
            Py_CLEAR(values);
        } else {
            Py_INCREF(value);
            PyTuple_SET_ITEM(values, i, value);
        }
    }
    return values;
}

/* `kind.one_level(node)` with the children as a tuple. */
static PyObject* one_level(PyObject* kind, PyObject* node, PyObject** aux) {
    PyObject *found, *children = NULL, *pair = PyObject_CallMethod(kind, "one_level", "(O)", node);
    if (pair != NULL && PyArg_ParseTuple(pair, "OO", &found, aux)) {
        Py_INCREF(*aux);
        children = PySequence_Tuple(found);
    }
    Py_XDECREF(pair);
    return children;
}

/* The children of a node as a tuple, and in *aux, which is NULL before, its aux data.  NULL on an error. */
static PyObject* split(PyObject* kind, PyObject* node, PyObject** aux) {
    if (kind == dict_kind) {
        *aux = sorted_keys(node);
        if (*aux != NULL)
            return values_of(node, *aux);
        if (!PyErr_ExceptionMatches(PyExc_TypeError))
            return NULL;
        PyErr_Clear(); /* keys that do not compare: the Python function raises again, and explains */
    }
    if (kind != tuple_kind && kind != list_kind && kind != none_kind)
        return one_level(kind, node, aux);
    Py_INCREF(Py_None);
    *aux = Py_None;
    return kind == none_kind ? PyTuple_New(0) : PySequence_Tuple(node);
}

static PyObject* walk(PyObject* tree, PyObject* leaves);

/* The specs of all children, as a tuple. */
static PyObject* walk_all(PyObject* children, PyObject* leaves) {
    Py_ssize_t count = PyTuple_GET_SIZE(children);
    PyObject* specs = PyTuple_New(count);
    for (Py_ssize_t i = 0; specs != NULL && i < count; i++) {
        PyObject* spec = walk(PyTuple_GET_ITEM(children, i), leaves);
        if (spec == NULL)
            Py_CLEAR(specs);
        else
            PyTuple_SET_ITEM(specs, i, spec);
    }
    return specs;
}

/* The spec `(kind, aux data, specs of the children)` of a node. */
static PyObject* walk_node(PyObject* kind, PyObject* node, PyObject* leaves) {
    PyObject *aux = NULL, *specs = NULL, *children = split(kind, node, &aux);
    if (children != NULL && Py_EnterRecursiveCall(" while a pytree is flattened") == 0) {
        specs = walk_all(children, leaves);
        Py_LeaveRecursiveCall();
    }
    PyObject* spec = specs == NULL ? NULL : PyTuple_Pack(3, kind, aux, specs);
    Py_XDECREF(children);
    Py_XDECREF(aux);
    Py_XDECREF(specs);
    return spec;
}

/* The spec of a tree, its leaves appended to `leaves`. */
static PyObject* walk(PyObject* tree, PyObject* leaves) {
    PyObject *spec = NULL, *kind = kind_of(tree);
    if (kind == Py_None) {
        if (PyList_Append(leaves, tree) == 0) {
            Py_INCREF(leaf);
            spec = leaf;
        }
    } else if (kind != NULL) {
        spec = walk_node(kind, tree, leaves);
    }
    Py_XDECREF(kind);
    return spec;
}

int flatten_tree(PyObject* tree, PyObject** leaves, PyObject** spec) {
    if (kinds == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "set_kinds has not been called");
        return -1;
    }
    *leaves = PyList_New(0);
    *spec = *leaves == NULL ? NULL : walk(tree, *leaves);
    if (*spec == NULL)
        Py_CLEAR(*leaves);
    return *spec == NULL ? -1 : 0;
}

static PyObject* flatten(PyObject* module, PyObject* tree) {
    PyObject *leaves, *spec;
    return flatten_tree(tree, &leaves, &spec) < 0 ? NULL : Py_BuildValue("(NN)", leaves, spec);
}

PyMethodDef pytree_functions[] = {
    {"set_kinds", set_kinds, METH_VARARGS,
     "set_kinds(kinds, classify, leaf, none, tuple, list, dict): the table of kinds, and those that C knows."},
    {"flatten", flatten, METH_O, "flatten(tree) -> (list of leaves, spec)"},
    {NULL},
};
