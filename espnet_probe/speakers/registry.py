"""The embedders by name. Importing this loads neither torch nor any model."""

from typing import Callable, Dict, Union

from espnet_probe.speakers.abs_embedder import AbsEmbedder
from espnet_probe.speakers.spec import EmbedderSpec, check_spec


def _ge2e(spec: EmbedderSpec) -> AbsEmbedder:
    from espnet_probe.speakers.ge2e import GE2EEmbedder

    return GE2EEmbedder()


def _thin_resnet(spec: EmbedderSpec) -> AbsEmbedder:
    from espnet_probe.speakers.thin_resnet_embedder import ThinResNetEmbedder

    return ThinResNetEmbedder.load(spec)


def _espnet(spec: EmbedderSpec) -> AbsEmbedder:
    from espnet_probe.speakers.espnet_embedder import ESPnetEmbedder

    return ESPnetEmbedder.load(spec)


def _speechbrain(spec: EmbedderSpec) -> AbsEmbedder:
    from espnet_probe.speakers.speechbrain_embedder import SpeechBrainEmbedder

    return SpeechBrainEmbedder.load(spec)


#: Name → what loads the embedder; the same names as in ``spec.MODELS``.
EMBEDDERS: Dict[str, Callable[[EmbedderSpec], AbsEmbedder]] = {
    "ge2e": _ge2e,
    "thin_resnet": _thin_resnet,
    "espnet": _espnet,
    "speechbrain": _speechbrain,
}


def build_embedder(spec: Union[str, EmbedderSpec]) -> AbsEmbedder:
    """Load an embedder.

    Args:
        spec: ``NAME`` or ``NAME:MODEL``, as :func:`espnet_probe.speakers.spec.
            parse_spec` reads it.

    Returns:
        The embedder, ready to use, on the CPU.

    Raises:
        ProbeError: If the spec, its model or its weights are missing or wrong, or a
            Python package is not installed.
    """
    checked = check_spec(str(spec))
    embedder = EMBEDDERS[checked.name](checked)
    embedder.label = checked.label
    return embedder
