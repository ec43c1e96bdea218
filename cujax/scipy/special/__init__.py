"""Special functions, as `scipy.special`, elementwise on arrays and differentiable.

Integers and booleans are converted to floats first.  Only exports stand here, a block for each family.
"""

from cujax.scipy.special.bessel_functions import (
    bessel_jn,
    i0,
    i0e,
    i1,
    i1e,
    j0,
    j1,
    jn,
    k0,
    k0e,
    k1,
    k1e,
    y0,
    y1,
)
from cujax.scipy.special.elliptic_integrals import ellipe, ellipeinc, ellipk, ellipkinc, ellipkm1
from cujax.scipy.special.error_functions import (
    dawsn,
    erf,
    erfc,
    erfcx,
    erfinv,
    log_ndtr,
    ndtr,
    ndtri,
    owens_t,
    wofz,
)
from cujax.scipy.special.gamma_functions import (
    bernoulli,
    beta,
    betainc,
    betaln,
    comb,
    digamma,
    factorial,
    gamma,
    gammainc,
    gammaincc,
    gammaln,
    gammasgn,
    loggamma,
    multigammaln,
    poch,
    polygamma,
    zeta,
)
from cujax.scipy.special.hypergeometric import hyp1f1, hyp2f1
from cujax.scipy.special.integrals import exp1, expi, expn, fresnel, sici, spence
from cujax.scipy.special.logarithms import (
    boxcox,
    boxcox1p,
    entr,
    expit,
    kl_div,
    log_softmax,
    logit,
    logsumexp,
    rel_entr,
    softmax,
    xlog1py,
    xlogy,
)
from cujax.scipy.special.spherical_harmonics import sph_harm_y

__all__ = [name for name in dir() if not name.startswith("_")]
