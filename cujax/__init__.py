"""cujax: JAX's programming model on CuPy, and on NumPy where there is no GPU.

    import cujax
    import cujax.numpy as jnp

    @cujax.jit
    def step(x): return x + 0.01 * jnp.sin(x)

    cujax.grad(lambda x: step(x).sum())(jnp.ones(3))

Pure functions of arrays are traced once and transformed: `jit` compiles, `grad`, `jvp` and `vjp`
differentiate, `vmap` batches; `cujax.lax` has loops and branches, `cujax.random` explicit random keys.
Names, arguments and results are JAX's.  Only exports stand here, and what makes errors say which one was called.
"""

from cujax import (
    ad_checkpoint,
    checkpoint_policies,
    config,
    core,
    custom_batching,
    custom_derivatives,
    debug,
    dlpack,
    dtypes,
    errors,
    example_libraries,
    experimental,
    extend,
    flatten_util,
    image,
    interpreters,
    lax,
    nn,
    numpy,
    ode,
    ops,
    profiler,
    random,
    scipy,
    sharding,
    stages,
    test_util,
    tree,
    tree_util,
    typing,
)
from cujax.api.callbacks import cupy_call, numpy_call, pure_callback
from cujax.api.custom_gradient import custom_gradient
from cujax.api.custom_jvp import custom_jvp
from cujax.api.custom_vjp import custom_vjp
from cujax.api.derivatives import fwd_and_bwd, grad, jvp, linearize, value_and_grad, vjp
from cujax.api.devices import (
    block_until_ready,
    copy_to_host_async,
    default_backend,
    device_count,
    device_get,
    devices,
    effects_barrier,
    ensure_compile_time_eval,
    host_count,
    host_id,
    host_ids,
    local_device_count,
    local_devices,
    print_environment_info,
    process_count,
    process_index,
    process_indices,
)
from cujax.api.explain import explain
from cujax.api.inspect import closure_convert, eval_shape, make_jaxpr, named_call, named_scope, typeof
from cujax.api.jacobians import hessian, jacfwd, jacobian, jacrev
from cujax.api.jit import clear_caches, jit
from cujax.api.linear_transpose import linear_transpose
from cujax.api.mesh import PartitionSpec as P
from cujax.api.mesh import make_mesh, set_mesh
from cujax.api.options import (
    check_tracer_leaks,
    checking_leaks,
    debug_infs,
    debug_key_reuse,
    debug_nans,
    default_device,
    default_matmul_precision,
    default_prng_impl,
    disable_jit,
    enable_checks,
    enable_custom_prng,
    enable_x64,
    explain_cache_misses,
    legacy_prng_key,
    log_compiles,
    numpy_dtype_promotion,
    numpy_rank_promotion,
    softmax_custom_jvp,
    thread_guard,
    threefry_partitionable,
    transfer_guard,
    transfer_guard_device_to_device,
    transfer_guard_device_to_host,
    transfer_guard_host_to_device,
)
from cujax.api.pmap import pmap
from cujax.api.progress import progress
from cujax.api.remat import checkpoint, remat
from cujax.api.shape_dtype import ShapeDtypeStruct
from cujax.api.shard_map import shard_map
from cujax.api.sharding import (
    NamedSharding,
    device_put,
    make_array_from_callback,
    make_array_from_single_device_arrays,
    reshard,
)
from cujax.api.vectorize import vmap
from cujax.engine.backends.api import Device
from cujax.engine.core.array import Array
from cujax.engine.ground.dtypes import float0
from cujax.engine.ground.error_names import name_errors as _name_errors
from cujax.left_out import refusing as _refusing
from cujax.numpy.cuda_op import cuda_op

__version__ = "0.1.0"

_distributions = [m for m in vars(scipy.stats).values() if hasattr(m, "__file__")]
for _module in (numpy, lax, nn, random, image, ops, tree_util, scipy.special, scipy.signal, scipy.ndimage,
                scipy.integrate, scipy.interpolate, scipy.optimize, scipy.stats, scipy.cluster.vq):  # fmt: skip
    _name_errors(_module)
for _module in (numpy.linalg, numpy.fft, lax.linalg, nn.initializers, scipy.linalg, scipy.fft, scipy.sparse.linalg,
                *_distributions):  # fmt: skip
    _name_errors(_module, _module.__name__.rpartition(".")[2] + ".")

__getattr__ = _refusing(__name__)
