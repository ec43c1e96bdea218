"""Statistics, as `scipy.stats`: a module of functions for each distribution; `gaussian_kde`, `mode`, `rankdata`, `sem`.

Densities outside of a distribution's support are 0, their logarithms -inf.  Everything is elementwise, with
broadcasting, and differentiable with respect to numbers and parameters; but the distribution function of `beta` and
what is made of it only with respect to numbers, as `special.betainc` has no derivatives by its parameters.
"""

from cujax.scipy.stats import bernoulli as bernoulli
from cujax.scipy.stats import beta as beta
from cujax.scipy.stats import betabinom as betabinom
from cujax.scipy.stats import binom as binom
from cujax.scipy.stats import cauchy as cauchy
from cujax.scipy.stats import chi2 as chi2
from cujax.scipy.stats import dirichlet as dirichlet
from cujax.scipy.stats import expon as expon
from cujax.scipy.stats import gamma as gamma
from cujax.scipy.stats import gennorm as gennorm
from cujax.scipy.stats import geom as geom
from cujax.scipy.stats import gumbel_l as gumbel_l
from cujax.scipy.stats import gumbel_r as gumbel_r
from cujax.scipy.stats import laplace as laplace
from cujax.scipy.stats import logistic as logistic
from cujax.scipy.stats import multinomial as multinomial
from cujax.scipy.stats import multivariate_normal as multivariate_normal
from cujax.scipy.stats import nbinom as nbinom
from cujax.scipy.stats import norm as norm
from cujax.scipy.stats import pareto as pareto
from cujax.scipy.stats import poisson as poisson
from cujax.scipy.stats import t as t
from cujax.scipy.stats import truncnorm as truncnorm
from cujax.scipy.stats import uniform as uniform
from cujax.scipy.stats import vonmises as vonmises
from cujax.scipy.stats import wrapcauchy as wrapcauchy
from cujax.scipy.stats.kde import gaussian_kde as gaussian_kde
from cujax.scipy.stats.samples import mode as mode
from cujax.scipy.stats.samples import rankdata as rankdata
from cujax.scipy.stats.samples import sem as sem
