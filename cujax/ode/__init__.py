"""Ordinary differential equations: `solve` with a choice of methods, and `odeint` with JAX's signature.

    sol = cujax.ode.solve(lambda t, y, k: -k * y, y0=1.0, t0=0.0, t1=5.0, args=(2.0,), saveat=jnp.linspace(0, 5, 11))
    sol.ys

`vmap` of either is one kernel in which every problem has its own steps; see `cujax.explain`.
"""

from cujax.ode.odeint import odeint
from cujax.ode.solve import Solution, solve

__all__ = ["Solution", "odeint", "solve"]
