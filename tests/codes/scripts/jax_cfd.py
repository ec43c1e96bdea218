"""jax-cfd: a decaying turbulent flow by finite volumes, its gradient, and by spectra."""

import jax
import jax.numpy as jnp
import jax_cfd.base as cfd
import jax_cfd.base.grids as grids
import jax_cfd.spectral as spectral

TOLERANCES = {"gradient": 1e-4}


def _flow(size=64):
    grid = grids.Grid((size, size), domain=((0, 2 * jnp.pi), (0, 2 * jnp.pi)))
    start = cfd.initial_conditions.filtered_velocity_field(jax.random.PRNGKey(0), grid, maximum_velocity=7.0)
    dt = cfd.equations.stable_time_step(7.0, 0.5, 1e-3, grid)
    step = cfd.equations.semi_implicit_navier_stokes(density=1.0, viscosity=1e-3, dt=dt, grid=grid)
    return grid, start, step


def case_initial():
    return lambda: _flow()[1]


def case_finite_volumes():
    _, start, step = _flow()
    run = jax.jit(cfd.funcutils.repeated(step, 20))
    return lambda: run(start)


def case_gradient():
    _, start, step = _flow(32)

    @jax.jit
    def energy(scale):
        end = cfd.funcutils.repeated(step, 5)(jax.tree_util.tree_map(lambda u: scale * u, start))
        return sum((u.data**2).sum() for u in end)

    value_and_grad = jax.jit(jax.value_and_grad(energy))
    return lambda: value_and_grad(1.0)


def case_spectral():
    grid, start, _ = _flow()
    vorticity = cfd.finite_differences.curl_2d(start).data
    step = spectral.time_stepping.crank_nicolson_rk4(
        spectral.equations.NavierStokes2D(1e-3, grid, smooth=True), 1e-3
    )
    run = jax.jit(cfd.funcutils.repeated(step, 20))
    return lambda: run(jnp.fft.rfftn(vorticity))
