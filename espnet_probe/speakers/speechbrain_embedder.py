"""Any speaker encoder of SpeechBrain as an embedder: a folder, or a published one.

The model is SpeechBrain's own ``EncoderClassifier``. Its ``from_hparams`` builds
whatever the model's file asks for and passes over weights that are missing; so the same
steps are taken here with a file that has been checked, and strictly.
"""

import hashlib
import logging
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from espnet_probe.cache import cache_folder
from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import parse_sampling_rate
from espnet_probe.speakers.abs_embedder import UNKNOWN, AbsEmbedder
from espnet_probe.speakers.shortest import shortest_input
from espnet_probe.speakers.spec import HYPERPARAMS, EmbedderSpec, need_package
from espnet_probe.speakers.speechbrain_yaml import load_hyperparams
from espnet_probe.upstream.build import one_line, safe_loading

#: What ``EncoderClassifier.encode_batch`` runs.
NEEDED = ("compute_features", "mean_var_norm", "embedding_model")

#: What is downloaded of a published model: its description and its weights, no code.
FILES = ("*.yaml", "*.ckpt", "*.txt", "README.md")

DEFAULT_RATE = 16000


class SpeechBrainEmbedder(AbsEmbedder):
    """Embeddings of the model's own size, and of any length."""

    name = "speechbrain"

    def __init__(self, folder: Path) -> None:
        """Load a model.

        Args:
            folder: The folder with ``hyperparams.yaml`` and what its pretrainer lists.

        Raises:
            ProbeError: If a file is missing, asks for more than networks or holds more
                than weights; if the weights do not fit; or if the model embeds no
                sound.
        """
        need_package("speechbrain", "the embedder speechbrain")
        self.label = self.name
        path = folder / HYPERPARAMS
        with safe_loading():
            settings = load_hyperparams(path, {"pretrained_path": str(folder)})
            files = load_pretrained(settings, folder)
            self._classifier = make_classifier(settings, path)
        normalizer = settings.get("audio_normalizer")
        rate = settings.get("sample_rate") or getattr(normalizer, "sample_rate", None)
        self.sampling_rate = parse_sampling_rate(rate or DEFAULT_RATE)
        self.weights_hash = hash_files([path, *files])
        self.trained_on = str(settings.get("trained_on") or read_card(folder))
        self.min_samples = shortest_input(
            self.embed_levelled, self.sampling_rate, f"the model of {path}"
        )

    @classmethod
    def load(cls, spec: EmbedderSpec) -> "SpeechBrainEmbedder":
        """Load a model by a spec.

        Args:
            spec: Its ``model`` is a folder, or a name on the Hugging Face hub, with
                ``@revision`` if wanted.

        Raises:
            ProbeError: As the constructor does, or if it cannot be downloaded.
        """
        need_package("speechbrain", f"the embedder {spec}")
        folder, origin = find_folder(spec)
        embedder = cls(folder)
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
            self._classifier.encode_batch(speech).reshape(-1).numpy()
        )
        return embedding


def find_folder(spec: EmbedderSpec) -> Tuple[Path, str]:
    """Find a model's folder; a published one is downloaded into the cache if need be.

    Args:
        spec: The embedder.

    Returns:
        The folder, and where it comes from, for people.

    Raises:
        ProbeError: If there is no such model, or it is in no cache and cannot be
            downloaded.
    """
    if spec.folder is not None:
        return spec.folder, str(spec.model)
    from huggingface_hub import snapshot_download

    name, _, revision = str(spec.model).partition("@")
    try:
        found = snapshot_download(
            name,
            revision=revision or None,
            cache_dir=cache_folder() / "speechbrain",
            allow_patterns=list(FILES),
        )
    except Exception as error:
        raise ProbeError(
            f"cannot get {spec}: it is no folder, is not in {cache_folder()} and could "
            f"not be downloaded ({type(error).__name__}: {one_line(error)})"
        ) from error
    folder = Path(found)
    if not (folder / HYPERPARAMS).is_file():
        raise ProbeError(f"{spec} has no {HYPERPARAMS}: expected a SpeechBrain model")
    # .../models--<name>/snapshots/<commit>
    return folder, f"{name}@{folder.name}"


