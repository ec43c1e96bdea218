"""NumPy's interface on cujax arrays: `import cujax.numpy as jnp`.

Functions take arrays, NumPy arrays and numbers, never lists (`jnp.array` makes arrays of those), and return
new arrays.  Only exports stand here, a block for each file.
"""


import math as _math

import numpy as _np

from cujax.engine.core.array import Array as ndarray
from cujax.engine.core.array import install_methods as _install_methods
from cujax.left_out import refusing as _refusing
from cujax.numpy import fft, linalg
from cujax.numpy.arithmetic import (
    arctan2,
    atan2,
    copysign,
    divide,
    divmod,
    float_power,
    floor_divide,
    fmax,
    fmin,
    fmod,
    heaviside,
    hypot,
    mod,
    nextafter,
    positive,
    pow,
    power,
    reciprocal,
    remainder,
    square,
    true_divide,
)
from cujax.numpy.array_api import VERSION as __array_api_version__
from cujax.numpy.array_api import array_namespace_info as __array_namespace_info__
from cujax.numpy.bits import (
    gcd,
    lcm,
    packbits,
    unpackbits,
)
from cujax.numpy.convolutions import (
    convolve,
    correlate,
)
from cujax.numpy.creation import (
    array,
    asarray,
    astype,
    copy,
    empty,
    empty_like,
    from_dlpack,
    frombuffer,
    fromfile,
    fromiter,
    fromstring,
    full,
    full_like,
    iterable,
    ndim,
    ones,
    ones_like,
    shape,
    size,
    zeros,
    zeros_like,
)
from cujax.numpy.cumulative import (
    cumprod,
    cumsum,
    cumulative_prod,
    cumulative_sum,
    nancumprod,
    nancumsum,
)
from cujax.numpy.differences import (
    diff,
    ediff1d,
    gradient,
    trapezoid,
    unwrap,
)
from cujax.numpy.dtype_objects import (
    bfloat16,
    bool_,
    can_cast,
    cdouble,
    complex64,
    complex128,
    complex_,
    csingle,
    double,
    dtype,
    finfo,
    float8_e3m4,
    float8_e4m3,
    float8_e4m3b11fnuz,
    float8_e4m3fn,
    float8_e4m3fnuz,
    float8_e5m2,
    float8_e5m2fnuz,
    float8_e8m0fnu,
    float16,
    float32,
    float64,
    float_,
    iinfo,
    int4,
    int8,
    int16,
    int32,
    int64,
    int_,
    iscomplexobj,
    isdtype,
    isrealobj,
    isscalar,
    issubdtype,
    promote_types,
    result_type,
    single,
    uint,
    uint4,
    uint8,
    uint16,
    uint32,
    uint64,
)
from cujax.numpy.editing import (
    delete,
    insert,
    trim_zeros,
)
from cujax.numpy.einstein_sums import (
    einsum,
    einsum_path,
)
from cujax.numpy.equality import (
    allclose,
    array_equal,
    array_equiv,
    isclose,
)
from cujax.numpy.files import (
    array_repr,
    array_str,
    get_printoptions,
    load,
    printoptions,
    save,
    savez,
    set_printoptions,
)
from cujax.numpy.grids import (
    arange,
    c_,
    fromfunction,
    geomspace,
    index_exp,
    indices,
    ix_,
    linspace,
    logspace,
    meshgrid,
    mgrid,
    ogrid,
    r_,
    s_,
)
from cujax.numpy.histograms import (
    histogram,
    histogram2d,
    histogram_bin_edges,
    histogramdd,
)
from cujax.numpy.joining import (
    append,
    array_split,
    block,
    column_stack,
    concat,
    concatenate,
    dsplit,
    dstack,
    hsplit,
    hstack,
    repeat,
    split,
    stack,
    tile,
    unstack,
    vsplit,
    vstack,
)
from cujax.numpy.least_squares import polyfit
from cujax.numpy.logic import (
    bitwise_count,
    bitwise_invert,
    bitwise_left_shift,
    bitwise_not,
    bitwise_right_shift,
    clip,
    equal,
    greater,
    greater_equal,
    invert,
    iscomplex,
    isfinite,
    isinf,
    isnan,
    isneginf,
    isposinf,
    isreal,
    left_shift,
    less,
    less_equal,
    logical_not,
    not_equal,
    right_shift,
    select,
)
from cujax.numpy.mapping import (
    apply_along_axis,
    apply_over_axes,
    vectorize,
)
from cujax.numpy.matrices import (
    diag,
    diag_indices,
    diag_indices_from,
    diagflat,
    diagonal,
    eye,
    fill_diagonal,
    identity,
    mask_indices,
    trace,
    tri,
    tril,
    tril_indices,
    tril_indices_from,
    triu,
    triu_indices,
    triu_indices_from,
    vander,
)
from cujax.numpy.methods import METHODS as _METHODS
from cujax.numpy.moments import (
    average,
    mean,
    std,
    var,
)
from cujax.numpy.nan_reductions import (
    nanargmax,
    nanargmin,
    nanmax,
    nanmean,
    nanmin,
    nanprod,
    nanstd,
    nansum,
    nanvar,
)
from cujax.numpy.padding import (
    pad,
)
from cujax.numpy.parts import (
    abs,
    absolute,
    angle,
    around,
    ceil,
    conj,
    conjugate,
    fabs,
    floor,
    frexp,
    imag,
    ldexp,
    modf,
    nan_to_num,
    real,
    rint,
    round,
    sign,
    signbit,
    spacing,
    trunc,
)
from cujax.numpy.polynomials import (
    poly,
    polyadd,
    polyder,
    polydiv,
    polyint,
    polymul,
    polysub,
    polyval,
    roots,
)
from cujax.numpy.products import (
    cross,
    dot,
    inner,
    kron,
    matmul,
    matvec,
    outer,
    tensordot,
    vdot,
    vecdot,
    vecmat,
)
from cujax.numpy.reductions import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    count_nonzero,
    max,
    min,
    prod,
    ptp,
    sum,
)
from cujax.numpy.reshaping import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_arrays,
    broadcast_shapes,
    broadcast_to,
    expand_dims,
    flip,
    fliplr,
    flipud,
    matrix_transpose,
    moveaxis,
    permute_dims,
    ravel,
    reshape,
    resize,
    roll,
    rollaxis,
    rot90,
    squeeze,
    swapaxes,
    transpose,
)
from cujax.numpy.searching import (
    bincount,
    digitize,
    interp,
    isin,
    searchsorted,
)
from cujax.numpy.selection import (
    argwhere,
    choose,
    compress,
    extract,
    flatnonzero,
    nonzero,
    piecewise,
    where,
)
from cujax.numpy.sets import (
    intersect1d,
    setdiff1d,
    setxor1d,
    union1d,
    unique,
    unique_all,
    unique_counts,
    unique_inverse,
    unique_values,
)
from cujax.numpy.sorting import (
    argpartition,
    argsort,
    lexsort,
    partition,
    sort,
    sort_complex,
)
from cujax.numpy.statistics import (
    corrcoef,
    cov,
    median,
    nanmedian,
    nanpercentile,
    nanquantile,
    percentile,
    quantile,
)
from cujax.numpy.taking import (
    place,
    put,
    put_along_axis,
    ravel_multi_index,
    take,
    take_along_axis,
    unravel_index,
)
from cujax.numpy.transcendental import (
    acos,
    acosh,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctanh,
    asin,
    asinh,
    atan,
    atanh,
    cbrt,
    cos,
    cosh,
    deg2rad,
    degrees,
    exp,
    exp2,
    expm1,
    log,
    log1p,
    log2,
    log10,
    rad2deg,
    radians,
    sin,
    sinc,
    sinh,
    sqrt,
    tan,
    tanh,
)
from cujax.numpy.ufuncs import (
    add,
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    frompyfunc,
    logaddexp,
    logaddexp2,
    logical_and,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    multiply,
    negative,
    subtract,
    ufunc,
)
from cujax.numpy.windows import (
    bartlett,
    blackman,
    hamming,
    hanning,
    i0,
    kaiser,
)

bool = bool_
generic, number, inexact, integer = _np.generic, _np.number, _np.inexact, _np.integer
floating, complexfloating = _np.floating, _np.complexfloating
signedinteger, unsignedinteger = _np.signedinteger, _np.unsignedinteger
flexible, character, object_ = _np.flexible, _np.character, _np.object_
ComplexWarning = _np.exceptions.ComplexWarning

pi, e, euler_gamma = _math.pi, _math.e, _np.euler_gamma
inf, nan, newaxis = _math.inf, _math.nan, None

_install_methods(_METHODS)

__getattr__ = _refusing(__name__)
