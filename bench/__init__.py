"""Benchmarks: each workload runs cujax beside its peers in the same process and prints a ratio.

`python -m bench` runs all, `python -m bench --only W14` one; `--json FILE` writes what was measured.
"""
