"""The primitive operations, under JAX's names: no promotion of dtypes, no broadcasting but of scalars
and, elementwise, along axes of length 1.

Only exports stand here, a block for each file of `cujax.engine.ops`, where the functions and their rules
are found.
"""

from cujax.api.branches import cond, platform_dependent, switch
from cujax.api.collectives import (
    all_gather,
    all_to_all,
    axis_index,
    axis_size,
    pbroadcast,
    pmax,
    pmean,
    pmin,
    ppermute,
    pshuffle,
    psum,
    psum_scatter,
    pswapaxes,
)
from cujax.api.identities import (
    approx_max_k,
    approx_min_k,
    composite,
    dce_sink,
    shape_as_value,
    stage,
    with_sharding_constraint,
)
from cujax.api.implicit import custom_linear_solve, custom_root
from cujax.api.loops import fori_loop, map, scan, while_loop
from cujax.api.prefix_scan import associative_scan
from cujax.api.ragged import RaggedDotDimensionNumbers, ragged_dot, ragged_dot_general
from cujax.api.reduce import reduce
from cujax.api.reduce_window import reduce_window, reduce_window_shape_tuple
from cujax.api.scaled_dot import scaled_dot
from cujax.api.scatter_apply import scatter_apply
from cujax.engine.control.collectives import (
    all_gather_p,
    all_to_all_p,
    axis_index_p,
    pmax_p,
    pmin_p,
    ppermute_p,
    psum_p,
    psum_scatter_p,
)
from cujax.engine.control.cond import cond_p
from cujax.engine.control.linear_solve import custom_linear_solve_p as linear_solve_p
from cujax.engine.control.optimization_barrier import optimization_barrier, optimization_barrier_p
from cujax.engine.control.scan import scan_p
from cujax.engine.control.stop_gradient import stop_gradient, stop_gradient_p
from cujax.engine.control.while_loop import while_p
from cujax.engine.ops.accuracy import AccuracyMode, Tolerance
from cujax.engine.ops.axes import broadcast_shapes
from cujax.engine.ops.bessel import (
    bessel_i0e,
    bessel_i0e_p,
    bessel_i1e,
    bessel_i1e_p,
)
from cujax.engine.ops.complex_parts import (
    abs,
    abs_p,
    complex,
    complex_p,
    conj,
    conj_p,
    imag,
    imag_p,
    real,
    real_p,
    sign,
    sign_p,
)
from cujax.engine.ops.constants import broadcasted_iota, iota, iota_p
from cujax.engine.ops.contraction import (
    DotDimensionNumbers,
    batch_matmul,
    dot,
    dot_general,
    dot_general_p,
)
from cujax.engine.ops.conv_dimensions import (
    ConvDimensionNumbers,
    ConvGeneralDilatedDimensionNumbers,
    conv_dimension_numbers,
    conv_general_permutations,
    conv_general_shape_tuple,
    conv_shape_tuple,
    conv_transpose_shape_tuple,
    padtype_to_pads,
)
from cujax.engine.ops.conversion import (
    bitcast_convert_type,
    bitcast_convert_type_p,
    convert_element_type,
    convert_element_type_p,
)
from cujax.engine.ops.convolution import (
    conv_general_dilated,
    conv_general_dilated_p,
)
from cujax.engine.ops.convolution_forms import (
    conv,
    conv_general_dilated_local,
    conv_general_dilated_patches,
    conv_transpose,
    conv_with_general_padding,
)
from cujax.engine.ops.creation import dtype, empty, full, full_like
from cujax.engine.ops.cumulative import (
    cumlogsumexp,
    cumlogsumexp_p,
    cummax,
    cummax_p,
    cummin,
    cummin_p,
    cumprod,
    cumprod_p,
    cumsum,
    cumsum_p,
    recurrence,
    recurrence_p,
)
from cujax.engine.ops.dynamic_slicing import (
    dynamic_index_in_dim,
    dynamic_slice,
    dynamic_slice_in_dim,
    dynamic_slice_p,
    dynamic_update_index_in_dim,
    dynamic_update_slice,
    dynamic_update_slice_in_dim,
    dynamic_update_slice_p,
)
from cujax.engine.ops.elementwise import (
    acos,
    acos_p,
    acosh,
    acosh_p,
    add,
    add_p,
    asin,
    asin_p,
    asinh,
    asinh_p,
    atan,
    atan2,
    atan2_p,
    atan_p,
    atanh,
    atanh_p,
    cbrt,
    cbrt_p,
    cos,
    cos_p,
    cosh,
    cosh_p,
    div,
    div_p,
    exp,
    exp2,
    exp2_p,
    exp_p,
    expm1,
    expm1_p,
    integer_pow,
    integer_pow_p,
    log,
    log1p,
    log1p_p,
    log_p,
    logistic,
    logistic_p,
    mul,
    mul_p,
    neg,
    neg_p,
    pow,
    pow_p,
    reciprocal,
    rsqrt,
    rsqrt_p,
    sin,
    sin_p,
    sinh,
    sinh_p,
    sqrt,
    sqrt_p,
    square,
    square_p,
    sub,
    sub_p,
    tan,
    tan_p,
    tanh,
    tanh_p,
)
from cujax.engine.ops.fft import (
    FftType,
    fft,
    fft_p,
)
from cujax.engine.ops.incomplete import (
    igamma,
    igamma_grad_a,
    igamma_grad_a_p,
    igamma_p,
    igammac,
    igammac_p,
    random_gamma_grad,
    random_gamma_grad_p,
    regularized_incomplete_beta_p,
)
from cujax.engine.ops.incomplete import regularized_incomplete_beta as betainc
from cujax.engine.ops.index_dimensions import (
    GatherDimensionNumbers,
    GatherScatterMode,
    ScatterDimensionNumbers,
)
from cujax.engine.ops.indexing import (
    gather,
    gather_p,
    index_take,
    scatter_add,
    scatter_add_p,
    scatter_sub,
)
from cujax.engine.ops.joining import (
    concatenate,
    concatenate_p,
    split,
    split_p,
    stack,
    unstack,
)
from cujax.engine.ops.logic import (
    and_p,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    clz,
    clz_p,
    eq,
    eq_p,
    ge,
    ge_p,
    gt,
    gt_p,
    le,
    le_p,
    lt,
    lt_p,
    mulhi,
    mulhi_p,
    ne,
    ne_p,
    not_p,
    or_p,
    population_count,
    population_count_p,
    select,
    select_n,
    select_n_p,
    shift_left,
    shift_left_p,
    shift_right_arithmetic,
    shift_right_arithmetic_p,
    shift_right_logical,
    shift_right_logical_p,
    xor_p,
)
from cujax.engine.ops.precision import (
    DotAlgorithm,
    DotAlgorithmPreset,
    Precision,
    PrecisionLike,
)
from cujax.engine.ops.reductions import (
    argmax,
    argmax_p,
    argmin,
    argmin_p,
    reduce_and,
    reduce_and_p,
    reduce_max,
    reduce_max_p,
    reduce_min,
    reduce_min_p,
    reduce_or,
    reduce_or_p,
    reduce_prod,
    reduce_prod_p,
    reduce_xor,
    reduce_xor_p,
)
from cujax.engine.ops.reshaping import broadcast_like, broadcast_to_rank, collapse, tile
from cujax.engine.ops.rounding import (
    RoundingMethod,
    ceil,
    ceil_p,
    clamp,
    clamp_p,
    floor,
    floor_p,
    is_finite,
    is_finite_p,
    max,
    max_p,
    min,
    min_p,
    nextafter,
    nextafter_p,
    reduce_precision,
    reduce_precision_p,
    rem,
    rem_p,
    round,
    round_p,
)
from cujax.engine.ops.scatter_updates import (
    scatter,
    scatter_max,
    scatter_max_p,
    scatter_min,
    scatter_min_p,
    scatter_mul,
    scatter_mul_p,
    scatter_p,
)
from cujax.engine.ops.slice_updates import (
    add_slice_p,
    update_slice_p,
)
from cujax.engine.ops.slicing import (
    index_in_dim,
    pad,
    pad_p,
    slice,
    slice_in_dim,
    slice_p,
)
from cujax.engine.ops.sorting import (
    sort,
    sort_key_val,
    sort_p,
    top_k,
    top_k_p,
)
from cujax.engine.ops.special import (
    digamma,
    digamma_p,
    erf,
    erf_inv,
    erf_inv_p,
    erf_p,
    erfc,
    erfc_p,
    lgamma,
    lgamma_p,
    polygamma,
    polygamma_p,
    zeta,
    zeta_p,
)
from cujax.engine.ops.structural import (
    broadcast,
    broadcast_in_dim,
    broadcast_in_dim_p,
    copy_p,
    expand_dims,
    reduce_sum,
    reduce_sum_p,
    reshape,
    reshape_p,
    rev,
    rev_p,
    squeeze,
    squeeze_p,
    transpose,
    transpose_p,
)
from cujax.engine.ops.windowed import (
    reduce_window_max_p,
    reduce_window_min_p,
    reduce_window_sum_p,
)
from cujax.lax import linalg
from cujax.lax.bit_generator import RandomAlgorithm, rng_bit_generator
from cujax.left_out import refusing as _refusing

__getattr__ = _refusing(__name__)
