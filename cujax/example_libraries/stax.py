"""Layers of networks as pairs of pure functions, as `jax.example_libraries.stax` (once `jax.experimental.stax`).

    init_fun, apply_fun = serial(Dense(512), Relu, Dense(10), LogSoftmax)
    shape, params = init_fun(random.key(0), (-1, 784))
    logits = apply_fun(params, images)

A layer is `(init_fun, apply_fun)`: `init_fun(key, input_shape) -> (output_shape, params)` and
`apply_fun(params, inputs, **kwargs) -> outputs`.  Params are tuples, empty ones for layers without any; kwargs, such as
the `rng` that Dropout needs, are handed on by `serial` and `parallel`.  Start reading at `Dense`.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import cujax.numpy as jnp
from cujax import lax, random
from cujax.api.inspect import eval_shape
from cujax.api.reduce_window import reduce_window
from cujax.api.shape_dtype import ShapeDtypeStruct
from cujax.nn import elu, gelu, leaky_relu, log_softmax, relu, selu, sigmoid, softmax, softplus, standardize
from cujax.nn.initializers import glorot_normal, normal, ones, zeros

Layer = tuple[Callable, Callable]
Shape = tuple[int, ...]

_GLOROT, _NORMAL, _NARROW = glorot_normal(), normal(), normal(1e-6)


def Dense(out_dim: int, W_init: Callable = _GLOROT, b_init: Callable = _NORMAL) -> Layer:
    """inputs (..., features) @ W (features, out_dim) + b."""

    def init_fun(rng: Any, input_shape: Shape) -> tuple[Shape, Any]:
        k1, k2 = random.split(rng)
        return (*input_shape[:-1], out_dim), (W_init(k1, (input_shape[-1], out_dim)), b_init(k2, (out_dim,)))

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        W, b = params
        return jnp.dot(inputs, W) + b

    return init_fun, apply_fun


def _convolution(
    apply: Callable, dimension_numbers: Any, out_chan: int, filter_shape: Shape, strides: Any, padding: str,
    W_init: Callable | None, b_init: Callable,
) -> Layer:
    """A layer of `apply(inputs, W, strides, padding, dimension_numbers=)`, plus b."""
    lhs_spec, rhs_spec, out_spec = dimension_numbers
    strides = strides or (1,) * len(filter_shape)
    draw = W_init or glorot_normal(rhs_spec.index("I"), rhs_spec.index("O"))

    def init_fun(rng: Any, input_shape: Shape) -> tuple[Shape, Any]:
        sizes = iter(filter_shape)
        by_letter = {"O": out_chan, "I": input_shape[lhs_spec.index("C")]}
        kernel_shape = tuple([by_letter[c] if c in by_letter else next(sizes) for c in rhs_spec])
        bias_shape = tuple([out_chan if c == "C" else 1 for c in out_spec])
        k1, k2 = random.split(rng)
        W, b = draw(k1, kernel_shape), b_init(k2, bias_shape)
        return _output_shape(lambda x: apply_fun((W, b), x), input_shape), (W, b)

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        W, b = params
        return apply(inputs, W, strides, padding, dimension_numbers=dimension_numbers) + b

    return init_fun, apply_fun


def _output_shape(function: Callable, input_shape: Shape) -> Shape:
    """Of a function of arrays; a length of -1, which stays as it is, stands for any number of examples."""
    found = eval_shape(function, ShapeDtypeStruct([1 if n == -1 else n for n in input_shape], jnp.float32))
    return tuple([-1 if n == -1 else m for n, m in zip(input_shape, found.shape, strict=True)])


def GeneralConv(
    dimension_numbers: Any, out_chan: int, filter_shape: Shape, strides: Any = None, padding: str = "VALID",
    W_init: Callable | None = None, b_init: Callable = _NARROW,
) -> Layer:
    """A convolution by a filter of `filter_shape`, plus b; dimension_numbers as of `lax.conv_general_dilated`."""
    return _convolution(
        lax.conv_general_dilated, dimension_numbers, out_chan, filter_shape, strides, padding, W_init, b_init
    )


def GeneralConvTranspose(
    dimension_numbers: Any, out_chan: int, filter_shape: Shape, strides: Any = None, padding: str = "VALID",
    W_init: Callable | None = None, b_init: Callable = _NARROW,
) -> Layer:
    """A transposed convolution, `lax.conv_transpose`, plus b."""
    return _convolution(lax.conv_transpose, dimension_numbers, out_chan, filter_shape, strides, padding, W_init, b_init)


Conv = functools.partial(GeneralConv, ("NHWC", "HWIO", "NHWC"))
ConvTranspose = functools.partial(GeneralConvTranspose, ("NHWC", "HWIO", "NHWC"))
Conv1DTranspose = functools.partial(GeneralConvTranspose, ("NHC", "HIO", "NHC"))


def BatchNorm(
    axis: Any = (0, 1, 2), epsilon: float = 1e-5, center: bool = True, scale: bool = True, beta_init: Callable = zeros,
    gamma_init: Callable = ones,
) -> Layer:
    """Mean 0 and variance 1 over `axis`, then times gamma, if `scale`, plus beta, if `center`."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)

    def init_fun(rng: Any, input_shape: Shape) -> tuple[Shape, Any]:
        shape = tuple([n for i, n in enumerate(input_shape) if i not in axes])
        k1, k2 = random.split(rng)
        return input_shape, (beta_init(k1, shape) if center else (), gamma_init(k2, shape) if scale else ())

    def apply_fun(params: Any, x: Any, **kwargs: Any) -> Any:
        beta, gamma = params
        z = standardize(x, axes, epsilon=epsilon)
        z = jnp.expand_dims(gamma, axes) * z if scale else z
        return z + jnp.expand_dims(beta, axes) if center else z

    return init_fun, apply_fun


