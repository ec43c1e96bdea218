"""Core: avals, primitives, tapes, traces, arrays and the verifier.  Start at `trace.py`."""
