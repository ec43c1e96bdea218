"""Blocks and threads, parameters, shared memory, orders, launches: what needs no thread to wait for another."""

from __future__ import annotations

import numpy as np
import pytest

from cujax.engine.backends.kernel_errors import KernelCompileError
from emulator import ORDERS, EmulatorError, EmulatorTarget, reserve, same_in_all_orders, slots_of
from emulator.orders import permutation

ODD_SIZES = [0, 1, 31, 32, 33, 1023, 1025]

SOURCE = r"""
extern "C" __global__ void places(uint3* blocks, uint3* threads) {
    unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    unsigned i = block * (blockDim.x * blockDim.y * blockDim.z) + thread;
    blocks[i] = blockIdx;
    threads[i] = threadIdx;
}

extern "C" __global__ void parameters(double* out, int i, long long n, unsigned u, bool b) {
    out[0] = i, out[1] = n, out[2] = u, out[3] = b, out[4] = warpSize;
}

extern "C" __global__ void __launch_bounds__(256)
chain(const float* __restrict__ x, const float* __restrict__ y, float* __restrict__ out, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        out[i] = fmaxf(sqrtf(fabsf(x[i] * y[i] + 1.0f)) - x[i] / (fabsf(y[i]) + 1.0f), y[i]) * x[i];
}

extern "C" __global__ void turns(int* out, int* count) {
    out[atomicAdd(count, 1)] = blockIdx.x * blockDim.x + threadIdx.x;
}

extern "C" __global__ void unset(unsigned* out, int n) {
    __shared__ unsigned fixed[8];
    extern __shared__ unsigned sized[];
    for (int i = 0; i < 8; i++) out[blockIdx.x * 16 + i] = fixed[i], fixed[i] = 0;
    for (int i = 0; i < n; i++) out[blockIdx.x * 16 + 8 + i] = sized[i], sized[i] = 0;
}

extern "C" __global__ void two_names(double* out) {
    extern __shared__ double doubles[];
    extern __shared__ long long words[];
    doubles[1] = 1.5;
    out[0] = __longlong_as_double(words[1]);
}

template <class T> __device__ T in_a_template(T x) {
    __shared__ T kept[3];
    kept[1] = x;
    return kept[1] + 1;
}
extern "C" __global__ void templates(double* out) {
    out[0] = in_a_template(1.5);
    out[1] = in_a_template(2);
    out[2] = in_a_template(0.5f);
}

extern "C" __global__ void last_elements(unsigned char* y, long long n) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = 7;
}

extern "C" __global__ void last_elements_in_32_bits(unsigned char* y, long long n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = 7;
}

extern "C" __global__ void neighbours(const int* x, int* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = i ? out[i - 1] + x[i] : x[i];
}
"""


def test_every_thread_of_a_grid_runs_once(kernels):
    grid, block = (2, 3, 4), (4, 5, 6)
    count = 24 * 120
    blocks, threads = (np.full((count, 3), -1, np.int32) for _ in range(2))
    kernels.run("places", grid, block, blocks, threads)
    np.testing.assert_array_equal(blocks.reshape(24, 120, 3)[:, 0], [i[::-1] for i in np.ndindex(grid[::-1])])
    np.testing.assert_array_equal(threads.reshape(24, 120, 3)[0], [i[::-1] for i in np.ndindex(block[::-1])])
    assert (blocks.reshape(24, 120, 3) == blocks.reshape(24, 120, 3)[:, :1]).all()


def test_a_parameter_reads_its_bytes_of_a_slot(kernels):
    out = np.zeros(5)
    kernels.run("parameters", 1, 1, out, 2**40 - 3, -(2**40), 2**32 - 1, 1)
    assert out.tolist() == [-3, -(2.0**40), 2.0**32 - 1, 1, 32]


@pytest.mark.parametrize("n", ODD_SIZES)
def test_results_are_numpys_to_the_bit(kernels, n):
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal((2, n), np.float32)
    out = np.zeros(n + 1, np.float32)
    kernels.run("chain", 3, 64, x, y, out, n)
    expected = np.maximum(np.sqrt(abs(x * y + np.float32(1))) - x / (abs(y) + np.float32(1)), y) * x
    np.testing.assert_array_equal(out[:n].view(np.uint32), expected.view(np.uint32))
    assert out[n] == 0


@pytest.mark.parametrize("order", ORDERS)
def test_threads_and_blocks_get_their_turns_in_order(kernels, order):
    out, count = np.zeros(12, np.int32), np.zeros(1, np.int32)
    target = EmulatorTarget(order)
    target.launch(kernels.module.function("turns"), (3,), (4,), 0, slots_of(out, count))
    if order == "forward":
        assert out.tolist() == [*range(12)]
    elif order == "reverse":
        assert out.tolist() == [*range(11, -1, -1)]
    else:
        assert sorted(out) == [*range(12)] and out.tolist() not in ([*range(12)], [*range(11, -1, -1)])


