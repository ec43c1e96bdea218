"""What goes into the `cujax` distribution; its metadata and tool settings stand in pyproject.toml.

Two source folders make one import tree: `cujax/` is the Python package, and `kernels/`, the C++ headers that
generated code is compiled against, is installed as the data package `cujax.kernels`, so that a wheel and an
editable install alike find them with `importlib.resources.files("cujax.kernels")`.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["cujax", "cujax.*"]), "cujax.kernels"],
    package_dir={"cujax.kernels": "kernels"},
    package_data={"cujax.kernels": ["*.h", "README.md"]},
)
