"""jax-md: Lennard-Jones and soft spheres with neighbor lists, thermostats, a minimizer, structure."""

import functools

import jax
import jax.numpy as jnp
from jax_md import energy, minimize, partition, quantity, simulate, space

# Trajectories in a dense fluid are chaotic: 100 steps of rounding grow to this.
TOLERANCES = {"nve": 2e-3, "nvt_nose_hoover": 2e-3, "langevin": 2e-3}

_BOX = 9.0


def _particles(number=256, dimension=3):
    side = round(number ** (1 / dimension)) + 1
    grid = jnp.stack(jnp.meshgrid(*[jnp.arange(side) * (_BOX / side)] * dimension), -1).reshape(-1, dimension)
    return grid[:number] + 0.05 * jax.random.normal(jax.random.PRNGKey(0), (number, dimension))


@functools.cache  # a list of neighbors made by another function cannot be compared, in JAX
def _fluid():
    displacement, shift = space.periodic(_BOX)
    neighbor_fn, energy_fn = energy.lennard_jones_neighbor_list(displacement, _BOX, dr_threshold=0.4)
    positions = _particles()
    return positions, neighbor_fn, energy_fn, shift


def _run(ensemble, steps=100, **given):
    positions, neighbor_fn, energy_fn, shift = _fluid()
    neighbors = neighbor_fn.allocate(positions, extra_capacity=16)
    init, apply = ensemble(energy_fn, shift, 2e-3, **given)
    state = init(jax.random.PRNGKey(1), positions, 0.8, neighbor=neighbors)

    @jax.jit
    def run(state, neighbors):
        def step(i, carry):
            state, neighbors = carry
            state = apply(state, neighbor=neighbors)
            return state, neighbors.update(state.position)

        state, neighbors = jax.lax.fori_loop(0, steps, step, (state, neighbors))
        return state.position, state.momentum, energy_fn(state.position, neighbor=neighbors)

    return lambda: run(state, neighbors)


def case_energy_and_forces():
    positions, neighbor_fn, energy_fn, _ = _fluid()
    neighbors = neighbor_fn.allocate(positions)
    both = jax.jit(jax.value_and_grad(lambda x: energy_fn(x, neighbor=neighbors)))
    return lambda: (both(positions), neighbors.idx.sum())


def case_nve():
    return _run(simulate.nve)


def case_nvt_nose_hoover():
    return _run(simulate.nvt_nose_hoover, kT=0.8)


def case_langevin():
    return _run(simulate.nvt_langevin, kT=0.8)


def case_npt():
    displacement, shift = space.periodic_general(_BOX)
    positions = _particles(64, 2) / _BOX
    energy_fn = energy.soft_sphere_pair(displacement)
    init, apply = simulate.npt_nose_hoover(energy_fn, shift, 1e-2, pressure=0.1, kT=0.3)
    state = init(jax.random.PRNGKey(2), positions, box=_BOX)
    run = jax.jit(lambda state: jax.lax.fori_loop(0, 50, lambda i, s: apply(s), state))

    def compute():
        end = run(state)
        return end.position, end.momentum, simulate.npt_box(end)

    return compute


def case_minimize():
    displacement, shift = space.periodic(_BOX)
    energy_fn = energy.soft_sphere_pair(displacement, sigma=1.2)
    init, apply = minimize.fire_descent(energy_fn, shift)
    state = init(_particles(100, 2))
    run = jax.jit(lambda state: jax.lax.fori_loop(0, 100, lambda i, s: apply(s), state))
    return lambda: run(state).position


def case_pressure_and_structure():
    positions, _, _, _ = _fluid()
    displacement, _ = space.periodic(_BOX)
    energy_fn = energy.lennard_jones_pair(displacement)
    g = quantity.pair_correlation(displacement, jnp.linspace(0.1, 3.0, 30), 0.1)

    @jax.jit
    def measure(x):
        force = quantity.force(energy_fn)(x)
        return energy_fn(x), force, g(x).mean(0), quantity.temperature(momentum=x)

    return lambda: measure(positions)


def case_hessian():
    displacement, _ = space.periodic(_BOX)
    energy_fn = energy.morse_pair(displacement, alpha=5.0)
    positions = _particles(25, 2)
    return lambda: jax.jit(jax.hessian(energy_fn))(positions)


def case_cells():
    positions = _particles(400, 2)
    displacement, _ = space.periodic(_BOX)
    lists = [
        partition.neighbor_list(displacement, _BOX, 1.0, 0.2, format=f)
        for f in (partition.Dense, partition.Sparse, partition.OrderedSparse)
    ]
    return lambda: [(n.allocate(positions).idx, n.allocate(positions).update(positions + 0.3).idx) for n in lists]
