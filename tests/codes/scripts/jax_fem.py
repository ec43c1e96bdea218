"""jax-fem: linear elasticity and a nonlinear Poisson equation on a box of hexahedra, its derivative by the adjoint."""

import jax
import jax.numpy as jnp
import numpy as np
from jax_fem.generate_mesh import Mesh, box_mesh, get_meshio_cell_type
from jax_fem.problem import Problem
from jax_fem.solver import ad_wrapper, solver
