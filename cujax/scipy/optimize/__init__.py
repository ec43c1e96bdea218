"""Minimization of functions, as `scipy.optimize`: `minimize`, by BFGS and its form of limited memory."""

from cujax.scipy.optimize.minimize import OptimizeResults as OptimizeResults
from cujax.scipy.optimize.minimize import minimize as minimize
