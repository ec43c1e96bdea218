"""What goes into the `cujax` distribution; its metadata and tool settings stand in pyproject.toml.

Two source folders make one import tree: `cujax/` is the Python package, and `kernels/`, the C++ headers that
generated code is compiled against, is installed as the data package `cujax.kernels`, so that a wheel and an
editable install alike find them with `importlib.resources.files("cujax.kernels")`.

The extension module is optional: without a C compiler, Python's headers or NumPy's, the install goes on, and
Python functions do its work (cujax/engine/ground/native/__init__.py).
"""

from pathlib import Path

from setuptools import Extension, find_packages, setup

try:
    import numpy
except ImportError:  # with pip's --no-build-isolation
    numpy = None

NATIVE = Path("cujax/engine/ground/native")


def extensions():
    if numpy is None:
        return []
    return [
        Extension(
            "cujax.engine.ground.native._native",
            sources=sorted(map(str, NATIVE.glob("*.c"))),
            depends=sorted(map(str, NATIVE.glob("*.h"))),
            include_dirs=[numpy.get_include()],
            optional=True,
        )
    ]


setup(
    packages=[*find_packages(include=["cujax", "cujax.*"]), "cujax.kernels"],
    package_dir={"cujax.kernels": "kernels"},
    package_data={"cujax.kernels": ["*.h", "README.md"]},
    include_package_data=False,  # what MANIFEST.in adds to the source distribution is not for wheels
    ext_modules=extensions(),
)
