"""W8, random numbers: bits, uniform, normal, integers and split keys, Threefry-2x32 in cujax and JAX.

These two must agree with the reference below, which hashes counters at some places of the array; the other libraries
draw from their own generators, and their rows are there for scale.  Salmon et al., Parallel random numbers: as easy as
1, 2, 3 (SC 2011), doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.case import Case, Make, Scale, WrongResult, all_close
from bench.peers import Peer
from bench.workloads.w1_chain import power

COUNTS = {"smoke": 2**10, "quick": 2**22, "default": 2**26, "full": 2**26}
KEYS = {"smoke": 10**3, "quick": 10**5, "default": 10**6, "full": 10**6}
INTEGERS = (0, 1000)
SEED = np.array([8, 42], np.uint32)
CHECKED = 4096  # places at which the reference is computed
# A uniform number may be rounded once or twice, which erfinv magnifies at the ends.
TOLERANCES = {"bits": 0, "uniform": 0, "normal": 3e-5, "uniform f64": 0, "normal f64": 1e-12, "randint": 0}


def jax_like(draw: Callable[[Any, Any, Any], Any]) -> Callable[[Peer], Callable]:
    """`draw(random, np, key)` as a function of the key's two words."""
    return lambda peer: lambda words: draw(
        peer.lib.random, peer.np, peer.lib.random.wrap_key_data(words, impl="threefry2x32")
    )


def generator(draw: Callable[[Any], Any]) -> Callable[[Peer], Callable]:
    """`draw(generator)` on a generator of NumPy's or CuPy's own, which goes on from call to call."""

    def make(peer: Peer) -> Callable:
        own = peer.np.random.default_rng(8)
        return lambda words: draw(own)

    return make


def torch_like(draw: Callable[[Any, str], Any]) -> Callable[[Peer], Callable]:
    """`draw(torch, device)`."""
    return lambda peer: lambda words: draw(peer.lib, words.device)


def makes(n: int) -> dict[str, Make]:
    """The text of each distribution in each dialect."""
    low, high = INTEGERS
    own = {
        "bits": lambda g: g.integers(0, 2**32, n, np.uint32),
        "uniform": lambda g: g.random(n, np.float32),
        "normal": lambda g: g.standard_normal(n, np.float32),
        "uniform f64": lambda g: g.random(n),
        "normal f64": lambda g: g.standard_normal(n),
        "randint": lambda g: g.integers(low, high, n, np.int32),
    }
    torch = {
        "bits": lambda t, device: t.randint(-(2**31), 2**31, (n,), dtype=t.int32, device=device).view(t.uint32),
        "uniform": lambda t, device: t.rand(n, device=device),
        "normal": lambda t, device: t.randn(n, device=device),
        "uniform f64": lambda t, device: t.rand(n, device=device, dtype=t.float64),
        "normal f64": lambda t, device: t.randn(n, device=device, dtype=t.float64),
        "randint": lambda t, device: t.randint(low, high, (n,), dtype=t.int32, device=device),
    }
    keyed = {
        "bits": lambda r, np, key: r.bits(key, (n,), np.uint32),
        "uniform": lambda r, np, key: r.uniform(key, (n,), np.float32),
        "normal": lambda r, np, key: r.normal(key, (n,), np.float32),
        "uniform f64": lambda r, np, key: r.uniform(key, (n,), np.float64),
        "normal f64": lambda r, np, key: r.normal(key, (n,), np.float64),
        "randint": lambda r, np, key: r.randint(key, (n,), low, high, np.int32),
    }
    return {
        name: {
            "jax": jax_like(keyed[name]),
            "numpy": generator(own[name]),
            "cupy": generator(own[name]),
            "torch": torch_like(torch[name]),
        }
        for name in keyed
    }


def cases(scale: Scale) -> list[Case]:
    n = scale.of(COUNTS)
    return [*(_case(name, n, scale.fresh and name == "normal") for name in REFERENCES), _split(scale.of(KEYS))]


def _case(name: str, n: int, cold: bool = False) -> Case:
    places = np.unique(np.linspace(0, n - 1, min(n, CHECKED)).astype(np.int64))
    return Case(
        f"{name} {power(n)}",
        make=makes(n)[name],
        inputs=lambda: (SEED,),
        reference=lambda words: REFERENCES[name](words, places),
        compare=_compare(all_close(TOLERANCES[name], part=lambda result: result[places])),
        x64=name.endswith("f64"),
        items=(n, "values"),
        new_size=(lambda: _case(name, n + 1000)) if cold else None,
        headline=True,
    )


