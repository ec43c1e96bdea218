"""Integrals of elementary functions: exponential, sine and cosine, Fresnel's, and the dilogarithm.

Near 0 power-like series, elsewhere the slowly varying factor that is left beside the leading behaviour, in 1/x (DLMF
6.2, 6.7, 7.2): both Chebyshev series with coefficients computed with 40 digits.  All pieces are computed and the right
one is chosen.
"""

from __future__ import annotations

import math

from cujax import lax
from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.engine.ops import special as ops
from cujax.scipy.special.declare import chebyshev, horner, of_reals

# --- exponential integrals -----------------------------------------------------------------------------------

# exp1(x) + log(x) on (0, 1], in 2x - 1; then x exp(x) exp1(x) on [1, 4] and on [4, infinity), in 1/x.
_E1_NEAR = (
    -0.15608954289343577, 0.39708785273195646, -0.02277106547144326, 0.0012097775028096784, -5.5182563885653714e-05,
    2.1671613488351387e-06, -7.426313409051455e-08, 2.2509122178774545e-09, -6.107395323643698e-11,
    1.498675699736102e-12, -3.354930941889216e-14, 6.90235852390662e-16, -1.3134361119396419e-17,
)
_E1_MIDDLE = (
    0.6971133766796983, -0.1125352434836609, 0.01343226624790278, -0.0019268451873811457, 0.0003091183377206032,
    -5.356413212961842e-05, 9.827812880247493e-06, -1.8853689849165184e-06, 3.7494319356894736e-07,
    -7.682345587055264e-08, 1.6143270567198776e-08, -3.4668022114907356e-09, 7.587542091903628e-10,
    -1.6886433329881412e-10, 3.8145706749552266e-11, -8.733026632444629e-12, 2.023672864586796e-12,
    -4.741328303955583e-13, 1.1221172048389864e-13, -2.680422543484031e-14, 6.457851441771653e-15,
    -1.5682760501666479e-15, 3.8367865399315405e-16, -9.451717302757913e-17, 2.3434812288949573e-17,
    -5.845866158021471e-18, 1.4666229867947778e-18,
)
_E1_FAR = (
    0.9053540999623492, -0.08648117855259871, 0.007224101543746595, -0.0008097559457557386, 0.00010999134432661389,
    -1.7173329989377674e-05, 2.9856275144792833e-06, -5.65964914577193e-07, 1.15268083971414e-07,
    -2.4950304402693382e-08, 5.692324201833754e-09, -1.3599576648056003e-09, 3.3846628887608844e-10,
    -8.737853904474682e-11, 2.33158866322266e-11, -6.411481049213786e-12, 1.8122469802048165e-12,
    -5.253831761558461e-13, 1.5592182725919257e-13, -4.7291682970803986e-14, 1.4637618643932435e-14,
    -4.617388988712924e-15, 1.4827103482893693e-15, -4.841672496239229e-16, 1.6062155757002903e-16,
    -5.408917538957171e-17, 1.8474701593468977e-17, -6.395830792759094e-18, 2.2427807216997586e-18,
)
# (expi(x) - log(x / root)) / (x - root) on (0, 6], in x/3 - 1; then x exp(-x) expi(x) in 1/x.
_EI_NEAR = (
    5.257958226943482, 6.004639395661629, 2.469688170948231, 0.7902956029932626, 0.2071548491532639,
    0.04602682604407321, 0.008880237057344323, 0.0015146911094885722, 0.00023159134968734474,
    3.2092485124027427e-05, 4.066921310320624e-06, 4.748419512679941e-07, 5.140302084703391e-08,
    5.187110649842181e-09, 4.902148216697985e-10, 4.356558086355594e-11, 3.6539244499196015e-12,
    2.901505315385807e-13, 2.1876473555324577e-14, 1.5701440360230516e-15, 1.0752799606371169e-16,
)
_EI_6 = (
    1.186519731605943, 0.08867277799156566, 0.004538849615854891, -0.0007360917133533506, -0.0001311802094421383,
    1.860281858277769e-05, 1.7610424153850599e-06, -6.410426692376372e-07, 4.3431190977401596e-08,
    9.457713014017885e-09, -2.804867660824966e-09, 2.9077513809389464e-10, 1.5005396668585005e-11,
    -1.1038674953026538e-11, 2.0752769575841014e-12, -1.824894014255641e-13, -1.3060424323093775e-14,
    8.22817443438954e-15, -1.7064640854405607e-15, 2.0895115006185691e-16, -6.96952388785186e-18,
    -3.985678032031781e-18,
)
_EI_12 = (
    1.0733284937260361, 0.028589376984320986, 0.0009877354599019657, 6.535142674684368e-05, 4.080867437625506e-06,
    -3.589926611838061e-07, -1.3445734356897559e-07, -3.096554001036047e-09, 2.9939580378560676e-09,
    6.636901195446687e-11, -7.580298873512545e-11, 2.91093271006445e-12, 1.6949183480316525e-12,
    -2.4843531143767757e-13, -1.4921371160913075e-14, 8.569592517547666e-15, -8.552327771250706e-16,
    -9.567382338710219e-17, 3.92278471915959e-17, -4.34268592032165e-18,
)
_EI_24 = (
    1.0222957360954668, 0.022812793514753286, 0.0005360936928493524, 2.0034094292122614e-05, 1.0686092350144287e-06,
    7.746060698591084e-08, 7.504513851387549e-09, 9.65386432321799e-10, 1.5701407029249868e-10,
    2.779058341161681e-11, 3.828483997307224e-12, -1.9274603059481113e-13, -3.984438522784285e-13,
    -1.5561943489863476e-13, -2.6325433913268538e-14, 5.119012243843834e-15, 4.450825135967824e-15,
    8.977579029888121e-16, -2.2282754984589544e-16, -1.6452081405038015e-16, -1.5179371674871094e-17,
    1.6736756138129383e-17, 5.4633715506034455e-18,
)
_ROOT, _ROOT_REST = 0.3725074107813666, 1.3140183414386028e-17  # where expi is 0; single precision has its own rest


