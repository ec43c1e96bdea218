"""The import hook: `jax` means cujax, nothing falls through to JAX, private names are stand-ins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ENV = {**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent.parent}", "CUJAX_PLATFORM": "cpu"}


def _python(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], env=ENV, capture_output=True, text=True, timeout=120)


SAYS = """
import as_jax, importlib.util, sys
import jax, cujax
assert jax is cujax and jax.__version_info__ == (0, 10, 2)
import jax.numpy as jnp
assert jnp is cujax.numpy and jnp.__spec__.name == "cujax.numpy"
assert importlib.util.find_spec("jax.numpy") is not None
from jax.scipy.special import erf
assert erf is cujax.scipy.special.erf
import jax._src.core
assert jax._src.core.Tracer is cujax.core.Tracer
from jax.interpreters import mlir
assert not isinstance(1, mlir.ir.Value)
assert "jax._src.api" not in sys.modules
from jax.interpreters import partial_eval
partial_eval.custom_staging_rules["some primitive"] = None
jax.jit(lambda x: print(type(x).__module__, jax.core.is_concrete(x)))(1.0)
jax.grad(lambda x: print(type(x).__module__, jax.core.concrete_or_error(int, x)) or x)(1.0)
assert type(jnp.ones(2)).__module__.startswith("jax.")
"""


def test_names_of_jax_are_those_of_cujax():
    done = _python("-c", SAYS)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "jax.engine.core.recording False\njax.engine.transforms.jvp 1\n"


@pytest.mark.parametrize(
    "text, error",
    [
        ("import jax.no_such_module", "ModuleNotFoundError: No module named 'jax.no_such_module'"),
        ("from jax.numpy import no_such_name", "ImportError: cannot import name 'no_such_name'"),
        ("from jax.interpreters import mlir; mlir.lower()", "jax.interpreters.mlir.lower is private to JAX"),
    ],
)
def test_what_is_missing_is_an_error(text, error):
    done = _python("-c", f"import as_jax; {text}")
    assert done.returncode == 1 and error in done.stderr


def test_it_must_come_before_jax():
    done = _python("-c", "import sys; sys.modules['jax'] = sys; import as_jax")
    assert "RuntimeError: as_jax must be imported before" in done.stderr


def test_a_script_runs_with_its_arguments_and_its_folder(tmp_path):
    (tmp_path / "beside.py").write_text("import jax.numpy as jnp; two = jnp.float32(2)")
    script = tmp_path / "script.py"
    script.write_text("import sys, beside; print(__name__, sys.argv[1:], beside.jnp.__name__)")
    assert _python("-m", "as_jax", str(script), "a", "b").stdout == "__main__ ['a', 'b'] cujax.numpy\n"
