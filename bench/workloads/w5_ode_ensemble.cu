// W5 by hand for a GPU: a thread for each Lorenz system, whose state lies in registers from beginning to end.

#define SIGMA 10.0f
#define BETA (8.0f / 3)
#define END 1.0f

struct State {
    float x, y, z;
};

static __device__ State operator+(State a, State b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
static __device__ State operator*(float w, State a) { return {w * a.x, w * a.y, w * a.z}; }

static __device__ State slope(State s, float rho) {
    return {SIGMA * (s.y - s.x), s.x * (rho - s.z) - s.y, s.x * s.y - BETA * s.z};
}

static __device__ void store(float* out, long long k, State s) {
    out[3 * k] = s.x;
    out[3 * k + 1] = s.y;
    out[3 * k + 2] = s.z;
}

extern "C" __global__ void fixed_steps(const float* rho_of, float* out, long long n, int steps) {
    const long long k = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if (k >= n) return;
    const float rho = rho_of[k], h = END / steps;
    State s = {1, 0, 0};
    for (int i = 0; i < steps; i++) {
        const State k1 = slope(s, rho);
        const State k2 = slope(s + (0.5f * h) * k1, rho);
        const State k3 = slope(s + (0.5f * h) * k2, rho);
        const State k4 = slope(s + h * k3, rho);
        s = s + (h * (1.0f / 6)) * (k1 + 2.0f * (k2 + k3) + k4);
    }
    store(out, k, s);
}

static __device__ float square(float e, float a, float b, float tolerance) {
    const float scaled = e / (tolerance + tolerance * fmaxf(fabsf(a), fabsf(b)));
    return scaled * scaled;
}

// Tsitouras, Runge-Kutta pairs of order 5(4), Computers and Mathematics with Applications 62(2), 2011.
extern "C" __global__ void adaptive_steps(const float* rho_of, float* out, long long n, float tolerance, float first) {
    const long long k = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if (k >= n) return;
    const float rho = rho_of[k];
    State s = {1, 0, 0}, k1 = slope(s, rho);
    float t = 0, h = first;
    while (t < END) {
        const float left = END - t;
        h = fminf(h, left);
        const State k2 = slope(s + h * (0.161f * k1), rho);
        const State k3 = slope(s + h * (-0.008480655492356989f * k1 + 0.335480655492357f * k2), rho);
        const State k4 = slope(
            s + h * (2.8971530571054935f * k1 + -6.359448489975075f * k2 + 4.3622954328695815f * k3), rho);
        const State k5 = slope(
            s + h * (5.325864828439257f * k1 + -11.748883564062828f * k2 + 7.4955393428898365f * k3 +
                     -0.09249506636175525f * k4), rho);
        const State k6 = slope(
            s + h * (5.86145544294642f * k1 + -12.92096931784711f * k2 + 8.159367898576159f * k3 +
                     -0.071584973281401f * k4 + -0.028269050394068383f * k5), rho);
        const State end =
            s + h * (0.09646076681806523f * k1 + 0.01f * k2 + 0.4798896504144996f * k3 + 1.379008574103742f * k4 +
                     -3.290069515436081f * k5 + 2.324710524099774f * k6);
        const State k7 = slope(end, rho);
        const State e =
            h * (-0.00178001105222577714f * k1 + -0.0008164344596567469f * k2 + 0.007880878010261995f * k3 +
                 -0.1447110071732629f * k4 + 0.5823571654525552f * k5 + -0.45808210592918697f * k6 + (1.0f / 66) * k7);
        const float error = sqrtf(
            (square(e.x, s.x, end.x, tolerance) + square(e.y, s.y, end.y, tolerance) +
             square(e.z, s.z, end.z, tolerance)) * (1.0f / 3));
        if (error <= 1) {
            t = h == left ? END : t + h;
            s = end;
            k1 = k7;
        }
        h *= fminf(fmaxf(0.9f * powf(error, -0.2f), 0.2f), 10.0f);
    }
    store(out, k, s);
}
