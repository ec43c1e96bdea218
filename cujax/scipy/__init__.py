"""SciPy's interface on cujax arrays, a module for each of SciPy's."""

from cujax.scipy import cluster as cluster
from cujax.scipy import fft as fft
from cujax.scipy import integrate as integrate
from cujax.scipy import interpolate as interpolate
from cujax.scipy import linalg as linalg
from cujax.scipy import ndimage as ndimage
from cujax.scipy import optimize as optimize
from cujax.scipy import signal as signal
from cujax.scipy import sparse as sparse
from cujax.scipy import spatial as spatial
from cujax.scipy import special as special
from cujax.scipy import stats as stats
