"""All backends have what `api.Backend` promises, with its parameters; kernel targets what `api.KernelTarget` does."""

from __future__ import annotations

import inspect

import pytest

from cujax.engine.backends.api import Backend, KernelTarget
from cujax.engine.backends.cuda import CudaBackend
from cujax.engine.backends.cuda_target import CudaTarget
from cujax.engine.backends.host_backend import HostBackend
from cujax.engine.backends.host_target import HostTarget
from cujax.engine.backends.numpy_backend import NumpyBackend
from cujax.engine.backends.select import _choose
from cujax.engine.ground.config import config

PAIRS = [(Backend, b) for b in (NumpyBackend, HostBackend, CudaBackend)]
PAIRS += [(KernelTarget, t) for t in (HostTarget, CudaTarget)]


def promised(protocol):
    return {name: f for name, f in vars(protocol).items() if inspect.isfunction(f) and not name.startswith("_")}


def parameters(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("protocol, kind", PAIRS, ids=[kind.__name__ for _, kind in PAIRS])
def test_methods_are_those_that_are_promised(protocol, kind):
    assert promised(protocol)
    for name, function in promised(protocol).items():
        assert parameters(getattr(kind, name)) == parameters(function), name


def test_names_of_backends_differ():
    assert [b.name for b in (NumpyBackend, HostBackend, CudaBackend)] == ["numpy", "host", "cuda"]
    assert [t.language for t in (HostTarget, CudaTarget)] == ["host", "cuda"]


@pytest.mark.parametrize("compiler, kind", [("off", NumpyBackend), ("auto", HostBackend), ("/a/path", HostBackend)])
def test_the_option_decides_on_the_backend_of_the_cpu(compiler, kind):
    with config.override("host_compiler", compiler):
        assert type(_choose("cpu")) is kind