def load_pretrained(settings: Dict[str, Any], folder: Path) -> List[Path]:
    """Load what a model's pretrainer lists, strictly.

    Args:
        settings: What the model's file describes.
        folder: Where files without a path are looked for.

    Returns:
        The files.

    Raises:
        ProbeError: If there is no pretrainer, it does not load the network that
            embeds, a file is missing or holds more than weights, or weights are
            missing, unexpected or of another shape.
    """
    from speechbrain.utils.checkpoints import (
        DEFAULT_TRANSFER_HOOKS,
        get_default_hook,
        torch_parameter_transfer,
        torch_patched_state_dict_load,
    )
    from speechbrain.utils.parameter_transfer import Pretrainer

    path = folder / HYPERPARAMS
    pretrainer = settings.get("pretrainer")
    modules = settings.get("modules")
    if not isinstance(pretrainer, Pretrainer) or not isinstance(modules, dict):
        raise ProbeError(
            f"{path} has no pretrainer or no modules: expected the file of a trained "
            "model for inference, not that of a training"
        )
    lacking = [
        key for key in NEEDED if not isinstance(modules.get(key), torch.nn.Module)
    ]
    if lacking:
        raise ProbeError(f"{path}: no {', '.join(lacking)} among its modules")
    loadables = pretrainer.loadables
    if not any(item is modules["embedding_model"] for item in loadables.values()):
        raise ProbeError(
            f"{path}: its pretrainer does not load the embedding_model, which would "
            "be left with random weights"
        )
    try:
        # No folder to collect in: what is here is used where it is.
        pretrainer.set_collect_in(None)
        files = pretrainer.collect_files(default_source=str(folder))
        missing = [str(file) for file in files.values() if not Path(file).is_file()]
        if missing:
            raise ProbeError(f"{path} names files that are missing: {missing}")
        pretrainer.load_collected()
        for name, item in loadables.items():
            hook = get_default_hook(item, DEFAULT_TRANSFER_HOOKS)
            if name in files and hook is torch_parameter_transfer:
                state = torch_patched_state_dict_load(files[name])
                item.load_state_dict(state, strict=True)
    except ProbeError:
        raise
    except Exception as error:
        text = one_line(error)
        if "Weights only load" in str(error):
            text = "a file holds more than weights, and could run code"
        raise ProbeError(f"cannot load the weights of {path}: {text}") from error
    return sorted(Path(file) for file in files.values())


def make_classifier(settings: Dict[str, Any], path: Path) -> Any:
    """Make SpeechBrain's own interface around the networks.

    Args:
        settings: What the model's file describes, with its weights.
        path: The file, for the message.

    Returns:
        An ``EncoderClassifier`` in eval mode, on the CPU.

    Raises:
        ProbeError: If it cannot be made.
    """
    from speechbrain.inference.classifiers import EncoderClassifier

    try:
        return EncoderClassifier(
            modules=settings["modules"], hparams=settings, run_opts={"device": "cpu"}
        ).eval()
    except Exception as error:
        raise ProbeError(
            f"SpeechBrain cannot use the model of {path}: {one_line(error)}"
        ) from error


def hash_files(paths: List[Path]) -> str:
    """Return one SHA-256 of the names and contents of files, in hexadecimal.

    Args:
        paths: The files.
    """
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_card(folder: Path) -> str:
    """Return the training data that a published model's card names.

    Args:
        folder: The model's folder; ``README.md`` in it begins with settings in YAML.
    """
    card = folder / "README.md"
    if not card.is_file():
        return UNKNOWN
    try:
        parts = card.read_text(encoding="utf-8").split("---\n")
        datasets = yaml.safe_load(parts[1])["datasets"]
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        logging.debug("no datasets in %s", card, exc_info=True)
        return UNKNOWN
    return ", ".join(datasets) if isinstance(datasets, list) else str(datasets)
