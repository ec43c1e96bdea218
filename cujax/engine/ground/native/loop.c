/* Running all steps of a loop: `run_loop`, for compiler/loop_plan.py.

   Every step calls the same kernels.  What is prepared are a few phases, which take turns: the addresses of buffers in the
   first step, and by how many bytes each moves from step to step.
*/

#include "launch.h"
#include <string.h>

typedef struct {
    Launcher* launcher;
    int threads;
    Py_ssize_t first, count; /* of its addresses among those of the phase */
} Call;

typedef struct {
    Call* calls;
    Py_ssize_t num_calls;
    Py_ssize_t condition; /* calls after which the condition is known; -1 without one */
    char** addresses;     /* of all calls, and then of the condition's value */
    const long long* strides;
    Py_ssize_t num_addresses;
    int moves; /* whether any of them does */
} Phase;

typedef struct {
    Phase* phases;
    Py_ssize_t count, first; /* the phases from `first` on take turns */
    long long steps, interval;
    void** moved; /* addresses in a step */
} Loop;

/* --- reading what Python has prepared --------------------------------------------------------------------- */

static int read_call(Call* call, PyObject* launcher, PyObject* count, Py_ssize_t first) {
    if (!PyObject_TypeCheck(launcher, &Launcher_Type)) {
        PyErr_Format(PyExc_TypeError, "a loop calls Launchers, not a %s", Py_TYPE(launcher)->tp_name);
        return -1;
    }
    call->launcher = (Launcher*)launcher;
    call->threads = (int)thread_count(call->launcher);
    call->first = first;
    call->count = PyLong_AsSsize_t(count);
    return call->threads < 0 || call->count < 0 ? -1 : 0;
}

/* (launchers, numbers of their arguments, condition, addresses, strides), the last two as packed words. */
static int read_phase(Phase* phase, PyObject* item) {
    PyObject *launchers, *counts;
    const char *addresses, *strides;
    Py_ssize_t size, same_size, first = 0;
    if (!PyArg_ParseTuple(item, "O!O!ny#y#", &PyTuple_Type, &launchers, &PyTuple_Type, &counts, &phase->condition,
                          &addresses, &size, &strides, &same_size))
        return -1;
    phase->num_calls = PyTuple_GET_SIZE(launchers);
    phase->calls = PyMem_Calloc(phase->num_calls + 1, sizeof(Call));
    if (phase->calls == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < phase->num_calls && i < PyTuple_GET_SIZE(counts); i++) {
        Call* call = &phase->calls[i];
        if (read_call(call, PyTuple_GET_ITEM(launchers, i), PyTuple_GET_ITEM(counts, i), first) < 0)
            return -1;
        first += call->count;
    }
    phase->addresses = (char**)addresses;
    phase->strides = (const long long*)strides;
    phase->num_addresses = size / (Py_ssize_t)sizeof(char*);
    if (PyTuple_GET_SIZE(counts) != phase->num_calls || same_size != size ||
        phase->num_addresses != first + (phase->condition >= 0)) {
        PyErr_SetString(PyExc_ValueError, "the addresses of a phase are not as many as its kernels take");
        return -1;
    }
    for (Py_ssize_t i = 0; i < phase->num_addresses; i++)
        phase->moves |= phase->strides[i] != 0;
    return 0;
}

static int read_loop(Loop* loop, PyObject* phases) {
    Py_ssize_t most = 0;
    loop->count = PyTuple_GET_SIZE(phases);
    if (loop->first < 0 || loop->first >= loop->count || loop->interval < 1) {
        PyErr_SetString(PyExc_ValueError, "a loop has phases that take turns, and an interval of steps");
        return -1;
    }
    loop->phases = PyMem_Calloc(loop->count, sizeof(Phase));
    if (loop->phases == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < loop->count; i++) {
        if (read_phase(&loop->phases[i], PyTuple_GET_ITEM(phases, i)) < 0)
            return -1;
        most = loop->phases[i].num_addresses > most ? loop->phases[i].num_addresses : most;
    }
    loop->moved = PyMem_Calloc(most + 1, sizeof(void*));
    if (loop->moved != NULL)
        return 0;
    PyErr_NoMemory();
    return -1;
}

static void free_loop(Loop* loop) {
    for (Py_ssize_t i = 0; loop->phases != NULL && i < loop->count; i++)
        PyMem_Free(loop->phases[i].calls);
    PyMem_Free(loop->phases);
    PyMem_Free(loop->moved);
}

/* --- running ---------------------------------------------------------------------------------------------- */

/* One step; 0 when its condition does not hold. */
static int run_phase(const Phase* phase, long long step, void** moved) {
    void* const* addresses = (void* const*)phase->addresses;
    if (phase->moves) {
        for (Py_ssize_t i = 0; i < phase->num_addresses; i++)
            moved[i] = phase->addresses[i] + step * phase->strides[i];
        addresses = moved;
    }
    for (Py_ssize_t i = 0;; i++) {
        if (i == phase->condition && !*(const char*)addresses[phase->num_addresses - 1])
            return 0;
        if (i == phase->num_calls)
            return 1;
        const Call* call = &phase->calls[i];
        call->launcher->kernel(addresses + call->first, call->launcher->sizes, call->threads);
        if (stopped)
            return 0;
    }
}

/* Runs from step `*step` on: 1 when the loop is over, 0 after `interval` steps. */
static int run_some(const Loop* loop, long long* step) {
    Py_ssize_t period = loop->count - loop->first;
    for (long long end = *step + loop->interval; *step < end; ++*step) {
        if (*step == loop->steps)
            return 1;
        long long turn = *step < loop->first ? *step : loop->first + (*step - loop->first) % period;
        if (!run_phase(&loop->phases[turn], *step, loop->moved))
            return 1;
    }
    return 0;
}

static PyObject* run_loop(PyObject* module, PyObject* args) {
    Loop loop = {0};
    PyObject* phases;
    if (!PyArg_ParseTuple(args, "O!nLL:run_loop", &PyTuple_Type, &phases, &loop.first, &loop.steps, &loop.interval))
        return NULL;
    long long step = 0;
    int status = read_loop(&loop, phases);
    while (status == 0) {
        PyThreadState* state = PyEval_SaveThread();
        int is_over = run_some(&loop, &step);
        PyEval_RestoreThread(state);
        if (is_over)
            break;
        status = PyErr_CheckSignals();
    }
    if (stopped) {
        stopped = 0;
        status = -1;
    }
    free_loop(&loop);
    return status < 0 ? NULL : PyLong_FromLongLong(step);
}

/* A kernel: copies as many bytes as its one size says from its first buffer to its second. */
static void copy_bytes(void* const* buffers, const long long* sizes, int threads) {
    memcpy(buffers[1], buffers[0], (size_t)sizes[0]);
}

static PyObject* copy_address(PyObject* module, PyObject* nothing) {
    return PyLong_FromVoidPtr((void*)(uintptr_t)copy_bytes);
}

PyMethodDef loop_functions[] = {
    {"run_loop", run_loop, METH_VARARGS,
     "run_loop(phases, first, steps, interval) -> steps done: runs the phases, those from `first` on in turns, until "
     "there have been so many steps (-1: any number) or a condition does not hold"},
    {"copy_address", copy_address, METH_NOARGS, "copy_address() -> the address of a kernel that copies bytes"},
    {NULL},
};
