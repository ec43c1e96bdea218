// How a kernel of the host hands out its work to threads.
//
//     void part(void* const* buffers, const long long* sizes, i64 from, i64 to)     pieces `from` to `to` - 1
//     share(part, buffers, sizes, count, threads)                                    all of them, by several threads
//     thread_number()                                                                in a part: which of them runs it
//
// A single thread calls the part itself: OpenMP takes 0.4 us to find out that there is nobody to share with.  There is
// one parallel region for all kernels of a source, and no loop in it, since the compiler takes milliseconds for each.

#pragma once

#include "prelude.h"

#if !CJ_DEVICE

#ifdef _OPENMP
extern "C" int omp_get_thread_num() noexcept;
extern "C" int omp_get_num_threads() noexcept;
#endif

namespace cj {

using Part = void(void* const* buffers, const long long* sizes, i64 from, i64 to);

__attribute__((noinline, unused)) static void share(
    Part* part, void* const* buffers, const long long* sizes, i64 count, i64 threads) {
    if (threads > count) threads = count;
#ifdef _OPENMP
    if (threads > 1) {
        #pragma omp parallel num_threads(int(threads))
        {
            const i64 number = omp_get_thread_num(), present = omp_get_num_threads();
            part(buffers, sizes, count * number / present, count * (number + 1) / present);
        }
        return;
    }
#endif
    part(buffers, sizes, 0, count);
}

// Of the thread that runs a part, among those that share a kernel's work.
CJ_FN int thread_number() {
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

}  // namespace cj

#endif  // !CJ_DEVICE
