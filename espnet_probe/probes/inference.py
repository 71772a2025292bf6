"""Trained probes: loaded layer by layer, applied to one utterance at a time."""

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import torch
import yaml

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.layers.selection import select_names
from espnet_probe.probes.choices import probe_choices
from espnet_probe.probes.espnet_model import ESPnetProbeModel, ProbedLayer, check_hash
from espnet_probe.upstream import Upstream


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
        for layer in layers:
            digest.update(layer.encode() + self.checkpoint(layer).read_bytes())
        return digest.hexdigest()

    def load(
        self,
        layers: Sequence[str],
        upstream_exp: Optional[str] = None,
        device: str = "cpu",
    ) -> ESPnetProbeModel:
        """Load the upstream and the best probe of each layer.

        Args:
            layers: Trained layers.
            upstream_exp: Folder of the upstream; by default the one it was
                trained on.
            device: "cpu" or "cuda".

        Raises:
            ProbeError: If a file is missing or the upstream is another one.
        """
        where = upstream_exp or self.config.get("upstream_exp")
        if not where:
            raise ProbeError(
                f"{self.folder} was trained from dumps: give --upstream_exp DIR"
            )
        upstream = Upstream.from_exp(where, self.config.get("upstream_model"), device)
        chosen = [entry for entry in self.descriptions if entry["name"] in layers]
        model = ESPnetProbeModel(
            layers=[
                ProbedLayer(entry["name"], entry["width"], entry["stride"])
                for entry in chosen
            ],
            target=self.target,
            upstream_hash=upstream.hash,
            upstream=upstream,
            probe_class=probe_choices.get_class(self.config["probe"]),
            probe_conf=self.config["probe_conf"],
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
        prefix = f"probes.{layer}."
        own = {
            key.removeprefix(prefix): value
            for key, value in saved.items()
            if key.startswith(prefix)
        }
        try:
            model.probes[layer].load_state_dict(own)
        except RuntimeError as error:
            raise ProbeError(f"{path} does not fit its config.yaml: {error}") from error
        model.target_mean.copy_(saved["target_mean"])
        model.target_std.copy_(saved["target_std"])


@torch.no_grad()
def reconstruct_utterance(
    model: ESPnetProbeModel, waveform: torch.Tensor
) -> Tuple[torch.Tensor, Dict[str, torch.Tensor]]:
    """Return the target and every layer's reconstruction of one utterance.

    One at a time, so that no state depends on what it would be batched with.

    Args:
        model: As :meth:`ProbeExp.load` returns it.
        waveform: (samples,), at the upstream's rate.

    Returns:
        target: (frames, n_mels), natural-log mel, on the CPU.
        mels: Layer name to the same shape.
    """
    assert model.upstream is not None
    device = model.target_mean.device
    batch = waveform[None].to(device)
    lengths = torch.tensor([waveform.numel()])
    target, _ = model.log_mel(batch, lengths.to(device))
    states = model.upstream.hidden_states(batch, lengths, model.layer_names)
    mels = {
        name: model.reconstruct(name, states[name].features, target.size(1))[0].cpu()
        for name in model.layer_names
    }
    return target[0].cpu(), mels
