"""Backends: the only place that names CuPy, a compiler or cuDNN.  A backend knows no tape.

Start at `api.py` (what a backend promises) and `select.py` (which one this process uses).
"""
