"""The embedders by name. Importing this loads neither torch nor any model."""

from typing import Callable, Dict

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.abs_embedder import AbsEmbedder


def _ge2e() -> AbsEmbedder:
    from espnet_probe.speakers.ge2e import GE2EEmbedder

    return GE2EEmbedder()


EMBEDDERS: Dict[str, Callable[[], AbsEmbedder]] = {"ge2e": _ge2e}


def build_embedder(name: str) -> AbsEmbedder:
    """Build an embedder with its default weights.

    Args:
        name: A key of ``EMBEDDERS``.

    Returns:
        The embedder, ready to use.

    Raises:
        ProbeError: If there is none of that name, or its weights are not there.
    """
    if name not in EMBEDDERS:
        raise ProbeError(
            f"unknown embedder '{name}': expected one of {', '.join(sorted(EMBEDDERS))}"
        )
    return EMBEDDERS[name]()
