"""Hear what each layer of a speech recogniser still hears: a plugin for ESPnet.

Importing this package loads neither torch nor ESPnet; the parts that need them
import them when they are used.
"""

from typing import TYPE_CHECKING, Any, List

from espnet_probe.errors import ProbeError

if TYPE_CHECKING:
    from espnet_probe.upstream import Upstream

__version__ = "0.1.0"
__all__ = ["ProbeError", "Upstream", "__version__"]


def __getattr__(name: str) -> Any:
    """Import ``Upstream`` when it is first asked for."""
    if name == "Upstream":
        from espnet_probe.upstream import Upstream

        return Upstream
    raise AttributeError(f"module 'espnet_probe' has no attribute {name!r}")


def __dir__() -> List[str]:
    return sorted(__all__)
