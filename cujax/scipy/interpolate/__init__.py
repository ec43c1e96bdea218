"""Interpolation, as `scipy.interpolate`: on grids (`grids`), and of points on a line by splines.

Beyond JAX's `RegularGridInterpolator` there are `CubicSpline`, `PchipInterpolator` and `Akima1DInterpolator`
(`cubics`), which are `PPoly` (`piecewise`), and `BSpline` (`bsplines`).  All of these are pytrees, so that they go
through `jit`, `vmap` and `grad` as arguments, and differentiable in the place, the data and the knots.
"""

from cujax.scipy.interpolate.bsplines import BSpline as BSpline
from cujax.scipy.interpolate.cubics import Akima1DInterpolator as Akima1DInterpolator
from cujax.scipy.interpolate.cubics import CubicSpline as CubicSpline
from cujax.scipy.interpolate.cubics import PchipInterpolator as PchipInterpolator
from cujax.scipy.interpolate.grids import RegularGridInterpolator as RegularGridInterpolator
from cujax.scipy.interpolate.piecewise import PPoly as PPoly
