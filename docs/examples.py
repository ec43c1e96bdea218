"""Examples of what `tests/surface/generated.py` does not call: functions of functions, of shapes, of keys, and classes.

    EXAMPLES[module]    for each `name: statements`, parted by "; " or new lines that are indented

What they print and the value of the last one are shown.
`docs/pages.py` runs them, with the short names `jnp`, `lax`, `np` and those of NAMES there.
"""

from __future__ import annotations

EXAMPLES = {
    "": """
Array: isinstance(jnp.ones(2), cujax.Array)
Device: isinstance(cujax.devices()[0], cujax.Device)
ShapeDtypeStruct: cujax.eval_shape(jnp.sin, cujax.ShapeDtypeStruct((2, 3), 'float32'))
block_until_ready: cujax.block_until_ready({'a': jnp.ones(2)})
check_tracer_leaks: with cujax.check_tracer_leaks(True): print(cujax.jit(jnp.sin)(0.0))
checking_leaks: with cujax.checking_leaks(): print(cujax.jit(jnp.sin)(0.0))
checkpoint: cujax.grad(cujax.checkpoint(lambda x: jnp.sin(jnp.sin(x))))(1.0)
remat: cujax.grad(cujax.remat(lambda x: jnp.sin(jnp.sin(x))))(1.0)
clear_caches: cujax.clear_caches()
closure_convert: f, consts = cujax.closure_convert(lambda x: x * 2, 1.0); f(3.0, *consts)
copy_to_host_async: cujax.copy_to_host_async(jnp.ones(2))
cuda_op: softplus = cujax.cuda_op('log1p(exp(x))', derivative={'x': '1 / (1 + exp(-x))'}); cujax.grad(softplus)(0.0)
numpy_call: sort = lambda x: cujax.numpy_call(np.sort, x, x); cujax.jit(sort)(jnp.array([3.0, 1.0, 2.0]))
pure_callback: cujax.jit(lambda x: cujax.pure_callback(np.sin, x, x))(jnp.ones(2))
custom_gradient: f = cujax.custom_gradient(lambda x: (x ** 2, lambda ct: ct * 10)); cujax.grad(f)(3.0)
custom_jvp: f = cujax.custom_jvp(jnp.sin); f.defjvps(lambda t, out, x: 7 * t); cujax.grad(f)(0.0)
custom_vjp: f = cujax.custom_vjp(jnp.sin); f.defvjp(lambda x: (jnp.sin(x), None), lambda _, ct: (7 * ct,))
    cujax.grad(f)(0.0)
debug_infs: with cujax.debug_infs(True): print(cujax.config.jax_debug_infs)
debug_key_reuse: with cujax.debug_key_reuse(True): print(cujax.config.jax_debug_key_reuse)
debug_nans: with cujax.debug_nans(True): print(cujax.config.jax_debug_nans)
disable_jit: with cujax.disable_jit(): print(cujax.jit(lambda x: x + 1)(1.0))
enable_x64: with cujax.enable_x64(True): print(jnp.ones(2).dtype)
default_matmul_precision: with cujax.default_matmul_precision('highest'): print(jnp.eye(2) @ jnp.ones(2))
default_prng_impl: with cujax.default_prng_impl('threefry2x32'): print(random.key(0).dtype)
default_device: with cujax.default_device(cujax.devices()[0]): print(jnp.ones(2))
enable_checks: with cujax.enable_checks(True): print(cujax.jit(jnp.cos)(0.0))
enable_custom_prng: with cujax.enable_custom_prng(True): print(random.PRNGKey(0).dtype)
ensure_compile_time_eval: with cujax.ensure_compile_time_eval(): print(jnp.ones(2).sum())
explain_cache_misses: with cujax.explain_cache_misses(False): print(cujax.jit(jnp.cos)(0.0))
legacy_prng_key: with cujax.legacy_prng_key('allow'): print(random.PRNGKey(0))
log_compiles: with cujax.log_compiles(False): print(cujax.jit(jnp.cos)(0.0))
numpy_dtype_promotion: with cujax.numpy_dtype_promotion('strict'): print(jnp.ones(2) + 1)
numpy_rank_promotion: with cujax.numpy_rank_promotion('raise'): print(jnp.ones(2) + 1)
softmax_custom_jvp: with cujax.softmax_custom_jvp(True): print(nn.softmax(jnp.zeros(2)))
thread_guard: with cujax.thread_guard(False): print(jnp.ones(2))
threefry_partitionable: with cujax.threefry_partitionable(True): print(random.bits(random.key(0)))
transfer_guard: with cujax.transfer_guard('allow'): print(jnp.asarray(np.ones(2)))
transfer_guard_device_to_device: with cujax.transfer_guard_device_to_device('allow'): print(jnp.ones(2))
transfer_guard_device_to_host: with cujax.transfer_guard_device_to_host('allow'): print(np.asarray(jnp.ones(2)))
transfer_guard_host_to_device: with cujax.transfer_guard_host_to_device('allow'): print(jnp.asarray(np.ones(2)))
default_backend: cujax.default_backend() in ('cpu', 'gpu')
device_count: cujax.device_count()
local_device_count: cujax.local_device_count()
devices: len(cujax.devices())
local_devices: len(cujax.local_devices())
device_get: cujax.device_get(jnp.ones(2))
device_put: cujax.device_put(np.ones(2, np.float32))
P: cujax.P('i', None)
make_mesh: cujax.make_mesh((1, 1), ('i', 'j'))
set_mesh: with cujax.set_mesh(cujax.make_mesh((1,), ('i',))): print(cujax.sharding.get_mesh().axis_names)
NamedSharding: cujax.NamedSharding(cujax.make_mesh((1,), ('i',)), cujax.P('i')).shard_shape((4, 2))
make_array_from_callback: where = cujax.NamedSharding(cujax.make_mesh((1,), ('i',)), cujax.P('i'))
    cujax.make_array_from_callback((3,), where, lambda index: np.arange(3)[index])
make_array_from_single_device_arrays: where = cujax.NamedSharding(cujax.make_mesh((1,), ('i',)), cujax.P('i'))
    cujax.make_array_from_single_device_arrays((2,), where, [jnp.ones(2)])
reshard: cujax.reshard(jnp.ones(2), cujax.NamedSharding(cujax.make_mesh((1,), ('i',)), cujax.P('i')))
shard_map: mesh = cujax.make_mesh((1,), ('i',))
    mean = cujax.shard_map(lambda x: lax.pmean(x.sum(), 'i'), mesh=mesh, in_specs=cujax.P('i'), out_specs=cujax.P())
    mean(jnp.ones(4))
effects_barrier: cujax.effects_barrier()
host_count: cujax.host_count()
host_id: cujax.host_id()
host_ids: cujax.host_ids()
process_count: cujax.process_count()
process_index: cujax.process_index()
process_indices: cujax.process_indices()
print_environment_info: 'cujax' in cujax.print_environment_info(return_string=True)
eval_shape: cujax.eval_shape(lambda x: x @ x.T, jnp.ones((2, 3)))
explain: cujax.explain(lambda x: jnp.sin(x) + 1)(jnp.ones(4)).splitlines()[0]
fwd_and_bwd: fwd, bwd = cujax.fwd_and_bwd(jnp.sin, 0); out, res = fwd(0.0); bwd(res, 1.0)
grad: cujax.grad(lambda x: x ** 3)(2.0)
value_and_grad: cujax.value_and_grad(lambda x: x ** 3)(2.0)
hessian: cujax.hessian(lambda x: (x ** 3).sum())(jnp.array([1.0, 2.0]))
jacfwd: cujax.jacfwd(lambda x: x ** 2)(jnp.array([1.0, 2.0]))
jacobian: cujax.jacobian(lambda x: x ** 2)(jnp.array([1.0, 2.0]))
jacrev: cujax.jacrev(lambda x: x ** 2)(jnp.array([1.0, 2.0]))
jit: cujax.jit(lambda x: jnp.sin(x) + 1)(jnp.zeros(2))
jvp: cujax.jvp(jnp.sin, (0.0,), (2.0,))
vjp: out, pull_back = cujax.vjp(jnp.sin, 0.0); pull_back(2.0)
linearize: out, slope = cujax.linearize(jnp.sin, 0.0); slope(2.0)
linear_transpose: cujax.linear_transpose(lambda x: 3 * x, 1.0)(2.0)
make_jaxpr: cujax.make_jaxpr(lambda x: x * 2)(1.0)
named_call: cujax.named_call(jnp.sin, name='wave')(0.0)
named_scope: with cujax.named_scope('step'): print(jnp.sin(0.0))
progress: loop = cujax.progress(lax.fori_loop, every=2); loop(0, 3, lambda i, x: x + i, 0)
typeof: cujax.typeof(jnp.ones(2))
vmap: cujax.vmap(lambda x, y: x @ y)(jnp.ones((3, 2)), jnp.ones((3, 2)))
""",
    "numpy": """
dtype: jnp.dtype('float32')
get_printoptions: jnp.get_printoptions()['precision']
printoptions: with jnp.printoptions(precision=2): print(jnp.array([0.123456]))
set_printoptions: jnp.set_printoptions(precision=8)
arange: jnp.arange(1, 7, 2)
broadcast_shapes: jnp.broadcast_shapes((2, 1), (3,))
can_cast: jnp.can_cast('int32', 'float32')
dsplit: jnp.dsplit(jnp.ones((1, 1, 2)), 2)
hsplit: jnp.hsplit(jnp.arange(4), 2)
vsplit: jnp.vsplit(jnp.eye(2), 2)
einsum_path: jnp.einsum_path('ij,jk,kl->il', jnp.ones((2, 3)), jnp.ones((3, 4)), jnp.ones((4, 2)))[0]
empty: jnp.empty((2, 3)).shape
empty_like: jnp.empty_like(jnp.ones(3)).shape
eye: jnp.eye(2)
fill_diagonal: jnp.fill_diagonal(jnp.zeros((2, 2)), 1.0, inplace=False)
finfo: jnp.finfo('float32').eps
iinfo: jnp.iinfo('int8').max
frombuffer: jnp.frombuffer(b'abc', dtype='uint8')
fromfile: try: jnp.fromfile('data')\\nexcept NotImplementedError as error: print(error)
fromiter: try: jnp.fromiter(range(3), int)\\nexcept NotImplementedError as error: print(error)
fromfunction: jnp.fromfunction(lambda i, j: i + j, (2, 3))
frompyfunc: jnp.frompyfunc(lambda x, y: x + y, 2, 1, identity=0).reduce(jnp.arange(4))
fromstring: jnp.fromstring('1 2 3', sep=' ')
histogramdd: jnp.histogramdd(jnp.ones((4, 2)), bins=2)[0]
indices: jnp.indices((2, 2))
isdtype: jnp.isdtype(jnp.float32, 'real floating')
issubdtype: jnp.issubdtype('float32', jnp.inexact)
load: import io; file = io.BytesIO(); jnp.save(file, jnp.arange(3)); file.seek(0); jnp.load(file)
save: import io; file = io.BytesIO(); jnp.save(file, jnp.arange(3)); len(file.getvalue())
savez: import io; file = io.BytesIO(); jnp.savez(file, a=jnp.arange(3)); file.tell() > 0
mask_indices: jnp.mask_indices(2, jnp.triu)
ndarray: isinstance(jnp.ones(2), jnp.ndarray)
ones: jnp.ones((2, 2))
zeros: jnp.zeros(3, 'int8')
place: jnp.place(jnp.arange(4), jnp.array([True, False, True, False]), jnp.array([7, 8]), inplace=False)
put: jnp.put(jnp.arange(4), jnp.array([0, 2]), 9, inplace=False)
put_along_axis: jnp.put_along_axis(jnp.zeros((2, 2)), jnp.array([[0], [1]]), 1.0, 1, inplace=False)
polyfit: jnp.polyfit(jnp.arange(4.0), jnp.array([1.0, 3.0, 5.0, 7.0]), 1)
ravel_multi_index: jnp.ravel_multi_index((jnp.array([1, 0]), jnp.array([2, 1])), (2, 3))
unravel_index: jnp.unravel_index(jnp.array([5, 1]), (2, 3))
result_type: jnp.result_type('int32', 'float16')
tri: jnp.tri(3)
ufunc: isinstance(jnp.add, jnp.ufunc)
unpackbits: jnp.unpackbits(jnp.array([5], 'uint8'))
vectorize: jnp.vectorize(jnp.dot, signature='(n),(n)->()')(jnp.ones((3, 2)), jnp.ones(2))
""",
    "numpy.linalg": """
SlogdetResult: jnp.linalg.slogdet(jnp.eye(2))
""",
    "lax": """
AccuracyMode: lax.exp(0.0, accuracy=lax.AccuracyMode.DEFAULT)
Tolerance: lax.Tolerance(atol=1e-3)
ConvDimensionNumbers: lax.conv_dimension_numbers((1, 1, 4), (1, 1, 3), ('NCH', 'OIH', 'NCH'))
DotDimensionNumbers: dims: lax.DotDimensionNumbers = (((1,), (0,)), ((), ()))
    lax.dot_general(jnp.eye(2), jnp.ones((2, 1)), dims)
DotAlgorithm: lax.DotAlgorithm(np.float32, np.float32, np.float32)
DotAlgorithmPreset: lax.dot(jnp.eye(2), jnp.eye(2), precision=lax.DotAlgorithmPreset.F32_F32_F32)
FftType: lax.fft(jnp.ones(4), lax.FftType.RFFT, (4,))
GatherDimensionNumbers: lax.GatherDimensionNumbers(offset_dims=(), collapsed_slice_dims=(0,), start_index_map=(0,))
GatherScatterMode: jnp.arange(3).at[7].get(mode=lax.GatherScatterMode.CLIP)
Precision: jnp.dot(jnp.ones(2), jnp.ones(2), precision=lax.Precision.HIGHEST)
RaggedDotDimensionNumbers: lax.RaggedDotDimensionNumbers((((1,), (1,)), ((), ())), [0], [0])
RandomAlgorithm: lax.RandomAlgorithm.RNG_THREE_FRY
RoundingMethod: lax.round(0.5, lax.RoundingMethod.TO_NEAREST_EVEN)
ScatterDimensionNumbers: lax.ScatterDimensionNumbers((), (0,), (0,))
all_gather: cujax.vmap(lambda x: lax.all_gather(x, 'i'), axis_name='i')(jnp.arange(3))
all_to_all: cujax.vmap(lambda x: lax.all_to_all(x, 'i', 0, 0), axis_name='i')(jnp.arange(4).reshape(2, 2))
axis_index: cujax.vmap(lambda x: lax.axis_index('i'), axis_name='i')(jnp.zeros(3))
axis_size: cujax.vmap(lambda x: lax.axis_size('i'), axis_name='i', out_axes=None)(jnp.zeros(3))
pbroadcast: cujax.vmap(lambda x: lax.pbroadcast(x, 'i', 0), axis_name='i')(jnp.arange(3))
pmax: cujax.vmap(lambda x: lax.pmax(x, 'i'), axis_name='i')(jnp.arange(3))
pmean: cujax.vmap(lambda x: lax.pmean(x, 'i'), axis_name='i')(jnp.arange(3.0))
pmin: cujax.vmap(lambda x: lax.pmin(x, 'i'), axis_name='i')(jnp.arange(3))
ppermute: cujax.vmap(lambda x: lax.ppermute(x, 'i', [(0, 1), (1, 2), (2, 0)]), axis_name='i')(jnp.arange(3))
pshuffle: cujax.vmap(lambda x: lax.pshuffle(x, 'i', [1, 2, 0]), axis_name='i')(jnp.arange(3))
psum: cujax.vmap(lambda x: x / lax.psum(x, 'i'), axis_name='i')(jnp.array([1.0, 3.0]))
psum_scatter: cujax.vmap(lambda x: lax.psum_scatter(x, 'i'), axis_name='i')(jnp.arange(4).reshape(2, 2))
pswapaxes: cujax.vmap(lambda x: lax.pswapaxes(x, 'i', 0), axis_name='i')(jnp.arange(4).reshape(2, 2))
approx_max_k: lax.approx_max_k(jnp.array([3.0, 1.0, 2.0]), 2)
approx_min_k: lax.approx_min_k(jnp.array([3.0, 1.0, 2.0]), 2)
associative_scan: lax.associative_scan(jnp.add, jnp.arange(5))
broadcast_in_dim: lax.broadcast_in_dim(jnp.arange(2), (2, 3), (0,))
broadcast_like: lax.broadcast_like(jnp.ones(3), jnp.zeros((2, 3)))
broadcast_shapes: lax.broadcast_shapes((2, 1), (1, 3))
broadcast_to_rank: lax.broadcast_to_rank(jnp.ones(3), 2).shape
broadcasted_iota: lax.broadcasted_iota('int32', (2, 3), 1)
composite: lax.composite(lambda x: x * 2, 'my.double')(3.0)
cond: lax.cond(True, lambda x: x + 1, lambda x: x - 1, 3.0)
switch: lax.switch(1, [lambda x: x, lambda x: -x], 3.0)
platform_dependent: lax.platform_dependent(3.0, cpu=lambda x: x + 1, default=lambda x: x + 1)
conv: lax.conv(jnp.ones((1, 1, 3, 3)), jnp.ones((1, 1, 2, 2)), (1, 1), 'VALID')
conv_dimension_numbers: lax.conv_dimension_numbers((1, 1, 4), (1, 1, 3), ('NCH', 'OIH', 'NCH'))
conv_general_dilated: lax.conv_general_dilated(jnp.ones((1, 1, 4)), jnp.ones((1, 1, 3)), (1,), 'SAME')
conv_general_dilated_local: x, k = jnp.ones((1, 1, 3)), jnp.ones((1, 2, 2))
    lax.conv_general_dilated_local(x, k, (1,), 'VALID', (2,))
conv_general_dilated_patches: lax.conv_general_dilated_patches(jnp.arange(3.0)[None, None], (2,), (1,), 'VALID')
conv_general_permutations: lax.conv_general_permutations(('NHC', 'HIO', 'NHC'))
conv_general_shape_tuple: lax.conv_general_shape_tuple((1, 1, 4), (1, 1, 3), (1,), 'SAME', ('NCH', 'OIH', 'NCH'))
conv_shape_tuple: lax.conv_shape_tuple((1, 1, 4), (1, 1, 3), (1,), 'VALID')
conv_transpose: lax.conv_transpose(jnp.ones((1, 2, 1)), jnp.ones((2, 1, 1)), (2,), 'VALID')
conv_transpose_shape_tuple: lax.conv_transpose_shape_tuple((1, 1, 4), (1, 1, 3), (2,), 'SAME', ('NCH', 'OIH', 'NCH'))
conv_with_general_padding: x, k = jnp.ones((1, 1, 3)), jnp.ones((1, 1, 2))
    lax.conv_with_general_padding(x, k, (1,), [(1, 0)], None, None)
custom_linear_solve: lax.custom_linear_solve(lambda x: 4 * x, 2.0, lambda matvec, b: b / 4, symmetric=True)
custom_root: root = lambda f, x0: x0 + 1; lax.custom_root(lambda x: x - 3.0, 2.0, root, lambda g, y: y / g(1.0))
dynamic_slice: lax.dynamic_slice(jnp.arange(5), (2,), (2,))
dynamic_update_slice: lax.dynamic_update_slice(jnp.zeros(4), jnp.ones(2), (1,))
dynamic_update_slice_in_dim: lax.dynamic_update_slice_in_dim(jnp.zeros(4), jnp.ones(2), 1, 0)
empty: lax.empty((2,), 'float32').shape
fft: lax.fft(jnp.ones(4, 'complex64'), 'fft', (4,))
fori_loop: lax.fori_loop(0, 5, lambda i, x: x + i, 0)
while_loop: lax.while_loop(lambda x: x < 100, lambda x: 2 * x, 1)
scan: lax.scan(lambda c, x: (c + x, c * x), 0, jnp.arange(4))
map: lax.map(lambda x: x ** 2, jnp.arange(4))
full: lax.full((2,), 7)
gather: dims = lax.GatherDimensionNumbers((), (0,), (0,)); lax.gather(jnp.arange(5), jnp.array([[3], [1]]), dims, (1,))
imag: lax.imag(jnp.array([1 + 2j]))
real: lax.real(jnp.array([1 + 2j]))
index_take: lax.index_take(jnp.arange(6).reshape(3, 2), (jnp.array([2, 0]),), (0,))
iota: lax.iota('int32', 3)
padtype_to_pads: lax.padtype_to_pads((4,), (3,), (1,), 'SAME')
ragged_dot: lax.ragged_dot(jnp.ones((3, 2)), jnp.ones((2, 2, 2)), jnp.array([1, 2]))
ragged_dot_general: dims = lax.RaggedDotDimensionNumbers((((0,), (0,)), ((), ())), [0], [])
    lax.ragged_dot_general(jnp.ones((3, 2)), jnp.ones((3, 2)), jnp.array([1, 2]), dims)
random_gamma_grad: lax.random_gamma_grad(2.0, 1.0)
reduce: lax.reduce(jnp.arange(4), 0, lax.add, (0,))
reduce_window: lax.reduce_window(jnp.arange(4.0), 0.0, lax.add, (2,), (1,), 'VALID')
reduce_window_shape_tuple: lax.reduce_window_shape_tuple((4,), (2,), (1,), [(0, 0)])
reshape: lax.reshape(jnp.arange(4), (2, 2))
rng_bit_generator: lax.rng_bit_generator(jnp.zeros(4, 'uint32'), (2,))[1]
scatter: dims = lax.ScatterDimensionNumbers((), (0,), (0,))
    lax.scatter(jnp.zeros(3), jnp.array([[1]]), jnp.array([5.0]), dims)
scatter_add: dims = lax.ScatterDimensionNumbers((), (0,), (0,))
    lax.scatter_add(jnp.ones(3), jnp.array([[1]]), jnp.array([5.0]), dims)
scatter_apply: dims = lax.ScatterDimensionNumbers((), (0,), (0,))
    lax.scatter_apply(jnp.ones(3), jnp.array([[1]]), lambda x: -x, dims, update_shape=(1,))
scatter_max: dims = lax.ScatterDimensionNumbers((), (0,), (0,))
    lax.scatter_max(jnp.ones(3), jnp.array([[1]]), jnp.array([5.0]), dims)
scatter_min: dims = lax.ScatterDimensionNumbers((), (0,), (0,))
    lax.scatter_min(jnp.ones(3), jnp.array([[1]]), jnp.array([-5.0]), dims)
scatter_mul: dims = lax.ScatterDimensionNumbers((), (0,), (0,))
    lax.scatter_mul(jnp.ones(3), jnp.array([[1]]), jnp.array([5.0]), dims)
scatter_sub: dims = lax.ScatterDimensionNumbers((), (0,), (0,))
    lax.scatter_sub(jnp.ones(3), jnp.array([[1]]), jnp.array([5.0]), dims)
scaled_dot: lax.scaled_dot(jnp.ones((2, 4)), jnp.ones((4, 2)), lhs_scale=jnp.full((2, 2), 3.0))
shape_as_value: lax.shape_as_value((2, 3))
slice: lax.slice(jnp.arange(6), (1,), (5,), (2,))
squeeze: lax.squeeze(jnp.ones((1, 3)), (0,))
stack: lax.stack([jnp.ones(2), jnp.zeros(2)])
with_sharding_constraint: lax.with_sharding_constraint(jnp.ones(2), 'anything')
""",
    "nn": """
dot_product_attention: nn.dot_product_attention(*[jnp.ones((1, 2, 1, 3))] * 3)
scaled_matmul: nn.scaled_matmul(*[jnp.ones((1, 2, 4))] * 2, *[jnp.full((1, 2, 2), 2.0)] * 2)
""",
    "random": """
Generator: draw = random.Generator(random.key(0)); draw
clone: random.clone(random.key(0))
key_data: random.key_data(random.key(0))
key_dtype: random.key_dtype('threefry2x32')
key_impl: random.key_impl(random.key(0))
ball: random.ball(random.key(0), 2)
beta: random.beta(random.key(0), 2.0, 3.0)
binomial: random.binomial(random.key(0), 10, 0.5)
cauchy: random.cauchy(random.key(0))
chisquare: random.chisquare(random.key(0), 3.0)
dirichlet: random.dirichlet(random.key(0), jnp.ones(3))
double_sided_maxwell: random.double_sided_maxwell(random.key(0), 0.0, 1.0)
exponential: random.exponential(random.key(0))
f: random.f(random.key(0), 3.0, 4.0)
gamma: random.gamma(random.key(0), 2.0)
generalized_normal: random.generalized_normal(random.key(0), 1.5)
geometric: random.geometric(random.key(0), 0.25)
gumbel: random.gumbel(random.key(0))
laplace: random.laplace(random.key(0))
loggamma: random.loggamma(random.key(0), 2.0)
logistic: random.logistic(random.key(0))
lognormal: random.lognormal(random.key(0))
maxwell: random.maxwell(random.key(0))
multinomial: random.multinomial(random.key(0), 10, jnp.array([0.5, 0.5]))
orthogonal: random.orthogonal(random.key(0), 2)
pareto: random.pareto(random.key(0), 2.0)
poisson: random.poisson(random.key(0), 3.0)
rademacher: random.rademacher(random.key(0), (4,))
rayleigh: random.rayleigh(random.key(0), 1.0)
t: random.t(random.key(0), 3.0)
triangular: random.triangular(random.key(0), 0.0, 0.5, 1.0)
truncated_normal: random.truncated_normal(random.key(0), -1.0, 1.0)
wald: random.wald(random.key(0), 1.0)
weibull_min: random.weibull_min(random.key(0), 1.0, 2.0)
""",
    "image": """
ResizeMethod: cujax.image.ResizeMethod.from_string('linear')
resize: cujax.image.resize(jnp.arange(3.0), (6,), 'linear')
scale_and_translate: cujax.image.scale_and_translate(jnp.arange(4.0), (4,), (0,), jnp.ones(1), jnp.ones(1), 'linear')
""",
    "ode": """
odeint: cujax.ode.odeint(lambda y, t: -y, jnp.array(1.0), jnp.array([0.0, 1.0]))
solve: cujax.ode.solve(lambda t, y: -y, jnp.array(1.0), 0.0, 1.0).ys
Solution: isinstance(cujax.ode.solve(lambda t, y: -y, jnp.array(1.0), 0.0, 1.0), cujax.ode.Solution)
""",
    "sharding": """
AbstractMesh: cujax.sharding.AbstractMesh((1, 1), ('i', 'j')).shape_tuple
AxisType: list(cujax.sharding.AxisType)
Mesh: cujax.sharding.Mesh(cujax.devices()[:1], 'i')
NamedSharding: cujax.sharding.NamedSharding(cujax.make_mesh((1,), ('i',)), cujax.P('i')).shard_shape((4, 2))
PartitionSpec: cujax.sharding.PartitionSpec(('i', 'j'), None)
Sharding: isinstance(jnp.ones(2).sharding, cujax.sharding.Sharding)
SingleDeviceSharding: jnp.ones(2).sharding == cujax.sharding.SingleDeviceSharding(cujax.devices()[0])
get_abstract_mesh: with cujax.make_mesh((1,), ('i',)): print(cujax.sharding.get_abstract_mesh().shape_tuple)
get_mesh: cujax.sharding.get_mesh().empty
reshard: cujax.reshard(jnp.ones(2), cujax.NamedSharding(cujax.make_mesh((1,), ('i',)), cujax.P('i')))
set_mesh: with cujax.set_mesh(cujax.make_mesh((1,), ('i',))): print(cujax.sharding.get_mesh().axis_names)
""",
    "experimental.ode": """
odeint: cujax.experimental.ode.odeint(lambda y, t: -y, jnp.array(1.0), jnp.array([0.0, 1.0]))
""",
    "experimental.checkify": """
ErrorCategory: checkify.nan_checks <= checkify.all_checks
JaxRuntimeError: error, out = checkify.checkify(jnp.log, checkify.nan_checks)(-1.0)
    issubclass(checkify.JaxRuntimeError, Exception)
Error: error, out = checkify.checkify(jnp.sin)(0.0); isinstance(error, checkify.Error)
check: f = lambda x: (checkify.check(x > 0, 'x is {x}', x=x), x)[1]; checkify.checkify(f)(-1.0)[0].get().splitlines()[0]
check_error: error, out = checkify.checkify(jnp.log)(1.0); checkify.check_error(error)
checkify: error, out = checkify.checkify(jnp.log, checkify.nan_checks)(-1.0); error.get() is not None
debug_check: checkify.checkify(lambda x: (checkify.debug_check(x > 0, 'negative'), x)[1])(1.0)[1]
""",
    "ops": """
index_add: ops.index_add(jnp.zeros(3), ops.index[1:], 2.0)
index_max: ops.index_max(jnp.zeros(3), ops.index[1:], 2.0)
index_min: ops.index_min(jnp.zeros(3), ops.index[1:], -2.0)
index_mul: ops.index_mul(jnp.ones(3), ops.index[1:], 2.0)
index_update: ops.index_update(jnp.zeros(3), ops.index[1:], 2.0)
segment_max: ops.segment_max(jnp.arange(4), jnp.array([0, 0, 1, 1]), 2)
segment_min: ops.segment_min(jnp.arange(4), jnp.array([0, 0, 1, 1]), 2)
segment_prod: ops.segment_prod(jnp.arange(4), jnp.array([0, 0, 1, 1]), 2)
segment_sum: ops.segment_sum(jnp.arange(4), jnp.array([0, 0, 1, 1]), 2)
""",
    "flatten_util": """
ravel_pytree: vector, back = cujax.flatten_util.ravel_pytree({'a': 1.0, 'b': jnp.ones(2)}); back(2 * vector)
""",
    "debug": """
callback: cujax.debug.callback(lambda x: print('x is', x), jnp.ones(2))
log: cujax.debug.log('x = {}', 1.0)
print: cujax.debug.print('x = {}', jnp.ones(2))
""",
    "dlpack": """
from_dlpack: cujax.dlpack.from_dlpack(np.arange(3))
is_supported_dtype: cujax.dlpack.is_supported_dtype('float32')
""",
    "dtypes": """
canonicalize_dtype: dtypes.canonicalize_dtype('float64')
extended: jnp.issubdtype(random.key(0).dtype, dtypes.extended)
prng_key: jnp.issubdtype(random.key(0).dtype, dtypes.prng_key)
finfo: dtypes.finfo('bfloat16').bits
iinfo: dtypes.iinfo('int16').min
issubdtype: dtypes.issubdtype('int8', jnp.integer)
itemsize_bits: dtypes.itemsize_bits('int16')
result_type: dtypes.result_type('int8', 1.0)
scalar_type_of: dtypes.scalar_type_of(jnp.ones(2))
TypePromotionError: try: jnp.add(random.key(0), jnp.ones(2))\\nexcept TypeError as error: print(error)
""",
    "core": """
AbstractValue: isinstance(cujax.typeof(1.0), core.AbstractValue)
ShapedArray: core.ShapedArray((2, 3), np.dtype('float32'))
ensure_compile_time_eval: with core.ensure_compile_time_eval(): print(jnp.ones(2).sum())
eval_context: with core.eval_context(): print(jnp.ones(2).sum())
eval_jaxpr: closed = cujax.make_jaxpr(lambda x: x * 2)(1.0); core.eval_jaxpr(closed.jaxpr, closed.consts, 3.0)
max_dim: core.max_dim(2, 3)
min_dim: core.min_dim(2, 3)
Trace: core.Trace.__doc__.splitlines()[0]
ParamDict: core.ParamDict
Tracer: cujax.jit(lambda x: x + isinstance(x, core.Tracer))(1)
""",
    "stages": """
ArgInfo: cujax.jit(jnp.sin).lower(1.0).args_info
CompilerOptions: stages.CompilerOptions
Compiled: isinstance(cujax.jit(jnp.sin).lower(1.0).compile(), stages.Compiled)
Lowered: isinstance(cujax.jit(jnp.sin).lower(1.0), stages.Lowered)
Traced: isinstance(cujax.jit(jnp.sin).trace(1.0), stages.Traced)
Wrapped: isinstance(cujax.jit(jnp.sin), stages.Wrapped)
""",
    "test_util": """
check_grads: cujax.test_util.check_grads(jnp.sin, (1.0,), order=2)
check_jvp: f = jnp.sin; cujax.test_util.check_jvp(f, lambda xs, ts: cujax.jvp(f, xs, ts), (1.0,))
check_vjp: f = jnp.sin; cujax.test_util.check_vjp(f, lambda *xs: cujax.vjp(f, *xs), (1.0,))
""",
    "profiler": """
start_trace: import tempfile; cujax.profiler.start_trace(tempfile.mkdtemp())
    y = jnp.sin(0.0); cujax.profiler.stop_trace()
stop_trace: import tempfile; cujax.profiler.start_trace(tempfile.mkdtemp())
    y = jnp.sin(0.0); cujax.profiler.stop_trace()
trace: import tempfile
    with cujax.profiler.trace(tempfile.mkdtemp()): print(jnp.sin(0.0))
annotate_function: cujax.profiler.annotate_function(jnp.sin, name='wave')(0.0)
StepTraceAnnotation: with cujax.profiler.StepTraceAnnotation('step', step_num=1): print(jnp.sin(0.0))
TraceAnnotation: with cujax.profiler.TraceAnnotation('wave'): print(jnp.sin(0.0))
""",
    "custom_batching": """
custom_vmap: f = custom_batching.custom_vmap(jnp.sin); f.def_vmap(lambda size, batched, x: (jnp.cos(x), True))
    cujax.vmap(f)(jnp.zeros(2))
sequential_vmap: cujax.vmap(custom_batching.sequential_vmap(jnp.sin))(jnp.zeros(2))
""",
    "custom_derivatives": """
closure_convert: f, consts = custom_derivatives.closure_convert(lambda x: x * 2, 1.0); f(3.0, *consts)
custom_gradient: f = custom_derivatives.custom_gradient(lambda x: (x ** 2, lambda ct: ct * 10)); cujax.grad(f)(3.0)
custom_jvp: f = custom_derivatives.custom_jvp(jnp.sin); f.defjvps(lambda t, out, x: 7 * t); cujax.grad(f)(0.0)
CustomVJPPrimal: issubclass(custom_derivatives.CustomVJPPrimal, object)
custom_vjp_primal_tree_values: custom_derivatives.custom_vjp_primal_tree_values((1.0, 2.0))
custom_vjp: f = custom_derivatives.custom_vjp(jnp.sin)
    f.defvjp(lambda x: (jnp.sin(x), None), lambda _, ct: (7 * ct,)); cujax.grad(f)(0.0)
linear_call: times = lambda r, x: r * x; custom_derivatives.linear_call(times, times, 3.0, 2.0)
zero_from_primal: custom_derivatives.zero_from_primal(jnp.ones(2))
SymbolicZero: zero = custom_derivatives.zero_from_primal(jnp.ones(2), symbolic_zeros=True)
    isinstance(zero, custom_derivatives.SymbolicZero)
""",
    "tree": """
all: tree.all([True, 1])
leaves_with_path: tree.leaves_with_path({'a': 1})
reduce_associative: tree.reduce_associative(lambda x, y: x + y, [1, 2, 3])
unflatten: leaves, structure = tree.flatten({'a': 1}); tree.unflatten(structure, [2])
""",
    "tree_util": """
all_leaves: tree_util.all_leaves([1, 2])
DictKey: tree_util.keystr((tree_util.DictKey('a'),))
SequenceKey: tree_util.keystr((tree_util.SequenceKey(0),))
GetAttrKey: tree_util.keystr((tree_util.GetAttrKey('a'),))
FlattenedIndexKey: tree_util.keystr((tree_util.FlattenedIndexKey(0),))
flatten_one_level: tree_util.flatten_one_level({'a': [1]})
flatten_one_level_with_keys: tree_util.flatten_one_level_with_keys({'a': [1]})
is_tree_node: tree_util.is_tree_node(list)
Partial: tree_util.tree_leaves(tree_util.Partial(jnp.add, 1.0))
PyTreeDef: isinstance(tree_util.tree_structure([1]), tree_util.PyTreeDef)
register_dataclass: import dataclasses; P = tree_util.register_dataclass(dataclasses.make_dataclass('P', ['x']))
    tree_util.tree_leaves(P(1))
register_pytree_node: P = type('P', (list,), {})
    tree_util.register_pytree_node(P, lambda p: (list(p), None), lambda _, xs: P(xs))
    tree_util.tree_leaves(P([1, 2]))
register_pytree_node_class: back = classmethod(lambda cls, _, xs: cls(xs))
    methods = {'tree_flatten': lambda p: (list(p), None), 'tree_unflatten': back}
    P = tree_util.register_pytree_node_class(type('P', (list,), methods)); tree_util.tree_leaves(P([1, 2]))
register_pytree_with_keys: P = type('P', (list,), {})
    tree_util.register_pytree_with_keys(P, lambda p: ([(tree_util.SequenceKey(0), p[0])], None), lambda _, xs: P(xs))
    tree_util.tree_leaves_with_path(P([1]))
register_pytree_with_keys_class: back = classmethod(lambda cls, _, xs: cls(xs))
    methods = {'tree_flatten_with_keys': lambda p: ([(0, p[0])], None), 'tree_unflatten': back}
    P = tree_util.register_pytree_with_keys_class(type('P', (list,), methods)); tree_util.tree_leaves(P([1]))
register_static: P = tree_util.register_static(type('P', (str,), {})); tree_util.tree_leaves(P('a'))
tree_all: tree_util.tree_all([True, 1])
tree_leaves_with_path: tree_util.tree_leaves_with_path({'a': 1})
tree_reduce_associative: tree_util.tree_reduce_associative(lambda x, y: x + y, [1, 2, 3])
tree_unflatten: leaves, structure = tree_util.tree_flatten({'a': 1}); tree_util.tree_unflatten(structure, [2])
treedef_children: tree_util.treedef_children(tree_util.tree_structure([1, (2,)]))
treedef_is_leaf: tree_util.treedef_is_leaf(tree_util.tree_structure(1))
treedef_tuple: tree_util.treedef_tuple([tree_util.tree_structure(1), tree_util.tree_structure([2])])
""",
    "nn.initializers": """
Initializer: init: nn.initializers.Initializer = nn.initializers.normal(); init(random.key(0), (2,)).shape
constant: nn.initializers.constant(3.0)(random.key(0), (2,))
ones: nn.initializers.ones(random.key(0), (2,))
zeros: nn.initializers.zeros(random.key(0), (2,))
delta_orthogonal: nn.initializers.delta_orthogonal()(random.key(0), (3, 2, 2)).shape
orthogonal: nn.initializers.orthogonal()(random.key(0), (2, 2)).shape
variance_scaling: nn.initializers.variance_scaling(1.0, 'fan_in', 'normal')(random.key(0), (2, 2)).shape
normal: nn.initializers.normal(0.1)(random.key(0), (2,))
uniform: nn.initializers.uniform(0.1)(random.key(0), (2,))
truncated_normal: nn.initializers.truncated_normal(0.1)(random.key(0), (2,))
glorot_normal: nn.initializers.glorot_normal()(random.key(0), (2, 2)).shape
glorot_uniform: nn.initializers.glorot_uniform()(random.key(0), (2, 2)).shape
he_normal: nn.initializers.he_normal()(random.key(0), (2, 2)).shape
he_uniform: nn.initializers.he_uniform()(random.key(0), (2, 2)).shape
kaiming_normal: nn.initializers.kaiming_normal()(random.key(0), (2, 2)).shape
kaiming_uniform: nn.initializers.kaiming_uniform()(random.key(0), (2, 2)).shape
lecun_normal: nn.initializers.lecun_normal()(random.key(0), (2, 2)).shape
lecun_uniform: nn.initializers.lecun_uniform()(random.key(0), (2, 2)).shape
xavier_normal: nn.initializers.xavier_normal()(random.key(0), (2, 2)).shape
xavier_uniform: nn.initializers.xavier_uniform()(random.key(0), (2, 2)).shape
""",
    "scipy.special": """
bessel_jn: scipy.special.bessel_jn(jnp.array([1.0]), v=2)
ellipe: scipy.special.ellipe(0.5)
ellipeinc: scipy.special.ellipeinc(1.0, 0.5)
ellipk: scipy.special.ellipk(0.5)
ellipkinc: scipy.special.ellipkinc(1.0, 0.5)
ellipkm1: scipy.special.ellipkm1(0.5)
j0: scipy.special.j0(1.0)
j1: scipy.special.j1(1.0)
jn: scipy.special.jn(2, 1.0)
k0: scipy.special.k0(1.0)
k0e: scipy.special.k0e(1.0)
k1: scipy.special.k1(1.0)
k1e: scipy.special.k1e(1.0)
y0: scipy.special.y0(1.0)
y1: scipy.special.y1(1.0)
""",
    "scipy.linalg": """
cho_solve: scipy.linalg.cho_solve((jnp.eye(2) * 2, True), jnp.ones(2))
convolution_matrix: scipy.linalg.convolution_matrix(jnp.array([1.0, 2.0]), 2)
eigh_tridiagonal: scipy.linalg.eigh_tridiagonal(jnp.ones(3), jnp.ones(2), eigvals_only=True)
expm_frechet: scipy.linalg.expm_frechet(jnp.zeros((2, 2)), jnp.eye(2), compute_expm=False)
funm: scipy.linalg.funm(jnp.eye(2), jnp.exp)
hadamard: scipy.linalg.hadamard(2)
leslie: scipy.linalg.leslie(jnp.array([1.0, 2.0]), jnp.array([0.5]))
lu_solve: scipy.linalg.lu_solve(scipy.linalg.lu_factor(2 * jnp.eye(2)), jnp.ones(2))
""",
    "scipy.signal": """
istft: scipy.signal.istft(scipy.signal.stft(jnp.ones(16), nperseg=8)[2], nperseg=8)[1]
""",
    "scipy.cluster.vq": """
vq: scipy.cluster.vq.vq(jnp.array([[0.0], [0.9]]), jnp.array([[0.0], [1.0]]))
""",
    "scipy.integrate": """
trapezoid: scipy.integrate.trapezoid(jnp.arange(4.0))
""",
    "scipy.interpolate": """
Akima1DInterpolator: scipy.interpolate.Akima1DInterpolator(jnp.arange(6.0), jnp.arange(6.0) ** 2)(2.5)
BSpline: scipy.interpolate.BSpline(jnp.arange(7.0), jnp.array([1.0, 2.0, 3.0, 4.0]), 2)(3.5)
CubicSpline: scipy.interpolate.CubicSpline(jnp.arange(5.0), jnp.arange(5.0) ** 3)(2.5)
PchipInterpolator: scipy.interpolate.PchipInterpolator(jnp.arange(4.0), jnp.arange(4.0) ** 2)(1.5)
PPoly: scipy.interpolate.PPoly(jnp.array([[1.0], [0.0]]), jnp.array([0.0, 1.0]))(0.5)
RegularGridInterpolator: f = scipy.interpolate.RegularGridInterpolator((jnp.arange(3.0),), jnp.array([0.0, 1.0, 4.0]))
    f(jnp.array([[1.5]]))
""",
    "scipy.ndimage": """
map_coordinates: scipy.ndimage.map_coordinates(jnp.arange(4.0), [jnp.array([0.5, 2.25])], order=1)
""",
    "scipy.optimize": """
minimize: scipy.optimize.minimize(lambda x: ((x - 3) ** 2).sum(), jnp.zeros(1), method='BFGS').x
OptimizeResults: scipy.optimize.minimize(lambda x: ((x - 3) ** 2).sum(), jnp.zeros(1), method='BFGS').success
""",
    "scipy.sparse.linalg": """
bicgstab: scipy.sparse.linalg.bicgstab(lambda x: 2 * x, jnp.ones(2))[0]
cg: scipy.sparse.linalg.cg(lambda x: 2 * x, jnp.ones(2))[0]
gmres: scipy.sparse.linalg.gmres(lambda x: 2 * x, jnp.ones(2))[0]
""",
    "scipy.spatial.transform": """
Rotation: scipy.spatial.transform.Rotation.from_euler('z', 90, degrees=True).apply(jnp.array([1.0, 0.0, 0.0]))
Slerp: R = scipy.spatial.transform.Rotation; ends = R.from_euler('z', jnp.array([[0.0], [90.0]]), degrees=True)
    scipy.spatial.transform.Slerp.init(jnp.array([0.0, 1.0]), ends)(0.5).as_quat()
""",
    "scipy.stats": """
gaussian_kde: scipy.stats.gaussian_kde(jnp.array([0.0, 1.0, 2.0]))(jnp.array([1.0]))
mode: scipy.stats.mode(jnp.array([1, 2, 2])).mode
rankdata: scipy.stats.rankdata(jnp.array([3.0, 1.0, 2.0]))
sem: scipy.stats.sem(jnp.arange(4.0))
""",
    "example_libraries.optimizers": """
adagrad: init, update, params = optimizers.adagrad(0.1); params(update(0, 1.0, init(3.0)))
adam: init, update, params = optimizers.adam(0.1); params(update(0, 1.0, init(3.0)))
adamax: init, update, params = optimizers.adamax(0.1); params(update(0, 1.0, init(3.0)))
momentum: init, update, params = optimizers.momentum(0.1, 0.9); params(update(0, 1.0, init(3.0)))
nesterov: init, update, params = optimizers.nesterov(0.1, 0.9); params(update(0, 1.0, init(3.0)))
rmsprop: init, update, params = optimizers.rmsprop(0.1); params(update(0, 1.0, init(3.0)))
rmsprop_momentum: init, update, params = optimizers.rmsprop_momentum(0.1); params(update(0, 1.0, init(3.0)))
sgd: init, update, params = optimizers.sgd(0.1); params(update(0, 1.0, init(3.0)))
sm3: init, update, params = optimizers.sm3(0.1); params(update(0, jnp.ones(2), init(jnp.ones(2))))
clip_grads: optimizers.clip_grads([jnp.array([3.0, 4.0])], 1.0)
l2_norm: optimizers.l2_norm([jnp.array([3.0, 4.0])])
constant: optimizers.constant(0.1)(10)
exponential_decay: optimizers.exponential_decay(0.1, 10, 0.5)(10)
inverse_time_decay: optimizers.inverse_time_decay(0.1, 10, 1.0)(10)
polynomial_decay: optimizers.polynomial_decay(0.1, 10, 0.01)(5)
piecewise_constant: optimizers.piecewise_constant([5, 10], [0.1, 0.01, 0.001])(7)
make_schedule: optimizers.make_schedule(0.1)(3)
Optimizer: isinstance(optimizers.sgd(0.1), optimizers.Optimizer)
OptimizerState: isinstance(optimizers.sgd(0.1)[0](3.0), optimizers.OptimizerState)
unpack_optimizer_state: optimizers.unpack_optimizer_state(optimizers.sgd(0.1)[0]([3.0]))
pack_optimizer_state: marked = optimizers.unpack_optimizer_state(optimizers.sgd(0.1)[0]([3.0]))
    type(optimizers.pack_optimizer_state(marked)).__name__
JoinPoint: type(optimizers.unpack_optimizer_state(optimizers.sgd(0.1)[0]([3.0]))[0]).__name__
optimizer: optimizers.optimizer(lambda: (lambda x: x, lambda i, g, x: x - g, lambda x: x))()[0](3.0) is not None
""",
    "example_libraries.stax": """
Dense: init, apply = stax.Dense(2); shape, params = init(random.key(0), (-1, 3)); apply(params, jnp.ones((1, 3))).shape
serial: init, apply = stax.serial(stax.Dense(4), stax.Relu, stax.Dense(1)); init(random.key(0), (-1, 3))[0]
parallel: stax.parallel(stax.Identity, stax.Identity)[0](random.key(0), [(2,), (3,)])[0]
Conv: stax.Conv(2, (3, 3))[0](random.key(0), (1, 8, 8, 1))[0]
ConvTranspose: stax.ConvTranspose(2, (3, 3))[0](random.key(0), (1, 8, 8, 1))[0]
Conv1DTranspose: stax.Conv1DTranspose(2, (3,))[0](random.key(0), (1, 8, 1))[0]
GeneralConv: stax.GeneralConv(('NHWC', 'HWIO', 'NHWC'), 2, (3, 3))[0](random.key(0), (1, 8, 8, 1))[0]
GeneralConvTranspose: stax.GeneralConvTranspose(('NHWC', 'HWIO', 'NHWC'), 2, (3, 3))[0](random.key(0), (1, 8, 8, 1))[0]
BatchNorm: stax.BatchNorm(axis=0)[0](random.key(0), (4, 2))[0]
Dropout: stax.Dropout(0.5, 'test')[1]((), jnp.ones(3), rng=random.key(0))
AvgPool: stax.AvgPool((2, 2))[0](random.key(0), (1, 4, 4, 1))[0]
MaxPool: stax.MaxPool((2, 2))[0](random.key(0), (1, 4, 4, 1))[0]
SumPool: stax.SumPool((2, 2))[0](random.key(0), (1, 4, 4, 1))[0]
FanInConcat: stax.FanInConcat(0)[1]((), [jnp.ones(1), jnp.zeros(2)])
FanOut: len(stax.FanOut(2)[1]((), jnp.ones(1)))
elementwise: stax.elementwise(jnp.sin)[1]((), jnp.zeros(2))
shape_dependent: stax.shape_dependent(lambda shape: stax.Dense(shape[-1]))[0](random.key(0), (1, 3))[0]
elu: stax.elu(jnp.array([-1.0, 1.0]))
gelu: stax.gelu(jnp.array([-1.0, 1.0]))
leaky_relu: stax.leaky_relu(jnp.array([-1.0, 1.0]))
log_softmax: stax.log_softmax(jnp.zeros(2))
relu: stax.relu(jnp.array([-1.0, 1.0]))
selu: stax.selu(jnp.array([-1.0, 1.0]))
sigmoid: stax.sigmoid(jnp.zeros(2))
softmax: stax.softmax(jnp.zeros(2))
softplus: stax.softplus(jnp.zeros(2))
standardize: stax.standardize(jnp.array([1.0, 2.0]))
glorot_normal: stax.glorot_normal()(random.key(0), (2, 2)).shape
normal: stax.normal()(random.key(0), (2,)).shape
ones: stax.ones(random.key(0), (2,))
zeros: stax.zeros(random.key(0), (2,))
""",
}