# --- layers without params ----------------------------------------------------------------------------


def elementwise(fun: Callable, **fun_kwargs: Any) -> Layer:
    """The layer that applies `fun(inputs, **fun_kwargs)`, which keeps shapes."""
    return lambda rng, input_shape: (input_shape, ()), lambda params, inputs, **kwargs: fun(inputs, **fun_kwargs)


Tanh = elementwise(jnp.tanh)
Relu = elementwise(relu)
Exp = elementwise(jnp.exp)
LogSoftmax = elementwise(log_softmax, axis=-1)
Softmax = elementwise(softmax, axis=-1)
Softplus = elementwise(softplus)
Sigmoid = elementwise(sigmoid)
Elu = elementwise(elu)
LeakyRelu = elementwise(leaky_relu)
Selu = elementwise(selu)
Gelu = elementwise(gelu)
Identity = elementwise(lambda x: x)


def _pooling(
    reduce: Callable, start: float, window_shape: Shape, strides: Any, padding: str, spec: str | None
) -> Layer:
    """A layer of `reduce` over windows; `spec` says which axes are (N) examples and (C) channels."""
    strides = strides or (1,) * len(window_shape)
    places = (0, len(window_shape) + 1) if spec is None else (spec.index("N"), spec.index("C"))
    window, steps = list(window_shape), list(strides)
    for i in sorted(places):
        window.insert(i, 1)
        steps.insert(i, 1)

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        return reduce_window(inputs, start, reduce, tuple(window), tuple(steps), padding)

    return lambda rng, shape: (_output_shape(lambda x: apply_fun((), x), shape), ()), apply_fun


def MaxPool(
    window_shape: Shape, strides: Any = None, padding: str = "VALID", spec: str | None = None
) -> Layer:
    """The maximum of each window."""
    return _pooling(lax.max, -math.inf, window_shape, strides, padding, spec)


def SumPool(
    window_shape: Shape, strides: Any = None, padding: str = "VALID", spec: str | None = None
) -> Layer:
    """The sum of each window."""
    return _pooling(lax.add, 0.0, window_shape, strides, padding, spec)


def AvgPool(
    window_shape: Shape, strides: Any = None, padding: str = "VALID", spec: str | None = None
) -> Layer:
    """The mean of each window, of those of its elements that there are."""
    init_fun, summed = SumPool(window_shape, strides, padding, spec)
    return init_fun, lambda params, inputs, **kwargs: summed((), inputs) / summed((), jnp.ones_like(inputs))


