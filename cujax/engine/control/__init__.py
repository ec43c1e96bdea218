"""Structured primitives: calls, branches, loops, custom rules, checkpoints, callbacks.

Their params hold tapes or functions, and their rules call transforms and the compiler.  Start at `call.py`.
"""
