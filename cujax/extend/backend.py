"""The platform in use, as an object, for programs that ask for its name."""

from typing import NamedTuple

from cujax.api.devices import devices
from cujax.engine.backends.api import Device

__all__ = ["Backend", "get_backend"]


class Backend(NamedTuple):
    """platform: "cpu" or "gpu"."""

    platform: str

    def devices(self) -> list[Device]:
        """The devices of the platform."""
        return devices()

    def local_devices(self) -> list[Device]:
        """As `devices`: there is one process."""
        return devices()

    def device_count(self) -> int:
        """How many devices there are."""
        return len(devices())


def get_backend(platform: str | None = None) -> Backend:
    """The platform in use; RuntimeError for a `platform` ("cpu", "gpu", "cuda") that is not in use."""
    return Backend(devices(platform)[0].platform)
