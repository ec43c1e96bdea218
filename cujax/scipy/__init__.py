"""SciPy's interface on cujax arrays, a module for each of SciPy's."""

from cujax.scipy import linalg as linalg
from cujax.scipy import optimize as optimize
from cujax.scipy import signal as signal
from cujax.scipy import sparse as sparse
from cujax.scipy import special as special
from cujax.scipy import stats as stats
