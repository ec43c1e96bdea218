// Tests of the headers in C++: one text for the host's compiler and for nvcc.
//
//     TEST(sums) { CHECK(1 + 1 == 2); }                   one thread, on the host or on a device
//     TEST_BLOCK(meets, 100) { __syncthreads(); ... }     100 threads of a block; on a device only
//     RUN_TESTS()                                         the main function: 0 passed, 1 failed, 77 there is no device

#pragma once

#include "prelude.h"

#include <cstdio>

struct Test {
    const char* name;
    void (*run)();
    Test* next;

    static Test*& first() {
        static Test* test = nullptr;
        return test;
    }
    Test(const char* n, void (*r)()) : name(n), run(r), next(first()) { first() = this; }
};

#if CJ_GPU

__device__ int failures;
#define CHECK_FN __device__

#define TEST_BLOCK(name, threads)                                          \
    static __device__ void name();                                         \
    static __global__ void name##_kernel() { name(); }                     \
    static Test name##_test(#name, [] { name##_kernel<<<1, threads>>>(); }); \
    static __device__ void name()
#define TEST(name) TEST_BLOCK(name, 1)

#else

static int failures;
#define CHECK_FN static

#define TEST(name)                         \
    static void name();                    \
    static Test name##_test(#name, &name); \
    static void name()

#endif

CHECK_FN void check(bool passed, const char* text, const char* file, int line) {
    if (passed) return;
    printf("%s:%d: CHECK(%s)\n", file, line, text);
#if CJ_GPU
    atomicAdd(&failures, 1);
#else
    ++failures;
#endif
}

#define CHECK(...) check((__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)

// Equal to the bit, signs of zeros included, or both NaN.
template <class T> CHECK_FN bool alike(T x, T y) {
    return cj::bits_as<cj::word<T>>(x) == cj::bits_as<cj::word<T>>(y) || (x != x && y != y);
}

template <class T> CHECK_FN bool near(T x, T y, T ulps = T(4)) {
    T difference = x > y ? x - y : y - x, size = y < T(0) ? -y : y;
    return difference <= ulps * size * (sizeof(T) == 4 ? T(1.2e-7) : T(2.3e-16)) || alike(x, y);
}

#if CJ_GPU

inline int failed(const char* test) {
    cudaError_t error = cudaDeviceSynchronize();
    if (error != cudaSuccess) {
        printf("%s: %s\n", test, cudaGetErrorString(error));
        return 1;
    }
    int count = 0;
    cudaMemcpyFromSymbol(&count, failures, sizeof count);
    return count;
}

inline bool is_device_missing() {
    int count = 0;
    return cudaGetDeviceCount(&count) != cudaSuccess || count == 0;
}

#else

inline int failed(const char*) { return failures; }
inline bool is_device_missing() { return false; }

#endif

inline int run_tests() {
    if (is_device_missing()) {
        printf("no device\n");
        return 77;
    }
    int result = 0;
    for (Test* test = Test::first(); test; test = test->next) {
        test->run();
        if (failed(test->name)) result = 1;
    }
    return result;
}

#define RUN_TESTS() \
    int main() { return run_tests(); }
