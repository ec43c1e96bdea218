/* Running programs and their steps: `KernelStep.run` and `prepare` of compiler/steps.py and `Program.run` of compiler/program.py.

   A runner is a function made for one step or program, which has a tuple of what it needs in the place of a module.
*/

#include "native.h"

/* --- steps ------------------------------------------------------------------------------------------------ */

/* What a step's runner holds: see `kernel_runner`. */
enum { INPUTS, OUTPUTS, NEW, LAUNCHES, DEAD, EMPTY, PART, CONTIGUOUS, FIELDS };

/* The place in the list of slots whose number stands in a tuple; NULL with IndexError when there is none. */
static PyObject** slot_at(PyObject* slots, PyObject* numbers, Py_ssize_t i) {
    Py_ssize_t number = PyLong_AsSsize_t(PyTuple_GET_ITEM(numbers, i));
    if (number >= 0 && number < PyList_GET_SIZE(slots))
        return PySequence_Fast_ITEMS(slots) + number;
    if (!PyErr_Occurred())
        PyErr_Format(PyExc_IndexError, "no slot %zd", number);
    return NULL;
}

static int put(PyObject* slots, PyObject* numbers, Py_ssize_t i, PyObject* value) {
    PyObject** place = slot_at(slots, numbers, i);
    if (place == NULL)
        return -1;
    PyObject* old = *place;
    Py_INCREF(value);
    *place = value;
    Py_XDECREF(old);
    return 0;
}

/* Appends to `buffers` what stands in the input slots, made contiguous. */
static int add_inputs(PyObject* step, PyObject* slots, PyObject* buffers) {
    PyObject* inputs = PyTuple_GET_ITEM(step, INPUTS);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(inputs); i++) {
        PyObject** place = slot_at(slots, inputs, i);
        PyObject* buffer = place == NULL ? NULL : PyObject_CallOneArg(PyTuple_GET_ITEM(step, CONTIGUOUS), *place);
        int status = buffer == NULL ? -1 : PyList_Append(buffers, buffer);
        Py_XDECREF(buffer);
        if (status < 0)
            return -1;
    }
    return 0;
}

/* A buffer for a result: `empty(shape, dtype)`; `part(arena, offset, shape, dtype)`, where the arena is in the last slot;
   or, of one number, what stands in that slot, made contiguous. */
static PyObject* new_buffer(PyObject* step, PyObject* slots, PyObject* how) {
    if (PyTuple_GET_SIZE(how) == 1) {
        PyObject** place = slot_at(slots, how, 0);
        return place == NULL ? NULL : PyObject_CallOneArg(PyTuple_GET_ITEM(step, CONTIGUOUS), *place);
    }
    if (PyTuple_GET_SIZE(how) == 2)
        return PyObject_Call(PyTuple_GET_ITEM(step, EMPTY), how, NULL);
    PyObject *offset, *shape, *dtype;
    if (!PyArg_ParseTuple(how, "OOO", &offset, &shape, &dtype))
        return NULL;
    PyObject* args[] = {PyList_GetItem(slots, PyList_GET_SIZE(slots) - 1), offset, shape, dtype};
    return args[0] == NULL ? NULL : PyObject_Vectorcall(PyTuple_GET_ITEM(step, PART), args, 4, NULL);
}

/* Appends to `buffers` the new ones, and puts the first of them into the output slots. */
static int add_new(PyObject* step, PyObject* slots, PyObject* buffers) {
    PyObject *new = PyTuple_GET_ITEM(step, NEW), *outputs = PyTuple_GET_ITEM(step, OUTPUTS);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(new); i++) {
        PyObject* buffer = new_buffer(step, slots, PyTuple_GET_ITEM(new, i));
        int status = buffer == NULL ? -1 : PyList_Append(buffers, buffer);
        if (status == 0 && i < PyTuple_GET_SIZE(outputs))
            status = put(slots, outputs, i, buffer);
        Py_XDECREF(buffer);
        if (status < 0)
            return -1;
    }
    return 0;
}

/* Calls each function of a tuple with `argument`. */
static int call_each(PyObject* functions, PyObject* argument) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(functions); i++) {
        PyObject* nothing = PyObject_CallOneArg(PyTuple_GET_ITEM(functions, i), argument);
        if (nothing == NULL)
            return -1;
        Py_DECREF(nothing);
    }
    return 0;
}

static int clear_dead(PyObject* step, PyObject* slots) {
    PyObject* dead = PyTuple_GET_ITEM(step, DEAD);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(dead); i++)
        if (put(slots, dead, i, Py_None) < 0)
            return -1;
    return 0;
}

static PyObject* run_step(PyObject* step, PyObject* slots) {
    if (!PyList_Check(slots))
        return PyErr_Format(PyExc_TypeError, "slots are a list, not a %s", Py_TYPE(slots)->tp_name);
    PyObject* buffers = PyList_New(0);
    int is_done = buffers != NULL && add_inputs(step, slots, buffers) == 0 && add_new(step, slots, buffers) == 0 &&
                  call_each(PyTuple_GET_ITEM(step, LAUNCHES), buffers) == 0 && clear_dead(step, slots) == 0;
    Py_XDECREF(buffers);
    if (!is_done)
        return NULL;
    Py_RETURN_NONE;
}

