"""Published codes that are run on cujax: which release, and what script of ours drives it.

To add a code: a row here, its packages in requirements.txt, and scripts/NAME.py (see drive.py).  A script may say
`TOLERANCES`, by case: the greatest difference allowed, in units of the greatest absolute value of the array;
`TOLERANCE` holds for other cases.  An exact comparison is 0.
"""

from __future__ import annotations

from typing import NamedTuple

TOLERANCE = 2e-5  # float32 results of a few dozen steps that do not amplify rounding


class Code(NamedTuple):
    script: str  # scripts/NAME.py
    package: str  # on PyPI, as requirements.txt pins it
    what: str


CODES = [
    Code("jax_cfd", "jax-cfd", "incompressible flows by finite volumes and by spectra"),
    Code("jax_md", "jax-md", "molecular dynamics: neighbor lists, ensembles, minimization, structure"),
    Code("xlb", "xlb", "lattice Boltzmann flows by its JAX backend"),
    Code("jaxsim", "jaxsim", "rigid bodies in 64 bits"),
    Code("diffrax", "diffrax", "differential equations, with equinox, lineax and optimistix"),
    Code("jax_cosmo", "jax-cosmo", "cosmology: distances, growth, spectra and their derivatives"),
    Code("inference", "blackjax", "Markov chains, with numpyro's distributions and Gaussian processes of tinygp"),
    Code("functions", "interpax", "interpolation, with quadax, orthax, s2fft, optax and dynamiqs"),
]