def _between(u: Array, low: float, high: float) -> Array:
    """The variable that is -1 at u = low and 1 at u = high; u is kept between them."""
    return (jnp.clip(u, low, high) - low) * (2 / (high - low)) - 1


def _exp1_positive(x: Array) -> Array:
    near = chebyshev(_between(x, 0, 1), _E1_NEAR) - jnp.log(jnp.where(x > 0, x, 1))
    inverse = 1 / jnp.maximum(x, 1)
    middle, far = chebyshev(_between(inverse, 0.25, 1), _E1_MIDDLE), chebyshev(_between(inverse, 0, 0.25), _E1_FAR)
    beyond = jnp.exp(-x) * inverse * jnp.where(x < 4, middle, far)
    return jnp.where(x > 0, jnp.where(x < 1, near, beyond), math.inf)


def _expi_positive(x: Array) -> Array:
    inside = jnp.clip(x, 1e-300 if x.dtype.itemsize > 4 else 1e-38, 6)
    from_root = (inside - _rounded(x, _ROOT)) - _root_rest(x)
    close = jnp.abs(from_root) < 0.1
    log = jnp.where(close, jnp.log1p(jnp.where(close, from_root, 0) / _ROOT), jnp.log(inside / _ROOT))
    near = log + from_root * chebyshev(inside / 3 - 1, _EI_NEAR)
    inverse = 1 / jnp.maximum(x, 6)
    six = chebyshev(_between(inverse, 1 / 12, 1 / 6), _EI_6)
    twelve = chebyshev(_between(inverse, 1 / 24, 1 / 12), _EI_12)
    rest = chebyshev(_between(inverse, 0, 1 / 24), _EI_24)
    beyond = jnp.exp(x) * inverse * jnp.where(x < 12, six, jnp.where(x < 24, twelve, rest))
    return jnp.where(x < 6, near, jnp.where(x == math.inf, math.inf, beyond))


