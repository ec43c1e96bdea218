"""Functions of neural networks: activations, softmax, normalization.  Only exports stand here."""

from cujax.nn.functions import (
    celu,
    elu,
    gelu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    one_hot,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_sign,
    softmax,
    softplus,
    standardize,
    swish,
)
from cujax.scipy.special import logsumexp
