"""Transforms: forward derivatives, linearization, transposition, batching.  Start at `jvp.py`."""
