"""Benchmarks: each workload runs cujax beside its peers, in one process, and prints a ratio.

    python -m bench                     all workloads, under five minutes on two cores
    python -m bench --quick             smaller sizes and fewer samples, under a minute
    python -m bench --full              the sizes and the twenty samples that results are published with
    python -m bench --only W1,W3 --peers jax,numpy --json FILE

Where to start: `case.py` says what a workload is made of, `workloads/` has one file for each; `peers.py` is what
stands beside cujax, `runner.py` how a case is checked and timed, `fresh.py` what a first call costs in a process of
its own, `report.py` the table.  `roofline/` estimates what kernels take on a GPU that is not there, `page.py` writes
docs/benchmarks.md from what is kept in results/, `device_check.py` is for a machine with a GPU, or, with `emulated.py`,
for one without.  Nothing is timed that has not been compared with NumPy in float64.
"""
