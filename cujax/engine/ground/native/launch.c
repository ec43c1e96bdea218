/* Kernels of the CPU and their buffers: `Launcher` is the launcher of backends/host_launch.py, `empty` and `contiguous`
   are those of backends/host_backend.py.

   A kernel is `void kernel(void* const* buffers, const long long* sizes, int threads)`.  One that is not worth a second
   thread is not worth giving up the interpreter's lock either, unless it may last.  Threads that sleep are woken for more:
   `_Row` there.
*/

#include "launch.h"
#include <stddef.h>
#include <time.h>
#include "numpy_api.h"

enum { ON_STACK = 32 /* addresses */, WORTH_WAKING = 16 /* grains */, AWAKE = 15000 /* nanoseconds */ };

int import_numpy(void) {
    return PyArray_ImportNumPyAPI();
}

/* --- buffers ---------------------------------------------------------------------------------------------- */

static const int READY = NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED;

static int is_ready(PyObject* buffer) {
    return PyArray_CheckExact(buffer) && PyArray_CHKFLAGS((PyArrayObject*)buffer, READY);
}

/* The functions that `make_contiguous` and `make_empty` make.  They stand for methods of the backend, and have what they
   need in the place of a module. */

static PyObject* contiguous(PyObject* copy, PyObject* buffer) {
    if (is_ready(buffer)) {
        Py_INCREF(buffer);
        return buffer;
    }
    return PyArray_CheckScalar(buffer) ? PyArray_FromScalar(buffer, NULL) : PyObject_CallOneArg(copy, buffer);
}

int read_shape(PyObject* shape, npy_intp* lengths) {
    if (!PyTuple_Check(shape) || PyTuple_GET_SIZE(shape) > NPY_MAXDIMS) {
        PyErr_Format(PyExc_TypeError, "not a shape: %R", shape);
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(shape); i++) {
        lengths[i] = PyNumber_AsSsize_t(PyTuple_GET_ITEM(shape, i), PyExc_OverflowError);
        if (lengths[i] == -1 && PyErr_Occurred())
            return -1;
    }
    return (int)PyTuple_GET_SIZE(shape);
}

/* An array without values; `bound` holds the bytes from which on another function is asked, and this function. */
static PyObject* empty(PyObject* bound, PyObject* const* args, Py_ssize_t count) {
    npy_intp lengths[NPY_MAXDIMS];
    PyArray_Descr* dtype;
    int rank = count == 2 ? read_shape(args[0], lengths) : -1;
    if (rank < 0 || !PyArray_DescrConverter(args[1], &dtype)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "empty takes a shape and a dtype");
        return NULL;
    }
    double bytes = (double)PyDataType_ELSIZE(dtype); /* which cannot overflow */
    for (int i = 0; i < rank; i++)
        bytes *= (double)lengths[i];
    if (bytes < PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(bound, 0)))
        return PyArray_Empty(rank, lengths, dtype, 0); /* takes over the dtype */
    PyObject* larger[] = {args[0], (PyObject*)dtype};
    PyObject* array = PyObject_Vectorcall(PyTuple_GET_ITEM(bound, 1), larger, 2, NULL);
    Py_DECREF(dtype);
    return array;
}

static PyMethodDef contiguous_function = {
    "contiguous", contiguous, METH_O, "contiguous(buffer) -> it, or a copy of it that is contiguous and aligned"};
static PyMethodDef empty_function = {
    "empty", (PyCFunction)(void (*)(void))empty, METH_FASTCALL, "empty(shape, dtype) -> an array without values"};

static PyObject* make_contiguous(PyObject* module, PyObject* copy) {
    return PyCFunction_New(&contiguous_function, copy);
}

static PyObject* make_empty(PyObject* module, PyObject* args) {
    double small;
    PyObject* larger;
    if (!PyArg_ParseTuple(args, "dO:make_empty", &small, &larger))
        return NULL;
    PyObject* bound = Py_BuildValue("(dO)", small, larger);
    PyObject* function = bound == NULL ? NULL : PyCFunction_New(&empty_function, bound);
    Py_XDECREF(bound);
    return function;
}

PyMethodDef buffer_functions[] = {
    {"make_contiguous", make_contiguous, METH_O,
     "make_contiguous(copy) -> contiguous(buffer), which asks `copy` for an array when `buffer` will not do"},
    {"make_empty", make_empty, METH_VARARGS,
     "make_empty(small, larger) -> empty(shape, dtype), which calls `larger` for arrays of `small` bytes or more"},
    {NULL},
};

/* --- kernels ---------------------------------------------------------------------------------------------- */

