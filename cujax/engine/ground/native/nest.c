/* Loops and branches as kernels: `Nest`, for compiler/nest.py, which says what its parts mean.

   A loop runs its phases in turns, as in loop.c; of branches one is chosen by the first buffer.  Both call kernels, which
   may be nests.  Where their buffers are is known when the nest is called: in its arguments, at fixed addresses, or in a
   block of its own.
*/

#include "launch.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

_Thread_local int stopped = 0;
static _Thread_local double since_look = 0;

/* --- what Python has prepared ------------------------------------------------------------------------------------ */

/* A place: `offset` bytes after the beginning of a memory, which may move from step to step. */
typedef struct {
    long long memory, offset;
} Place;

/* Bytes to be copied between an argument and a place. */
typedef struct {
    long long argument, memory, offset, bytes;
} Copy;

typedef struct {
    Launcher* launcher;
    Py_ssize_t first; /* of its places */
} Call;

typedef struct {
    Call* calls;
    Py_ssize_t num_calls, condition; /* calls after which the condition is known; -1 without one */
    const Place* places;             /* of all calls, and then of the condition's value */
    Py_ssize_t num_places;
    const Copy* results;
    Py_ssize_t num_results;
} Phase;

/* kind: the number of an argument, or one of these. */
enum { FIXED = -1, OWN = -2 };

typedef struct {
    long long kind, value, stride; /* value: an address, or bytes after the beginning of what kind says */
} Memory;

typedef struct {
    PyObject_HEAD
    PyObject* keep; /* what all pointers point into */
    const Memory* memories;
    Py_ssize_t num_memories;
    const Copy* entries; /* into the block, before the first step */
    Py_ssize_t num_entries;
    Phase* phases;
    Py_ssize_t count, first; /* the phases from `first` on take turns; -1: one of them is chosen */
    long long steps, interval, own, most; /* own: bytes of the block; most: places of a phase */
    char* block;
    char is_taken;
} Nest;

static int read_words(PyObject* bytes, Py_ssize_t words, const void** found, Py_ssize_t* count) {
    Py_ssize_t size = (Py_ssize_t)sizeof(long long) * words;
    if (!PyBytes_Check(bytes) || PyBytes_GET_SIZE(bytes) % size != 0) {
        PyErr_SetString(PyExc_TypeError, "a nest takes packed words");
        return -1;
    }
    *found = PyBytes_AS_STRING(bytes);
    *count = PyBytes_GET_SIZE(bytes) / size;
    return 0;
}

