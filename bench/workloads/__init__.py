"""One file for each workload, `w<number>_<name>.py`; the registry is read off the file names.

A file gives `cases(scale)`, smallest first; one that measures what is no case (W14: imports) also gives
`rows(peers, bounds)`.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from bench.case import Case, Scale


def _find() -> dict[str, str]:
    files = [m.name for m in pkgutil.iter_modules(__path__) if m.name[:1] == "w" and m.name[1:2].isdigit()]
    by_id = {name.split("_")[0].upper(): name for name in files}
    return dict(sorted(by_id.items(), key=lambda item: int(item[0][1:])))


FILES = _find()


def module(workload: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{FILES[workload]}")


def cases(workload: str, scale: Scale) -> list[Case]:
    return module(workload).cases(scale)
