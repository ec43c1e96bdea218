"""Options of cujax: `cujax.config.update("jax_enable_x64", True)`.

Both `import cujax; cujax.config.update(...)` and `from cujax.config import config; config.update(...)`
work, as they did in JAX.  Reading `cujax.config.jax_enable_x64` gives the value that this thread sees;
`values` lists them all; inside a `with config.override(name, value):` block one thread has another value.
The options, their environment variables and flags are declared in `cujax/engine/ground/config.py`.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from cujax.engine.ground.config import config

__all__ = ["config"]


class _ConfigModule(types.ModuleType):
    """This module: what it does not have itself it takes from `config`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(config, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Assigning an option fails, as on `config`, with the text that shows `update`."""
        if name.startswith("__") or isinstance(value, types.ModuleType):
            super().__setattr__(name, value)
        else:
            setattr(config, name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(config)})


sys.modules[__name__].__class__ = _ConfigModule
