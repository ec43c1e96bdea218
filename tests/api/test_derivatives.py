"""grad, vjp, jvp, linearize and Jacobians: values, dtypes, structures and errors are JAX's."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from jax_comparison import assert_same

import cujax
import cujax.numpy as jnp

X = np.array([0.5, -1.0, 2.0], np.float32)
FLOAT0 = np.zeros((), jax.dtypes.float0)


def smooth(c):
    """A function of a vector with products, a transcendental and a reduction."""
    return lambda x: (c.numpy.sin(x) * x * x).sum()


def vector(c):
    return lambda x: c.numpy.stack([x[0] * x[1], c.numpy.sin(x[2]), x[0] ** 3])


def tree(c):
    return lambda p: {"u": p["a"] * 2 + p["b"], "v": [(p["a"] ** 2).sum()]}


TREE = {"a": X, "b": 1.5}

GRADIENTS = {
    "vector": lambda c: c.grad(smooth(c))(X),
    "of a python scalar": lambda c: c.grad(lambda x: x * x * 3)(2.0),
    "weak input made strong": lambda c: c.grad(lambda x: x * c.numpy.float32(2))(2.0),
    "through jit": lambda c: c.grad(c.jit(lambda x: x * c.numpy.float32(2)))(2.0),
    "a constant": lambda c: c.grad(lambda x: 3.0)(1.0),
    "an unused argument": lambda c: c.grad(lambda x, y: x * 1.0, argnums=(0, 1))(1.0, c.numpy.ones(3)),
    "argnums": lambda c: c.grad(lambda x, y: x * y, argnums=1)(2.0, 3.0),
    "negative argnums": lambda c: c.grad(lambda x, y: x * y, argnums=-1)(2.0, 3.0),
    "several argnums": lambda c: c.grad(lambda x, y: x * y, argnums=(1, 0))(2.0, 3.0),
    "one in a list": lambda c: c.grad(lambda x, y: x * y, argnums=[1])(2.0, 3.0),
    "of a dict": lambda c: c.grad(lambda p: (p["a"] * p["b"]).sum())(TREE),
    "keyword arguments": lambda c: c.grad(lambda x, k: x * k)(2.0, k=3.0),
    "has_aux": lambda c: c.grad(lambda x: (x * x, {"a": x * 2, "n": 3, "s": "text"}), has_aux=True)(2.0),
    "value and aux": lambda c: c.value_and_grad(lambda x: (x * x, x * 2), has_aux=True)(c.numpy.float32(2)),
    "value": lambda c: c.value_and_grad(lambda x: x * 2)(np.float32(2)),
    "second": lambda c: c.grad(c.grad(lambda x: c.numpy.sin(x) * x))(1.0),
    "third, with jit in between": lambda c: c.grad(c.jit(c.grad(c.jit(c.grad(lambda x: x**4)))))(1.0),
    "of complex arguments": lambda c: c.grad(lambda z: (z * c.numpy.conj(z)).real)(np.complex64(1 + 2j)),
    "holomorphic": lambda c: c.grad(lambda z: z**3, holomorphic=True)(1.0 + 2j),
    "integers allowed": lambda c: c.grad(lambda p: p["n"] * p["x"], allow_int=True)({"n": 3, "x": 2.0}),
    "half precision": lambda c: c.grad(lambda x: (x * x).sum())(c.numpy.ones(3, c.numpy.float16)),
    "python control flow": lambda c: c.grad(lambda x: 3.0 * x**2 if x < 3 else -4 * x)(2.0),
    "hessian of python scalars": lambda c: c.grad(lambda x: c.grad(lambda y: y**5 * x)(x))(1.5),
    "under vmap": lambda c: c.vmap(c.grad(lambda x: c.numpy.sin(x) * x))(X),
    "of vmap": lambda c: c.grad(lambda x: c.vmap(lambda y: y * y)(x).sum())(X),
    "float64 input": lambda c: c.grad(lambda x: (x * x).sum())(np.arange(3.0)),
    "stop_gradient": lambda c: c.grad(lambda x: c.lax.stop_gradient(x) * x)(3.0),
    "stop_gradient of a tree": lambda c: c.lax.stop_gradient({"i": 1, "x": X, "b": True}),
}

REFUSED_GRADIENTS = {
    "integer": lambda c: c.grad(lambda x: x)(3),
    "integer array": lambda c: c.grad(lambda x: x.sum())(np.arange(3)),
    "bool": lambda c: c.grad(lambda x: x)(True),
    "string": lambda c: c.grad(lambda x: x)("s"),
    "a key": lambda c: c.grad(lambda k: 1.0)(c.random.key(0)),
    "vector output": lambda c: c.grad(lambda x: x)(X),
    "output of shape (1,)": lambda c: c.grad(lambda x: x)(np.ones(1, np.float32)),
    "tuple output": lambda c: c.grad(lambda x: (x, x))(1.0),
    "no output": lambda c: c.grad(lambda x: None)(1.0),
    "string output": lambda c: c.grad(lambda x: "s")(1.0),
    "integer output": lambda c: c.grad(lambda x: 3)(1.0),
    "complex output": lambda c: c.grad(lambda x: x * 1j)(1.0),
    "holomorphic with real input": lambda c: c.grad(lambda x: x, holomorphic=True)(1.0),
    "holomorphic with real output": lambda c: c.grad(lambda x: x.real, holomorphic=True)(1j),
    "argnums out of range": lambda c: c.grad(lambda x: x, argnums=3)(1.0),
    "argnums repeated": lambda c: c.grad(lambda x, y: x * y, argnums=(0, 0))(1.0, 2.0),
    "argnums a string": lambda c: c.grad(lambda x: x, argnums="x")(1.0),
    "only keywords": lambda c: c.grad(lambda x: x)(x=1.0),
    "no function": lambda c: c.grad(3.0),
    "no pair with has_aux": lambda c: c.grad(lambda x: x, has_aux=True)(1.0),
    "a triple with has_aux": lambda c: c.grad(lambda x: (x, x, x), has_aux=True)(1.0),
}

FORWARD = {
    "jvp": lambda c: c.jvp(smooth(c), (X,), (X + 1,)),
    "jvp of lists": lambda c: c.jvp(lambda x, y: x * y, [2.0, 3.0], [1.0, 0.5]),
    "jvp of a tree": lambda c: c.jvp(tree(c), (TREE,), ({"a": X, "b": 2.0},)),
    "jvp with aux": lambda c: c.jvp(lambda x: (x * 2, {"q": x * 3}), (1.0,), (1.0,), has_aux=True),
    "jvp of an integer": lambda c: c.jvp(lambda n, x: n * x, (2, 3.0), (FLOAT0, 1.0)),
    "jvp with integer output": lambda c: c.jvp(lambda x: (x * 2, c.numpy.int32(2)), (1.0,), (1.0,)),
    "jvp, weak tangent": lambda c: c.jvp(lambda x: x * 2, (c.numpy.float32(1),), (1.0,))[0],
    "jvp: no tuples": lambda c: c.jvp(lambda x: x, 1.0, 1.0),
    "jvp: tuple and list": lambda c: c.jvp(lambda x: x, (1.0,), [1.0]),
    "jvp: lengths": lambda c: c.jvp(lambda x: x, (1.0,), (1.0, 2.0)),
    "jvp: structures": lambda c: c.jvp(lambda x: x, ({"a": 1.0},), ({"b": 1.0},)),
    "jvp: integer tangent": lambda c: c.jvp(lambda x: x, (1.0,), (1,)),
    "jvp: float tangent of an integer": lambda c: c.jvp(lambda x: x, (1,), (1.0,)),
    "jvp: shapes": lambda c: c.jvp(lambda x: x, (X,), (X[:2],)),
    "jvp: widths": lambda c: c.jvp(lambda x: x, (X,), (X.astype(np.float16),)),
    "jvp: no function": lambda c: c.jvp(2, (1.0,), (1.0,)),
    "linearize": lambda c: c.linearize(smooth(c), X)[1](X + 1),
    "linearize of a tree": lambda c: c.linearize(tree(c), TREE)[1]({"a": X, "b": 2.0}),
    "linearize with aux": lambda c: c.linearize(lambda x: (x * 2, {"q": x * 3}), 1.0, has_aux=True)[2],
    "linearize of an integer": lambda c: c.linearize(lambda n, x: n * x, 2, 3.0)[1](FLOAT0, 1.0),
    "linearize: shape": lambda c: c.linearize(c.numpy.sin, 1.0)[1](X),
    "linearize: dtype": lambda c: c.linearize(c.numpy.sin, 1.0)[1](1),
    "linearize: structure": lambda c: c.linearize(c.numpy.sin, 1.0)[1]((1.0,)),
    "linearize: too many": lambda c: c.linearize(c.numpy.sin, 1.0)[1](1.0, 2.0),
}

REVERSE = {
    "vjp": lambda c: c.vjp(smooth(c), X)[1](np.float32(2)),
    "vjp of a tree": lambda c: c.vjp(tree(c), TREE)[1]({"u": X, "v": [np.float32(2)]}),
    "vjp of an integer": lambda c: c.vjp(lambda n, x: n * x, 2, 3.0)[1](1.0),
    "vjp with integer output": lambda c: c.vjp(lambda x: (x * 2, 3), 1.0)[1]((1.0, FLOAT0)),
    "vjp with aux": lambda c: c.vjp(lambda x: (x * 2, {"q": x * 3}), 1.0, has_aux=True)[2],
    "vjp twice": lambda c: c.vjp(lambda x: c.vjp(lambda y: y**3, x)[1](1.0)[0], 2.0)[1](1.0),
    "vjp returned from jit": lambda c: c.jit(lambda x: c.vjp(c.numpy.sin, x)[1])(X)(X),
    "vjp passed to jit": lambda c: c.jit(lambda f, ct: f(ct))(c.vjp(c.numpy.sin, X)[1], X),
    "vjp: shape": lambda c: c.vjp(c.numpy.sin, X)[1](X[:2]),
    "vjp: dtype": lambda c: c.vjp(c.numpy.sin, X)[1](np.ones(3, np.int32)),
    "vjp: width": lambda c: c.vjp(c.numpy.sin, X)[1](X.astype(np.float16)),
    "vjp: structure": lambda c: c.vjp(c.numpy.sin, X)[1]((X,)),
    "vjp: None": lambda c: c.vjp(c.numpy.sin, X)[1](None),
    "vjp: list for tuple": lambda c: c.vjp(lambda x: (x, x), X)[1]([X, X]),
    "vjp: two arguments": lambda c: c.vjp(lambda x: (x, x), X)[1](X, X),
    "vjp: no argument": lambda c: c.vjp(c.numpy.sin, X)[1](),
    "vjp: a string": lambda c: c.vjp(lambda x: x, "s"),
    "linear_transpose": lambda c: c.linear_transpose(lambda x: 2 * x, 1.0)(3.0),
    "linear_transpose of two": lambda c: c.linear_transpose(lambda x, y: {"a": 2 * x + y}, X, X)({"a": X}),
    "linear_transpose of an affine": lambda c: c.linear_transpose(lambda x: 2 * x + 1, 1.0)(3.0),
    "linear_transpose of a shape": lambda c: c.linear_transpose(
        lambda x: c.numpy.sum(x * 3), c.ShapeDtypeStruct((3,), np.float32))(np.float32(2)),
    "linear_transpose of integers": lambda c: c.linear_transpose(lambda x: 2 * x, 1)(3),
    "linear_transpose of a jit": lambda c: c.linear_transpose(c.jit(lambda x: 2 * x), X)(X),
    "linear_transpose of a constant": lambda c: c.linear_transpose(lambda x: 3.0, 1.0)(1.0),
    "linear_transpose: not linear": lambda c: c.linear_transpose(c.numpy.sin, 1.0)(1.0),
    "linear_transpose: int to float": lambda c: c.linear_transpose(lambda x: 2.0 * x, 1)(3.0),
    "linear_transpose: structure": lambda c: c.linear_transpose(lambda x: 2 * x, 1.0)((3.0,)),
    "linear_transpose: dtype": lambda c: c.linear_transpose(lambda x: 2 * x, 1.0)(3),
}

JACOBIANS = {
    "jacfwd": lambda c: c.jacfwd(vector(c))(X),
    "jacrev": lambda c: c.jacrev(vector(c))(X),
    "jacfwd of a tree": lambda c: c.jacfwd(tree(c))(TREE),
    "jacrev of a tree": lambda c: c.jacrev(tree(c))(TREE),
    "jacfwd, argnums": lambda c: c.jacfwd(lambda x, y: x * y, argnums=(1, 0))(2.0, X),
    "jacrev, argnums": lambda c: c.jacrev(lambda x, y: x * y, argnums=(1, 0))(2.0, X),
    "jacrev, one in a tuple": lambda c: c.jacrev(lambda x, y: x * y, argnums=(0,))(X, X),
    "jacfwd with aux": lambda c: c.jacfwd(lambda x: (x * x, {"c": x}), has_aux=True)(X)[0],
    "jacrev with aux": lambda c: c.jacrev(lambda x: (x * x, {"c": x}), has_aux=True)(X)[0],
    "jacfwd with integer output": lambda c: c.jacfwd(lambda x: (x, c.numpy.int32(2)))(X),
    "jacrev of integers": lambda c: c.jacrev(lambda x: x * 2.0, allow_int=True)(np.arange(3)),
    "jacfwd of a constant": lambda c: c.jacfwd(lambda x: c.numpy.ones((2, 2)))(X),
    "jacfwd to complex": lambda c: c.jacfwd(lambda x: x * 1j)(X),
    "jacfwd holomorphic": lambda c: c.jacfwd(lambda x: x**2, holomorphic=True)(X * 1j),
    "jacrev holomorphic": lambda c: c.jacrev(lambda x: x**2, holomorphic=True)(X * 1j),
    "jacfwd of an empty array": lambda c: c.jacfwd(lambda x: x * 2)(np.ones((0, 2), np.float32)),
    "jacrev of an empty array": lambda c: c.jacrev(lambda x: x * 2)(np.ones((0, 2), np.float32)),
    "hessian": lambda c: c.hessian(smooth(c))(X),
    "hessian of a tree": lambda c: c.hessian(lambda p: (p["a"] ** 3 * p["b"] ** 2).sum())(TREE),
    "hessian, argnums": lambda c: c.hessian(lambda x, y: (x**3 * y).sum(), argnums=(0, 1))(X, 2.0),
    "hessian with aux": lambda c: c.hessian(lambda x: ((x**3).sum(), x * 2), has_aux=True)(X)[0],
    "hessian under jit and vmap": lambda c: c.jit(c.vmap(c.hessian(smooth(c))))(np.stack([X, X + 1])),
    "forward over forward": lambda c: c.jacfwd(c.jacfwd(smooth(c)))(X),
    "reverse over reverse": lambda c: c.jacrev(c.jacrev(smooth(c)))(X),
    "reverse over forward": lambda c: c.jacrev(c.jacfwd(smooth(c)))(X),
    "jacfwd: integers": lambda c: c.jacfwd(lambda x: x**2)(np.arange(3)),
    "jacfwd: complex": lambda c: c.jacfwd(lambda x: x**2)(X * 1j),
    "jacfwd: holomorphic, real": lambda c: c.jacfwd(lambda x: x, holomorphic=True)(X),
    "jacfwd: holomorphic, real output": lambda c: c.jacfwd(lambda x: x.real, holomorphic=True)(X * 1j),
    "jacrev: integers": lambda c: c.jacrev(lambda x: x**2)(np.arange(3)),
    "jacrev: complex output": lambda c: c.jacrev(lambda x: x * 1j)(X),
    "jacrev: integer output": lambda c: c.jacrev(lambda x: (x, c.numpy.int32(2)))(X),
    "jacrev: holomorphic, real": lambda c: c.jacrev(lambda x: x, holomorphic=True)(X),
}


@pytest.mark.parametrize("case", GRADIENTS)
def test_gradient(case):
    assert_same(GRADIENTS[case])


@pytest.mark.parametrize("case", REFUSED_GRADIENTS)
def test_refused_gradient(case):
    assert_same(REFUSED_GRADIENTS[case])


@pytest.mark.parametrize("case", FORWARD)
def test_forward(case):
    assert_same(FORWARD[case])


@pytest.mark.parametrize("case", REVERSE)
def test_reverse(case):
    assert_same(REVERSE[case])


@pytest.mark.parametrize("case", JACOBIANS)
def test_jacobian(case):
    assert_same(JACOBIANS[case], weak=False)  # JAX's own forward and reverse modes disagree about weakness


@pytest.mark.parametrize("case", ["float64 input", "second", "hessian of python scalars", "holomorphic"])
def test_gradient_in_64_bits(x64, case):
    assert_same(GRADIENTS[case], rtol=1e-14)


def test_fwd_and_bwd_give_the_gradient_in_the_order_of_argnums():
    for jitted in (False, True):
        fwd, bwd = cujax.fwd_and_bwd(lambda x, y: x * y, argnums=(1, 0), jitted=jitted)
        out, f_vjp = fwd(2.0, 3.0)
        assert float(out) == 6.0
        assert [float(g) for g in bwd(f_vjp, 1.0)] == [2.0, 3.0]


def test_single_argnum_of_fwd_and_bwd_is_no_tuple():
    fwd, bwd = cujax.fwd_and_bwd(lambda x, y: (x * y, y), argnums=0, has_aux=True)
    out, f_vjp, aux = fwd(2.0, 3.0)
    assert (float(out), float(aux), float(bwd(f_vjp, 1.0))) == (6.0, 3.0, 3.0)


def test_f_vjp_is_a_pytree_of_its_residuals():
    _, f_vjp = cujax.vjp(lambda x: jnp.sin(x) * jnp.exp(x), jnp.ones(3))
    leaves, treedef = cujax.tree.flatten(f_vjp)
    assert len(leaves) == 3
    doubled = cujax.tree.unflatten(treedef, [2 * leaf for leaf in leaves])
    np.testing.assert_allclose(doubled(jnp.ones(3))[0], 4 * f_vjp(jnp.ones(3))[0], rtol=1e-6)


def test_linearized_function_does_not_run_the_function_again():
    runs = []

    def f(x):
        runs.append(1)
        return jnp.sin(x)

    _, f_jvp = cujax.linearize(f, 1.0)
    f_jvp(1.0), f_jvp(2.0)
    assert len(runs) == 1


def test_passing_a_linearized_function_to_jit_traces_once():
    traces = []

    @cujax.jit
    def apply(f, t):
        traces.append(1)
        return f(t)

    _, f_jvp = cujax.linearize(jnp.sin, jnp.ones(3))
    apply(f_jvp, jnp.ones(3)), apply(f_jvp, jnp.zeros(3))
    assert len(traces) == 1


def test_aux_may_hold_anything():
    marker = object()
    _, aux = cujax.grad(lambda x: (x * x, {"marker": marker, "x": x}), has_aux=True)(2.0)
    assert aux["marker"] is marker and isinstance(aux["x"], cujax.Array) and float(aux["x"]) == 2.0


def test_what_does_not_depend_on_the_inputs_costs_nothing():
    """The linear tape of x * expensive(y) holds one product, and its residual."""
    _, f_jvp = cujax.linearize(lambda x: x * jnp.sin(jnp.exp(2.0)), 1.0)
    assert len(f_jvp.func.derivative.tape.eqns) == 1


@pytest.mark.parametrize("program, words", [
    (lambda: cujax.grad(f_of_pytree)({"w": [1.0, "text"]}), ["f_of_pytree", "params['w'][1]", "'text'"]),
    (lambda: cujax.grad(f_of_pytree)({"w": [1.0, 2]}), ["params['w'][1]", "int32", "allow_int"]),
    (lambda: cujax.grad(lambda x: x)(jnp.ones(3)), ["shape: (3,)", "jacrev"]),
    (lambda: cujax.grad(lambda x: x, argnums=2)(1.0), ["at least 3", "1"]),
    (lambda: cujax.vjp(lambda x: (x, x), 1.0)[1](1.0, 1.0), ["f_vjp((ct1, ct2))"]),
    (lambda: cujax.vjp(lambda x: {"a": [x]}, 1.0)[1]({"a": (1.0,)}), ["ct['a']", "list", "tuple"]),
    (lambda: cujax.jvp(lambda x: x, (1.0,), (1,)), ["argument x", "i32[]", "f32[]"]),
])
def test_error_texts_say_what_and_where(program, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        program()
    for word in words:
        assert word in str(caught.value)


def f_of_pytree(params):
    return params["w"][0]
