"""The GE2E network as parts of an ESPnet speaker model.

Four parts make up the network of :mod:`espnet_probe.speakers.ge2e`: the front end
``linear_mel``, the encoder ``ge2e_lstm``, the pooling ``last_state``, and the projector
``thin_resnet`` with 256 outputs, which is a Linear and a ReLU here as there. The loss
``ge2e`` is in :mod:`espnet_probe.speakers.modules.ge2e_loss`.

What ESPnet's model embeds is a segment as long as it is given, and not normalised; the
windows of 1.6 s and their mean are the business of whoever embeds an utterance.

Source: L. Wan, Q. Wang, A. Papir, I. Lopez Moreno, "Generalized end-to-end loss for
speaker verification", ICASSP 2018. Its own network has 768 units with a projection to
256 in each of 3 layers (``hidden_size: 768, proj_size: 256``) and no ReLU.
"""

from typing import Any, Dict, Mapping, Optional, Tuple

import torch
from espnet2.asr.encoder.abs_encoder import AbsEncoder
from espnet2.asr.frontend.abs_frontend import AbsFrontend
from espnet2.spk.pooling.abs_pooling import AbsPooling

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import zero_after_end
from espnet_probe.speakers.ge2e import HOP_LENGTH, N_MELS, LinearMel
from espnet_probe.speakers.modules.ghostvlad import states_inside


class LinearMelFrontend(AbsFrontend):
    """ESPnet front end ``linear_mel``: 40 linear mel bands of 16 kHz audio.

    Power, not its logarithm: the network depends on the level of its input, and was
    trained at -30 dBFS.
    """

    def __init__(self) -> None:
        """Initialise the front end; the published network leaves no choice."""
        super().__init__()
        self.mel = LinearMel()

    def output_size(self) -> int:
        """Return the values of a frame."""
        return N_MELS

    def forward(
        self, input: torch.Tensor, input_lengths: torch.Tensor
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """Compute the features.

        Args:
            input: Waveforms, (batch, samples).
            input_lengths: (batch,), valid samples.

        Returns:
            features: (batch, frames, 40), zero behind each item's end.
            frames: (batch,), valid frames, ``1 + samples // 160``.

        Raises:
            ProbeError: If the waveforms have several channels.
        """
        if input.dim() != 2:
            raise ProbeError(
                f"linear_mel: got waveforms of shape {tuple(input.shape)}, expected "
                "(batch, samples): give one channel"
            )
        waveform = zero_after_end(input.to(self.mel.window.dtype), input_lengths)
        # Half precision, which training with use_amp would choose, has too few digits.
        with torch.autocast(input.device.type, enabled=False):
            mel = torch.stack([self.mel(row) for row in waveform])
        frames = 1 + torch.div(input_lengths, HOP_LENGTH, rounding_mode="floor")
        return zero_after_end(mel, frames), frames


class GE2ELSTM(AbsEncoder):
    """ESPnet speaker encoder ``ge2e_lstm``: an LSTM from the past to the future."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 256,
        num_layers: int = 3,
        proj_size: int = 0,
    ) -> None:
        """Build the encoder.

        Args:
            input_size: Values per frame of the front end.
            hidden_size: Units of a layer.
            num_layers: Number of layers.
            proj_size: If not 0, each layer's output is projected to so many values.

        Raises:
            ProbeError: If the sizes make no LSTM.
        """
        super().__init__()
        if min(hidden_size, num_layers) < 1 or not 0 <= proj_size < hidden_size:
            raise ProbeError(
                "ge2e_lstm: expected hidden_size >= 1, num_layers >= 1 and 0 <= "
                f"proj_size < hidden_size, got {hidden_size}, {num_layers} and "
                f"{proj_size}"
            )
        self._output_size = proj_size or hidden_size
        self.lstm = torch.nn.LSTM(
            input_size, hidden_size, num_layers, batch_first=True, proj_size=proj_size
        )

    def output_size(self) -> int:
        """Return the width of a state."""
        return self._output_size

    def forward(self, feats: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """Encode a batch.

        Args:
            feats: (batch, frames, input_size). What is behind an item's end does not
                reach the states before it.
            kwargs: Ignored; ESPnet's speaker encoders take anything.

        Returns:
            (batch, output_size, frames).
        """
        states: torch.Tensor = self.lstm(feats)[0]
        return states.transpose(1, 2)


class LastState(AbsPooling):
    """ESPnet speaker pooling ``last_state``: the state at each item's end."""

    def __init__(self, input_size: int) -> None:
        """Build the pooling, which has no weights.

        Args:
            input_size: Width of the encoder's states.
        """
        super().__init__()
        self._output_size = input_size

    def output_size(self) -> int:
        """Return the width of a state."""
        return self._output_size

    def forward(
        self, x: torch.Tensor, feat_lengths: Optional[torch.Tensor] = None
    ) -> torch.Tensor:
        """Pick the last states.

        Args:
            x: (batch, input_size, states).
            feat_lengths: (batch,), valid frames of the front end; without, all count.

        Returns:
            (batch, input_size).
        """
        if feat_lengths is None:
            return x[:, :, -1]
        last = states_inside(feat_lengths.to(x.device), x.size(2)) - 1
        return x[torch.arange(x.size(0), device=x.device), :, last]


def espnet_names(state: Mapping[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
    """Name the weights of a GE2E network as those of the ESPnet model.

    For a model of the four parts above and the loss ``ge2e``, which takes them with
    ``load_state_dict(..., strict=True)``.

    Args:
        state: ``model_state`` of resemblyzer's file; the loss's scale and bias may be
            missing.

    Raises:
        ProbeError: If a name is of another network.
    """
    places = {
        "lstm": "encoder.",
        "linear": "projector.",
        "similarity_weight": "loss.",
        "similarity_bias": "loss.",
    }
    unknown = sorted(name for name in state if name.split(".")[0] not in places)
    if unknown:
        raise ProbeError(
            f"got weights named {', '.join(unknown[:3])}: expected those of a GE2E "
            "network, lstm.*, linear.* and similarity_*"
        )
    return {places[name.split(".")[0]] + name: value for name, value in state.items()}