def _rounded(x: Array, value: float) -> float:
    """`value` in the dtype of x."""
    return float(x.dtype.type(value))


def _root_rest(x: Array) -> float:
    return (_ROOT - _rounded(x, _ROOT)) + _ROOT_REST


@of_reals(lambda t, out, x: t * (jnp.exp(x) / x))
def expi(x: Array) -> Array:
    """The integral of exp(t) / t from -infinity to x, a principal value for positive x; elementwise.

    -inf at 0.  ValueError for complex numbers.
    """
    negative = -_exp1_positive(jnp.where(x < 0, -x, 1))
    return jnp.where(jnp.isnan(x), x, jnp.where(x < 0, negative, jnp.where(x == 0, -math.inf, _expi_positive(x))))


@of_reals(lambda t, out, x: t * (-jnp.exp(-x) / x))
def exp1(x: Array) -> Array:
    """The integral of exp(-t) / t from x to infinity; elementwise.

    inf at 0, NaN below.  ValueError for complex numbers.
    """
    return jnp.where(x >= 0, jnp.where(x == math.inf, 0.0, _exp1_positive(x)), math.nan)


_SERIES_TERMS = 22  # of the series of expn for x <= 1
_FRACTION_LEVELS = 90  # of the continued fraction of expn for x > 1


def _expn_near(n: Array, x: Array) -> Array:
    """DLMF 8.19.8 for 0 < x <= 1 and n >= 1."""
    term, total = jnp.ones_like(x), jnp.zeros_like(x)
    for m in range(_SERIES_TERMS):
        if m:
            term = term * x * (-1 / m)
        is_pole = n == m + 1
        total = total - jnp.where(is_pole, 0.0, term / jnp.where(is_pole, 1, m + 1 - n))
    log_size = (n - 1) * jnp.log(x) - lax.lgamma(n)
    sign = jnp.where(n % 2 == 0, -1.0, 1.0)
    return sign * jnp.exp(log_size) * (lax.digamma(n) - jnp.log(x)) + total


def _expn_far(n: Array, x: Array) -> Array:
    """The continued fraction DLMF 8.19.17, contracted, from its end."""

    def level(i: Array, tail: Array) -> Array:
        k = (_FRACTION_LEVELS - i).astype(x.dtype)
        return x + n + 2 * (k - 1) - k * (n + k - 1) / tail

    start = x + n + 2.0 * _FRACTION_LEVELS
    return jnp.exp(-x) / lax.fori_loop(0, _FRACTION_LEVELS, level, start)


def _expn_slope(t: Array, out: Array, n: Array, x: Array) -> Array:
    return t * jnp.where(n == 0, -jnp.exp(-x) * (1 / x + 1 / (x * x)), -expn(jnp.maximum(n - 1, 0), x))


@of_reals(None, _expn_slope, takes_lists=True)
def expn(n: Array, x: Array) -> Array:
    """The integral of exp(-x t) / t**n over t from 1 to infinity, for n = 0, 1, 2, ...

    Elementwise, with broadcasting.  NaN for other n and for negative x.  Constant with respect to n.
    ValueError for complex numbers.
    """
    whole = jnp.clip(jnp.round(n), 1, None)
    near = _expn_near(whole, jnp.where((x > 0) & (x <= 1), x, 0.5))
    far = _expn_far(whole, jnp.where((x > 1) & (x < math.inf), x, 2.0))
    positive = jnp.where(x <= 1, near, jnp.where(x == math.inf, 0.0, far))
    at_zero = jnp.where(n > 1, 1 / jnp.where(n > 1, n - 1, 1), math.inf)
    of_natural = jnp.where(x == 0, at_zero, jnp.where(n == 0, jnp.exp(-x) / x, positive))
    return jnp.where((n == jnp.round(n)) & (n >= 0) & (x >= 0), of_natural, math.nan)


# --- sine and cosine integrals -------------------------------------------------------------------------------