Flatten = (
    lambda rng, shape: ((shape[0], functools.reduce(operator.mul, shape[1:], 1)), ()),
    lambda params, inputs, **kwargs: jnp.reshape(inputs, (inputs.shape[0], -1)),
)


def Dropout(rate: float, mode: str = "train") -> Layer:
    """Zeros with probability 1 - rate, in mode "train", so that `rate` is kept; `apply_fun` needs a key `rng`.

    ValueError where it is missing.
    """

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        rng = kwargs.get("rng")
        if rng is None:
            raise ValueError(
                "Dropout layer requires apply_fun to be called with a PRNG key argument. That is, instead of "
                "`apply_fun(params, inputs)`, call it like `apply_fun(params, inputs, rng)` where `rng` is a key."
            )
        if mode != "train":
            return inputs
        return jnp.where(random.bernoulli(rng, rate, inputs.shape), inputs / rate, 0)

    return lambda rng, input_shape: (input_shape, ()), apply_fun


# --- layers of layers ---------------------------------------------------------------------------------


def FanOut(num: int) -> Layer:
    """Its input, `num` times, in a list."""
    return lambda rng, input_shape: ([input_shape] * num, ()), lambda params, inputs, **kwargs: [inputs] * num


FanInSum = (
    lambda rng, input_shapes: (input_shapes[0], ()),
    lambda params, inputs, **kwargs: sum(inputs),
)


def FanInConcat(axis: int = -1) -> Layer:
    """Its inputs, a sequence, one after the other along `axis`."""

    def init_fun(rng: Any, input_shapes: Sequence[Shape]) -> tuple[Shape, Any]:
        shape = list(input_shapes[0])
        shape[axis] = sum(s[axis] for s in input_shapes)
        return tuple(shape), ()

    return init_fun, lambda params, inputs, **kwargs: jnp.concatenate(inputs, axis)


def serial(*layers: Layer) -> Layer:
    """The layers one after the other; params are a list."""
    init_funs, apply_funs = zip(*layers, strict=True) if layers else ((), ())

    def init_fun(rng: Any, input_shape: Any) -> tuple[Any, list]:
        params = []
        for init in init_funs:
            rng, own = random.split(rng)
            input_shape, param = init(own, input_shape)
            params.append(param)
        return input_shape, params

    def apply_fun(params: Sequence[Any], inputs: Any, **kwargs: Any) -> Any:
        keys = _keys(kwargs.pop("rng", None), len(apply_funs))
        for apply, param, rng in zip(apply_funs, params, keys, strict=True):
            inputs = apply(param, inputs, rng=rng, **kwargs)
        return inputs

    return init_fun, apply_fun


def parallel(*layers: Layer) -> Layer:
    """The layers side by side: each has one of the inputs, and results are a list.  After `FanOut`."""
    init_funs, apply_funs = zip(*layers, strict=True) if layers else ((), ())

    def init_fun(rng: Any, input_shape: Sequence[Any]) -> tuple[Any, Any]:
        keys = random.split(rng, len(layers))
        made = [init(k, shape) for init, k, shape in zip(init_funs, keys, input_shape, strict=True)]
        shapes, params = zip(*made, strict=True)
        return shapes, params

    def apply_fun(params: Sequence[Any], inputs: Sequence[Any], **kwargs: Any) -> list:
        keys = _keys(kwargs.pop("rng", None), len(apply_funs))
        together = zip(apply_funs, params, inputs, keys, strict=True)
        return [apply(p, x, rng=rng, **kwargs) for apply, p, x, rng in together]

    return init_fun, apply_fun


def _keys(rng: Any, count: int) -> Any:
    return (None,) * count if rng is None else random.split(rng, count)


def shape_dependent(make_layer: Callable) -> Layer:
    """The layer that `make_layer(input_shape)` makes, once the shape is known."""
    return (
        lambda rng, input_shape: make_layer(input_shape)[0](rng, input_shape),
        lambda params, inputs, **kwargs: make_layer(jnp.shape(inputs))[1](params, inputs, **kwargs),
    )
