"""Any speaker model of ESPnet as an embedder: a training's folder, or a published one.

The model is built by ESPnet's own task and embeds as ``Speech2Embedding`` of
``espnet2.bin.spk_inference`` does: the whole utterance, no normalisation of the
embedding's length. Its weights are loaded strictly, which ESPnet's loader does not do,
and as weights alone: a file that holds more is refused.
"""

import os
from pathlib import Path
from typing import Any, Dict, Sequence, Tuple

import numpy as np
import torch
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import parse_sampling_rate
from espnet_probe.speakers.abs_embedder import UNKNOWN, AbsEmbedder
from espnet_probe.speakers.shortest import shortest_input
from espnet_probe.speakers.spec import EmbedderSpec, check_parts, find_espnet_weights
from espnet_probe.upstream.build import build_model, locate_files, read_config
from espnet_probe.upstream.files import (
    ModelFiles,
    files_of_archive,
    files_of_exp,
    files_of_tag,
    pinned_tag,
)
from espnet_probe.upstream.weights import load_weights, model_hash

#: ESPnet's speaker models hear 16 kHz where their configuration names no rate.
DEFAULT_RATE = 16000


class ESPnetEmbedder(AbsEmbedder):
    """Embeddings of the model's own size, and of any length."""

    name = "espnet"

    def __init__(self, model: torch.nn.Module, config: Dict[str, Any]) -> None:
        """Freeze a model and find what it needs.

        Args:
            model: An ``ESPnetSpeakerModel`` with its weights.
            config: Its configuration, as in ``config.yaml``.

        Raises:
            ProbeError: If it cannot embed seconds of sound, or two passes differ.
        """
        self.label = self.name
        self._model = model.eval().requires_grad_(False)
        self.sampling_rate = sampling_rate(config)
        self.weights_hash = model_hash(model, config)
        self.trained_on = training_set(config)
        self.min_samples = shortest_input(
            self.embed_levelled, self.sampling_rate, f"the embedder {self.name}"
        )

    @classmethod
    def load(cls, spec: EmbedderSpec) -> "ESPnetEmbedder":
        """Load a model.

        Args:
            spec: Its ``model`` is a folder that a training left, an archive that
                ESPnet's ``pack`` made, or a name in ESPnet's model zoo.

        Raises:
            ProbeError: If files or packages are missing, the model is none of a
                speaker, or the weights and the model do not have the same names and
                shapes.
        """
        try:
            files, origin = find_files(spec)
            config = read_config(files.config)
            check_parts(spec, config)
            locate_files(config, files.folder)
            model = build_model(config, "spk")
            load_weights(model, files.weights)
        except ProbeError as error:
            text = str(error)
            raise ProbeError(
                text if str(spec) in text else f"embedder {spec}: {text}"
            ) from error
        embedder = cls(model, config)
        embedder.origin = origin
        return embedder

    @torch.inference_mode()
    def embed_levelled(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed a waveform that has the right rate, length and level.

        Args:
            waveform: ``(samples,)`` at ``sampling_rate``.

        Returns:
            ``(dim,)``.
        """
        speech = torch.from_numpy(np.ascontiguousarray(waveform))[None]
        embedding: NDArray[np.float32] = (
            self._model(speech=speech, extract_embd=True).reshape(-1).numpy()
        )
        return embedding


def find_files(spec: EmbedderSpec) -> Tuple[ModelFiles, str]:
    """Find the files of an ESPnet model; a published one is downloaded if need be.

    Args:
        spec: The embedder.

    Returns:
        The files, and where they come from, for people.

    Raises:
        ProbeError: If they are not there.
    """
    model = str(spec.model)
    if spec.folder is not None:
        weights = find_espnet_weights(spec.folder)
        return files_of_exp(spec.folder, weights.name), _short(weights)
    if Path(model).is_file():
        return files_of_archive(model), model
    return files_of_tag(model), pinned_tag(model)


def _short(path: Path) -> str:
    """Return a path as seen from the working folder, if it is in there."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def sampling_rate(config: Dict[str, Any]) -> int:
    """Return the rate that a speaker model was trained at, in Hz.

    Args:
        config: Its configuration.

    Raises:
        ProbeError: If what stands there is no rate.
    """
    front = config.get("frontend_conf") or {}
    prepared = config.get("preprocessor_conf") or {}
    rate = (
        front.get("fs") or front.get("sample_rate") or prepared.get("sample_rate")
    ) or DEFAULT_RATE
    return parse_sampling_rate(rate)


def training_set(config: Dict[str, Any]) -> str:
    """Return what a model was trained on, as far as its configuration tells.

    Args:
        config: Its configuration: ``trained_on``, a text that a converter writes, or
            the names of the training's files and the number of speakers.
    """
    if config.get("trained_on"):
        return str(config["trained_on"])
    sources = config.get("train_data_path_and_name_and_type") or []
    # .../<set>/wav.scp of the source that the task calls speech
    names = [
        Path(str(source[0])).parent.name for source in sources if _is_speech(source)
    ]
    if not names:
        return UNKNOWN
    return f"{', '.join(names)} ({config.get('spk_num')} speakers)"


def _is_speech(source: Any) -> bool:
    return isinstance(source, Sequence) and len(source) > 1 and source[1] == "speech"