# sici(x)[0] / x and (sici(x)[1] - log(x) - gamma) / x**2 for |x| < 4, in x**2.
_SI_NEAR = (
    0.684217670090758, -0.2776578526973602, 0.03544140548666592, -0.0025631631447933976, 0.00011623653904970093,
    -3.5904327241606043e-06, 8.023421237057102e-08, -1.3562997692540251e-09, 1.7944072159973677e-11,
    -1.9083873430871455e-13, 1.6669989586824331e-15, -1.2173098836850304e-17,
)
_CI_NEAR = (
    -0.18537250875454844, 0.058935748963644466, -0.005381896421135691, 0.00029860052841962137,
    -1.09557257532162e-05, 2.840545487734663e-07, -5.469739948753849e-09, 8.124187461318157e-11,
    -9.58685931177066e-13, 9.20266004392351e-15, -7.325887999017895e-17, 4.914372667584291e-19,
)
# x f(x) and x**2 g(x), where f and g are the auxiliary functions of DLMF 6.2(iii), in 1/x**2: on [4, 10], then beyond.
_SICI_F_MIDDLE = (
    0.9472204941201079, -0.03234111419969878, 0.0020873105003769536, -0.00022343628281378523, 3.146132375870159e-05,
    -5.270987721926727e-06, 9.966601989862119e-07, -2.061103697933421e-07, 4.568193362558999e-08,
    -1.0701534438686423e-08, 2.623467130883242e-09, -6.680589668069311e-10, 1.7571171561439313e-10,
    -4.75229516140538e-11, 1.3169826313140082e-11, -3.728861961288562e-12, 1.0761119438588642e-12,
    -3.159068577446241e-13, 9.417831350804564e-14, -2.847148529100297e-14, 8.71767525183708e-15,
    -2.700584241908337e-15, 8.456199705316407e-16, -2.6742148660654106e-16, 8.535036717019824e-17,
    -2.7474010101329567e-17, 8.914475078055076e-18, -2.9140822664084497e-18,
)
_SICI_F_FAR = (
    0.990740770888971, -0.009034105490379748, 0.00021356412639804775, -1.0630181991023464e-05,
    8.281901430160007e-07, -8.741420216497479e-08, 1.1510187935952375e-08, -1.7952492040461855e-09,
    3.2032314543528155e-10, -6.379585930531886e-11, 1.3928077219735393e-11, -3.288030515480482e-12,
    8.304209304696736e-13, -2.224839858428311e-13, 6.27996897622429e-14, -1.857049262095913e-14,
    5.726018254265679e-15, -1.833668648910598e-15, 6.077953433321426e-16, -2.0792025042295494e-16,
    7.322190506524729e-17, -2.6486837197404016e-17, 9.822435088375194e-18, -3.7278647124228256e-18,
)
_SICI_G_MIDDLE = (
    0.8645827053104453, -0.07602602096529855, 0.007108645506451612, -0.000945308194392951, 0.0001545221391700885,
    -2.8960764438996706e-05, 5.9866240442354396e-06, -1.3326312854608542e-06, 3.144134183733956e-07,
    -7.77560533196017e-08, 1.9993811917709187e-08, -5.312987911355102e-09, 1.4521680264893045e-09,
    -4.0673446231268663e-10, 1.1639035110293816e-10, -3.3944340072032186e-11, 1.0068765983303273e-11,
    -3.032491433278548e-12, 9.25989123769571e-13, -2.863216281067045e-13, 8.955235969169072e-14,
    -2.830529947087188e-14, 9.033787694877006e-15, -2.9091703999355598e-15, 9.446849194896481e-16,
    -3.091541393121183e-16, 1.0190866554320847e-16, -3.382168475866779e-17, 1.1296579545348747e-17,
    -3.795795074837126e-18,
)
_SICI_G_FAR = (
    0.9734689038882999, -0.02550962851096239, 0.0009519955809827066, -6.267414105241494e-05, 5.939801883637308e-06,
    -7.271815840219255e-07, 1.0776257249732105e-07, -1.8531631017459422e-08, 3.592259861704139e-09,
    -7.687040025052271e-10, 1.787838571208587e-10, -4.46571236684944e-11, 1.18678967867542e-11,
    -3.3305268289168635e-12, 9.809491652590172e-13, -3.016975518382122e-13, 9.648115352928485e-14,
    -3.196638344743282e-14, 1.093918224781312e-14, -3.856196189826823e-15, 1.3970392791237763e-15,
    -5.190985034577975e-16, 1.9747078723044156e-16, -7.678487968741459e-17, 3.04754865311542e-17,
    -1.2330303217322244e-17, 5.079793543897325e-18, -2.1287086489038666e-18,
)
_EULER = 0.57721566490153286


