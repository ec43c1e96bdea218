"""jax-cosmo: distances, growth, power spectra, angular spectra, and derivatives by the parameters."""

import jax
import jax.numpy as jnp
import jax_cosmo as jc


def _power(omega_c, sigma8):
    cosmology, k = jc.Planck15(Omega_c=omega_c, sigma8=sigma8), jnp.logspace(-3, 0.5, 64)
    return jc.power.linear_matter_power(cosmology, k), jc.power.nonlinear_matter_power(cosmology, k, 0.7)


def case_background():
    a = jnp.linspace(0.2, 1.0, 32)

    def distances():
        cosmology = jc.Planck15()
        return jc.background.radial_comoving_distance(cosmology, a), jc.background.growth_factor(cosmology, a)

    return distances


def case_power():
    power = jax.jit(_power)
    return lambda: power(0.26, 0.8)


def case_power_jacobian():
    jacobian = jax.jit(jax.jacfwd(_power))
    return lambda: jacobian(0.26, 0.8)


def case_angular():
    @jax.jit
    def spectra(omega_c, sigma8):
        cosmology = jc.Planck15(Omega_c=omega_c, sigma8=sigma8)
        nz = [jc.redshift.smail_nz(1.0, 2.0, 0.5), jc.redshift.smail_nz(1.0, 2.0, 1.0)]
        probes = [jc.probes.WeakLensing(nz, sigma_e=0.26),
                  jc.probes.NumberCounts(nz, jc.bias.constant_linear_bias(1.0))]  # fmt: skip
        return jc.angular_cl.angular_cl(cosmology, jnp.logspace(1, 3, 20), probes)

    return lambda: spectra(0.26, 0.8)
