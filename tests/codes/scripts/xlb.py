"""XLB: lattice Boltzmann flows by its JAX backend, a lid-driven cavity in two dimensions and in three."""

import jax.numpy as jnp
import numpy as np
import xlb
from xlb.compute_backend import ComputeBackend
from xlb.grid import grid_factory
from xlb.helper import initialize_eq
from xlb.operator.boundary_condition import EquilibriumBC, FullwayBounceBackBC, HalfwayBounceBackBC
from xlb.operator.macroscopic import Macroscopic
from xlb.operator.stepper import IncompressibleNavierStokesStepper
from xlb.precision_policy import PrecisionPolicy
from xlb.velocity_set import D2Q9, D3Q19


def _cavity(lattice, shape, collision, walls, steps=30):
    policy = PrecisionPolicy.FP32FP32
    velocities = lattice(precision_policy=policy, compute_backend=ComputeBackend.JAX)
    xlb.init(velocity_set=velocities, default_backend=ComputeBackend.JAX, default_precision_policy=policy)
    grid = grid_factory(shape, compute_backend=ComputeBackend.JAX)
    sides, edges = grid.bounding_box_indices(), grid.bounding_box_indices(remove_edges=True)
    lid = edges["top"]
    others = [side for name, side in sides.items() if name != "top"]
    wall = np.unique(np.concatenate([np.array(side) for side in others], axis=1), axis=-1).tolist()
    moving = (0.05, 0.0, 0.0)[: len(shape)]
    boundaries = [walls(indices=wall), EquilibriumBC(rho=1.0, u=moving, indices=lid)]
    stepper = IncompressibleNavierStokesStepper(grid=grid, boundary_conditions=boundaries, collision_type=collision)
    f_0, f_1, bc_mask, missing_mask = stepper.prepare_fields()
    f_0 = initialize_eq(f_0, grid, velocities, policy, ComputeBackend.JAX)
    macroscopic = Macroscopic(velocities, policy, ComputeBackend.JAX)

    def compute():
        f, g = jnp.array(f_0), jnp.array(f_1)
        for i in range(steps):
            f, g = stepper(f, g, bc_mask, missing_mask, 1.6, i)
            f, g = g, f
        return f, macroscopic(f)

    return compute


def case_two_dimensions():
    return _cavity(D2Q9, (48, 48), "BGK", HalfwayBounceBackBC)


def case_three_dimensions():
    return _cavity(D3Q19, (20, 20, 20), "BGK", FullwayBounceBackBC)


def case_entropic_collision():
    return _cavity(D2Q9, (32, 32), "KBC", FullwayBounceBackBC)
