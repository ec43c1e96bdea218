/* Launching a kernel of a GPU: `enqueuer` and `write_addresses` of backends/cuda_launch.py.

   The driver's cuLaunchKernel is called at its address, so nothing of CUDA is needed to build this.  It copies a kernel's
   parameters before it returns; they lie on the stack of the call, so that threads may launch side by side.
*/

#include "native.h"
#include <stddef.h>

enum { WORDS_ON_STACK = 64 };

typedef unsigned long long Word;
typedef int LaunchKernel(void* function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned shared_bytes,
                         void* stream, void** parameters, void** extra);

typedef struct {
    PyObject_VAR_HEAD
    LaunchKernel* launch_kernel;
    void* function;
    unsigned grid[3], block[3], shared_bytes;
    PyObject* failed;   /* failed(status, again): raises, or returns when it is worth trying once more */
    Py_ssize_t buffers; /* how many the kernel takes */
    Word sizes[];
} DeviceLaunch;

static PyObject *data_name, *ptr_name;

/* buffer.data.ptr */
static int read_address(PyObject* buffer, Word* address) {
    PyObject* data = PyObject_GetAttr(buffer, data_name);
    PyObject* ptr = data == NULL ? NULL : PyObject_GetAttr(data, ptr_name);
    Py_XDECREF(data);
    *address = ptr == NULL ? 0 : PyLong_AsUnsignedLongLong(ptr);
    Py_XDECREF(ptr);
    return PyErr_Occurred() ? -1 : 0;
}

static int launch_once(DeviceLaunch* self, void* stream, void** parameters) {
    const unsigned *grid = self->grid, *block = self->block;
    int status;
    Py_BEGIN_ALLOW_THREADS
    status = self->launch_kernel(self->function, grid[0], grid[1], grid[2], block[0], block[1], block[2],
                                 self->shared_bytes, stream, parameters, NULL);
    Py_END_ALLOW_THREADS
    return status;
}

/* -1 when the driver refuses twice, or what went wrong is no reason to ask again. */
static int launch(DeviceLaunch* self, void* stream, void** parameters) {
    for (int again = 0; again < 2; again++) {
        int status = launch_once(self, stream, parameters);
        if (status == 0)
            return 0;
        PyObject* nothing = PyObject_CallFunction(self->failed, "iO", status, again ? Py_True : Py_False);
        if (nothing == NULL)
            return -1;
        Py_DECREF(nothing);
    }
    PyErr_SetString(PyExc_RuntimeError, "a kernel could not be launched");
    return -1;
}

/* words: room for the parameters of the kernel and, behind them, for a pointer to each. */
static int fill_and_launch(DeviceLaunch* self, PyObject** buffers, void* stream, Word* words) {
    Py_ssize_t count = self->buffers + Py_SIZE(self);
    void** parameters = (void**)(words + count);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (i >= self->buffers)
            words[i] = self->sizes[i - self->buffers];
        else if (read_address(buffers[i], &words[i]) < 0)
            return -1;
        parameters[i] = &words[i];
    }
    return launch(self, stream, parameters);
}

static PyObject* DeviceLaunch_enqueue(DeviceLaunch* self, PyObject* const* args, Py_ssize_t nargs) {
    if (nargs != 2)
        return PyErr_Format(PyExc_TypeError, "enqueue takes buffers and a stream");
    Word address = PyLong_AsUnsignedLongLong(args[1]), on_stack[2 * WORDS_ON_STACK];
    PyObject* items = PyErr_Occurred() ? NULL : PySequence_Fast(args[0], "a kernel takes a sequence of buffers");
    if (items == NULL)
        return NULL;
    Py_ssize_t count = self->buffers + Py_SIZE(self);
    Word* words = count <= WORDS_ON_STACK ? on_stack : PyMem_New(Word, 2 * count);
    int status = -1;
    if (words == NULL)
        PyErr_NoMemory();
    else if (PySequence_Fast_GET_SIZE(items) != self->buffers)
        PyErr_Format(PyExc_ValueError, "a kernel of %zd buffers got %zd", self->buffers, PySequence_Fast_GET_SIZE(items));
    else
        status = fill_and_launch(self, PySequence_Fast_ITEMS(items), (void*)(uintptr_t)address, words);
    if (words != on_stack)
        PyMem_Free(words);
    Py_DECREF(items);
    if (status < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject* DeviceLaunch_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    Word address, function;
    unsigned grid[3], block[3], shared_bytes;
    Py_ssize_t buffers;
    PyObject *sizes, *failed;
    static char* names[] = {"address", "function", "grid", "block", "shared_bytes", "buffers", "sizes", "failed", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "KK(III)(III)InO!O:DeviceLaunch", names, &address, &function, &grid[0],
                                     &grid[1], &grid[2], &block[0], &block[1], &block[2], &shared_bytes, &buffers,
                                     &PyTuple_Type, &sizes, &failed))
        return NULL;
    DeviceLaunch* self = (DeviceLaunch*)type->tp_alloc(type, PyTuple_GET_SIZE(sizes));
    if (self == NULL)
        return NULL;
    self->launch_kernel = (LaunchKernel*)(uintptr_t)address;
    self->function = (void*)(uintptr_t)function;
    for (int i = 0; i < 3; i++) {
        self->grid[i] = grid[i];
        self->block[i] = block[i];
    }
    self->shared_bytes = shared_bytes;
    self->buffers = buffers;
    Py_INCREF(failed);
    self->failed = failed;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(sizes); i++)
        self->sizes[i] = (Word)PyLong_AsLongLong(PyTuple_GET_ITEM(sizes, i));
    if (PyErr_Occurred())
        Py_CLEAR(self);
    return (PyObject*)self;
}

