"""`odeint` where JAX keeps it; see `cujax.ode`."""

from cujax.left_out import refusing
from cujax.ode import odeint

__all__ = ["odeint"]

__getattr__ = refusing(__name__)
