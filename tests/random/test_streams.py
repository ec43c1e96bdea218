"""Streams are the same on every target: NumPy op by op, kernels of the host, kernels of a device on the emulator.

Words, keys and integers are equal to the bit, whatever makes them; floats to 4 units of the last place of themselves,
or of 1 where they are less, since targets have logarithms of their own.  What a float decides (whether a proposal is
accepted, which category is the greatest) is computed alike everywhere, so that later draws do not fall out of step.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable

import numpy as np
import pytest
from by_hand import on_numpy
from emulator import emulated_backend, why_not
from random_oracle import close, same

import cujax
import cujax.numpy as jnp
from cujax import lax, random
from cujax.engine.backends import numpy_threefry, select
from cujax.engine.ops.random_bits import threefry2x32
from cujax.random.generator import is_sampler


@contextlib.contextmanager
def on(target: str):
    """Programs made inside run on NumPy, as kernels of this machine, or as kernels of a device on the emulator."""
    if target == "host" and select.selected().kernels is None:
        pytest.skip("no kernels on this machine")
    if target == "emulator" and why_not():
        pytest.skip(why_not())
    other = {"numpy": on_numpy, "emulator": emulated_backend}.get(target, contextlib.nullcontext)
    with other():
        yield


on_every_target = pytest.mark.parametrize("target", ["numpy", "host", "emulator"])


@on_every_target
def test_known_answers(target):
    """Random123, tests/kat_vectors, "threefry2x32 20": counter, key, result; 37 times, in vectors."""
    ones = 0xFFFFFFFF
    with on(target):
        for counter, key, answer in (
            ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
            ((ones, ones), (ones, ones), (0x1CB996FC, 0xBB002BE7)),
            ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
        ):
            words = [np.full(37, word, np.uint32) for word in (*key, *counter)]
            for found, expected in zip(cujax.jit(lambda *w: threefry2x32(*w))(*words), answer, strict=True):
                same(found, np.full(37, expected, np.uint32))


STREAMS = {
    **{f"bits of {w}": lambda key, w=w: random.bits(key, (3, 11), f"uint{w}") for w in (8, 16, 32, 64)},
    "split": lambda key: random.split(key, (2, 5)),
    "fold_in": lambda key: random.fold_in(key, 2**32 - 1),
    "integers": lambda key: random.randint(key, (33,), -7, 1000),
    "uniform": lambda key: random.uniform(key, (33,)),
    "uniform of 64 bits": lambda key: random.uniform(key, (33,), "float64"),
}


@functools.cache
def expected_stream(name, partitionable):
    with cujax.enable_x64(True), cujax.threefry_partitionable(partitionable):
        return np.asarray(plain(STREAMS[name](random.key(11))))


def plain(x):
    return random.key_data(x) if "key" in str(x.dtype) else x


@pytest.mark.parametrize("partitionable", [True, False])
@on_every_target
@pytest.mark.parametrize("name", STREAMS)
def test_streams(name, target, partitionable):
    expected = expected_stream(name, partitionable)
    with on(target), cujax.enable_x64(True), cujax.threefry_partitionable(partitionable):
        same(cujax.jit(lambda key: plain(STREAMS[name](key)))(random.key(11)), expected)


# --- samplers ---------------------------------------------------------------------------------------------------------

COLUMN = np.float32([0.3, 1.0, 4.0, 30.0])
LOGITS = np.linspace(0, 1, 5, dtype=np.float32)
TABLE = (9, 4)
LINE = (33,)
# By the name of the sampler, with a word more where there are several ways.  A family is one program.
FAMILIES: dict[str, dict[str, Callable]] = {
    "one number each": {
        "bernoulli": lambda k: random.bernoulli(k, 0.3, LINE),
        "bernoulli high": lambda k: random.bernoulli(k, 0.3, LINE, "high"),
        "bits": lambda k: random.bits(k, LINE),
        "cauchy": lambda k: random.cauchy(k, LINE),
        "exponential": lambda k: random.exponential(k, LINE),
        "geometric": lambda k: random.geometric(k, np.float32([1e-3, 0.1, 0.5, 0.9]), TABLE),
        "gumbel": lambda k: random.gumbel(k, LINE),
        "gumbel high": lambda k: random.gumbel(k, LINE, mode="high"),
        "laplace": lambda k: random.laplace(k, LINE),
        "logistic": lambda k: random.logistic(k, LINE),
        "normal": lambda k: random.normal(k, LINE),
        "normal complex": lambda k: random.normal(k, LINE, complex),
        "rademacher": lambda k: random.rademacher(k, LINE),
        "randint": lambda k: random.randint(k, LINE, -7, 1000),
        "truncated_normal": lambda k: random.truncated_normal(k, -COLUMN, 2.0, TABLE),
        "uniform": lambda k: random.uniform(k, LINE, minval=-2.0, maxval=3.0),
    },
    "with parameters": {
        "double_sided_maxwell": lambda k: random.double_sided_maxwell(k, 1.0, COLUMN, TABLE[:1]),
        "lognormal": lambda k: random.lognormal(k, COLUMN / 10, TABLE),
        "maxwell": lambda k: random.maxwell(k, LINE),
        "multivariate_normal": lambda k: random.multivariate_normal(k, COLUMN, np.eye(4, dtype=np.float32) + 1, (9,)),
        "orthogonal": lambda k: random.orthogonal(k, 3, (5,)),
        "pareto": lambda k: random.pareto(k, COLUMN, TABLE),
        "rayleigh": lambda k: random.rayleigh(k, COLUMN, TABLE),
        "triangular": lambda k: random.triangular(k, -COLUMN, 0.5, 31.0, TABLE),
        "wald": lambda k: random.wald(k, COLUMN, TABLE),
        "weibull_min": lambda k: random.weibull_min(k, COLUMN, 2.0, TABLE),
    },
    "order and choice": {
        "categorical": lambda k: random.categorical(k, LOGITS, shape=LINE),
        "categorical distinct": lambda k: random.categorical(k, LOGITS, shape=(3,), replace=False),
        "choice": lambda k: random.choice(k, 10, LINE),
        "choice distinct": lambda k: random.choice(k, 10, (5,), False),
        "choice weighted": lambda k: random.choice(k, 4, LINE, p=COLUMN),
        "choice weighted distinct": lambda k: random.choice(k, 4, (3,), False, COLUMN),
        "permutation": lambda k: random.permutation(k, 33),
        "permutation independent": lambda k: random.permutation(k, np.arange(12).reshape(3, 4), 1, True),
    },
    "gamma": {
        "ball": lambda k: random.ball(k, 3, 3.5, (11,)),
        "beta": lambda k: random.beta(k, COLUMN, 2.0, TABLE),
        "chisquare": lambda k: random.chisquare(k, COLUMN, TABLE),
        "dirichlet": lambda k: random.dirichlet(k, COLUMN, TABLE[:1]),
        "f": lambda k: random.f(k, COLUMN, 3.0, TABLE),
        "gamma": lambda k: random.gamma(k, COLUMN, TABLE),
        "generalized_normal": lambda k: random.generalized_normal(k, COLUMN, TABLE),
        "loggamma": lambda k: random.loggamma(k, COLUMN, TABLE),
        "t": lambda k: random.t(k, COLUMN, TABLE),
    },
    "counts": {
        "binomial": lambda k: random.binomial(k, np.float32([5, 100, 1e5, 9]), np.float32([0.3, 0.8, 0.47, 0]), TABLE),
        "multinomial": lambda k: random.multinomial(k, 100, COLUMN, shape=TABLE),
        "poisson": lambda k: random.poisson(k, 3 * COLUMN, TABLE),
    },
}


def test_every_sampler_has_a_family():
    names = {name.split()[0] for family in FAMILIES.values() for name in family}
    assert names == {n for n, f in vars(random).items() if is_sampler(f)}


def drawn(family, key):
    return {name: draw(key) for name, draw in FAMILIES[family].items()}


@functools.cache
def expected_draws(family):
    with on("numpy"):
        return drawn(family, random.key(11))


@pytest.mark.usefixtures("reuse_of_keys")  # each draw of a program reads the same key
@on_every_target
@pytest.mark.parametrize("family", FAMILIES)
def test_samplers(family, target):
    expected = expected_draws(family)
    with on(target):
        found = cujax.jit(lambda key: drawn(family, key))(random.key(11))
        for name, numbers in expected.items():
            if numbers.dtype.kind in "biu" or family == "counts":
                same(found[name], numbers, name)
            else:
                close(found[name], numbers, 4, name, scale=1)


# --- far elements -----------------------------------------------------------------------------------------------------

FAR = [2**32 - 1, 2**32, 2**32 + 1, 2**33 - 1]  # elements whose counters have two words


@pytest.mark.parametrize("target", ["host", "emulator"])
@pytest.mark.parametrize("width", [8, 16, 32, 64])
def test_elements_beyond_the_32nd_bit(width, target):
    """Of an array that is never made."""
    key = np.uint64(0x13198A2E_03707344)
    first, second = numpy_threefry.threefry2x32(
        *np.uint32([key & np.uint64(0xFFFFFFFF), key >> np.uint64(32)]), np.uint32([i >> 32 for i in FAR]),
        np.uint32([i & 0xFFFFFFFF for i in FAR]),
    )
    wanted = numpy_threefry.join_words(second, first) if width == 64 else (first ^ second).astype(f"uint{width}")

    def far(words):
        bits = random.bits(random.wrap_key_data(words), (2**20, 2**13), f"uint{width}")
        return jnp.stack([lax.slice(bits, divmod(i, 2**13), [n + 1 for n in divmod(i, 2**13)])[0, 0] for i in FAR])

    with on(target), cujax.enable_x64(True):
        same(cujax.jit(far)(np.uint64([key]).view(np.uint32)), wanted)
