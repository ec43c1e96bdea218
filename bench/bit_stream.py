"""Random words without end on the standard output, for programs that test generators:

    python -m bench.bit_stream stream | dieharder -a -g 200
    python -m bench.bit_stream split | dieharder -a -g 200

stream: the words of one key after another, 2^22 of each.  split, fold_in, seeds: a single word of each of as many
keys, which are split from one, folded in, or made from successive seeds; words of related keys must look as unrelated
as those of one stream.  The bytes are those of 32-bit words in the machine's order.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np

import cujax
import cujax.numpy as jnp
from cujax import random

WORDS = 2**22


def words_of(key: Any) -> Any:
    """The stream of one key."""
    return random.bits(key, (WORDS,), "uint32")


def first_words(keys: Any) -> Any:
    """The first word of each key."""
    return cujax.vmap(lambda key: random.bits(key, (), "uint32"))(keys)


def numbers(block: Any) -> Any:
    """The integers of a block, 2^22 to each."""
    return block * np.uint32(WORDS) + jnp.arange(WORDS, dtype=jnp.uint32)


STREAMS: dict[str, Callable[[Any, Any], Any]] = {
    "stream": lambda key, block: words_of(random.fold_in(key, block)),
    "split": lambda key, block: first_words(random.split(random.fold_in(key, block), WORDS)),
    "fold_in": lambda key, block: first_words(cujax.vmap(lambda i: random.fold_in(key, i))(numbers(block))),
    "seeds": lambda key, block: first_words(cujax.vmap(random.key)(numbers(block))),
}


def blocks(name: str, seed: int) -> Iterator[np.ndarray]:
    """The stream `name`, 2^22 words at a time."""
    make, key = cujax.jit(STREAMS[name]), random.key(seed)
    for block in count():
        yield np.asarray(make(key, np.uint32(block % 2**32)))


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "stream"
    if name not in STREAMS:
        sys.exit(f"there is no stream {name!r}; write one of {', '.join(STREAMS)}")
    for block in blocks(name, seed=2026):
        try:
            sys.stdout.buffer.write(block.data)
        except BrokenPipeError:  # the reader has had enough
            sys.stderr.close()
            return


if __name__ == "__main__":
    main()