/* The arguments of a step's kernel; its results are in their slots before it has run. */
static PyObject* prepare_step(PyObject* step, PyObject* slots) {
    if (!PyList_Check(slots))
        return PyErr_Format(PyExc_TypeError, "slots are a list, not a %s", Py_TYPE(slots)->tp_name);
    PyObject* buffers = PyList_New(0);
    if (buffers != NULL && (add_inputs(step, slots, buffers) < 0 || add_new(step, slots, buffers) < 0))
        Py_CLEAR(buffers);
    return buffers;
}

static PyMethodDef prepare_step_function = {"prepare", prepare_step, METH_O, "prepare(slots) -> list of buffers"};
static PyMethodDef run_step_function = {"run", run_step, METH_O, "run(slots): runs a step of a program on them"};

/* A function made for the step that `args` say. */
static PyObject* step_function(PyMethodDef* function, PyObject* args) {
    if (PyTuple_GET_SIZE(args) != FIELDS)
        return PyErr_Format(PyExc_TypeError, "a step has %d parts", FIELDS);
    for (int i = INPUTS; i < EMPTY; i++)
        if (!PyTuple_CheckExact(PyTuple_GET_ITEM(args, i)))
            return PyErr_Format(PyExc_TypeError, "part %d of a step is a tuple", i + 1);
    PyObject* new = PyTuple_GET_ITEM(args, NEW);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(new); i++)
        if (!PyTuple_CheckExact(PyTuple_GET_ITEM(new, i)))
            return PyErr_Format(PyExc_TypeError, "not the origin of a buffer: %R", PyTuple_GET_ITEM(new, i));
    return PyCFunction_New(function, args);
}

static PyObject* kernel_runner(PyObject* module, PyObject* args) {
    return step_function(&run_step_function, args);
}

static PyObject* kernel_preparer(PyObject* module, PyObject* args) {
    return step_function(&prepare_step_function, args);
}

/* --- programs --------------------------------------------------------------------------------------------- */

/* What a program's runner holds: see `program_runner`. */
enum { RUNS, OTHERS, RESULTS, NEW_ARENA };

static int add_arena(PyObject* program, PyObject* slots) {
    PyObject* new_arena = PyTuple_GET_ITEM(program, NEW_ARENA);
    if (new_arena == Py_None)
        return 0;
    PyObject* arena = PyObject_CallNoArgs(new_arena);
    int status = arena == NULL ? -1 : PyList_Append(slots, arena);
    Py_XDECREF(arena);
    return status;
}

/* The inputs, then what is the same in every run, then the arena if there is one. */
static PyObject* slots_of(PyObject* program, PyObject* buffers) {
    PyObject* slots = PySequence_List(buffers);
    Py_ssize_t end = slots == NULL ? 0 : PyList_GET_SIZE(slots);
    if (slots != NULL && (PyList_SetSlice(slots, end, end, PyTuple_GET_ITEM(program, OTHERS)) < 0 ||
                          add_arena(program, slots) < 0))
        Py_CLEAR(slots);
    return slots;
}

static PyObject* outputs_of(PyObject* program, PyObject* slots) {
    PyObject* numbers = PyTuple_GET_ITEM(program, RESULTS);
    PyObject* outputs = PyList_New(PyTuple_GET_SIZE(numbers));
    for (Py_ssize_t i = 0; outputs != NULL && i < PyTuple_GET_SIZE(numbers); i++) {
        PyObject** place = slot_at(slots, numbers, i);
        if (place == NULL) {
            Py_CLEAR(outputs);
        } else {
            Py_INCREF(*place);
            PyList_SET_ITEM(outputs, i, *place);
        }
    }
    return outputs;
}

static PyObject* run_program(PyObject* program, PyObject* buffers) {
    PyObject* slots = slots_of(program, buffers);
    int status = slots == NULL ? -1 : call_each(PyTuple_GET_ITEM(program, RUNS), slots);
    PyObject* outputs = status < 0 ? NULL : outputs_of(program, slots);
    Py_XDECREF(slots);
    return outputs;
}

static PyMethodDef run_program_function = {
    "run", run_program, METH_O, "run(buffers) -> list of buffers: runs a program on its inputs"};

static PyObject* program_runner(PyObject* module, PyObject* args) {
    PyObject *runs, *others, *outputs, *new_arena;
    if (!PyArg_ParseTuple(args, "O!O!O!O:program_runner", &PyTuple_Type, &runs, &PyList_Type, &others, &PyTuple_Type,
                          &outputs, &new_arena))
        return NULL;
    return PyCFunction_New(&run_program_function, args);
}

PyMethodDef step_functions[] = {
    {"kernel_runner", kernel_runner, METH_VARARGS,
     "kernel_runner(inputs, outputs, new, launches, dead, empty, part, contiguous) -> run(slots)"},
    {"kernel_preparer", kernel_preparer, METH_VARARGS,
     "kernel_preparer(inputs, outputs, new, launches, dead, empty, part, contiguous) -> prepare(slots), which launches nothing"},
    {"program_runner", program_runner, METH_VARARGS,
     "program_runner(runs, others, outputs, new_arena) -> run(buffers)"},
    {NULL},
};
