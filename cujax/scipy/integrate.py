"""Integrals of sampled functions, as `scipy.integrate`."""

from cujax.numpy import trapezoid

__all__ = ["trapezoid"]
