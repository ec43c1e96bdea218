"""`odeint` where JAX keeps it; see `cujax.ode`."""

from cujax.ode import odeint

__all__ = ["odeint"]
