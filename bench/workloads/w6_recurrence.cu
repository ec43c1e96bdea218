// W6 by hand for a GPU: a single thread, one step after the other.

template <class Real>
static __device__ Real last(Real r, Real x, long long steps) {
    for (long long i = 0; i < steps; i++) x = r * x * (1 - x);
    return x;
}

extern "C" __global__ void last_float(const float* r, const float* x, float* out, long long steps) {
    *out = last(*r, *x, steps);
}

extern "C" __global__ void last_double(const double* r, const double* x, double* out, long long steps) {
    *out = last(*r, *x, steps);
}

extern "C" __global__ void kept_float(const float* r_of, const float* start, float* out, long long steps) {
    const float r = *r_of;
    float x = *start;
    for (long long i = 0; i < steps; i++) out[i] = x = r * x * (1 - x);
}

extern "C" __global__ void sum(const int* start, int* out, int steps) {
    int x = *start;
    for (int i = 0; i < steps; i++) x += i;
    *out = x;
}
