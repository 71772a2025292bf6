"""The probed model: found, loaded, checked and frozen."""

from espnet_probe.upstream.upstream import Upstream

__all__ = ["Upstream"]
