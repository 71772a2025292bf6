"""The probed model: loaded, checked, frozen."""

import argparse
import hashlib
import json
import logging
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Union

import torch
import yaml

from espnet_probe.errors import ProbeError
from espnet_probe.features.delta_logmel import DeltaLogMel
from espnet_probe.features.log_mel import LogMelConfig, parse_sampling_rate
from espnet_probe.layers.capture import Capture
from espnet_probe.layers.families import find_family
from espnet_probe.layers.layer import HiddenStates, Layer
from espnet_probe.layers.selection import select_names

#: Weights that a training leaves, best first; see ``best_model_criterion``.
MODEL_FILES = (
    "valid.acc.ave.pth",
    "valid.cer_ctc.ave.pth",
    "valid.loss_ctc.ave.pth",
    "valid.loss.ave.pth",
    "valid.acc.best.pth",
    "valid.cer_ctc.best.pth",
    "valid.loss.best.pth",
)

#: The parts of a configuration that decide what a model computes from its weights.
MODEL_KEYS = ("frontend", "normalize", "preencoder", "encoder", "postencoder", "model")


class Upstream:
    """A frozen ESPnet ASR model whose hidden states can be read by layer name.

    Attributes:
        model: The ESPnet model, in eval mode, without gradients.
        origin: Where it was loaded from, for people.
        fs: Sampling rate of its input in Hz.
        layers: All its layers, in network order.
        target: Settings of the log-mel spectrogram that probes recover.
        hash: SHA-256 of weights and model configuration, in hexadecimal.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        config: Dict[str, Any],
        origin: str,
        device: str = "cpu",
    ) -> None:
        """Freeze a model and look at its layers.

        Args:
            model: An ``ESPnetASRModel``.
            config: Its configuration, as in ``config.yaml``.
            origin: Where it comes from.
            device: "cpu", "cuda" or "cuda:N".

        Raises:
            ProbeError: If its encoder or front end is not supported.
        """
        # Any: the parts of a model have no declared types.
        self.model: Any = model
        self.model.eval().requires_grad_(False).to(device)
        self.config = config
        self.origin = origin
        frontend: Any = self.model.frontend
        self.target = target_config(frontend, config)
        self.fs = self.target.fs
        width = config.get("input_size") or frontend.output_size()
        encoder: Any = self.model.encoder
        self.family = find_family(encoder, int(width))
        self.layers = [
            Layer(
                name=tap.name,
                width=tap.width,
                stride=tap.stride,
                frame_shift=tap.stride * self.target.frame_shift,
                tap=tap.where,
                # ESPnet's default front end mirrors the waveform at the end of the
                # batch, not at the end of each item.
                batch_independent=self.family.batch_independent
                and isinstance(frontend, DeltaLogMel),
            )
            for tap in self.family.taps()
        ]
        self.hash = model_hash(self.model, config)

    @classmethod
    def from_exp(
        cls,
        exp_dir: Union[str, Path],
        model_file: Optional[str] = None,
        device: str = "cpu",
    ) -> "Upstream":
        """Load a model from the folder that an ESPnet training left.

        Args:
            exp_dir: The folder with ``config.yaml`` and the weights.
            model_file: Name of the weights in it; by default the best average
                that is there.
            device: "cpu", "cuda" or "cuda:N".

        Raises:
            ProbeError: If a file is missing, or if the weights and the model do
                not have the same names and shapes.
        """
        # Only here: this import alone costs seconds.
        from espnet2.tasks.asr import ASRTask

        from espnet_probe.registration import register

        register()
        folder = Path(exp_dir)
        weights_file = find_model_file(folder, model_file)
        config = read_config(folder / "config.yaml")
        locate_stats(config, folder)
        model = ASRTask.build_model(argparse.Namespace(**config))
        load_weights(model, weights_file)
        logging.info("loaded the upstream %s", weights_file)
        return cls(model, config, origin=str(weights_file), device=device)

    @property
    def device(self) -> torch.device:
        """The device that the model is on."""
        return torch.device(next(iter(self.model.parameters())).device)

    def to(self, device: Union[str, torch.device]) -> "Upstream":
        """Move the model to a device and return it.

        Args:
            device: "cpu", "cuda", "cuda:N" or a torch device.
        """
        self.model.to(device)
        return self

    def select(self, patterns: Union[str, Sequence[str]]) -> List[Layer]:
        """Return the layers that names or globs choose, in network order.

        Args:
            patterns: For example ``"cnn1 blstm*"`` or ``["blstm5"]``.

        Raises:
            ProbeError: If a pattern matches nothing; the names are listed.
        """
        names = select_names(patterns, [layer.name for layer in self.layers])
        return [layer for layer in self.layers if layer.name in names]

    def check_length(self, samples: int, name: str = "the utterance") -> None:
        """Refuse an utterance that is too short for one state of every layer.

        Args:
            samples: Its length.
            name: How the message calls it.

        Raises:
            ProbeError: If a layer would have no state.
        """
        frames = torch.tensor([self.target.num_frames(samples)])
        for layer in self.layers:
            if samples < 1 or int(self.family.lengths(layer.name, frames)[0]) < 1:
                raise ProbeError(
                    f"{name} has {samples} samples, too few for one state of "
                    f"{layer.name}, which stands for {layer.frame_shift * 1000:.1f} "
                    "ms: leave it out"
                )

    @torch.no_grad()
    def hidden_states(
        self, waveform: torch.Tensor, lengths: torch.Tensor, names: Sequence[str]
    ) -> Dict[str, HiddenStates]:
        """Return the states of layers from one forward pass in eval mode.

        Args:
            waveform: (batch, samples), at ``fs``.
            lengths: (batch,), valid samples, in any order.
            names: Canonical layer names.

        Raises:
            ProbeError: If an utterance is shorter than one state.
        """
        for length in lengths.tolist():
            self.check_length(length)
        # ESPnet's recurrent encoders take batches in order of falling length.
        order = torch.argsort(lengths.cpu(), descending=True, stable=True)
        back = torch.argsort(order)
        sorted_lengths = lengths.cpu()[order]
        longest = int(sorted_lengths[0])
        self.model.eval()
        with Capture(self.family, names) as states:
            self.model.encode(
                waveform.to(self.device)[order.to(self.device), :longest],
                sorted_lengths.to(self.device),
            )
        return {
            name: HiddenStates(
                states[name].features[back.to(self.device)], states[name].lengths[back]
            )
            for name in names
        }


def find_model_file(folder: Path, name: Optional[str] = None) -> Path:
    """Return the weights file of an exp folder.

    Args:
        folder: An ESPnet exp folder.
        name: A file name in it; by default the first of MODEL_FILES.

    Raises:
        ProbeError: If the folder, its configuration or the weights are missing.
    """
    if not (folder / "config.yaml").is_file():
        raise ProbeError(
            f"no trained model in {folder}: expected config.yaml and *.pth there, as "
            "ESPnet's training leaves them"
        )
    present = sorted(path.name for path in folder.glob("*.pth"))
    candidates = (name,) if name else MODEL_FILES
    for candidate in candidates:
        if (folder / candidate).is_file():
            return folder / candidate
    raise ProbeError(
        f"no weights in {folder}: looked for {', '.join(candidates)}; there are "
        f"{', '.join(present) or 'no .pth files'}; choose one with --upstream_model"
    )


def read_config(path: Path) -> Dict[str, Any]:
    """Read the configuration of a training.

    Args:
        path: The ``config.yaml`` that ESPnet's training left.

    Raises:
        ProbeError: If it is no YAML, or not of an ASR training.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProbeError(f"cannot read {path}: {error}") from error
    if not isinstance(config, dict) or not {"encoder", "token_list"} <= config.keys():
        raise ProbeError(
            f"{path} is not of an ASR training: expected a mapping with encoder and "
            "token_list, as ESPnet's asr_train leaves it"
        )
    return config


