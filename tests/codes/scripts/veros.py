"""Veros: the idealized channel of its package `acc_basic`, in 64 bits, by its JAX backend."""

import veros

veros.runtime_settings.backend = "jax"
veros.runtime_settings.float_type = "float64"
veros.runtime_settings.linear_solver = "scipy_jax"
veros.runtime_settings.diskless_mode = True
veros.runtime_settings.loglevel = "error"

# An iterative solver stops at 1e-8.
TOLERANCES = {"channel": 1e-5}


def case_channel():
    from veros.setups.acc_basic import ACCBasicSetup

    def compute():
        setup = ACCBasicSetup(override={"nx": 15, "ny": 21, "runlen": 86_400 * 3.0})
        setup.setup()
        setup.run(show_progress_bar=False)
        found = setup.state.variables
        return found.temp, found.salt, found.u, found.v, found.psi

    return compute
