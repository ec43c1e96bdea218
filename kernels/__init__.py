"""The C++ headers of generated kernels, installed as `cujax.kernels`; see README.md beside this file.

Data only. The file is here because an editable install resolves a package kept outside `cujax/` only if it is
a regular one: a folder without `__init__.py` is found from a wheel but not from a checkout.
"""
