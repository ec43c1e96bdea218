"""JAX's notebook "The Sharp Bits" of early 2021, every code cell, with `jax` replaced by `cujax`.

The notebook is not part of this project: `CUJAX_GUIDE` names the file, by default it is looked for in
`shared/seeds` beside the checkout.  Cells run in order in one namespace; what they print is compared with
what the guide's text says.  One line of it asks for an interface that matplotlib has removed since, and is
replaced by its successor; nothing else is changed.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from guide import cells, run

SEEDS = Path(__file__).parents[2] / "shared" / "seeds"
GUIDE = Path(os.environ.get("CUJAX_GUIDE") or next(iter(sorted(SEEDS.glob("*.txt"))), "no guide"))

pytestmark = pytest.mark.skipif(
    not GUIDE.is_file(), reason=f"the guide is not at {GUIDE}; name it with CUJAX_GUIDE"
)

PLAIN = r"[\s\S]*"
EXPECTED = {
    "A6R-pdcm4u3v": r"Executing function\nFirst call:  4.0\nSecond call:  5.0\nExecuting function\nThird call, different type:  \[5.\]\n",
    "-N8GhitI2bhD": r"First call:  4.0\nSecond call:  5.0\nThird call, different type:  \[14.\]\n",
    "RTB6iFgu4DL6": r"First call:  4.0\nSaved global:  .*Tracer.*\n",
    "TP-Mqf_862C0": r"50.0\n",
    "cell5": r"45\n0\n" + PLAIN,
    "2AxeCufq4wAp": r"Exception .*immutable.*\.at\[.*\n",
    "ygUJT49b7BBk": r"original array:\n\[\[0. 0. 0.\]\n \[0. 0. 0.\]\n \[0. 0. 0.\]\]\nold array unchanged:\n\[\[0. 0. 0.\]\n "
    r"\[0. 0. 0.\]\n \[0. 0. 0.\]\]\nnew array:\n\[\[0. 0. 0.\]\n \[1. 1. 1.\]\n \[0. 0. 0.\]\]\n",
    "tsw2svao8FUp": PLAIN + r"\[\[1. 1. 1. 8. 8. 8.\]\n \[1. 1. 1. 1. 1. 1.\]\n" + PLAIN,
    "cusaAD0NypdR": r"Array\(9, dtype=int32\)\n",
    "yPHE7KTWgAWs": r"Array\(\[0, 0\], dtype=uint32\)\n",
    "7zUdQMynoE5e": r"(\[1\.6226[^\]]*\]\n\[0 0\]\n){2}",
    "aAx0T3F8lLtu": r"12.0\n-4.0\n",
    "OZ_BJX0CplNC": r"24\n",
    "pinVnmRWp6w6": r"6.0\n",
    "9z38AIKclRNM": r"Exception " + PLAIN + r"boolean" + PLAIN + r"lax\.cond" + PLAIN,
    "-Tzp0H7Bt1Sn": r"12.0\n",
    "iwY86_JKvD6b": r"Array\(5., dtype=float32\)\n",
    "Tqe9uLmUI_Gv": r"\[4. 4. 4. 4. 4.\]\nException "
    + PLAIN
    + r"\[4. 4. 4. 4. 4. 4. 4. 4. 4. 4.\]\n\[4. 4. 4. 4. 4.\]\n",
    "m2ABpRd8K094": r".*Tracer.*\n.*Tracer.*\nArray\(4, dtype=int32, weak_type=True\)\n",
    "SGxz9JOWeiyH": r"Array\(\[-1.\], dtype=float32\)\n",
    "jM-D39a-c436": r"Array\(10, dtype=int32, weak_type=True\)\n",
    "dt3tUpOmeR8u": r"Array\(45, dtype=int32, weak_type=True\)\n",
    "kppxbxpZW0nb": r"out shape:  \(1, 3, 200, 198\)\n" + PLAIN,
    "aonr1tWvYCW9": r"out shape:  \(1, 3, 202, 200\)\n" + PLAIN,
    "oXKebfCb_i2B": r"ConvDimensionNumbers\(lhs_spec=\(0, 3, 1, 2\), rhs_spec=\(3, 2, 0, 1\), out_spec=\(0, 3, 1, 2\)\)\n",
    "rgb2T15aFVG6": r"out shape:  \(1, 200, 198, 3\)\n" + PLAIN,
    "1HQwudKVFVG-": r"out shape:  \(1, 198, 196, 3\) DIFFERENT from above!\n" + PLAIN,
    "mKq2-zmmFVHC": r"out shape:  \(1, 100, 99, 3\)  <-- half the size of above\n" + PLAIN,
    "_pGr0x6qFVHF": r"out shape:  \(1, 176, 174, 3\)\n" + PLAIN,
    "B9Ail8ppFVHJ": r"out shape:  \(1, 397, 393, 3\) <-- larger than original!\n" + PLAIN,
    "5EYIj77-NdHE": r"out shape:  \(1, 400, 396, 3\) <-- transposed_conv\n" + PLAIN,
    "jJ-jcAn3cig-": r"in shapes: \(1, 200, 2\) \(3, 2, 2\)\nConvDimensionNumbers\(lhs_spec=\(0, 2, 1\), rhs_spec=\(2, 1, 0\), "
    r"out_spec=\(0, 2, 1\)\)\nout shape:  \(1, 200, 2\)\n" + PLAIN,
    "QNvSiq5-mcLd": r"in shapes: \(1, 30, 30, 30, 1\) \(3, 3, 3, 1, 1\)\nConvDimensionNumbers\(lhs_spec=\(0, 4, 1, 2, 3\), "
    r"rhs_spec=\(4, 3, 0, 1, 2\), out_spec=\(0, 4, 1, 2, 3\)\)\nout shape:  \(1, 30, 30, 30, 1\)\n" + PLAIN,
    "CNNGtzM3NDkO": r"dtype\('float32'\)\n",
}


def translated(source: str) -> str:
    source = re.sub(r"\bjax\b", "cujax", source)
    return source.replace("fig.gca(projection='3d')", "fig.add_subplot(projection='3d')")


def test_every_cell_runs_and_says_what_the_text_says(monkeypatch, tmp_path):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    namespace: dict = {"__name__": "__guide__"}
    seen = set()
    for cell in cells(GUIDE.read_text()):
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # the guide's own escapes, matplotlib, and x64 truncation, tested elsewhere
            printed = run(translated(cell.source), namespace, f"{GUIDE.name}:{cell.line}")
        if cell.name in EXPECTED:
            seen.add(cell.name)
            assert re.fullmatch(EXPECTED[cell.name], printed), (
                f"cell {cell.name} at line {cell.line}:\n{printed}"
            )
    namespace["plt"].close("all")
    assert seen == set(EXPECTED) - ({"HqGbBa9Rr-2g"} if "HqGbBa9Rr-2g" in EXPECTED else set())
    np.testing.assert_array_equal(np.asarray(namespace["rng_state"][1]).shape, (624,))


def test_random_values_of_2021_under_the_flag():
    """The text's own numbers come from the older layout of the bits."""
    import cujax

    key = cujax.random.PRNGKey(0)
    with cujax.threefry_partitionable(False):
        old = float(cujax.random.normal(key, (1,))[0])
    assert old == pytest.approx(-0.20584226, abs=1e-7)
    assert float(cujax.random.normal(key, (1,))[0]) == pytest.approx(1.6226422, abs=1e-6)