/* Puts the addresses of the buffers in their places; -1 when one is not as kernels need it. */
static int read_addresses(PyObject** buffers, Py_ssize_t count, void** addresses) {
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject* buffer = buffers[i];
        if (!is_ready(buffer)) {
            PyErr_Format(PyExc_TypeError, "a kernel takes contiguous, aligned NumPy arrays, not a %s as its buffer %zd",
                         Py_TYPE(buffer)->tp_name, i);
            return -1;
        }
        addresses[i] = PyArray_DATA((PyArrayObject*)buffer);
    }
    return 0;
}

long thread_count(Launcher* self) {
    if (self->wanted <= 1)
        return 1;
    PyObject* threads = PyObject_GetAttrString(self->owner, "threads");
    long count = threads == NULL ? -1 : PyLong_AsLong(threads);
    Py_XDECREF(threads);
    return count < self->wanted ? count : self->wanted;
}

static long long nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Of kernels that could use threads and follow each other.  Who reads or writes them holds the interpreter's lock. */
static long long grains_in_a_row, last_end;

/* `threads`, if they are awake or worth waking, else one. */
static long worth_waking(Launcher* self, long threads) {
    if (threads <= 1)
        return threads;
    if (nanoseconds() - last_end > AWAKE)
        grains_in_a_row = 0;
    grains_in_a_row += self->wanted;
    return grains_in_a_row >= WORTH_WAKING ? threads : 1;
}

static void run(Launcher* self, void* const* addresses, long threads) {
    PyThreadState* state = self->wanted > 1 || self->may_last ? PyEval_SaveThread() : NULL;
    self->kernel(addresses, self->sizes, (int)threads);
    if (state != NULL)
        PyEval_RestoreThread(state);
    if (self->wanted > 1)
        last_end = nanoseconds();
}

static int launch_all(Launcher* self, PyObject** buffers, Py_ssize_t count) {
    void* on_stack[ON_STACK];
    void** addresses = count <= ON_STACK ? on_stack : PyMem_New(void*, count);
    if (addresses == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    long threads = read_addresses(buffers, count, addresses) < 0 ? -1 : thread_count(self);
    if (threads >= 0)
        run(self, addresses, worth_waking(self, threads));
    if (addresses != on_stack)
        PyMem_Free(addresses);
    int failed = threads < 0 || stopped;
    stopped = 0;
    return failed ? -1 : 0;
}

static PyObject* Launcher_launch(Launcher* self, PyObject* buffers) {
    PyObject* items = PySequence_Fast(buffers, "a kernel takes a sequence of buffers");
    if (items == NULL)
        return NULL;
    int status = launch_all(self, PySequence_Fast_ITEMS(items), PySequence_Fast_GET_SIZE(items));
    Py_DECREF(items);
    if (status < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject* Launcher_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    unsigned long long address;
    PyObject *sizes, *owner;
    long wanted;
    int may_last = 0;
    static char* names[] = {"address", "sizes", "wanted", "owner", "may_last", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "KO!lO|p:Launcher", names, &address, &PyTuple_Type, &sizes, &wanted,
                                     &owner, &may_last))
        return NULL;
    Launcher* self = (Launcher*)type->tp_alloc(type, PyTuple_GET_SIZE(sizes));
    if (self == NULL)
        return NULL;
    self->kernel = (Kernel*)(uintptr_t)address;
    self->wanted = wanted;
    self->may_last = may_last;
    Py_INCREF(owner);
    self->owner = owner;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(sizes); i++)
        self->sizes[i] = PyLong_AsLongLong(PyTuple_GET_ITEM(sizes, i));
    if (PyErr_Occurred())
        Py_CLEAR(self);
    return (PyObject*)self;
}

static int Launcher_traverse(Launcher* self, visitproc visit, void* arg) {
    Py_VISIT(self->owner);
    return 0;
}

static int Launcher_clear(Launcher* self) {
    Py_CLEAR(self->owner);
    return 0;
}

static void Launcher_dealloc(Launcher* self) {
    PyObject_GC_UnTrack(self);
    Launcher_clear(self);
    Py_TYPE(self)->tp_free((PyObject*)self);
}

static PyMethodDef Launcher_methods[] = {
    {"launch", (PyCFunction)Launcher_launch, METH_O, "launch(buffers): runs the kernel on them"},
    {NULL},
};

PyTypeObject Launcher_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "cujax.engine.ground.native._native.Launcher",
    .tp_doc = "Launcher(address, sizes, wanted, owner, may_last=False): the kernel there, with these sizes, on at most `wanted` "
              "threads and at most `owner.threads`.",
    .tp_basicsize = offsetof(Launcher, sizes),
    .tp_itemsize = sizeof(long long),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = Launcher_new,
    .tp_dealloc = (destructor)Launcher_dealloc,
    .tp_traverse = (traverseproc)Launcher_traverse,
    .tp_clear = (inquiry)Launcher_clear,
    .tp_methods = Launcher_methods,
};
