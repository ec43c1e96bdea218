"""Clusters of points, as `scipy.cluster`."""

from cujax.scipy.cluster import vq as vq
