// W7 by hand for a GPU: a thread for each Heston path, whose key, price and variance lie in registers.
//
// Keys and bits are those of JAX: Threefry-2x32 with 20 rounds (Salmon et al., Parallel random numbers: as easy as 1, 2,
// 3, SC 2011), so that the paths are the same. The sums over a block go through shared memory, those of blocks are added
// in the order in which they come. With `greeks` a path carries its derivative by the volatility along.

#define SPOT 100.0f
#define RATE 0.02f
#define YEARS 1.0f
#define KAPPA 2.0f
#define THETA 0.04f
#define XI 0.3f
#define RHO -0.7f
#define TRUNCATED 1e-8f
#define THREADS 128

struct Key {
    unsigned a, b;
};

template <int block>
static __device__ void four_rounds(unsigned& x, unsigned& y, const unsigned (&keys)[3]) {
    constexpr int turns[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
#pragma unroll
    for (int k = 0; k < 4; k++) {
        x += y;
        y = __funnelshift_l(y, y, turns[block % 2][k]) ^ x;
    }
    x += keys[(block + 1) % 3];
    y += keys[(block + 2) % 3] + (block + 1);
}

static __device__ Key hash(Key key, unsigned count) {
    const unsigned keys[3] = {key.a, key.b, key.a ^ key.b ^ 0x1BD11BDA};
    unsigned x = keys[0], y = keys[1] + count;
    four_rounds<0>(x, y, keys);
    four_rounds<1>(x, y, keys);
    four_rounds<2>(x, y, keys);
    four_rounds<3>(x, y, keys);
    four_rounds<4>(x, y, keys);
    return {x, y};
}

static __device__ float normal(Key key, unsigned count) {
    const Key bits = hash(key, count);
    const float from_one = __uint_as_float(((bits.a ^ bits.b) >> 9) | 0x3f800000);
    return 1.41421356f * erfinvf(fmaxf(2 * (from_one - 1) - 0.99999994f, -0.99999994f));
}

static __device__ void add(float value, float scale, double* out) {
    __shared__ double sums[THREADS];
    sums[threadIdx.x] = value;
    for (int half = THREADS / 2; half; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (!threadIdx.x) atomicAdd(out, scale * sums[0]);
    __syncthreads();
}

// Adds to out, which is zero, the price, and its derivatives by strike and volatility.
template <bool greeks>
static __device__ void run(
    const unsigned* words, const float* strike, const float* vol, double* out, long long paths, int steps
) {
    const long long path = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    const float dt = YEARS / steps, scale = expf(-RATE * YEARS) / paths;
    Key key = hash({words[0], words[1]}, unsigned(path));
    float x = 0, v = *vol * *vol, dx = 0, dv = 2 * *vol;
    for (int i = 0; i < steps; i++) {
        const Key subkey = hash(key, 1);
        key = hash(key, 0);
        const float z1 = normal(subkey, 0), z2 = normal(subkey, 1), mixed = RHO * z1 + sqrtf(1 - RHO * RHO) * z2;
        const float positive = fmaxf(v, TRUNCATED), root = sqrtf(positive * dt);
        if (greeks) {
            const float slope = v > TRUNCATED ? dv : 0, of_root = (0.5f * dt) * slope / root;
            dx += of_root * z1 - (0.5f * dt) * slope;
            dv += (XI * of_root) * mixed - (KAPPA * dt) * slope;
        }
        x += (RATE - 0.5f * positive) * dt + root * z1;
        v += (KAPPA * dt) * (THETA - positive) + (XI * root) * mixed;
    }
    const float end = SPOT * expf(x);
    const bool pays = path < paths && end > *strike;
    add(pays ? end - *strike : 0, scale, out);
    if (greeks) {
        add(pays ? -1 : 0, scale, out + 1);
        add(pays ? end * dx : 0, scale, out + 2);
    }
}

extern "C" __global__ void price(
    const unsigned* words, const float* strike, const float* vol, double* out, long long paths, int steps
) {
    run<false>(words, strike, vol, out, paths, steps);
}

extern "C" __global__ void greeks(
    const unsigned* words, const float* strike, const float* vol, double* out, long long paths, int steps
) {
    run<true>(words, strike, vol, out, paths, steps);
}
