"""Random programs, run in every way there is and compared.

    python -m tests.fuzz --seeds 0:5000          a long run
    pytest tests/fuzz                            a fixed budget of it

A program is a list of Python statements against names such as `jnp`, `lax` and `random`, so cujax and JAX run the same
text.  Where to start reading:

    program.py     `Program`: inputs, statements, outputs; its source and how it is run
    value.py       `Value`: what is known of a value, and from it how far two right results may be apart
    builder.py     `Builder`: makes a program of a seed, by actions drawn at random
    actions.py     the actions: elementwise.py, choices.py, conversions.py, movers.py, gathers.py, scatters.py,
                   reductions.py, numpy_functions.py, streams.py, loops.py, bodies.py, steps.py, library.py
    gradient.py    the derivative of a program, as another one
    mapped.py      vmap of a program, as another one
    targets.py     the ways to run a program: NumPy op by op, kernels on the host or in the emulator, JAX
    trial.py       runs a program on targets and says what is wrong
    minimise.py    the smallest program that is still wrong, as a script of its own
"""
