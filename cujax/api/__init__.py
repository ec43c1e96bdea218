"""The public transformations: functions of pytrees over the engine's flat ones.  Start at `jit.py`."""
