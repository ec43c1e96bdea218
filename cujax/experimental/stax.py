"""`cujax.example_libraries.stax`, where JAX had it until 2021."""

from cujax.example_libraries.stax import *  # noqa: F403
