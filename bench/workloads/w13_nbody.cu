// W13 by hand: a thread for each body, and the others in tiles through shared memory (Nyland, Harris and Prins, Fast
// N-body simulation with CUDA, GPU Gems 3, chapter 31).

#define SOFTENING 0.05f
#define THREADS 128

struct Vector {
    float x, y, z;
};

static __device__ Vector acceleration(const float* position, const float* mass, int body, int n) {
    __shared__ float4 tile[THREADS];
    const float x = position[3 * body], y = position[3 * body + 1], z = position[3 * body + 2];
    Vector sum = {0, 0, 0};
    for (int first = 0; first < n; first += THREADS) {
        const int other = first + threadIdx.x, known = other < n ? other : n - 1;
        tile[threadIdx.x] = make_float4(
            position[3 * known], position[3 * known + 1], position[3 * known + 2], other < n ? mass[known] : 0);
        __syncthreads();
#pragma unroll 8
        for (int k = 0; k < THREADS; k++) {
            const float4 o = tile[k];
            const float dx = o.x - x, dy = o.y - y, dz = o.z - z;
            const float inverse = rsqrtf(dx * dx + dy * dy + dz * dz + SOFTENING * SOFTENING);
            const float weight = o.w * inverse * inverse * inverse;
            sum.x += weight * dx;
            sum.y += weight * dy;
            sum.z += weight * dz;
        }
        __syncthreads();
    }
    return sum;
}

static __device__ void run(const float* position, const float* mass, float* out, int n, bool by_energy) {
    const int body = blockIdx.x * blockDim.x + threadIdx.x, known = body < n ? body : n - 1;
    const Vector found = acceleration(position, mass, known, n);
    const float factor = by_energy ? -mass[known] : 1;
    if (body >= n) return;
    out[3 * body] = factor * found.x;
    out[3 * body + 1] = factor * found.y;
    out[3 * body + 2] = factor * found.z;
}

extern "C" __global__ void forces(const float* position, const float* mass, float* out, int n) {
    run(position, mass, out, n, false);
}

extern "C" __global__ void gradient_of_energy(const float* position, const float* mass, float* out, int n) {
    run(position, mass, out, n, true);
}
