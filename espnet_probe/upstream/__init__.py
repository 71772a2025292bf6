"""The probed model: found, loaded, checked and frozen.

Importing this package loads neither torch nor ESPnet, so that a command can show its
options at once; ``Upstream`` does.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from espnet_probe.upstream.upstream import Upstream

__all__ = ["Upstream"]


def __getattr__(name: str) -> Any:
    """Import ``Upstream`` when it is first asked for."""
    if name == "Upstream":
        from espnet_probe.upstream.upstream import Upstream

        return Upstream
    raise AttributeError(f"module 'espnet_probe.upstream' has no attribute {name!r}")
