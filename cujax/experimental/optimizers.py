"""`cujax.example_libraries.optimizers`, where JAX had it until 2021."""

from cujax.example_libraries.optimizers import *  # noqa: F403