static int DeviceLaunch_traverse(DeviceLaunch* self, visitproc visit, void* arg) {
    Py_VISIT(self->failed);
    return 0;
}

static int DeviceLaunch_clear(DeviceLaunch* self) {
    Py_CLEAR(self->failed);
    return 0;
}

static void DeviceLaunch_dealloc(DeviceLaunch* self) {
    PyObject_GC_UnTrack(self);
    DeviceLaunch_clear(self);
    Py_TYPE(self)->tp_free((PyObject*)self);
}

static PyMethodDef DeviceLaunch_methods[] = {
    {"enqueue", (PyCFunction)(void (*)(void))DeviceLaunch_enqueue, METH_FASTCALL,
     "enqueue(buffers, stream): puts the kernel on them into the queue of the stream at this address"},
    {NULL},
};

PyTypeObject DeviceLaunch_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "cujax.engine.ground.native._native.DeviceLaunch",
    .tp_doc = "DeviceLaunch(address, function, grid, block, shared_bytes, buffers, sizes, failed): a kernel and all that its "
              "launch takes but buffers and stream; `address` is that of cuLaunchKernel.",
    .tp_basicsize = offsetof(DeviceLaunch, sizes),
    .tp_itemsize = sizeof(Word),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = DeviceLaunch_new,
    .tp_dealloc = (destructor)DeviceLaunch_dealloc,
    .tp_traverse = (traverseproc)DeviceLaunch_traverse,
    .tp_clear = (inquiry)DeviceLaunch_clear,
    .tp_methods = DeviceLaunch_methods,
};

/* --- addresses alone --------------------------------------------------------------------------------------- */

static int write_words(Py_buffer* words, PyObject* buffers) {
    Py_ssize_t count = PySequence_Fast_GET_SIZE(buffers);
    if (words->itemsize != sizeof(Word) || words->len < count * (Py_ssize_t)sizeof(Word)) {
        PyErr_Format(PyExc_ValueError, "no room for %zd addresses", count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (read_address(PySequence_Fast_ITEMS(buffers)[i], (Word*)words->buf + i) < 0)
            return -1;
    return 0;
}

static PyObject* write_addresses(PyObject* module, PyObject* const* args, Py_ssize_t nargs) {
    Py_buffer words;
    if (nargs != 2)
        return PyErr_Format(PyExc_TypeError, "write_addresses takes words and buffers");
    PyObject* buffers = PySequence_Fast(args[1], "a kernel takes a sequence of buffers");
    if (buffers == NULL)
        return NULL;
    int status = PyObject_GetBuffer(args[0], &words, PyBUF_WRITABLE | PyBUF_ND);
    if (status == 0) {
        status = write_words(&words, buffers);
        PyBuffer_Release(&words);
    }
    Py_DECREF(buffers);
    if (status < 0)
        return NULL;
    Py_RETURN_NONE;
}

PyMethodDef device_functions[] = {
    {"write_addresses", (PyCFunction)(void (*)(void))write_addresses, METH_FASTCALL,
     "write_addresses(words, buffers): puts the addresses of buffers into the first of the words"},
    {NULL},
};

int make_device_names(void) {
    data_name = PyUnicode_InternFromString("data");
    ptr_name = PyUnicode_InternFromString("ptr");
    return data_name == NULL || ptr_name == NULL ? -1 : 0;
}
