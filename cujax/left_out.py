"""Public names of JAX that are left out on purpose, and why: the one table of them.

A module with such names says `__getattr__ = refusing(__name__)`; looking one up then raises an AttributeError with the
reason.  `docs/left_out.md` shows the table, and `tests/surface/test_names.py` holds it to the names of JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

_LATER = "arrays live on one device; distribution over several comes later"
_REFS = "arrays are values that never change; carry them through loops, and write x.at[i].set(y)"
_XLA = "it belongs to XLA, which is not used here"
_FORMATS = "NumPy on the host and CuPy have no arrays of this dtype"
_BLOCKS = "it quantizes to the 4-bit and 8-bit blocks of one kind of GPU; scaled_matmul multiplies what has such blocks"
_PROFILER = "record a device with NVIDIA's nsys, in which TraceAnnotation marks ranges; trace records the host"
_EFFECTS = "effects have no types here: ops that have any run in order"
_PRIMITIVE = "no op corresponds to it"
_PARTS_OF_JAX = "it is a part of how JAX is made"
_PARTS = "it is a part of JAX's integrator; cujax.ode has its own, odeint and solve"
_MLIR = "programs are no MLIR; lower_fun(fun, multiple_results) is the lowering of what fun computes"
_IMPORTS = "it is what the module of JAX imports, not what it offers"

# module: {names: reason}
LEFT_OUT: dict[str, dict[str, str]] = {
    "cujax": {
        "Shard make_array_from_process_local_data memory smap distributed": _LATER,
        "Ref ad empty_ref free_ref freeze new_ref ds ref": _REFS,
        "allow_f16_reductions auto_pcast remove_size_one_mesh_axis_from_type "
        "jax2tf_associative_scan_reductions make_user_context ffi lib monitoring": _XLA,
        "export": "a program is traced where it runs; its kernels are kept on disk from one process to the next",
        "array_garbage_collection_guard": "arrays are freed when their last reference goes",
        "no_execution no_tracing": "log_compiles names what is traced and compiled",
        "live_arrays": "arrays are not listed anywhere, so that they are freed as soon as nobody needs them",
    },
    "cujax.lax": {
        "device_put_p eq_to_p le_to_p lt_to_p reduce_p reduce_window_p scatter_sub_p select_and_gather_add_p "
        "select_and_scatter_add_p select_and_scatter_p stack_p stage_p tile_p unstack_p approx_top_k_p": _PRIMITIVE,
        "after_all after_all_p create_token create_token_p dce_sink_p": _EFFECTS,
        "pcast precv psend ragged_all_to_all ragged_all_to_all_p sharding_constraint_p": _LATER,
        "rng_bit_generator_p": _PRIMITIVE,
        "rng_uniform rng_uniform_p": "its numbers differ from call to call; cujax.random draws by keys",
    },
    "cujax.lax.linalg": {"cholesky_update_p householder_product_p ormqr_p symmetric_product_p": _PRIMITIVE},
    "cujax.random": {"random_gamma_p": _PRIMITIVE},
    "cujax.custom_derivatives": {"remat_opt_p": _PRIMITIVE},
    "cujax.extend.core": {
        "AbstractToken DropVar Effect Effects InconclusiveDimensionOperation Token no_effects": _EFFECTS,
        "CallPrimitive DebugInfo JaxprTypeError TraceTag array_types call_impl check_jaxpr concrete_or_error gensym "
        "get_opaque_trace_state jaxprs_in_params new_jaxpr_eqn nonempty_axis_env_DO_NOT_USE "
        "primal_dtype_to_tangent_dtype set_current_trace subjaxprs take_current_trace "
        "unsafe_am_i_under_a_jit_DO_NOT_USE unsafe_am_i_under_a_vmap_DO_NOT_USE unsafe_get_axis_names_DO_NOT_USE "
        "valid_jaxtype": _PARTS_OF_JAX,
    },
    "cujax.interpreters.ad": {
        "add_jaxvals add_jaxvals_p defbilinear defjvp2 get_primitive_transpose jvp linearize": _PARTS_OF_JAX,
    },
    "cujax.interpreters.batching": {"defreducer register_vmappable unregister_vmappable": _PARTS_OF_JAX},
    "cujax.interpreters.mlir": {
        "AxisContext ConstantHandler DEVICE_TO_DEVICE_TYPE LoweringParameters LoweringResult LoweringRule "
        "LoweringRuleContext Mesh MeshAxisName ModuleContext RECV_FROM_HOST_TYPE SEND_TO_HOST_TYPE "
        "SPMDAxisContext ShapePolyLoweringState ShardingContext Token TokenSet Value aval_to_ir_type "
        "aval_to_ir_types core_call_lowering dense_int_array dense_int_elements dtype_to_ir_type "
        "emit_python_callback flatten_ir_types flatten_ir_values i32_attr i64_attr ir_attribute ir_constant "
        "ir_constants ir_tree_registry ir_type_handlers jaxpr_subcomp lower_jaxpr_to_fun "
        "lower_jaxpr_to_module lowerable_effects make_ir_context merge_mlir_modules module_to_bytecode "
        "module_to_string register_constant_handler shape_tensor token_type unflatten_ir_values_like_types": _MLIR,
    },
    "cujax.experimental": {"EArray cur_qdd primal_tangent_dtype": _PARTS_OF_JAX},
    "cujax.experimental.ode": {
        "abs2 fit_4th_order_polynomial initial_step_size interp_fit_dopri mean_error_ratio optimal_step_size "
        "promote_dtypes_inexact ravel_first_arg ravel_first_arg_ runge_kutta_step": _PARTS,
        "Callable map partial ravel_pytree safe_map safe_zip tree_leaves tree_map zip": _IMPORTS,
    },
    "cujax.sharding": {
        "AbstractDevice ManualAxisType auto_axes explicit_axes make_single_device_sharding use_abstract_mesh": _LATER,
    },
    "cujax.numpy": {"float4_e2m1fn float6_e2m3fn float6_e3m2fn int1 int2 uint1 uint2": _FORMATS},
    "cujax.nn": {"get_scaled_dot_general_config scaled_dot_general": _BLOCKS},
    "cujax.debug": {
        "DebugEffect OrderedDebugEffect": _EFFECTS,
        "inspect_array_sharding visualize_array_sharding visualize_sharding": _LATER,
    },
    "cujax.profiler": {
        "ProfileData ProfileEvent ProfileOptions ProfilePlane device_memory_profile register_subprocess "
        "save_device_memory_profile start_server stop_server": _PROFILER,
    },
}


def reason(module: str, name: str) -> str | None:
    """Why `name` is left out of `module`, or None if it is not."""
    for names, why in LEFT_OUT.get(module, {}).items():
        if name in names.split():
            return why
    return None


def refusing(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of `module`: AttributeError, with the reason for names that are left out."""

    def refuse(name: str) -> NoReturn:
        why = reason(module, name)
        text = f"module {module!r} has no attribute {name!r}"
        raise AttributeError(text if why is None else f"{text}: it is left out on purpose. {why[0].upper()}{why[1:]}.")

    return refuse


def as_page() -> str:
    """The table as the page docs/left_out.md."""
    parts = [
        "# What is left out",
        "Public names of JAX 0.10 that cujax does not have on purpose; looking one up raises an AttributeError with\n"
        "the reason. This page is written by `python -m cujax.left_out`.",
    ]
    for module, entries in LEFT_OUT.items():
        rows = [f"- {', '.join(f'`{name}`' for name in names.split())}: {why}." for names, why in entries.items()]
        parts.append("\n".join([f"## {module}", "", *rows]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(as_page(), end="")