def _split(n: int) -> Case:
    return Case(
        f"split into {n} keys",
        make={"jax": jax_like(lambda random, np, key: random.key_data(random.split(key, n)))},
        inputs=lambda: (SEED,),
        reference=lambda words: np.stack(threefry(words, np.arange(n)), axis=1),
        compare=all_close(0),
        items=(n, "keys"),
        headline=True,
    )


def _compare(exact: Callable[[Peer, Any, Any], None]) -> Callable[[Peer, Any, Any], None]:
    """cujax and JAX value by value, other generators by their first two moments."""

    def compare(peer: Peer, result: Any, expected: Any) -> None:
        if peer.dialect == "jax":
            exact(peer, result, expected)
            return
        sample = result[:: max(1, result.size // 2**20)].astype(np.float64)
        width, n = expected.std(), expected.size
        error = max(abs(sample.mean() - expected.mean()), abs(sample.std() - width))
        if error > 6 * width / np.sqrt(min(n, sample.size)):
            raise WrongResult(f"mean or deviation off by {error:.1e}")

    return compare


def threefry(key: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Threefry-2x32 with 20 rounds of the 64-bit counters `count`."""
    a, b = (int(word) for word in key)
    keys = [np.uint32(a), np.uint32(b), np.uint32(a ^ b ^ 0x1BD11BDA)]
    x, y = (count >> 32).astype(np.uint32) + keys[0], count.astype(np.uint32) + keys[1]
    for block in range(5):
        for turn in ((13, 15, 26, 6), (17, 29, 16, 24))[block % 2]:
            x = x + y
            y = (y << np.uint32(turn)) | (y >> np.uint32(32 - turn))
            y = x ^ y
        x, y = x + keys[(block + 1) % 3], y + keys[(block + 2) % 3] + np.uint32(block + 1)
    return x, y


def _bits(words: np.ndarray, places: np.ndarray) -> np.ndarray:
    """32 bits: both words of the hash, one upon the other."""
    x, y = threefry(words, places)
    return x ^ y


def _wide_bits(words: np.ndarray, places: np.ndarray) -> np.ndarray:
    """64 bits: both words, side by side."""
    x, y = threefry(words, places)
    return x.astype(np.uint64) << np.uint64(32) | y


def _uniform(words: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The upper 23 bits, as a fraction."""
    return (_bits(words, places) >> np.uint32(9)) * 2.0**-23


def bits_as_normal(bits: np.ndarray) -> np.ndarray:
    """sqrt(2) erfinv of a uniform number in (-1, 1) in float32, or in float64 for 64 bits each."""
    from scipy.special import erfinv

    kind, mantissa = (np.float32, 23) if bits.itemsize == 4 else (np.float64, 52)
    low, one = np.nextafter(kind(-1), kind(0)), kind(1)
    fraction = (bits >> bits.dtype.type(8 * bits.itemsize - mantissa)) * 2.0**-mantissa
    uniform = fraction.astype(kind) * (one - low) + low
    return np.sqrt(2) * erfinv(np.maximum(low, uniform).astype(np.float64))


def _normal(words: np.ndarray, places: np.ndarray) -> np.ndarray:
    return bits_as_normal(_bits(words, places))


def _wide_uniform(words: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The upper 52 bits of 64."""
    return (_wide_bits(words, places) >> np.uint64(12)) * 2.0**-52


def _wide_normal(words: np.ndarray, places: np.ndarray) -> np.ndarray:
    return bits_as_normal(_wide_bits(words, places))


def _randint(words: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Two words from the two halves of the key, reduced to the span together."""
    low, high = INTEGERS
    span = high - low
    halves = np.stack(threefry(words, np.arange(2)), axis=1)
    upper, lower = (_bits(key, places).astype(np.int64) for key in halves)
    shift = pow(2**16 % span, 2) % span
    return low + (upper % span * shift + lower % span) % span


REFERENCES = {
    "bits": _bits,
    "uniform": _uniform,
    "normal": _normal,
    "uniform f64": _wide_uniform,
    "normal f64": _wide_normal,
    "randint": _randint,
}