@pytest.mark.parametrize("order", [*ORDERS, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 3, 32, 1000, 2**40])
def test_an_order_is_a_permutation(order, count):
    factor, offset = permutation(order, count)
    assert np.gcd(factor, count) == 1 and 0 <= offset < count and 0 <= factor <= count
    if count < 2**20:
        assert sorted((factor * i + offset) % count for i in range(count)) == [*range(count)]


def test_shared_memory_is_poisoned_before_each_block(kernels):
    out = np.zeros((2, 16), np.uint32)
    kernels.run("unset", 2, 1, out, 5, shared_bytes=20)
    assert (out[:, :13] == 0xFFFFFFFF).all() and (out[:, 13:] == 0).all()


def test_all_names_of_shared_memory_sized_by_the_launch_are_the_same(kernels):
    out = np.zeros(1)
    kernels.run("two_names", 1, 1, out, shared_bytes=16)
    assert out[0] == 1.5


def test_shared_variables_stand_in_templates(kernels):
    out = np.zeros(3)
    kernels.run("templates", 1, 1, out)
    assert out.tolist() == [2.5, 3, 1.5]


def test_the_last_blocks_of_a_grid_beyond_32_bits(kernels):
    """Only indices can tell whether a kernel is right there, and only few elements are touched."""
    n = 2**31 + 1000
    memory = reserve(2 * n, np.uint8)
    y = memory[n:]
    blocks = -(-n // 256)
    kernels.run("last_elements", blocks, 256, y, n, blocks=[0, blocks - 1])
    start = (blocks - 1) * 256
    assert (y[:256] == 7).all() and (y[start:n] == 7).all()
    assert y[256] == 0 and y[start - 1] == 0
    y[start:n] = 0
    kernels.run("last_elements_in_32_bits", blocks, 256, y, n, blocks=[blocks - 1])
    assert (y[start:n] == 0).all()


def test_orders_show_that_a_thread_reads_what_another_writes(kernels):
    x = np.arange(40, dtype=np.int32)

    def run():
        out = np.zeros(40, np.int32)
        kernels.run("neighbours", 2, 32, x, out, 40)
        return out

    with pytest.raises(EmulatorError) as error:
        same_in_all_orders(kernels.target, run)
    assert str(error.value) == (
        "race: result 0 depends on the order of threads and blocks: 38 of 40 elements, "
        "first element 2: 3 in order forward, 2 in order reverse"
    )
    assert kernels.target.order == "forward"


def test_orders_leave_the_results_of_a_kernel_without_races(kernels):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 1000), np.float32)

    def run():
        out = np.full(1000, np.nan, np.float32)
        kernels.run("chain", 2, 128, x, y, out, 1000)
        return out, out.astype(np.complex64)

    first, second = same_in_all_orders(kernels.target, run)
    assert not np.isnan(first).any() and (first == second).all()


@pytest.mark.parametrize(
    ("grid", "block", "shared_bytes", "arguments", "text"),
    [
        ((2**31,), (1,), 0, 4, "a grid of (2147483648, 1, 1) blocks, where (2147483647, 65535, 65535) are the most"),
        ((1,), (1, 1, 65), 0, 4, "a block of (1, 1, 65) threads, where (1024, 1024, 64) are the most"),
        ((1,), (512,), 0, 4, "a block of 512 threads, where 256 are the most for this kernel"),
        ((1,), (1,), 300000, 4, "300000 bytes of shared memory, where 232448 are the most"),
        ((1,), (1,), 0, 3, "3 slots for 4 parameters"),
    ],
)
def test_launches_that_a_device_refuses(kernels, grid, block, shared_bytes, arguments, text):
    with pytest.raises(EmulatorError) as error:
        kernels.run("chain", grid, block, *[0] * arguments, shared_bytes=shared_bytes)
    assert str(error.value) == f"launch of chain: {text}"


def test_slots_are_words(kernels):
    with pytest.raises(EmulatorError, match=r"^launch of turns: slots must be a contiguous vector of uint64$"):
        kernels.target.launch(kernels.module.function("turns"), (1,), (1,), 0, np.zeros(2, np.int64))


def test_no_blocks_are_no_launch(kernels):
    kernels.run("turns", 0, 32, 0, 0)


def test_a_kernel_that_is_not_there(kernels):
    with pytest.raises(KeyError, match="nothing"):
        kernels.module.function("nothing")


def test_a_text_that_does_not_compile():
    with pytest.raises(KernelCompileError, match=r"kernels.cu:2:.*error") as error:
        EmulatorTarget().compile('extern "C" __global__ void broken() {\n    no_such_function();\n}')
    assert error.value.compiler == "g++ (for the emulator)"


def test_a_source_is_compiled_once(kernels):
    before = kernels.target.compilations
    assert kernels.target.compile(SOURCE) is kernels.module and kernels.target.compilations == before
