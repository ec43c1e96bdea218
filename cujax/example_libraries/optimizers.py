"""Gradient methods as triples of pure functions, as `jax.example_libraries.optimizers` (once `jax.experimental`'s).

    init, update, get_params = adam(1e-3)
    state = init(params)
    state = update(i, grads, state)          # step number i
    params = get_params(state)

Each method below is written for one array; `optimizer` makes of it one for pytrees.  Step sizes are numbers or
schedules, functions of the step number.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cujax.numpy as jnp
from cujax import tree_util
from cujax.engine.core.array import Array

Schedule = Callable[[Any], Any]


class Optimizer(NamedTuple):
    """init_fn(params) -> state; update_fn(i, grads, state) -> state; params_fn(state) -> params."""

    init_fn: Callable[[Any], OptimizerState]
    update_fn: Callable[[Any, Any, OptimizerState], OptimizerState]
    params_fn: Callable[[OptimizerState], Any]


@tree_util.register_pytree_node_class
class OptimizerState:
    """What a method keeps of each array of the parameters; a pytree.

    packed_state: for each leaf of the parameters the leaves of its state.  tree_def: structure of the parameters.
    subtree_defs: of the states.
    """

    def __init__(self, packed_state: Sequence[Sequence[Any]], tree_def: Any, subtree_defs: Sequence[Any]) -> None:
        self.packed_state = tuple(map(tuple, packed_state))
        self.tree_def, self.subtree_defs = tree_def, tuple(subtree_defs)

    def tree_flatten(self) -> tuple:
        """The leaves, and the structures."""
        return self.packed_state, (self.tree_def, self.subtree_defs)

    @classmethod
    def tree_unflatten(cls, structures: tuple, leaves: tuple) -> OptimizerState:
        """A state of these parts, which may be placeholders."""
        self = object.__new__(cls)
        self.packed_state, (self.tree_def, self.subtree_defs) = leaves, structures
        return self

    def states(self) -> list[Any]:
        """The state of each leaf of the parameters."""
        return [
            tree_util.tree_unflatten(d, leaves) for d, leaves in zip(self.subtree_defs, self.packed_state, strict=True)
        ]

    @classmethod
    def of(cls, states: Sequence[Any], tree_def: Any) -> OptimizerState:
        """The state of parameters of this structure, from those of their leaves."""
        pairs = [tree_util.tree_flatten(s) for s in states]
        return cls([leaves for leaves, _ in pairs], tree_def, [d for _, d in pairs])


def optimizer(opt_maker: Callable[..., tuple[Callable, Callable, Callable]]) -> Callable[..., Optimizer]:
    """Decorator: a method for pytrees, from a function that makes (init, update, get_params) for one array."""

    @functools.wraps(opt_maker)
    def make(*args: Any, **kwargs: Any) -> Optimizer:
        init, update, get_params = opt_maker(*args, **kwargs)

        def init_tree(params: Any) -> OptimizerState:
            leaves, tree = tree_util.tree_flatten(params)
            return OptimizerState.of([init(jnp.asarray(x)) for x in leaves], tree)

        def update_tree(i: Any, grads: Any, state: OptimizerState) -> OptimizerState:
            leaves, tree = tree_util.tree_flatten(grads)
            if tree != state.tree_def:
                raise TypeError(
                    f"{opt_maker.__name__}: gradients must have the structure of the parameters, {state.tree_def}; "
                    f"got {tree}"
                )
            return OptimizerState.of([update(i, g, s) for g, s in zip(leaves, state.states(), strict=True)], tree)

        def params_of(state: OptimizerState) -> Any:
            return tree_util.tree_unflatten(state.tree_def, [get_params(s) for s in state.states()])

        return Optimizer(init_tree, update_tree, params_of)

    return make


# --- methods ----------------------------------------------------------------------------------------------------------


@optimizer
def sgd(step_size: Any) -> tuple:
    """Gradient descent: x -= step_size * g."""
    size = make_schedule(step_size)
    return lambda x: x, lambda i, g, x: x - size(i) * g, lambda x: x


@optimizer
def momentum(step_size: Any, mass: float) -> tuple:
    """Gradient descent with a velocity that decays by `mass` in each step (B. Polyak, 1964)."""
    size = make_schedule(step_size)

    def update(i: Any, g: Array, state: tuple) -> tuple:
        x, velocity = state
        velocity = mass * velocity + g
        return x - size(i) * velocity, velocity

    return _with_zeros(1), update, _first


@optimizer
def nesterov(step_size: Any, mass: float) -> tuple:
    """As `momentum`, with the gradient entered once more (Y. Nesterov, 1983)."""
    size = make_schedule(step_size)

    def update(i: Any, g: Array, state: tuple) -> tuple:
        x, velocity = state
        velocity = mass * velocity + g
        return x - size(i) * (mass * velocity + g), velocity

    return _with_zeros(1), update, _first


@optimizer
def adagrad(step_size: Any, momentum: float = 0.9) -> tuple:
    """Steps divided by the root of the sum of squared gradients (J. Duchi, E. Hazan, Y. Singer, 2011)."""
    size = make_schedule(step_size)

    def update(i: Any, g: Array, state: tuple) -> tuple:
        x, squares, m = state
        squares = squares + jnp.square(g)
        m = (1 - momentum) * (g * _inverse_root(squares)) + momentum * m
        return x - size(i) * m, squares, m

    return _with_zeros(2), update, _first


@optimizer
def rmsprop(step_size: Any, gamma: float = 0.9, eps: float = 1e-8) -> tuple:
    """Steps divided by the root of a running mean of squared gradients (T. Hinton, 2012)."""
    size = make_schedule(step_size)

    def update(i: Any, g: Array, state: tuple) -> tuple:
        x, mean = state
        mean = mean * gamma + jnp.square(g) * (1 - gamma)
        return x - size(i) * g / jnp.sqrt(mean + eps), mean

    return _with_zeros(1), update, _first


@optimizer
def rmsprop_momentum(step_size: Any, gamma: float = 0.9, eps: float = 1e-8, momentum: float = 0.9) -> tuple:
    """As `rmsprop`, with a velocity that decays by `momentum`."""
    size = make_schedule(step_size)

    def update(i: Any, g: Array, state: tuple) -> tuple:
        x, mean, velocity = state
        mean = mean * gamma + jnp.square(g) * (1 - gamma)
        velocity = momentum * velocity + size(i) * g / jnp.sqrt(mean + eps)
        return x - velocity, mean, velocity

    return _with_zeros(2), update, _first


@optimizer
def adam(step_size: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> tuple:
    """Running means of gradients and of their squares, corrected for their start at 0 (D. Kingma, J. Ba, 2015)."""
    size = make_schedule(step_size)

    def update(i: Any, g: Array, state: tuple) -> tuple:
        x, m, v = state
        m = (1 - b1) * g + b1 * m
        v = (1 - b2) * jnp.square(g) + b2 * v
        n = jnp.asarray(i, m.dtype) + 1
        return x - size(i) * (m / (1 - b1**n)) / (jnp.sqrt(v / (1 - b2**n)) + eps), m, v

    return _with_zeros(2), update, _first


@optimizer
def adamax(step_size: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> tuple:
    """As `adam`, with the largest gradient, which decays, in place of the mean of squares."""
    size = make_schedule(step_size)

    def update(i: Any, g: Array, state: tuple) -> tuple:
        x, m, largest = state
        m = (1 - b1) * g + b1 * m
        largest = jnp.maximum(b2 * largest, jnp.abs(g))
        return x - (size(i) / (1 - b1 ** (jnp.asarray(i, m.dtype) + 1))) * m / (largest + eps), m, largest

    return _with_zeros(2), update, _first


@optimizer
def sm3(step_size: Any, momentum: float = 0.9) -> tuple:
    """As `adagrad`, with the sums kept for each row and column only (R. Anil et al., 2019)."""
    size = make_schedule(step_size)

    def init(x: Array) -> tuple:
        return x, jnp.zeros_like(x), [jnp.zeros(n, x.dtype) for n in x.shape]

    def update(i: Any, g: Array, state: tuple) -> tuple:
        x, m, bounds = state
        least = functools.reduce(jnp.minimum, [_along(b, k, g.ndim) for k, b in enumerate(bounds)])
        squares = least + jnp.square(g)
        m = (1 - momentum) * (g * _inverse_root(squares)) + momentum * m
        bounds = [squares.max([a for a in range(g.ndim) if a != k]) for k in range(g.ndim)]
        return x - size(i) * m, m, bounds

    return init, update, _first


def _with_zeros(count: int) -> Callable[[Array], tuple]:
    """A state that begins with the parameters and `count` arrays of zeros like them."""
    return lambda x: (x, *[jnp.zeros_like(x)] * count)


def _first(state: tuple) -> Array:
    return state[0]


def _inverse_root(squares: Array) -> Array:
    return jnp.where(squares > 0, 1 / jnp.sqrt(jnp.where(squares > 0, squares, 1)), 0)


def _along(bound: Array, axis: int, rank: int) -> Array:
    return bound.reshape([-1 if a == axis else 1 for a in range(rank)])


# --- schedules --------------------------------------------------------------------------------------------------------


def constant(step_size: Any) -> Schedule:
    """The same size in every step."""
    return lambda i: step_size


def exponential_decay(step_size: Any, decay_steps: Any, decay_rate: Any) -> Schedule:
    """step_size * decay_rate ** (i / decay_steps)."""
    return lambda i: step_size * decay_rate ** (i / decay_steps)


def inverse_time_decay(step_size: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False) -> Schedule:
    """step_size / (1 + decay_rate * i / decay_steps); staircase: with the quotient rounded down."""

    def schedule(i: Any) -> Any:
        turns = jnp.floor(i / decay_steps) if staircase else i / decay_steps
        return step_size / (1 + decay_rate * turns)

    return schedule


def polynomial_decay(step_size: Any, decay_steps: Any, final_step_size: Any, power: float = 1.0) -> Schedule:
    """From step_size to final_step_size in decay_steps, by a power of the part that is left."""

    def schedule(i: Any) -> Any:
        left = (1 - jnp.minimum(i, decay_steps) / decay_steps) ** power
        return left * (step_size - final_step_size) + final_step_size

    return schedule


def piecewise_constant(boundaries: Any, values: Any) -> Schedule:
    """values[n] once the step number is greater than n of the boundaries; ValueError unless it is one value more."""
    boundaries, values = jnp.array(boundaries), jnp.array(values)
    if boundaries.ndim != 1 or values.shape != (len(boundaries) + 1,):
        raise ValueError(
            f"piecewise_constant: there must be one value more than boundaries, got {values.shape}, {boundaries.shape}"
        )
    return lambda i: values[jnp.sum(i > boundaries)]


def make_schedule(scalar_or_schedule: Any) -> Schedule:
    """A schedule as it is, a number as a constant one.  TypeError for anything else."""
    if callable(scalar_or_schedule):
        return scalar_or_schedule
    if jnp.ndim(scalar_or_schedule) == 0:
        return constant(scalar_or_schedule)
    raise TypeError(f"a step size is a number or a function of the step number, got {type(scalar_or_schedule)}")


# --- gradients --------------------------------------------------------------------------------------------------------


def l2_norm(tree: Any) -> Array:
    """The root of the sum of squares of all elements of a pytree."""
    return jnp.sqrt(sum(jnp.vdot(x, x) for x in tree_util.tree_leaves(tree)))


def clip_grads(grad_tree: Any, max_norm: Any) -> Any:
    """The gradients, made shorter where their norm is greater than max_norm."""
    norm = l2_norm(grad_tree)
    return tree_util.tree_map(lambda g: jnp.where(norm < max_norm, g, g * (max_norm / norm)), grad_tree)


# --- states for files -------------------------------------------------------------------------------------------------


class JoinPoint:
    """Where the state of one array begins in a tree that `unpack_optimizer_state` returns; a leaf."""

    def __init__(self, subtree: Any) -> None:
        self.subtree = subtree

    def __iter__(self) -> Any:
        yield self.subtree


def unpack_optimizer_state(opt_state: OptimizerState) -> Any:
    """A tree of the structure of the parameters, with a `JoinPoint` around the state of each array."""
    return tree_util.tree_unflatten(opt_state.tree_def, list(map(JoinPoint, opt_state.states())))


def pack_optimizer_state(marked_pytree: Any) -> OptimizerState:
    """The inverse of `unpack_optimizer_state`.  TypeError where a leaf is no `JoinPoint`."""
    points, tree = tree_util.tree_flatten(marked_pytree)
    if not all(isinstance(p, JoinPoint) for p in points):
        raise TypeError("pack_optimizer_state: every leaf must be a JoinPoint, as unpack_optimizer_state makes them")
    return OptimizerState.of([p.subtree for p in points], tree)