def _auxiliary(v: Array, split: float, end: float, middle: tuple, far: tuple) -> Array:
    """The series `far` for v below `split`, `middle` from there to `end`."""
    return jnp.where(
        v < split, chebyshev(_between(v, 0, split), far), chebyshev(_between(v, split, end), middle)
    )


def _sici_slopes(t: Array, out: tuple[Array, Array], x: Array) -> tuple[Array, Array]:
    return t * jnp.sinc(x / math.pi), t * (jnp.cos(x) / x)


@of_reals(_sici_slopes)
def sici(x: Array) -> tuple[Array, Array]:
    """The integrals of sin(t) / t from 0 to x, and of cos(t) / t from infinity to x; elementwise.

    Returns both.  For negative x the second is the real part, that of -x; it is -inf at 0.  ValueError for complex
    numbers.
    """
    size = jnp.abs(x)
    square = jnp.square(jnp.minimum(size, 4))
    t = square / 8 - 1
    log = jnp.log(jnp.where(size > 0, size, 1))
    si_near, ci_near = x * chebyshev(t, _SI_NEAR), _EULER + log + square * chebyshev(t, _CI_NEAR)
    inverse = 1 / jnp.maximum(size, 4)
    v = inverse * inverse
    f = inverse * _auxiliary(v, 1 / 100, 1 / 16, _SICI_F_MIDDLE, _SICI_F_FAR)
    g = v * _auxiliary(v, 1 / 100, 1 / 16, _SICI_G_MIDDLE, _SICI_G_FAR)
    angle = jnp.where(size < math.inf, size, 0)
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    si_far = jnp.copysign(math.pi / 2 - f * cosine - g * sine, x)
    si, ci = jnp.where(size < 4, si_near, si_far), jnp.where(size < 4, ci_near, f * sine - g * cosine)
    ci = jnp.where(size == 0, -math.inf, ci)
    return jnp.where(jnp.isnan(x), x, si), jnp.where(x == -math.inf, math.nan, jnp.where(jnp.isnan(x), x, ci))


# --- Fresnel's integrals -------------------------------------------------------------------------------------

