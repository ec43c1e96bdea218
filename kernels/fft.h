// Discrete Fourier transforms along one axis, on the host.
//
//     transform<double, 8, 4, 2>(buffers, sizes, threads)    buffers (x, y, tables, turns, scratch), sizes of `Lines`
//     halves<double, to_real>(buffers, sizes, threads)       buffers (x, y, factors), sizes of `Halves`
//
// A line is what is transformed.  As many of them as a vector has lanes are transformed at once, number by number: so
// every length keeps the vectors busy, and equal lines have equal bits wherever they stand.  Of a line of
// n = R1 R2 ... numbers,
//
//     a pass for each R      takes numbers that are n / R apart, transforms R of them and multiplies the results by
//                            exp(-2 pi i p k / (what is left of n)), so that lines are in order at the end
//                            (T. G. Stockham, High-speed convolution and correlation, 1966)
//     real numbers           are taken for half as many complex ones, one after the other, and told apart afterwards
//     the inverse            is the same with its results in opposite order: y[-k]
//
// The lanes are loaded and stored as rows (numbers of a line are neighbours: squares of them are transposed), as
// columns (lines are neighbours, as along all axes but the last: the first and the last pass do it themselves) or one
// by one (fewer lines than lanes).  Lines that are long or few are matrices, whose columns and then rows are the lines
// here: the rows are multiplied by `turns` first, and `halves` does for real ones what lanes cannot.
//
// tables: first the factor of all results; then, for real numbers, `untangle`'s; then those of each pass.  Pairs are of
// real and imaginary part.  scratch: for each thread twice `length` + 1 numbers of each lane, and 64 bytes in all.
// `backends/fft_plan.py` chooses all of it.
//
// Start reading at `transform_lines`.

#pragma once

#include "fft_butterfly.h"
#include "threads.h"

#if !CJ_DEVICE

