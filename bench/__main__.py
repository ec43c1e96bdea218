"""Command line of the benchmarks: `python -m bench [--only W14] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import platform
import sys

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
    return (
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, cujax {cujax.__version__} on {cujax.devices()[0]}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
