// CUDA's qualifiers of functions and variables.
//
// All shared variables of a module lie side by side in its memory for threads, however deep in headers and templates
// they are declared, where the machine finds and poisons them: `thread_local` makes a variable static and may follow
// `extern`, as `__shared__` does.  There is one such memory, since blocks run one after another.
//
// To be included after the headers of the system, in which some of these names are attributes.

#pragma once

#define __CUDA_ARCH__ 900

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__

#define __shared__ thread_local
#define __constant__
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __builtin_align__(bytes) __attribute__((aligned(bytes)))
#define __builtin_assume(condition) static_cast<void>(0)
