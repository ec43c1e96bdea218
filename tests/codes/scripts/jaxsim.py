"""jaxsim: rigid bodies in 64 bits: a pendulum on a cart and its equations of motion."""

import jax
import jax.numpy as jnp
import jaxsim.api as js

jax.config.update("jax_enable_x64", True)

TOLERANCES = {"cart": 1e-10, "mass_matrix": 1e-10}

_CART = """<?xml version="1.0"?>
<sdf version="1.10"><model name="cart">
  <link name="rail"><inertial><mass>1.0</mass><inertia><ixx>0.1</ixx><iyy>0.1</iyy><izz>0.1</izz>
    <ixy>0</ixy><ixz>0</ixz><iyz>0</iyz></inertia></inertial></link>
  <link name="cart"><pose relative_to="slide">0 0 0 0 0 0</pose>
    <inertial><mass>2.0</mass><inertia><ixx>0.2</ixx><iyy>0.2</iyy>
    <izz>0.2</izz><ixy>0</ixy><ixz>0</ixz><iyz>0</iyz></inertia></inertial></link>
  <link name="pole"><pose relative_to="turn">0 0 0 0 0 0</pose>
    <inertial><pose>0 0 0.4 0 0 0</pose><mass>0.5</mass><inertia>
    <ixx>0.05</ixx><iyy>0.05</iyy><izz>0.01</izz><ixy>0</ixy><ixz>0</ixz><iyz>0</iyz></inertia></inertial></link>
  <joint name="fixed" type="fixed"><parent>world</parent><child>rail</child></joint>
  <joint name="slide" type="prismatic"><pose relative_to="rail">0 0 0 0 0 0</pose>
    <parent>rail</parent><child>cart</child>
    <axis><xyz>0 1 0</xyz><limit><lower>-10</lower><upper>10</upper></limit></axis></joint>
  <joint name="turn" type="revolute"><pose relative_to="cart">0 0 0 0 0 0</pose><parent>cart</parent><child>pole</child>
    <axis><xyz>1 0 0</xyz><limit><lower>-100</lower><upper>100</upper></limit></axis></joint>
</model></sdf>"""


def _cart():
    model = js.model.JaxSimModel.build_from_model_description(_CART, time_step=1e-3)
    return model, js.data.JaxSimModelData.build(model=model, joint_positions=jnp.array([0.1, 0.4]))


def case_cart():
    model, data = _cart()

    @jax.jit
    def run(data):
        return jax.lax.fori_loop(0, 100, lambda i, d: js.model.step(model, d), data)

    def compute():
        end = run(data)
        return end.joint_positions, end.joint_velocities

    return compute


def case_mass_matrix():
    model, data = _cart()
    measure = jax.jit(lambda d: (
        js.model.free_floating_mass_matrix(model, d), js.model.free_floating_bias_forces(model, d),
        js.model.forward_dynamics_aba(model, d), js.model.generalized_free_floating_jacobian(model, d),
        js.model.mechanical_energy(model, d),
    ))  # fmt: skip
    return lambda: measure(data)
