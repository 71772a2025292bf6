"""The frozen model and a probe per layer, as one ESPnet model."""

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple, Type

import torch
from espnet2.torch_utils.device_funcs import force_gatherable
from espnet2.train.abs_espnet_model import AbsESPnetModel

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMel, LogMelConfig
from espnet_probe.layers.layer import HiddenStates
from espnet_probe.probes.abs_probe import AbsProbe, layer_seed
from espnet_probe.probes.loss import covered_frames, fit_frames, masked_l1
from espnet_probe.probes.shuffling import shuffle
from espnet_probe.probes.state_scaling import StateScaling
from espnet_probe.upstream import Upstream


@dataclass(frozen=True)
class ProbedLayer:
    """What a probe must know of its layer.

    Attributes:
        name: Canonical layer name.
        width: Values per state.
        stride: Mel frames per state.
    """

    name: str
    width: int
    stride: int


class ESPnetProbeModel(AbsESPnetModel):
    """A probe for each of several layers of one frozen upstream.

    The state dictionary holds the probes, the statistics that scale their inputs
    and outputs, and the upstream's hash, never the upstream.
    """

    def __init__(
        self,
        layers: Sequence[ProbedLayer],
        target: LogMelConfig,
        upstream_hash: str,
        upstream: Optional[Upstream],
        probe_class: Type[AbsProbe],
        probe_conf: Mapping[str, Any],
        target_stats: Optional[Tuple[torch.Tensor, torch.Tensor]] = None,
        seed: int = 0,
        normalize_states: bool = False,
        shuffle_states: bool = False,
    ) -> None:
        """Build the probes.

        Args:
            layers: The layers to probe.
            target: Settings of the mel to recover.
            upstream_hash: SHA-256 of the upstream, in hexadecimal.
            upstream: The frozen model; None if states come from dumps.
            probe_class: Class of the probes.
            probe_conf: Further arguments of that class.
            target_stats: Mean and standard deviation of each mel band over the
                training set, (n_mels,) each; by default 0 and 1.
            seed: With the layer's name, it decides a probe's initial values; with
                the utterance's id, the order of shuffled states.
            normalize_states: Whether states are brought to a common scale, see
                :mod:`espnet_probe.probes.state_scaling`.
            shuffle_states: Whether the states of each utterance are shuffled in
                time, see :mod:`espnet_probe.probes.shuffling`.
        """
        super().__init__()
        self.layers = list(layers)
        # Not a submodule: it must stay in eval mode, out of the checkpoints and
        # out of DDP's reach.
        self.upstream = upstream
        self.seed = seed
        self.shuffle_states = shuffle_states
        #: Number of the epoch in training: each has an order of its own.
        self.epoch = 0
        self.log_mel = LogMel(target)
        self.probes = torch.nn.ModuleDict()
        for layer in layers:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(layer_seed(seed, layer.name))
                self.probes[layer.name] = probe_class(
                    layer.width, layer.stride, target.n_mels, **probe_conf
                )
        self.scalings = torch.nn.ModuleDict(
            {layer.name: StateScaling(layer.width) for layer in layers}
            if normalize_states
            else {}
        )
        mean, std = target_stats or (
            torch.zeros(target.n_mels),
            torch.ones(target.n_mels),
        )
        self.register_buffer("target_mean", mean.float())
        self.register_buffer("target_std", std.float())
        digest = torch.tensor(list(bytes.fromhex(upstream_hash)), dtype=torch.uint8)
        self.register_buffer("upstream_hash", digest)
        self.target_mean: torch.Tensor
        self.target_std: torch.Tensor
        self.upstream_hash: torch.Tensor
        #: Mean loss of each layer in the last validation; see ProbeTrainer.
        self.validation_losses: Dict[str, float] = {}

    @property
    def layer_names(self) -> Sequence[str]:
        """Names of the probed layers, in network order."""
        return [layer.name for layer in self.layers]

    def forward(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor, **batch: Any
    ) -> Tuple[torch.Tensor, Dict[str, torch.Tensor], torch.Tensor]:
        """Compute the sum of the layers' losses.

        Args:
            speech: (batch, samples).
            speech_lengths: (batch,), valid samples.
            batch: ``hidden_<layer>`` and ``hidden_<layer>_lengths`` of every
                layer when states come from dumps, ``utt_id`` where they are
                shuffled; others are passed over.

        Returns:
            loss: Scalar; the layers share no parameters, so the gradient of the
                sum is that of each layer's own loss.
            stats: ``loss`` (mean over layers) and ``loss_<layer>``, L1 in
                natural-log mel over the frames that the layer's states stand for,
                whether the model or a dump gives the states.
            weight: Number of the target's frames, the same for all layers, so that
                epoch means are pooled. (Over several batches exactly so for layers
                whose states stand for all frames; ESPnet has one weight a batch.)
        """
        speech_lengths = speech_lengths.to(speech.device)
        # In full precision also under --use_amp: half of it changes a log-mel by 0.02.
        with torch.no_grad(), torch.autocast(speech.device.type, enabled=False):
            target, frames = self.log_mel(speech, speech_lengths)
        states = self.states_of(speech, speech_lengths, batch)
        losses = {}
        for layer in self.layers:
            own = states[layer.name]
            if self.training and layer.name in self.scalings:
                scaling = self.scalings[layer.name]
                assert isinstance(scaling, StateScaling)
                scaling.fit(own.features, own.lengths)
            mel = self.reconstruct(layer.name, own.features, target.size(1))
            covered = covered_frames(frames, own.lengths, layer.stride)
            losses[layer.name], _ = masked_l1(mel, target, covered)
        loss = torch.stack(list(losses.values())).sum()
        stats = {f"loss_{name}": value.detach() for name, value in losses.items()}
        stats["loss"] = loss.detach() / len(losses)
        gathered: Tuple[torch.Tensor, Dict[str, torch.Tensor], torch.Tensor]
        gathered = force_gatherable((loss, stats, frames.sum()), loss.device)
        return gathered

    def collect_feats(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor, **batch: Any
    ) -> Dict[str, torch.Tensor]:
        """Return the target, whose statistics scale the probes' outputs.

        Args:
            speech: (batch, samples).
            speech_lengths: (batch,), valid samples.
            batch: Passed over.
        """
        target, frames = self.log_mel(speech, speech_lengths)
        return {"feats": target, "feats_lengths": frames}

    def reconstruct(
        self, name: str, features: torch.Tensor, frames: int
    ) -> torch.Tensor:
        """Return the mel that a layer's states give, (batch, frames, n_mels).

        Args:
            name: A probed layer.
            features: Its states, (batch, time, width).
            frames: Number of frames wanted.
        """
        features = features.to(self.target_mean.device, self.target_mean.dtype)
        if name in self.scalings:
            features = self.scalings[name](features)
        normalised = self.probes[name](features)
        mel = normalised * self.target_std + self.target_mean
        return fit_frames(mel, frames)

    def states_of(
        self, speech: torch.Tensor, lengths: torch.Tensor, batch: Mapping[str, Any]
    ) -> Dict[str, HiddenStates]:
        """Return the states that the probes are given, by layer.

        Args:
            speech: (batch, samples).
            lengths: (batch,), valid samples.
            batch: As of :meth:`forward`.

        Raises:
            ProbeError: If states should come from dumps, and a layer's are missing.
        """
        states = self._states(speech, lengths, batch)
        if not self.shuffle_states:
            return states
        keys = batch.get("utt_id") or [""] * len(speech)
        # One order in validation: epochs are compared by what they come to there.
        epoch = self.epoch if self.training else 0
        return {
            name: shuffle(own, keys, self.seed, epoch) for name, own in states.items()
        }

    def _states(
        self, speech: torch.Tensor, lengths: torch.Tensor, batch: Mapping[str, Any]
    ) -> Dict[str, HiddenStates]:
        if self.upstream is not None:
            if self.upstream.device != speech.device:
                self.upstream.to(speech.device)
            return self.upstream.hidden_states(speech, lengths, self.layer_names)
        missing = [name for name in self.layer_names if f"hidden_{name}" not in batch]
        if missing:
            raise ProbeError(
                f"the data have no states of {' '.join(missing)}: give each layer's "
                "dump as hidden_<layer>, or use --states live"
            )
        return {
            name: HiddenStates(
                batch[f"hidden_{name}"], batch[f"hidden_{name}_lengths"].cpu()
            )
            for name in self.layer_names
        }

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        key = prefix + "upstream_hash"
        if key in state_dict:
            check_hash(state_dict[key], self.upstream_hash)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def check_hash(of_checkpoint: torch.Tensor, of_upstream: torch.Tensor) -> None:
    """Refuse probes that were trained on another upstream.

    Args:
        of_checkpoint: The 32 bytes in the checkpoint.
        of_upstream: Those of the upstream at hand.

    Raises:
        ProbeError: Naming both hashes.
    """
    if not torch.equal(of_checkpoint.cpu(), of_upstream.cpu()):
        raise ProbeError(
            "this checkpoint belongs to another upstream: its probes were trained on "
            f"{bytes(of_checkpoint.tolist()).hex()[:16]}, this upstream is "
            f"{bytes(of_upstream.tolist()).hex()[:16]}; use that one, or train new "
            "probes in another folder"
        )
