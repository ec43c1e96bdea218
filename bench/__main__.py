"""Command line of the benchmarks: `python -m bench [--only W14] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np

import cujax
from bench import latency

WORKLOADS = {"W14": latency.measure}


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default=",".join(WORKLOADS), help="workloads, separated by commas")
    parser.add_argument("--json", help="file to write the rows to")
    options = parser.parse_args(argv)
    rows = [row for name in options.only.split(",") for row in WORKLOADS[name]()]
    print(machine())
    for row in rows:
        print(row.text())
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": machine(), "rows": [r._asdict() for r in rows]}, file, indent=1)


def machine() -> str:
    """Processor, versions and commit: what a figure must be read with."""
    return (
        f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"JAX {jax.__version__} on {jax.devices()[0]}, cujax {commit()} on {cujax.devices()[0]}"
    )


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), platform.machine())


def commit() -> str:
    """The version, and the commit where this is a checkout."""
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return f"{cujax.__version__} {found.stdout.strip()}".strip()


if __name__ == "__main__":
    main(sys.argv[1:])