# fresnel(x)[0] / x**3 and fresnel(x)[1] / x for |x| < 1.6, in x**4.
_FRESNEL_S = (
    0.3142743195347836, -0.18188587850106117, 0.025424557742876257, -0.0019214582098450639, 8.966525954745101e-05,
    -2.830802868181572e-06, 6.442546962604405e-08, -1.1068235106036057e-09, 1.4862338485609142e-11,
    -1.6028109554824476e-13, 1.4188008517448966e-15, -1.0494270345038239e-17,
)
_FRESNEL_C = (
    0.5282931311708557, -0.37676220250161824, 0.08537377549656906, -0.009010259972062552, 0.0005393127720408215,
    -2.075044934605623e-05, 5.564687021283882e-07, -1.0999812843114444e-08, 1.6696510396208076e-10,
    -2.00773053966069e-12, 1.9601599749420958e-14, -1.5849094421108914e-16, 1.0788395601770007e-18,
)
# pi x f(x) and pi**2 x**3 g(x), with the auxiliary functions of DLMF 7.2(iv), in 1/x**4: on [1.6, 2.5], then beyond.
_FRESNEL_F_MIDDLE = (
    0.9787655004483351, -0.013300637059704759, 0.0006613084454297336, -6.099776602330525e-05, 7.732680689615365e-06,
    -1.1929484665066607e-06, 2.1051545953449417e-07, -4.098881782705098e-08, 8.606259354604978e-09,
    -1.918611328623503e-09, 4.4914601929935103e-10, -1.0951552467941502e-10, 2.764125662657591e-11,
    -7.186761826716232e-12, 1.917475740490676e-12, -5.233509427355823e-13, 1.4575004484976564e-13,
    -4.1328432096421425e-14, 1.1910548423310096e-14, -3.483306200355136e-15, 1.0324215849594952e-15,
    -3.0976566091929373e-16, 9.399155932609059e-17, -2.881676504362326e-17, 8.920067524194982e-18,
    -2.785870444311427e-18,
)
_FRESNEL_F_FAR = (
    0.9963328957401564, -0.003598309670657881, 6.571370067989755e-05, -2.8536780198887793e-06,
    2.0392432873227112e-07, -2.0266109330631773e-08, 2.552087597911368e-09, -3.845541164875694e-10,
    6.675316364065206e-11, -1.2999222228183651e-11, 2.7854753661035737e-12, -6.472837551675955e-13,
    1.6129097288670446e-13, -4.271416785005461e-14, 1.1935909122483213e-14, -3.4986337790445387e-15,
    1.0704597151201907e-15, -3.4046904742558257e-16, 1.1217459941997248e-16, -3.8168960882542417e-17,
    1.3377953507119546e-17, -4.818829146459739e-18, 1.7803069829218156e-18,
)
_FRESNEL_G_MIDDLE = (
    0.908469568833852, -0.05280803269396818, 0.004085337493979727, -0.00048091369748632, 7.176334748326404e-05,
    -1.248968275032825e-05, 2.4231614912172666e-06, -5.099201764140923e-07, 1.1432204703634493e-07,
    -2.696988097202399e-08, 6.635212789640571e-09, -1.6910004121106994e-09, 4.441239830477062e-10,
    -1.19721523082983e-10, 3.3016587247869046e-11, -9.290293719373348e-12, 2.6613918733193387e-12,
    -7.747655790000575e-13, 2.288424581029878e-13, -6.849024657288186e-14, 2.0746630505662495e-14,
    -6.35418018847592e-15, 1.966008046729825e-15, -6.14031973169348e-16, 1.9345547632230122e-16,
    -6.144582398448771e-17, 1.9664812219020147e-17, -6.3381434261490975e-18, 2.0564522534483456e-18,
)
_FRESNEL_G_FAR = (
    0.982434032233484, -0.01700279800137119, 0.0005287544471589305, -3.1278400741370834e-05, 2.7605485861992255e-06,
    -3.211089249673797e-07, 4.578135622392606e-08, -7.637872578693759e-09, 1.4448487265855392e-09,
    -3.0303289556955057e-10, 6.930478759520513e-11, -1.7066500942834794e-11, 4.480592314031894e-12,
    -1.2442427970638398e-12, 3.6313309725247755e-13, -1.1079432976543775e-13, 3.51833687037071e-14,
    -1.1585086601591264e-14, 3.942881111955888e-15, -1.3831925795114216e-15, 4.989590813819003e-16,
    -1.8469233353862455e-16, 7.002143639625521e-17, -2.7145575957519092e-17, 1.0745287759496553e-17,
    -4.3372970672634784e-18, 1.783160836658867e-18,
)
_NEAR_END, _MIDDLE_END = 1.6, 2.5


def _quarter_turns(x: Array) -> tuple[Array, Array]:
    """The sine and the cosine of pi x**2 / 2.

    With x = a + b, a a multiple of 1/8 and both products below exact or small, the square is reduced modulo 4 first.
    """
    a = jnp.round(x * 8) / 8
    b = x - a
    turns = (a * a) % 4 + (2 * a * b) % 4 + b * b
    return jnp.sin(math.pi / 2 * turns), jnp.cos(math.pi / 2 * turns)


