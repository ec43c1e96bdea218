"""Random numbers from explicit keys, the same bits as JAX's on every machine.

    key = random.key(0)
    key, subkey = random.split(key)
    x = random.normal(subkey, (3,))

A key is used once: split it for every draw, or `fold_in` the number of a step.  Keys are arrays, and drawing
is a pure function of them, so all of it works inside `jit`, `vmap` and loops.  Numbers come from the Threefry
hash of the key and their own index; `config.threefry_partitionable=False` restores the layout of JAX before
version 0.5.

`Generator` draws without naming a key each time.

Start at keys.py, then bits.py and uniform.py, from which every other distribution is made.
"""

from cujax.left_out import refusing as _refusing
from cujax.random.binomial import binomial, multinomial
from cujax.random.bits import bits, randint
from cujax.random.continuous import (
    cauchy,
    exponential,
    gumbel,
    laplace,
    logistic,
    normal,
    truncated_normal,
)
from cujax.random.discrete import geometric, poisson
from cujax.random.gamma import gamma, loggamma
from cujax.random.gamma_family import beta, chisquare, dirichlet, f, generalized_normal, t
from cujax.random.generator import Generator, install_samplers, is_sampler
from cujax.random.keys import (
    PRNGKey,
    clone,
    fold_in,
    key,
    key_data,
    key_dtype,
    key_impl,
    split,
    wrap_key_data,
)
from cujax.random.multivariate import ball, multivariate_normal, orthogonal
from cujax.random.selection import categorical, choice, permutation
from cujax.random.transformed import (
    double_sided_maxwell,
    lognormal,
    maxwell,
    pareto,
    rayleigh,
    triangular,
    wald,
    weibull_min,
)
from cujax.random.uniform import bernoulli, rademacher, uniform

install_samplers({name: fun for name, fun in list(globals().items()) if is_sampler(fun)})
del install_samplers, is_sampler

__getattr__ = _refusing(__name__)
