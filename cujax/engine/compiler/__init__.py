"""The compiler: from a tape to a program of steps.  Start at `program.py`."""