def _fresnel_slopes(t: Array, out: tuple[Array, Array], x: Array) -> tuple[Array, Array]:
    sine, cosine = _quarter_turns(x)
    return t * sine, t * cosine


@of_reals(_fresnel_slopes, error=NotImplementedError)
def fresnel(x: Array) -> tuple[Array, Array]:
    """The integrals of sin(pi t**2 / 2) and of cos(pi t**2 / 2) from 0 to x; elementwise.

    Returns both.  NotImplementedError for complex numbers.
    """
    size = jnp.abs(x)
    inside = jnp.minimum(size, _NEAR_END)
    fourth = jnp.square(jnp.square(inside))
    t = _between(fourth, 0, _NEAR_END**4)
    s_near, c_near = inside**3 * chebyshev(t, _FRESNEL_S), inside * chebyshev(t, _FRESNEL_C)
    inverse = 1 / jnp.maximum(size, _NEAR_END)
    v = jnp.square(jnp.square(inverse))
    split, end = 1 / _MIDDLE_END**4, 1 / _NEAR_END**4
    f = inverse / math.pi * _auxiliary(v, split, end, _FRESNEL_F_MIDDLE, _FRESNEL_F_FAR)
    g = inverse**3 / math.pi**2 * _auxiliary(v, split, end, _FRESNEL_G_MIDDLE, _FRESNEL_G_FAR)
    sine, cosine = _quarter_turns(jnp.where(size < 1e15, size, 0))
    s_far, c_far = 0.5 - f * cosine - g * sine, 0.5 + f * sine - g * cosine
    far = size >= _NEAR_END
    s, c = jnp.where(far, s_far, s_near), jnp.where(far, c_far, c_near)
    return tuple(jnp.where(jnp.isnan(x), x, jnp.copysign(y, x)) for y in (s, c))


# --- the dilogarithm -------------------------------------------------------------------------------------------

_DEBYE = tuple(  # B[2n] / (2n + 1)!, the highest power first
    b / math.factorial(2 * n + 1) for n, b in reversed(list(enumerate((*ops.BERNOULLI, 43867 / 798, -174611 / 330), 1)))
)


def _dilogarithm(u: Array) -> Array:
    """Li2(1 - exp(-u)) for |u| <= log(2): the series of G. 't Hooft and M. Veltman (Nucl. Phys. B153, 1979)."""
    square = u * u
    return u - square / 4 + u * square * horner(square, _DEBYE)


def _spence_slope(t: Array, out: Array, x: Array) -> Array:
    near = jnp.abs(x - 1) < 1e-4
    series = -1 + (x - 1) * (0.5 - (x - 1) / 3)
    return t * jnp.where(near, series, jnp.log(x) / jnp.where(near, 1, 1 - x))


@of_reals(_spence_slope, error=TypeError, floats_only=True)
def spence(x: Array) -> Array:
    """Spence's function, the integral of log(t) / (1 - t) from 1 to x, which is Li2(1 - x); elementwise.

    NaN for negative x.  TypeError for other than real floating-point numbers.
    """
    low, high = x < 0.5, x > 2
    middle = _dilogarithm(-jnp.log(jnp.clip(x, 0.5, 2)))
    small = jnp.clip(x, 0, 0.5)
    log_small = jnp.log(jnp.where(small > 0, small, 1))
    below = math.pi**2 / 6 - log_small * jnp.log1p(-small) - _dilogarithm(-jnp.log1p(-small))
    large = jnp.maximum(x, 2)
    log = jnp.log(large - 1)
    above = -(math.pi**2) / 6 - 0.5 * log * log - _dilogarithm(-jnp.log1p(1 / (large - 1)))
    value = jnp.where(low, below, jnp.where(high, above, middle))
    return jnp.where(x < 0, math.nan, jnp.where(jnp.isnan(x), x, value))
