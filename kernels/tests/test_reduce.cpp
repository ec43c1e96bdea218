// Reductions: folded on one thread, and by threads together; updates of one place.

#include "atomic.h"
#include "reduce.h"

#include "check.h"

namespace cj {

template <class R, class T> CHECK_FN typename R::Acc folded(const T* x, int count) {
    typename R::Acc acc = R::identity();
    for (int i = 0; i < count; ++i) acc = R::combine(acc, R::lift(x[i]));
    return acc;
}

TEST(elements_folded_in_order) {
    float x[] = {3.0f, -1.0f, 2.0f};
    CHECK(folded<Sum<float>>(x, 3) == 4.0f && folded<Product<float>>(x, 3) == -6.0f);
    CHECK(folded<Max<float>>(x, 3) == 3.0f && folded<Min<float>>(x, 3) == -1.0f);
    CHECK(alike(folded<Max<float>>(x, 0), -infinity_f32()) && folded<Sum<float>>(x, 0) == 0.0f);
    i8 bits[] = {7, 5};
    CHECK(folded<And<i8>>(bits, 2) == 5 && folded<Or<i8>>(bits, 2) == 7 && folded<Xor<i8>>(bits, 2) == 2);
    bool flags[] = {true, true};
    CHECK(folded<Sum<bool>>(flags, 2) && !folded<Xor<bool>>(flags, 2) && folded<And<bool>>(flags, 0));
}

TEST(halves_are_summed_in_float) {
    f16 x[] = {2048, 1, 1};
    CHECK(float(Sum<f16>::lower(folded<Sum<f16>>(x, 3))) == 2050.0f);
}

template <class T> CHECK_FN i64 first_greatest(const T* x, int count) {
    using R = Argmax<T>;
    typename R::Acc acc = R::identity();
    for (int i = count - 1; i >= 0; --i) acc = R::combine(acc, R::lift(x[i], i));  // the order does not matter
    return R::lower(acc);
}

TEST(places_of_extrema) {
    float x[] = {1.0f, 3.0f, 3.0f, nan_f32(), nan_f32()};
    CHECK(first_greatest(x, 3) == 1 && first_greatest(x, 5) == 3);
    float least[] = {-infinity_f32(), -infinity_f32()};
    CHECK(first_greatest(least, 2) == 0);
}

TEST(updates) {
    f16 half = 1;
    atomic_update<Sum<f16>>(&half, 2);
    i8 parts[4] = {1, 2, 3, 4};
    atomic_update<Sum<i8>>(parts + 2, i8(125));
    c128 wide(1.0, 1.0);
    atomic_update<Product<c128>>(&wide, c128(0.0, 2.0));
    b8 flag = false;
    atomic_update<Max<bool>>(&flag, true);
    CHECK(half == 3 && parts[1] == 2 && parts[2] == -128 && parts[3] == 4 && wide == c128(-2.0, 2.0) && bool(flag));
}

TEST(gathered) {
    float half_sum = neutral<Sum<f16>>();  // finer than the elements
    for (int k = 0; k < 4096; ++k) gather<Sum<f16>>(&half_sum, f16(1));
    float nothing = neutral<Sum<float>>();
    gather<Sum<float>>(&nothing, -0.0f);
    i8 greatest = neutral<Max<i8>>();
    gather<Max<i8>>(&greatest, i8(-128));
    CHECK(half_sum == 4096.0f && bits_as<u32>(nothing) == 0x80000000u && greatest == -128);
}

#if CJ_GPU

TEST_BLOCK(threads_of_a_block_sum, 100) {
    __shared__ float shared[32];
    float total = block_reduce<Sum<float>>(float(threadIdx.x), shared);
    CHECK(total == 4950.0f);
    CHECK(block_reduce<Max<float>>(float(threadIdx.x % 7), shared) == 6.0f);
}

TEST_BLOCK(lanes_of_a_partial_warp_meet, 40) {
    i32 total = warp_reduce<Sum<i32>>(1);
    CHECK(total == (threadIdx.x < 32 ? 32 : 8));
}

TEST_BLOCK(threads_update_one_place, 128) {
    __shared__ f16 half;
    __shared__ u8 parts[4];
    __shared__ c128 wide;
    if (threadIdx.x == 0) half = 0, wide = 1, parts[0] = parts[1] = parts[2] = parts[3] = 0;
    __syncthreads();
    atomic_update<Sum<f16>>(&half, 1);
    atomic_update<Sum<u8>>(parts + threadIdx.x % 4, u8(1));
    if (threadIdx.x < 10) atomic_update<Product<c128>>(&wide, 2.0);
    __syncthreads();
    CHECK(half == 128 && parts[1] == 32 && parts[3] == 32 && wide == c128(1024.0));
}

#endif

}  // namespace cj

RUN_TESTS()
