"""Geometry, as `scipy.spatial`."""

from cujax.scipy.spatial import transform as transform
