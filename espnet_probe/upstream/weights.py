"""The weights of a probed model: loaded strictly, and told apart by a hash."""

import hashlib
import json
import logging
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import torch

from espnet_probe.errors import ProbeError

#: Parts of an ``ssl`` model that its states do not need; which of them are built
#: depends on the ESPnet that is installed.
PRE_TRAINING = ("losses.", "util_modules.")

#: The parts of a configuration that decide what a model computes from its weights.
MODEL_KEYS = (
    "frontend",
    "normalize",
    "preencoder",
    "encoder",
    "postencoder",
    "model",
    "hier_encoder",
    "deliberationencoder",
    "promptencoder",
    "pooling",
    "projector",
    "adapter",
)

#: Settings that say where something is, never what is computed.
PLACES = ("stats_file", "download_dir", "cache_dir")

#: Counters of training steps: some models raise them in every forward pass.
COUNTERS = ("num_updates", "global_step")

#: Names of each kind that a message lists; all of them go to the log.
MAX_NAMES = 6


def load_weights(
    model: torch.nn.Module, path: Path, unneeded: Sequence[str] = ()
) -> None:
    """Load weights strictly; ESPnet itself passes over what does not fit.

    Args:
        model: The model.
        path: A file with its state dictionary.
        unneeded: Beginnings of names that the file may have and the model was built
            without; they are passed over, and named in the log.

    Raises:
        ProbeError: Naming the weights that are missing, unexpected or of another
            shape, or if the file is no weights file.
    """
    loaded = read_weights(path)
    expected = model.state_dict()
    _rename_old(loaded, expected)
    # A name that the model has after all is never passed over.
    dropped = [
        key for key in loaded if key.startswith(tuple(unneeded)) and key not in expected
    ]
    if dropped:
        logging.info("weights that no hidden state needs, not loaded: %s", dropped)
    for key in dropped:
        del loaded[key]
    shapes = [
        f"{key} {tuple(loaded[key].shape)} for {tuple(expected[key].shape)}"
        for key in sorted(set(loaded) & set(expected))
        if loaded[key].shape != expected[key].shape
    ]
    if shapes:
        missing = sorted(set(expected) - set(loaded))
        unexpected = sorted(set(loaded) - set(expected))
    else:
        # Not set differences: modules may rename what older versions have saved, or
        # know that they need no more of it (positional tables, weight norm).
        result = model.load_state_dict(loaded, strict=False)
        missing, unexpected = result.missing_keys, result.unexpected_keys
    if missing or unexpected or shapes:
        kinds = {"missing": missing, "unexpected": unexpected, "other shape": shapes}
        for kind, names in kinds.items():
            if len(names) > MAX_NAMES:
                logging.error("%s: %s %s", path, kind, " ".join(names))
        listed = ", ".join(f"{kind} {_shorten(names)}" for kind, names in kinds.items())
        raise ProbeError(
            f"the weights {path} do not fit the model of their config.yaml: {listed}"
        )


def read_weights(path: Path) -> Dict[str, torch.Tensor]:
    """Read a state dictionary, also out of the checkpoint that it is a part of.

    Args:
        path: A file that ``torch.save`` wrote.

    Returns:
        Name → tensor, on the CPU.

    Raises:
        ProbeError: If the file cannot be read, or holds more than weights.
    """
    try:
        # weights_only: a model file from someone else must not run code.
        # mmap: large models need not be in memory twice; old files cannot be mapped.
        loaded = torch.load(
            path,
            map_location="cpu",
            weights_only=True,
            mmap=zipfile.is_zipfile(path),
        )
    except Exception as error:
        raise ProbeError(
            f"cannot read the weights {path}: {type(error).__name__}: "
            f"{' '.join(str(error).split())[:300]}"
        ) from error
    # What DeepSpeed, Lightning and ESPnet's own checkpoint.pth put around it.
    for wrapper in ("module", "state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    if not isinstance(loaded, dict) or not all(
        isinstance(value, torch.Tensor) for value in loaded.values()
    ):
        raise ProbeError(
            f"{path} holds no weights: expected a mapping from names to tensors, as "
            "ESPnet's training saves it"
        )
    # A copy: torch.save keeps the class, and others hang metadata on it.
    return dict(loaded)


def _rename_old(loaded: Dict[str, torch.Tensor], expected: Dict[str, Any]) -> None:
    """Give weights of ESPnet's old S3PRL front end the names of the new one."""
    old, new = "frontend.upstream.model.", "frontend.upstream.upstream.model."
    for key in [key for key in loaded if key.startswith(old)]:
        renamed = new + key[len(old) :]
        if key not in expected and renamed in expected:
            loaded[renamed] = loaded.pop(key)


def _shorten(names: List[str]) -> str:
    """Name the first few of a list and count the rest."""
    if not names:
        return "none"
    if len(names) <= MAX_NAMES:
        return str(names)
    return f"{names[:MAX_NAMES]} and {len(names) - MAX_NAMES} more"


def model_hash(
    model: torch.nn.Module,
    config: Dict[str, Any],
    preparation: Optional[Dict[str, Any]] = None,
) -> str:
    """Return the SHA-256 of a model's weights and configuration.

    Two models with the same hash compute the same hidden states, wherever their files
    are: in an exp folder, unpacked from an archive, or in a cache.

    Args:
        model: The model.
        config: Its configuration; only what decides the computation counts.
        preparation: What is done to waveforms before the model, if anything.
    """
    digest = hashlib.sha256()
    keys = [key for key in MODEL_KEYS if key in config]
    if "encoder" not in config and "encoder_conf" in config:
        # The standalone transducer has one encoder class, and no name for it.
        keys.append("encoder")
    if not config.get("use_adapter") and "adapter" in keys:
        keys.remove("adapter")
    settings = {key: config.get(key) for key in keys}
    settings.update({f"{key}_conf": config.get(f"{key}_conf") for key in keys})
    settings["normalize_conf"] = settings.get("normalize_conf") or {}
    # A path says nothing about what is computed; the statistics are weights.
    settings = {key: _without_places(value) for key, value in settings.items()}
    if preparation:
        settings["preparation"] = preparation
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    for key, value in sorted(model.state_dict().items()):
        if key.rsplit(".", 1)[-1] in COUNTERS or key.startswith(PRE_TRAINING):
            continue
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        # As bytes: numpy has no bfloat16.
        flat = value.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _without_places(value: Any) -> Any:
    """Return settings without what changes when the files of a model move."""
    if isinstance(value, dict):
        return {
            key: _without_places(item)
            for key, item in value.items()
            if key not in PLACES
        }
    if isinstance(value, (list, tuple)):
        return [_without_places(item) for item in value]
    if isinstance(value, str) and "/" in value:
        return Path(value).name
    return value
