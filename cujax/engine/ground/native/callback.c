/* A Python function as a kernel: `Callback`, for the steps of a loop in compiled code that are a library's or a user's.

   It is called with an array for each buffer, first those that it reads and then those that it fills, and has to let
   them go: they are memory of the loop.
*/

#include "launch.h"
#define NO_IMPORT_ARRAY
#include "numpy_api.h"

typedef struct {
    PyArray_Descr* dtype;
    int rank;
    npy_intp lengths[NPY_MAXDIMS];
} Kind;

typedef struct {
    PyObject_HEAD
    PyObject* function;
    Py_ssize_t inputs, count;
    Kind* kinds;
} Callback;

/* A new reference to an array at an address; NULL on an error. */
static PyObject* array_at(void* address, const Kind* kind, int is_filled) {
    int flags = is_filled ? NPY_ARRAY_CARRAY : NPY_ARRAY_CARRAY_RO;
    Py_INCREF(kind->dtype); /* which the array takes over */
    return PyArray_NewFromDescr(&PyArray_Type, kind->dtype, kind->rank, kind->lengths, NULL, address, flags, NULL);
}

static int call(const Callback* self, void* const* addresses) {
    PyObject* arrays = PyTuple_New(self->count);
    for (Py_ssize_t i = 0; arrays != NULL && i < self->count; i++) {
        PyObject* array = array_at(addresses[i], &self->kinds[i], i >= self->inputs);
        if (array == NULL)
            Py_CLEAR(arrays);
        else
            PyTuple_SET_ITEM(arrays, i, array);
    }
    PyObject* done = arrays == NULL ? NULL : PyObject_CallObject(self->function, arrays);
    Py_XDECREF(arrays);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static void run_callback(void* const* addresses, const long long* sizes, int threads) {
    PyGILState_STATE state = PyGILState_Ensure();
    if (call((const Callback*)(uintptr_t)sizes[0], addresses) < 0)
        stopped = 1;
    PyGILState_Release(state);
}

/* --- the type ---------------------------------------------------------------------------------------------------- */

static int read_kind(Kind* kind, PyObject* item) {
    PyObject *shape, *dtype;
    if (!PyArg_ParseTuple(item, "O!O;a buffer is (shape, dtype)", &PyTuple_Type, &shape, &dtype))
        return -1;
    kind->rank = read_shape(shape, kind->lengths);
    return kind->rank >= 0 && PyArray_DescrConverter(dtype, &kind->dtype) ? 0 : -1;
}

static PyObject* Callback_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    PyObject *function, *kinds;
    Callback* self = (Callback*)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    if (!PyArg_ParseTuple(args, "OO!n:Callback", &function, &PyTuple_Type, &kinds, &self->inputs))
        goto failed;
    Py_INCREF(function);
    self->function = function;
    self->kinds = PyMem_Calloc(PyTuple_GET_SIZE(kinds) + 1, sizeof(Kind));
    if (self->kinds == NULL) {
        PyErr_NoMemory();
        goto failed;
    }
    for (; self->count < PyTuple_GET_SIZE(kinds); self->count++)
        if (read_kind(&self->kinds[self->count], PyTuple_GET_ITEM(kinds, self->count)) < 0)
            goto failed;
    return (PyObject*)self;
failed:
    Py_DECREF(self);
    return NULL;
}

static int Callback_traverse(Callback* self, visitproc visit, void* arg) {
    Py_VISIT(self->function);
    return 0;
}

static int Callback_clear(Callback* self) {
    Py_CLEAR(self->function);
    return 0;
}

static void Callback_dealloc(Callback* self) {
    PyObject_GC_UnTrack(self);
    Callback_clear(self);
    for (Py_ssize_t i = 0; i < self->count; i++)
        Py_DECREF(self->kinds[i].dtype);
    PyMem_Free(self->kinds);
    Py_TYPE(self)->tp_free((PyObject*)self);
}

static PyObject* Callback_sizes(Callback* self, void* closure) {
    return Py_BuildValue("(N)", PyLong_FromVoidPtr(self));
}

static PyGetSetDef Callback_attributes[] = {
    {"sizes", (getter)Callback_sizes, NULL, "the sizes of the kernel at `callback_address()` by which it calls this", NULL},
    {NULL},
};

PyTypeObject Callback_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "cujax.engine.ground.native._native.Callback",
    .tp_doc = "Callback(function, kinds, inputs): a function of arrays, each (shape, dtype), which fills those after `inputs`.",
    .tp_basicsize = sizeof(Callback),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = Callback_new,
    .tp_dealloc = (destructor)Callback_dealloc,
    .tp_traverse = (traverseproc)Callback_traverse,
    .tp_clear = (inquiry)Callback_clear,
    .tp_getset = Callback_attributes,
};

static PyObject* callback_address(PyObject* module, PyObject* nothing) {
    return PyLong_FromVoidPtr((void*)(uintptr_t)run_callback);
}

PyMethodDef callback_functions[] = {
    {"callback_address", callback_address, METH_NOARGS,
     "callback_address() -> the address of a kernel that calls a Callback"},
    {NULL},
};
