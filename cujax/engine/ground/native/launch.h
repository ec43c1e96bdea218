/* A kernel of the CPU with its sizes: launch.c makes and runs them one by one, loop.c many times. */

#ifndef CUJAX_LAUNCH_H
#define CUJAX_LAUNCH_H

#include "native.h"

typedef void Kernel(void* const* buffers, const long long* sizes, int threads);

typedef struct {
    PyObject_VAR_HEAD
    Kernel* kernel;
    long wanted;      /* threads among which to share its work, a grain for each at least */
    PyObject* owner;  /* its attribute `threads` is how many there are */
    int may_last;     /* nobody knows how long it runs */
    long long sizes[];
} Launcher;

/* Set by a kernel that ends early since an exception has been raised in this thread: whoever returns to Python takes it
   back, and fails. */
extern _Thread_local int stopped __attribute__((visibility("hidden")));

/* How many threads the kernel is to use; -1 on an error. */
long thread_count(Launcher* self);

#endif
