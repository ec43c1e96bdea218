"""Small libraries that JAX carries as examples; programs of its early years are built on them."""

from cujax.example_libraries import optimizers as optimizers
from cujax.example_libraries import stax as stax