namespace cj {

enum Signal : i64 { COMPLEX, REAL_TO_HALF, HALF_TO_REAL };  // half: of a spectrum, whose other half is its conjugate

// Line (o, i), with o < outer and i < inner, begins at o * x_outer + i * x_line and goes on in steps of x_step; all of
// these count real numbers, of which a complex one has two.
struct Lines {
    i64 length;  // of the complex transform: half of that of real lines
    i64 signal, inverse, outer, inner, x_outer, x_line, x_step, y_outer, y_line, y_step;
    i64 pitch;        // of the table by which numbers are multiplied first, 0 if there is none
    i64 radices[16];  // the product is the length; ends with 0
};

// ---- lanes ------------------------------------------------------------------------------------------------

// Numbers of all lanes: in memory of our own ...
template <class T> struct Kept {
    Vector<T>* at;

    CJ_FN Numbers<T> get(i64 k) const { return {at[2 * k], at[2 * k + 1]}; }
    CJ_FN void put(i64 k, Numbers<T> z) const { at[2 * k] = z.re, at[2 * k + 1] = z.im; }
};

// ... as neighbouring lines of an array that is read ...
template <class T> struct ColumnsOf {
    const T* at;
    i64 step;

    CJ_FN Numbers<T> get(i64 k) const {
        const Vector<T> first = load(at + k * step), second = load(at + k * step + LANES<T>);
        return {evens<T>(first, second), odds<T>(first, second)};
    }
};

// ... and of one that is written, with the factor that belongs to the results.
template <class T> struct ColumnsTo {
    T* at;
    i64 step;
    T factor;

    CJ_FN void put(i64 k, Numbers<T> z) const {
        const Vector<T> re = z.re * factor, im = z.im * factor;
        store(at + k * step, first_pairs<T>(re, im));
        store(at + k * step + LANES<T>, last_pairs<T>(re, im));
    }
};

template <class T> __attribute__((noinline)) void load_rows(const T* x, i64 line, i64 count, Vector<T>* to) {
    i64 k = 0;
    for (; k + LANES<T> <= count; k += LANES<T>) {
        Vector<T> rows[LANES<T>];
        CJ_UNROLL for (int l = 0; l < LANES<T>; ++l) rows[l] = load(x + l * line + k);
        transpose<T>(rows);
        CJ_UNROLL for (int l = 0; l < LANES<T>; ++l) to[k + l] = rows[l];
    }
    for (; k < count; ++k)
        for (int l = 0; l < LANES<T>; ++l) to[k][l] = x[l * line + k];
}

template <class T>
__attribute__((noinline)) void store_rows(const Vector<T>* from, i64 count, T factor, T* y, i64 line) {
    i64 k = 0;
    for (; k + LANES<T> <= count; k += LANES<T>) {
        Vector<T> rows[LANES<T>];
        CJ_UNROLL for (int l = 0; l < LANES<T>; ++l) rows[l] = from[k + l] * factor;
        transpose<T>(rows);
        CJ_UNROLL for (int l = 0; l < LANES<T>; ++l) store(y + l * line + k, rows[l]);
    }
    for (; k < count; ++k)
        for (int l = 0; l < LANES<T>; ++l) y[l * line + k] = from[k][l] * factor;
}

// One by one; lanes that have no line repeat the last one.
template <class T>
__attribute__((noinline)) void load_each(const T* x, i64 line, i64 step, i64 count, i64 lines, Vector<T>* to) {
    for (i64 l = 0; l < LANES<T>; ++l) {
        const T* CJ_RESTRICT from = x + (l < lines ? l : lines - 1) * line;
        T* CJ_RESTRICT lane = reinterpret_cast<T*>(to) + l;
        for (i64 k = 0; k < count; ++k) {
            lane[2 * k * LANES<T>] = from[k * step];
            lane[(2 * k + 1) * LANES<T>] = from[k * step + 1];
        }
    }
}

template <class T>
__attribute__((noinline)) void store_each(
    const Vector<T>* from, i64 count, i64 lines, T factor, T* y, i64 line, i64 step) {
    for (i64 l = 0; l < lines; ++l) {
        const T* CJ_RESTRICT lane = reinterpret_cast<const T*>(from) + l;
        T* CJ_RESTRICT to = y + l * line;
        for (i64 k = 0; k < count; ++k) {
            to[k * step] = lane[2 * k * LANES<T>] * factor;
            to[k * step + 1] = lane[(2 * k + 1) * LANES<T>] * factor;
        }
    }
}

// ---- passes -----------------------------------------------------------------------------------------------

// One pass over lines that are in pieces of `pieces` numbers, between which `rest` numbers stand; `opposite` is the
// length where the results are to be in opposite order, else 0.  table: the roots of odd R, then R - 1 factors for each
// of the `rest`.
template <int R, class T, class In, class Out>
CJ_FUSED __attribute__((noinline)) void pass(In x, Out y, const T* table, i64 rest, i64 pieces, i64 opposite) {
    CJ_FUSES
    const T* factors = table + (R % 2 ? 2 * R : 0);
    for (i64 p = 0; p < rest; ++p, factors += 2 * (R - 1))
        for (i64 q = 0; q < pieces; ++q) {
            Numbers<T> z[R];
            CJ_UNROLL for (int j = 0; j < R; ++j) z[j] = x.get(q + pieces * (p + rest * j));
            butterfly<R>(z, table);
            if (rest > 1) {
                CJ_UNROLL for (int k = 1; k < R; ++k)
                    z[k] = product(z[k], factors[2 * k - 2], factors[2 * k - 1]);
            }
            CJ_UNROLL for (int k = 0; k < R; ++k) {
                const i64 to = q + pieces * (R * p + k);
                y.put(opposite && to ? opposite - to : to, z[k]);
            }
        }
}

// The pass for this radix, among those that the kernel was compiled for.
template <class T, int... R> struct Passes {
    template <class In, class Out>
    static CJ_FN void run(i64 radix, In x, Out y, const T* table, i64 rest, i64 pieces, i64 opposite) {
        (void)(... || (radix == R && (pass<R>(x, y, table, rest, pieces, opposite), true)));
    }
};

// ---- real lines -------------------------------------------------------------------------------------------

// Lines of pairs were transformed: their numbers k and h - k, x and y, become those of the spectrum of the real lines.
// (re, im): exp(-pi i k / h)
template <class T, class U> CJ_FUSED CJ_FN void tell_apart(Numbers<T>& x, Numbers<T>& y, U re, U im) {
    CJ_FUSES
    const Numbers<T> mirrored = conjugate(y), twice = sum(x, mirrored), even = {twice.re * T(0.5), twice.im * T(0.5)};
    const Numbers<T> odd = product(times_minus_i(difference(x, mirrored)), T(0.5) * re, T(0.5) * im);
    y = conjugate(difference(even, odd));
    x = sum(even, odd);
}

// The other way round, twice as large.
template <class T, class U> CJ_FUSED CJ_FN void put_together(Numbers<T>& x, Numbers<T>& y, U re, U im) {
    CJ_FUSES
    const Numbers<T> mirrored = conjugate(y), even = sum(x, mirrored);
    const Numbers<T> odd = times_minus_i(product(difference(x, mirrored), re, -im));
    y = conjugate(sum(even, odd));
    x = difference(even, odd);
}

// Numbers 0 to h of all lanes, in place.  factors: exp(-pi i k / h) for k up to h / 2.
template <class T> CJ_FUSED __attribute__((noinline)) void untangle(Kept<T> z, const T* factors, i64 h) {
    z.put(h, z.get(0));
    for (i64 k = 0; k <= h / 2; ++k) {
        Numbers<T> x = z.get(k), y = z.get(h - k);
        tell_apart(x, y, factors[2 * k], factors[2 * k + 1]);
        z.put(h - k, y);
        z.put(k, x);
    }
}

// The imaginary parts of the first and the last number are not read.
template <class T> CJ_FUSED __attribute__((noinline)) void tangle(Kept<T> z, const T* factors, i64 h) {
    z.at[1] = z.at[2 * h + 1] = Vector<T>{};
    for (i64 k = 0; k <= h / 2; ++k) {
        Numbers<T> x = z.get(k), y = z.get(h - k);
        put_together(x, y, factors[2 * k], factors[2 * k + 1]);
        z.put(h - k, y);
        z.put(k, x);
    }
}

// ---- lines ------------------------------------------------------------------------------------------------

// Number k of line l by the factor at (k, l) of a table, all real parts before all imaginary ones.
template <class T>
CJ_FUSED __attribute__((noinline)) void turn(Kept<T> z, i64 count, const T* table, i64 pitch) {
    for (i64 k = 0; k < count; ++k)
        z.put(k, product(z.get(k), load(table + k * pitch), load(table + (count + k) * pitch)));
}

// As many `lines` as there are lanes, or fewer, from x to y, which may be the same.
template <class T, int... R>
void transform_lines(
    const Lines& all, const T* x, T* y, const T* tables, const T* turns, Kept<T> from, Kept<T> to, i64 lines) {
    const i64 n = all.length, opposite = all.inverse ? n : 0;
    const bool whole = lines == LANES<T>, is_complex = all.signal == COMPLEX;
    const bool from_columns = whole && is_complex && all.x_line == 2 && all.radices[0] && !all.pitch;
    const bool to_columns = whole && is_complex && all.y_line == 2;
    const T factor = tables[0], *const halves = tables + 1, *table = halves + (is_complex ? 0 : 2 * (n / 2 + 1));
    const i64 read = n + (all.signal == HALF_TO_REAL), written = n + (all.signal == REAL_TO_HALF);

    if (whole && all.x_step == 2) load_rows(x, all.x_line, 2 * read, from.at);
    else if (!from_columns) load_each(x, all.x_line, all.x_step, read, lines, from.at);
    if (all.signal == HALF_TO_REAL) tangle(from, halves, n);
    if (all.pitch) turn(from, n, turns, all.pitch);

    using Pass = Passes<T, R...>;
    const ColumnsTo<T> columns = {y, all.y_step, factor};
    for (i64 number = 0, rest = n, pieces = 1; all.radices[number]; ++number) {
        const i64 radix = all.radices[number];
        rest /= radix;
        const i64 order = rest == 1 ? opposite : 0;
        if (from_columns && number == 0)
            Pass::run(radix, ColumnsOf<T>{x, all.x_step}, to, table, rest, pieces, order);
        else if (to_columns && rest == 1)
            return Pass::run(radix, from, columns, table, rest, pieces, order);
        else
            Pass::run(radix, from, to, table, rest, pieces, order);
        table += (radix % 2 ? 2 * radix : 0) + 2 * (radix - 1) * rest;
        pieces *= radix;
        const Kept<T> kept = from;
        from = to;
        to = kept;
    }

    if (all.signal == REAL_TO_HALF) untangle(from, halves, n);
    if (to_columns)
        for (i64 k = 0; k < n; ++k) columns.put(k, from.get(k));
    else if (whole && all.y_step == 2) store_rows(from.at, 2 * written, factor, y, all.y_line);
    else store_each(from.at, written, lines, factor, y, all.y_line, all.y_step);
}

CJ_FN i64 groups_of(i64 lines, i64 lanes) { return (lines + lanes - 1) / lanes; }

template <class T, int... R>
void transform_part(void* const* buffers, const long long* sizes, i64 from, i64 to) {
    const Lines& all = *reinterpret_cast<const Lines*>(sizes);
    const T *x = static_cast<const T*>(buffers[0]), *tables = static_cast<const T*>(buffers[2]);
    const T* turns = static_cast<const T*>(buffers[3]);
    T* y = static_cast<T*>(buffers[1]);
    const u64 scratch = (reinterpret_cast<u64>(buffers[4]) + 63) / 64 * 64, numbers = 2 * u64(all.length + 1);
    Vector<T>* mine = reinterpret_cast<Vector<T>*>(scratch) + 2 * numbers * thread_number();
    const i64 groups = groups_of(all.inner, LANES<T>);
    for (i64 group = from; group < to; ++group) {
        const i64 outer = group / groups, first = (group - outer * groups) * LANES<T>, left = all.inner - first;
        transform_lines<T, R...>(
            all, x + outer * all.x_outer + first * all.x_line, y + outer * all.y_outer + first * all.y_line, tables,
            turns + first, {mine}, {mine + numbers}, left < LANES<T> ? left : LANES<T>);
    }
}

template <class T, int... R> void transform(void* const* buffers, const long long* sizes, int threads) {
    const Lines& all = *reinterpret_cast<const Lines*>(sizes);
    share(transform_part<T, R...>, buffers, sizes, all.outer * groups_of(all.inner, LANES<T>), threads);
}

// ---- lines that are transformed in two steps --------------------------------------------------------------

// Real lines of 2 h numbers that are too long for a lane, or too few: untangled in place, or tangled from x to y, as
// wholes.  A line of x and of y has room for h + 1 complex numbers, or for as many as it has.
struct Halves {
    i64 h, lines, x_line, y_line;
};

constexpr i64 pairs_at_once = 1 << 12;

// `count` numbers from `first` on, upwards or downwards; lanes beyond repeat the last.
template <class T> CJ_FN Numbers<T> gathered(const T* z, i64 first, i64 step, i64 count) {
    Numbers<T> found;
    for (i64 l = 0; l < LANES<T>; ++l) {
        const T* number = z + 2 * (first + step * (l < count ? l : count - 1));
        found.re[l] = number[0], found.im[l] = number[1];
    }
    return found;
}

template <class T> CJ_FN void spread(T* z, i64 first, i64 step, i64 count, Numbers<T> numbers) {
    for (i64 l = 0; l < count; ++l) {
        T* number = z + 2 * (first + step * l);
        number[0] = numbers.re[l], number[1] = numbers.im[l];
    }
}

template <class T, bool to_real> void halves_part(void* const* buffers, const long long* sizes, i64 from, i64 to) {
    const Halves& all = *reinterpret_cast<const Halves*>(sizes);
    const i64 h = all.h, pairs = h / 2 + 1, pieces = groups_of(pairs, pairs_at_once);
    const T *factors = static_cast<const T*>(buffers[2]);
    for (i64 piece = from; piece < to; ++piece) {
        const i64 line = piece / pieces, begin = (piece - line * pieces) * pairs_at_once;
        const i64 end = begin + pairs_at_once < pairs ? begin + pairs_at_once : pairs;
        const T* x = static_cast<const T*>(buffers[0]) + line * all.x_line;
        T* y = static_cast<T*>(buffers[1]) + line * all.y_line;
        if (!to_real && begin == 0) y[2 * h] = x[0], y[2 * h + 1] = x[1];
        for (i64 k = begin; k < end; k += LANES<T>) {
            const i64 count = end - k < LANES<T> ? end - k : LANES<T>;
            const Numbers<T> factor = gathered(factors, k, 1, count);
            Numbers<T> up = gathered(x, k, 1, count), down = gathered(x, h - k, -1, count);
            if (to_real) {
                if (k == 0) up.im[0] = down.im[0] = T(0);
                put_together(up, down, factor.re, factor.im);
            } else {
                tell_apart(up, down, factor.re, factor.im);
            }
            spread(y, h - k, -1, count, down);
            spread(y, k, 1, count, up);
        }
    }
}

template <class T, bool to_real> void halves(void* const* buffers, const long long* sizes, int threads) {
    const Halves& all = *reinterpret_cast<const Halves*>(sizes);
    share(halves_part<T, to_real>, buffers, sizes, all.lines * groups_of(all.h / 2 + 1, pairs_at_once), threads);
}

}  // namespace cj

#endif  // !CJ_DEVICE
