// W5 by hand: Lorenz systems, LANES of them side by side in the vectors of a thread, threads over groups of lanes.
//
// A lane's state lies in registers from beginning to end; with adaptive steps a group goes on until its last lane has
// arrived. The tail of an ensemble is computed with copies of its last system.

#include <cmath>
#include <cstdint>

constexpr int LANES = 16;  // one AVX-512 vector: of more, the stages of Tsitouras' method do not fit into registers
constexpr int GROUPS = 4;  // those of RK4 do: independent groups hide the latency of arithmetic
constexpr float SIGMA = 10, BETA = 8.0f / 3, END = 1;

typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef int32_t Mask __attribute__((vector_size(4 * LANES)));

static inline Vec abs(Vec a) { return a < 0 ? -a : a; }
static inline Vec max(Vec a, Vec b) { return a > b ? a : b; }
static inline Vec min(Vec a, Vec b) { return a < b ? a : b; }

struct State {
    Vec x, y, z;
};

static inline State operator+(const State& a, const State& b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
static inline State operator*(const Vec& h, const State& a) { return {h * a.x, h * a.y, h * a.z}; }
static inline State operator*(float w, const State& a) { return {w * a.x, w * a.y, w * a.z}; }

static inline State slope(const State& s, const Vec& rho) {
    return {SIGMA * (s.y - s.x), s.x * (rho - s.z) - s.y, s.x * s.y - BETA * s.z};
}

static inline State start() {
    return {Vec{} + 1.0f, Vec{}, Vec{}};
}

static inline Vec load(const float* rho, int64_t first, int64_t n) {
    Vec found;
    for (int l = 0; l < LANES; l++) found[l] = rho[first + l < n ? first + l : n - 1];
    return found;
}

static inline void store(float* out, int64_t first, int64_t n, const State& s) {
    for (int l = 0; l < LANES && first + l < n; l++) {
        out[3 * (first + l)] = s.x[l];
        out[3 * (first + l) + 1] = s.y[l];
        out[3 * (first + l) + 2] = s.z[l];
    }
}

static inline State rk4(const State& s, const Vec& rho, float h) {
    const State k1 = slope(s, rho);
    const State k2 = slope(s + (0.5f * h) * k1, rho);
    const State k3 = slope(s + (0.5f * h) * k2, rho);
    const State k4 = slope(s + h * k3, rho);
    return s + (h * (1.0f / 6)) * (k1 + 2.0f * (k2 + k3) + k4);
}

extern "C" void fixed_steps(const float* rho_of, float* out, int64_t n, int32_t steps) {
    const float h = END / steps;
#pragma omp parallel for schedule(static)
    for (int64_t first = 0; first < n; first += GROUPS * LANES) {
        Vec rho[GROUPS];
        State s[GROUPS];
        for (int g = 0; g < GROUPS; g++) rho[g] = load(rho_of, first + g * LANES, n), s[g] = start();
        for (int i = 0; i < steps; i++) {
#pragma GCC unroll 4
            for (int g = 0; g < GROUPS; g++) s[g] = rk4(s[g], rho[g], h);
        }
        for (int g = 0; g < GROUPS; g++) store(out, first + g * LANES, n, s[g]);
    }
}

// ---- adaptive steps -------------------------------------------------------------------------------------------------

static inline Vec factor(Vec error) {
    Vec found;
    for (int l = 0; l < LANES; l++) found[l] = 0.9f * std::pow(error[l], -0.2f);
    return min(max(found, Vec{} + 0.2f), Vec{} + 10.0f);
}

static inline Vec square(Vec e, Vec a, Vec b, float tolerance) {
    const Vec scaled = e / (tolerance + tolerance * max(abs(a), abs(b)));
    return scaled * scaled;
}

static inline bool any(Mask m) {
    int32_t found = 0;
    for (int l = 0; l < LANES; l++) found |= m[l];
    return found;
}

static inline State choose(Mask m, const State& a, const State& b) {
    return {m ? a.x : b.x, m ? a.y : b.y, m ? a.z : b.z};
}

// Tsitouras, Runge-Kutta pairs of order 5(4), Computers and Mathematics with Applications 62(2), 2011.
extern "C" void adaptive_steps(const float* rho_of, float* out, int64_t n, float tolerance, float first_step) {
#pragma omp parallel for schedule(dynamic, 4)
    for (int64_t first = 0; first < n; first += LANES) {
        const Vec rho = load(rho_of, first, n);
        State s = start(), k1 = slope(s, rho);
        Vec t{}, h = Vec{} + first_step;
        for (Mask active = t < END; any(active); active = t < END) {
            const Vec left = END - t;
            h = min(h, left);
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
                     -0.1447110071732629f * k4 + 0.5823571654525552f * k5 + -0.45808210592918697f * k6 +
                     (1.0f / 66) * k7);
            const Vec squares = square(e.x, s.x, end.x, tolerance) + square(e.y, s.y, end.y, tolerance) +
                                square(e.z, s.z, end.z, tolerance);
            Vec error;
            for (int l = 0; l < LANES; l++) error[l] = std::sqrt(squares[l] * (1.0f / 3));
            const Mask good = (error <= 1.0f) & active;
            t = good ? (h == left ? Vec{} + END : t + h) : t;
            s = choose(good, end, s);
            k1 = choose(good, k7, k1);
            h = h * factor(error);
        }
        store(out, first, n, s);
    }
}
