"""Functions of neural networks: activations, softmax, normalization.  Only exports stand here."""

from cujax.left_out import refusing as _refusing
from cujax.nn import initializers
from cujax.nn.attention import dot_product_attention, scaled_matmul
from cujax.nn.functions import (
    celu,
    elu,
    gelu,
    glu,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    identity,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    logmeanexp,
    mish,
    one_hot,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_sign,
    softmax,
    softplus,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    standardize,
    swish,
)
from cujax.numpy import tanh
from cujax.scipy.special import logsumexp
from cujax.scipy.special.logarithms import log1mexp

__getattr__ = _refusing(__name__)
