"""Trained probes: loaded layer by layer, applied to one utterance at a time."""

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Union

import torch
import yaml

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.layers.selection import select_names
from espnet_probe.probes.choices import probe_choices
from espnet_probe.probes.espnet_model import ESPnetProbeModel, ProbedLayer, check_hash
from espnet_probe.probes.loss import covered_frames
from espnet_probe.upstream.choice import ONE_OF, UpstreamChoice, moved_choice


class ProbeExp:
    """The folder that a probe training left.

    Attributes:
        folder: The folder.
        config: Its configuration.
        target: Settings of the recovered mel.
        descriptions: The trained layers, in network order, as in ``layers.json``.
    """

    def __init__(self, folder: Union[str, Path]) -> None:
        """Read the configuration; nothing is loaded yet.

        Args:
            folder: With ``config.yaml`` and ``valid.loss_<layer>.best.pth``.

        Raises:
            ProbeError: If it is no probe folder.
        """
        self.folder = Path(folder)
        path = self.folder / "config.yaml"
        if not path.is_file():
            raise ProbeError(
                f"no trained probes in {folder}: expected config.yaml there"
            )
        with path.open(encoding="utf-8") as file:
            self.config: Dict[str, Any] = yaml.safe_load(file)
        if "layer_descriptions" not in self.config:
            raise ProbeError(
                f"{path} is not of a probe training: expected layer_descriptions in it"
            )
        self.target = LogMelConfig.from_dict(self.config["target"])
        self.descriptions: List[Dict[str, Any]] = self.config["layer_descriptions"]

    def select(self, patterns: Union[str, Sequence[str]]) -> List[str]:
        """Return the trained layers that names or globs choose.

        Args:
            patterns: For example "cnn1 blstm*".

        Raises:
            ProbeError: If a pattern matches no trained layer.
        """
        return select_names(patterns, [entry["name"] for entry in self.descriptions])

    def checkpoint(self, layer: str) -> Path:
        """Return the file with the best epoch of a layer.

        Args:
            layer: A trained layer.

        Raises:
            ProbeError: If it is not there.
        """
        path = self.folder / f"valid.loss_{layer}.best.pth"
        if not path.is_file():
            raise ProbeError(
                f"no trained probe for {layer}: {path} is missing; train it first"
            )
        return path

    def fingerprint(self, layers: Sequence[str]) -> str:
        """Return the SHA-256 of what the reconstructions of layers depend on.

        Args:
            layers: Trained layers.

        Raises:
            ProbeError: If a checkpoint is missing.
        """
        digest = hashlib.sha256(str(self.config["upstream_hash"]).encode())
        digest.update(json.dumps(self.config["target"], sort_keys=True).encode())
        if self.config.get("shuffle_states"):
            digest.update(f"shuffled {self.config.get('seed')}".encode())
        for layer in layers:
            digest.update(layer.encode() + self.checkpoint(layer).read_bytes())
        return digest.hexdigest()

    def load(
        self,
        layers: Sequence[str],
        upstream: Optional[Union[str, UpstreamChoice]] = None,
        device: str = "cpu",
    ) -> ESPnetProbeModel:
        """Load the upstream and the best probe of each layer.

        Args:
            layers: Trained layers.
            upstream: Where the upstream is now, or its exp folder; by default the
                one that the training's configuration names.
            device: "cpu" or "cuda".

        Raises:
            ProbeError: If a file is missing or the upstream is another one.
        """
        choice = moved_choice(self.config, upstream)
        if choice is None:
            raise ProbeError(f"{self.folder} was trained from dumps: give {ONE_OF}")
        loaded = choice.load(device)
        chosen = [entry for entry in self.descriptions if entry["name"] in layers]
        model = ESPnetProbeModel(
            layers=[
                ProbedLayer(entry["name"], entry["width"], entry["stride"])
                for entry in chosen
            ],
            target=self.target,
            upstream_hash=loaded.hash,
            upstream=loaded,
            probe_class=probe_choices.get_class(self.config["probe"]),
            probe_conf=self.config["probe_conf"],
            seed=self.config.get("seed", 0),
            normalize_states=self.config.get("normalize_states", False),
            shuffle_states=self.config.get("shuffle_states", False),
        )
        for layer in layers:
            self._load_layer(model, layer)
        return model.eval().requires_grad_(False).to(device)

    def _load_layer(self, model: ESPnetProbeModel, layer: str) -> None:
        path = self.checkpoint(layer)
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise ProbeError(
                f"cannot read {path}: {type(error).__name__}: {error}"
            ) from error
        check_hash(saved["upstream_hash"], model.upstream_hash)
        for group in ("probes", "scalings"):
            modules, prefix = getattr(model, group), f"{group}.{layer}."
            own = {
                key.removeprefix(prefix): value
                for key, value in saved.items()
                if key.startswith(prefix)
            }
            try:
                # Scalings are there only if the configuration has them.
                (
                    modules[layer] if layer in modules else torch.nn.Module()
                ).load_state_dict(own)
            except RuntimeError as error:
                raise ProbeError(
                    f"{path} does not fit its config.yaml: {error}"
                ) from error
        model.target_mean.copy_(saved["target_mean"])
        model.target_std.copy_(saved["target_std"])


class Reconstruction(NamedTuple):
    """What probes make of one utterance.

    Attributes:
        target: (frames, n_mels), natural-log mel, on the CPU.
        mels: Layer name to the same shape.
        held: Layer name to how many frames at the end no state stands for; there
            the last frame before them is held.
    """

    target: torch.Tensor
    mels: Dict[str, torch.Tensor]
    held: Dict[str, int]

    def l1(self, layer: str) -> float:
        """Return a layer's mean absolute error over all frames and bands.

        Held frames count, so that all layers are judged on the same frames.

        Args:
            layer: A layer in ``mels``.
        """
        return float((self.mels[layer] - self.target).abs().mean())


@torch.no_grad()
def reconstruct_utterance(
    model: ESPnetProbeModel, waveform: torch.Tensor, key: str = ""
) -> Reconstruction:
    """Return the target and every layer's reconstruction of one utterance.

    One at a time, so that no state depends on what it would be batched with.

    Args:
        model: As :meth:`ProbeExp.load` returns it.
        waveform: (samples,), at the upstream's rate.
        key: The utterance's id; it decides the order of shuffled states.
    """
    assert model.upstream is not None
    device = model.target_mean.device
    batch = waveform[None].to(device)
    lengths = torch.tensor([waveform.numel()])
    target, frames = model.log_mel(batch, lengths.to(device))
    states = model.states_of(batch, lengths, {"utt_id": [key]})
    mels, held = {}, {}
    for layer in model.layers:
        own = states[layer.name]
        mel = model.reconstruct(layer.name, own.features, target.size(1))
        mels[layer.name] = mel[0].cpu()
        covered = covered_frames(frames, own.lengths, layer.stride)
        held[layer.name] = int(frames - covered)
    return Reconstruction(target[0].cpu(), mels, held)
