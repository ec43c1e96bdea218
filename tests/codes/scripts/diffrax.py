"""diffrax, with equinox, lineax and optimistix: differential equations, linear and nonlinear systems."""

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import optimistix as optx

# Adaptive steps: a rounding that accepts a step or not moves results within the tolerance of the solver.
TOLERANCES = {"tsit5": 1e-4, "gradient": 1e-4, "batch": 1e-4, "stiff": 1e-4}


@eqx.filter_jit
def _predators(y0):
    term = dfx.ODETerm(lambda t, y, args: jnp.stack([y[0] - 0.1 * y[0] * y[1], 0.075 * y[0] * y[1] - 1.5 * y[1]]))
    steps = dfx.PIDController(rtol=1e-5, atol=1e-5)
    save = dfx.SaveAt(ts=jnp.linspace(0.0, 20.0, 50))
    return dfx.diffeqsolve(term, dfx.Tsit5(), 0.0, 20.0, 0.1, y0, saveat=save, stepsize_controller=steps).ys


def case_tsit5():
    return lambda: _predators(jnp.array([10.0, 5.0]))


def case_gradient():
    gradient = eqx.filter_jit(eqx.filter_grad(lambda y: (_predators(y)[-1] ** 2).sum()))
    return lambda: gradient(jnp.array([10.0, 5.0]))


def case_batch():
    many = eqx.filter_jit(jax.vmap(_predators))
    return lambda: many(jnp.array([[10.0, 5.0], [11.0, 6.0], [9.0, 4.0]]))


def case_stiff():
    @eqx.filter_jit
    def robertson(k):
        def rate(t, y, args):
            a, b = k * y[0] - 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
            return jnp.stack([-a, a - b, b])

        steps = dfx.PIDController(rtol=1e-5, atol=1e-7)
        y0 = jnp.array([1.0, 0.0, 0.0])
        return dfx.diffeqsolve(dfx.ODETerm(rate), dfx.Kvaerno5(), 0.0, 10.0, 2e-4, y0, stepsize_controller=steps).ys

    return lambda: robertson(jnp.float32(0.04))


def case_stochastic():
    @eqx.filter_jit
    def solve(key):
        noise = dfx.VirtualBrownianTree(0.0, 1.0, 1e-3, (), key)
        terms = dfx.MultiTerm(dfx.ODETerm(lambda t, y, _: -y), dfx.ControlTerm(lambda t, y, _: 0.1 * t + 0.1, noise))
        return dfx.diffeqsolve(terms, dfx.Euler(), 0.0, 1.0, 0.01, jnp.float32(1.0)).ys

    return lambda: solve(jax.random.key(0))


def case_linear():
    a = jax.random.normal(jax.random.key(1), (20, 20)) + 5 * jnp.eye(20)

    @eqx.filter_jit
    def solve(a, b):
        symmetric = lx.MatrixLinearOperator(a @ a.T / 20 + jnp.eye(20), lx.positive_semidefinite_tag)
        return [
            lx.linear_solve(lx.MatrixLinearOperator(a), b).value,
            lx.linear_solve(lx.MatrixLinearOperator(a[:, :10]), b, lx.QR()).value,
            lx.linear_solve(symmetric, b, lx.CG(1e-6, 1e-6)).value,
            jax.grad(lambda a: lx.linear_solve(lx.MatrixLinearOperator(a), b).value.sum())(a),
        ]

    return lambda: solve(a, jnp.ones(20))


def case_nonlinear():
    @eqx.filter_jit
    def solve(y):
        def valley(y, args):
            return jnp.stack([1 - y[0], 10 * (y[1] - y[0] ** 2)])

        return [
            optx.root_find(lambda y, a: jnp.tanh(y) - y / 2 + a, optx.Newton(1e-5, 1e-5), y[1] + 0.5, 0.1).value,
            optx.minimise(lambda y, a: (valley(y, a) ** 2).sum(), optx.BFGS(1e-5, 1e-5), y, max_steps=1000).value,
            optx.least_squares(valley, optx.LevenbergMarquardt(1e-5, 1e-5), y).value,
        ]

    return lambda: solve(jnp.array([-1.0, 1.0]))
