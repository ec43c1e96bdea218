/* The extension module `_native`: the functions and types of its parts. */

#include "native.h"

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_doc = "The compiled parts of the path of a call; each has a Python function that says what it means.",
    .m_size = -1, /* the parts keep what they are given in static variables */
};

static int fill(PyObject* module) {
    PyMethodDef* parts[] = {pytree_functions, array_functions, buffer_functions,
                            step_functions,   loop_functions,  nest_functions,  callback_functions, device_functions};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (PyModule_AddFunctions(module, parts[i]) < 0)
            return -1;
    PyTypeObject* types[] = {&Launcher_Type, &Nest_Type, &Callback_Type, &DeviceLaunch_Type};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (PyModule_AddType(module, types[i]) < 0)
            return -1;
    return make_device_names() < 0 ? -1 : PyModule_AddIntConstant(module, "version", VERSION);
}

PyMODINIT_FUNC PyInit__native(void) {
    PyObject* module = import_numpy() < 0 ? NULL : PyModule_Create(&definition);
    if (module != NULL && fill(module) < 0)
        Py_CLEAR(module);
    return module;
}
