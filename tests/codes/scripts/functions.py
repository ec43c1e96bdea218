"""interpax, quadax, orthax, s2fft, optax and dynamiqs: interpolation, quadrature, transforms, fitting, open systems."""

import dynamiqs as dq
import interpax
import jax
import jax.numpy as jnp
import optax
import orthax
import quadax
import s2fft

_METHODS = ("nearest", "linear", "cubic", "cubic2", "catmull-rom", "monotonic", "akima")


def case_interpolation():
    x, query = jnp.linspace(0, 6, 25), jnp.linspace(0.2, 5.8, 40)
    derivative = jax.grad(lambda y: interpax.interp1d(query, x, y, method="cubic2").sum())
    return lambda: [*(interpax.interp1d(query, x, jnp.sin(x), method=m) for m in _METHODS), derivative(jnp.sin(x))]


def case_quadrature():
    return lambda: quadax.quadgk(lambda t: jnp.exp(-(t**2)) * jnp.cos(3 * t), [-2.0, 5.0])[0]


def case_polynomials():
    x = jnp.linspace(-1, 1, 20)

    def compute():
        fitted = orthax.chebyshev.chebfit(x, jnp.sin(x), 5)
        return orthax.legendre.legval(x, jnp.arange(5.0)), fitted, orthax.legendre.leggauss(8)

    return compute


def case_sphere():
    samples = jax.random.normal(jax.random.key(0), (8, 15)) + 0j
    return lambda: s2fft.inverse_jax(s2fft.forward_jax(samples, 8), 8)


def case_optimizers():
    def fit(optimizer):
        @jax.jit
        def run(p):
            def step(carry, _):
                p, state = carry
                value, gradient = jax.value_and_grad(lambda p: jnp.sum((p - jnp.arange(5.0)) ** 2))(p)
                updates, state = optimizer.update(gradient, state, p)
                return (optax.apply_updates(p, updates), state), value

            return jax.lax.scan(step, (p, optimizer.init(p)), None, length=50)

        return run(jnp.ones(5))

    chosen = (optax.sgd(0.1, 0.9), optax.adam(0.1), optax.adamw(0.1), optax.lion(0.01), optax.rmsprop(0.1))
    return lambda: [fit(optimizer)[0][0] for optimizer in chosen]


def case_open_system():
    def solve():
        a = dq.destroy(8)
        times = jnp.linspace(0.0, 2.0, 11)
        damped = dq.mesolve(a.dag() @ a, [jnp.sqrt(0.5) * a], dq.coherent(8, 1.0), times, exp_ops=[a.dag() @ a])
        closed = dq.sesolve(dq.sigmaz() + 0.5 * dq.sigmax(), dq.basis(2, 0), times, exp_ops=[dq.sigmaz()])
        return damped.expects, closed.expects

    return solve