static int read_phase(Phase* phase, PyObject* item) {
    PyObject *launchers, *counts, *places, *results;
    if (!PyArg_ParseTuple(item, "O!O!nOO", &PyTuple_Type, &launchers, &PyTuple_Type, &counts, &phase->condition, &places,
                          &results) ||
        read_words(places, 2, (const void**)&phase->places, &phase->num_places) < 0 ||
        read_words(results, 4, (const void**)&phase->results, &phase->num_results) < 0)
        return -1;
    phase->calls = PyMem_Calloc(PyTuple_GET_SIZE(launchers) + 1, sizeof(Call));
    if (phase->calls == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    phase->num_calls = PyTuple_GET_SIZE(launchers);
    Py_ssize_t first = 0;
    for (Py_ssize_t i = 0; i < phase->num_calls && i < PyTuple_GET_SIZE(counts); i++) {
        PyObject* launcher = PyTuple_GET_ITEM(launchers, i);
        if (!PyObject_TypeCheck(launcher, &Launcher_Type)) {
            PyErr_Format(PyExc_TypeError, "a nest calls Launchers, not a %s", Py_TYPE(launcher)->tp_name);
            return -1;
        }
        phase->calls[i] = (Call){(Launcher*)launcher, first};
        first += PyLong_AsSsize_t(PyTuple_GET_ITEM(counts, i));
    }
    if (PyErr_Occurred())
        return -1;
    if (PyTuple_GET_SIZE(counts) != phase->num_calls || phase->num_places != first + (phase->condition >= 0)) {
        PyErr_SetString(PyExc_ValueError, "the places of a phase are not as many as its kernels take");
        return -1;
    }
    return 0;
}

static int read_nest(Nest* self, PyObject* memories, PyObject* entries, PyObject* phases) {
    if (read_words(memories, 3, (const void**)&self->memories, &self->num_memories) < 0 ||
        read_words(entries, 4, (const void**)&self->entries, &self->num_entries) < 0)
        return -1;
    Py_ssize_t count = PyTuple_GET_SIZE(phases);
    if (count == 0 || self->first < -1 || self->first >= count || self->interval < 1) {
        PyErr_SetString(PyExc_ValueError, "a nest has phases that take turns, and an interval of steps");
        return -1;
    }
    self->phases = PyMem_Calloc(count, sizeof(Phase));
    if (self->phases == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Phase* phase = &self->phases[i];
        self->count = i + 1; /* what dealloc frees */
        if (read_phase(phase, PyTuple_GET_ITEM(phases, i)) < 0)
            return -1;
        self->most = phase->num_places > self->most ? phase->num_places : self->most;
    }
    return 0;
}

/* --- running ----------------------------------------------------------------------------------------------------- */

/* The block of one run: what is the nest's own, where memories begin, and the addresses of a phase. */
typedef struct {
    char *own, **bases;
    void** addresses;
    int is_lent;
} Block;

static size_t own_size(const Nest* nest) {
    return ((size_t)nest->own + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* With the lock of the interpreter: what goes wrong stands as an exception, and all loops end. */
static void stop_with_lock(int is_out_of_memory) {
    PyGILState_STATE state = PyGILState_Ensure();
    if (is_out_of_memory)
        PyErr_NoMemory();
    stopped = is_out_of_memory || PyErr_CheckSignals() < 0;
    PyGILState_Release(state);
}

/* The nest's own block, or another one where somebody else runs it at the same time; 0 without memory. */
static int take_block(Nest* nest, Block* block) {
    size_t words = sizeof(char*) * (size_t)nest->num_memories + sizeof(void*) * (size_t)(nest->most + 1);
    size_t size = (own_size(nest) + words + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    block->is_lent = !__atomic_test_and_set(&nest->is_taken, __ATOMIC_ACQUIRE);
    if (!block->is_lent || nest->block == NULL) {
        block->own = aligned_alloc(ALIGNMENT, size);
        if (block->is_lent)
            nest->block = block->own;
    } else {
        block->own = nest->block;
    }
    if (block->own == NULL) {
        if (block->is_lent)
            __atomic_clear(&nest->is_taken, __ATOMIC_RELEASE);
        return 0;
    }
    block->bases = (char**)(block->own + own_size(nest));
    block->addresses = (void**)(block->bases + nest->num_memories);
    return 1;
}

static void give_back(Nest* nest, Block* block) {
    if (block->is_lent)
        __atomic_clear(&nest->is_taken, __ATOMIC_RELEASE);
    else
        free(block->own);
}

static void find_bases(const Nest* nest, void* const* arguments, Block* block) {
    for (Py_ssize_t i = 0; i < nest->num_memories; i++) {
        const Memory* memory = &nest->memories[i];
        char* start = memory->kind >= 0 ? arguments[memory->kind] : memory->kind == OWN ? block->own : NULL;
        block->bases[i] = start + memory->value;
    }
}

static char* address(const Nest* nest, const Block* block, long long memory, long long offset, long long step) {
    return block->bases[memory] + offset + step * nest->memories[memory].stride;
}

/* One step; 0 when its condition does not hold, or when it was stopped. */
static int run_phase(const Nest* nest, const Phase* phase, const Block* block, long long step, int threads) {
    for (Py_ssize_t i = 0; i < phase->num_places; i++)
        block->addresses[i] = address(nest, block, phase->places[i].memory, phase->places[i].offset, step);
    for (Py_ssize_t i = 0;; i++) {
        if (i == phase->condition && !*(const char*)block->addresses[phase->num_places - 1])
            return 0;
        if (i == phase->num_calls)
            return 1;
        const Launcher* launcher = phase->calls[i].launcher;
        int wanted = launcher->wanted < threads ? (int)launcher->wanted : threads;
        launcher->kernel(block->addresses + phase->calls[i].first, launcher->sizes, wanted);
        if (stopped)
            return 0;
    }
}

static const Phase* phase_of(const Nest* nest, long long step) {
    if (step < nest->first)
        return &nest->phases[step];
    return &nest->phases[nest->first + (step - nest->first) % (nest->count - nest->first)];
}

/* All steps; returns how many.  Of all loops of a thread, also short ones in long ones, steps count towards the next look
   for an interrupt. */
static long long run_steps(const Nest* nest, const Block* block, int threads) {
    const double share = 1.0 / (double)nest->interval;
    for (long long step = 0;; step++) {
        since_look += share;
        if (since_look >= 1) {
            since_look = 0;
            stop_with_lock(0);
        }
        if (stopped || step == nest->steps || !run_phase(nest, phase_of(nest, step), block, step, threads))
            return step;
    }
}

static const Phase* run_chosen(const Nest* nest, const Block* block, int index, int threads) {
    long long last = nest->count - 1;
    const Phase* phase = &nest->phases[index < 0 ? 0 : index > last ? last : index];
    run_phase(nest, phase, block, 0, threads);
    return phase;
}

static void run_nest(void* const* arguments, const long long* sizes, int threads) {
    Nest* nest = (Nest*)(uintptr_t)sizes[0];
    Block block;
    if (!take_block(nest, &block)) {
        stop_with_lock(1);
        return;
    }
    find_bases(nest, arguments, &block);
    for (Py_ssize_t i = 0; i < nest->num_entries; i++) {
        const Copy* copy = &nest->entries[i];
        memcpy(address(nest, &block, copy->memory, copy->offset, 0), arguments[copy->argument], (size_t)copy->bytes);
    }
    long long step = 0;
    const Phase* phase;
    if (nest->first < 0) {
        phase = run_chosen(nest, &block, *(const int*)arguments[0], threads);
    } else {
        step = run_steps(nest, &block, threads);
        phase = phase_of(nest, step);
    }
    for (Py_ssize_t i = 0; !stopped && i < phase->num_results; i++) {
        const Copy* copy = &phase->results[i];
        memcpy(arguments[copy->argument], address(nest, &block, copy->memory, copy->offset, step), (size_t)copy->bytes);
    }
    give_back(nest, &block);
}

/* A kernel: copies an array of any strides to one without gaps.  sizes: bytes of an element, then the length and the
   stride in bytes of each axis, the last one first. */
static void copy_strided(void* const* buffers, const long long* sizes, int threads) {
    long long counters[64] = {0}, item = sizes[0], rank = sizes[1];
    const char* from = buffers[0];
    char* to = buffers[1];
    const long long* axes = sizes + 2;
    for (long long k = 0; k < rank; k++)
        if (axes[2 * k] == 0)
            return;
    for (;;) {
        long long inner = rank > 0 ? axes[0] : 1, stride = rank > 0 ? axes[1] : 0;
        for (long long i = 0; i < inner; i++, to += item)
            memcpy(to, from + i * stride, (size_t)item);
        long long k = 1;
        for (; k < rank; k++) {
            from += axes[2 * k + 1];
            if (++counters[k] < axes[2 * k])
                break;
            from -= axes[2 * k] * axes[2 * k + 1];
            counters[k] = 0;
        }
        if (k >= rank)
            return;
    }
}

/* --- the type ---------------------------------------------------------------------------------------------------- */

static PyObject* Nest_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    PyObject *memories, *entries, *phases;
    Nest* self = (Nest*)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    if (!PyArg_ParseTuple(args, "OOO!nLLL:Nest", &memories, &entries, &PyTuple_Type, &phases, &self->first, &self->steps,
                          &self->interval, &self->own)) {
        Py_DECREF(self);
        return NULL;
    }
    Py_INCREF(args);
    self->keep = args;
    if (read_nest(self, memories, entries, phases) < 0)
        Py_CLEAR(self);
    return (PyObject*)self;
}

static int Nest_traverse(Nest* self, visitproc visit, void* arg) {
    Py_VISIT(self->keep);
    return 0;
}

static void Nest_dealloc(Nest* self) {
    PyObject_GC_UnTrack(self);
    for (Py_ssize_t i = 0; self->phases != NULL && i < self->count; i++)
        PyMem_Free(self->phases[i].calls);
    PyMem_Free(self->phases);
    free(self->block);
    Py_CLEAR(self->keep);
    Py_TYPE(self)->tp_free((PyObject*)self);
}

static PyObject* Nest_sizes(Nest* self, void* closure) {
    return Py_BuildValue("(N)", PyLong_FromVoidPtr(self));
}

static PyGetSetDef Nest_attributes[] = {
    {"sizes", (getter)Nest_sizes, NULL, "the sizes of the kernel at `nest_address()` by which it runs this nest", NULL},
    {NULL},
};

PyTypeObject Nest_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "cujax.engine.ground.native._native.Nest",
    .tp_doc = "Nest(memories, entries, phases, first, steps, interval, own): a loop, or branches (first is -1).",
    .tp_basicsize = sizeof(Nest),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = Nest_new,
    .tp_dealloc = (destructor)Nest_dealloc,
    .tp_traverse = (traverseproc)Nest_traverse,
    .tp_getset = Nest_attributes,
};

static PyObject* nest_address(PyObject* module, PyObject* nothing) {
    return PyLong_FromVoidPtr((void*)(uintptr_t)run_nest);
}

static PyObject* strided_address(PyObject* module, PyObject* nothing) {
    return PyLong_FromVoidPtr((void*)(uintptr_t)copy_strided);
}

PyMethodDef nest_functions[] = {
    {"nest_address", nest_address, METH_NOARGS, "nest_address() -> the address of a kernel that runs a Nest"},
    {"strided_address", strided_address, METH_NOARGS,
     "strided_address() -> the address of a kernel that copies an array of any strides"},
    {NULL},
};
