"""blackjax, numpyro and tinygp: Markov chains and Gaussian processes."""

import blackjax
import jax
import jax.numpy as jnp
import numpyro.distributions as dist
import tinygp
from tinygp import kernels

TOLERANCES = {"nuts": 1e-4, "gaussian_process": 1e-4}


def _chain(algorithm):
    start = {"a": jnp.zeros(3), "b": jnp.float32(0)}

    @jax.jit
    def run(key):
        def step(state, key):
            state, _ = algorithm.step(key, state)
            return state, state.position

        return jax.lax.scan(step, algorithm.init(start), jax.random.split(key, 50))[1]

    return lambda: run(jax.random.key(0))


def _log_density(x):
    return -0.5 * jnp.sum((x["a"] - jnp.arange(3.0)) ** 2 / jnp.array([1.0, 2.0, 0.5])) - 0.5 * x["b"] ** 2


def case_nuts():
    return _chain(blackjax.nuts(_log_density, 0.3, jnp.ones(4)))


def case_hmc():
    return _chain(blackjax.hmc(_log_density, 0.2, jnp.ones(4), 10))


def case_distributions():
    drawn = (dist.Normal(1.0, 2.0), dist.Gamma(2.0, 3.0), dist.Beta(2.0, 3.0), dist.HalfNormal(1.5), dist.LogNormal())
    x = jnp.linspace(0.1, 0.9, 7)

    def densities():
        return [(d.log_prob(x), d.sample(jax.random.key(1), (5,)), jax.grad(d.log_prob)(0.3)) for d in drawn]

    return densities


def case_gaussian_process():
    x = jnp.linspace(0.0, 5.0, 30)

    def loss(p, kernel):
        process = tinygp.GaussianProcess(jnp.exp(p[0]) * kernel(jnp.exp(p[1])), x, diag=0.01)
        return -process.log_probability(jnp.sin(x))

    chosen = (kernels.Matern32, kernels.quasisep.Matern32)
    fitted = [jax.jit(jax.value_and_grad(lambda p, k=k: loss(p, k))) for k in chosen]
    return lambda: [f(jnp.zeros(2)) for f in fitted]