def locate_stats(config: Dict[str, Any], folder: Path) -> None:
    """Let a model's statistics be found from any working directory.

    ESPnet stores the path of ``feats_stats.npz`` relative to the recipe. The
    configuration is changed in place.

    Args:
        config: A model's configuration.
        folder: Its exp folder, usually ``<recipe>/exp/asr_...``.

    Raises:
        ProbeError: If the file is nowhere.
    """
    stats = (config.get("normalize_conf") or {}).get("stats_file")
    if stats is None or Path(stats).is_file():
        return
    for root in folder.resolve().parents:
        if (root / stats).is_file():
            config["normalize_conf"]["stats_file"] = str(root / stats)
            return
    raise ProbeError(
        f"the statistics {stats} of the model in {folder} are missing: run from the "
        "recipe's folder, or put the file back"
    )


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Load weights strictly; ESPnet itself passes over what does not fit.

    Args:
        model: The model.
        path: A file with its state dictionary.

    Raises:
        ProbeError: Listing the names that are missing, unexpected or of another
            shape, or if the file is no weights file.
    """
    try:
        # weights_only: a model file from someone else must not run code.
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ProbeError(
            f"cannot read the weights {path}: {type(error).__name__}: {error}"
        ) from error
    expected = model.state_dict()
    missing = sorted(set(expected) - set(loaded))
    unexpected = sorted(set(loaded) - set(expected))
    shapes = [
        f"{key} {tuple(loaded[key].shape)} for {tuple(expected[key].shape)}"
        for key in sorted(set(loaded) & set(expected))
        if loaded[key].shape != expected[key].shape
    ]
    if missing or unexpected or shapes:
        raise ProbeError(
            f"the weights {path} do not fit the model of their config.yaml: "
            f"missing {missing or 'none'}, unexpected {unexpected or 'none'}, "
            f"other shape {shapes or 'none'}"
        )
    model.load_state_dict(loaded)


def target_config(frontend: torch.nn.Module, config: Dict[str, Any]) -> LogMelConfig:
    """Return the log-mel settings that fit a model's front end.

    For ``delta_logmel`` they are its own: the target is its static part. For
    ESPnet's default front end they are the paper's window and FFT at the front
    end's frame shift, so that one state stands for a whole number of frames.

    Args:
        frontend: The model's front end.
        config: The model's configuration.

    Raises:
        ProbeError: If the front end is another one.
    """
    if isinstance(frontend, DeltaLogMel):
        return frontend.config
    settings = config.get("frontend_conf") or {}
    hop = getattr(frontend, "hop_length", None)
    if hop is None or getattr(frontend, "stft", None) is None:
        raise ProbeError(
            f"no log-mel target is known for the front end {type(frontend).__name__}: "
            "supported are delta_logmel and ESPnet's default"
        )
    fs = parse_sampling_rate(settings.get("fs", 16000))
    return LogMelConfig(fs=fs, hop_length=int(hop), win_length=round(0.05 * fs))


def model_hash(model: torch.nn.Module, config: Dict[str, Any]) -> str:
    """Return the SHA-256 of a model's weights and configuration.

    Two exp folders with the same hash compute the same hidden states.

    Args:
        model: The model.
        config: Its configuration; only what decides the computation counts.
    """
    digest = hashlib.sha256()
    keys = [key for key in MODEL_KEYS if key in config]
    settings = {key: config.get(key) for key in keys}
    settings.update({f"{key}_conf": config.get(f"{key}_conf") for key in keys})
    # A path says nothing about what is computed; the statistics are weights.
    normalize = dict(settings.get("normalize_conf") or {})
    normalize.pop("stats_file", None)
    settings["normalize_conf"] = normalize
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    for key, value in sorted(model.state_dict().items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
