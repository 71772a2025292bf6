"""What TensorBoard shows of a training beside ESPnet's numbers: mels and sounds.

ESPnet's trainer offers a place for pictures of a few validation utterances after each
epoch, in the first process alone: ``plot_attention``. Probes have no attention; here
the recording's mel and what each layer's probe makes of it are written there.

Tags: ``mel-<utterance>/<place>-<layer>`` and ``sound-<utterance>/<place>-<layer>``;
place 00 is the recording, the layers follow in network order.
"""

import logging
import math
import os
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

import numpy as np
import torch
from matplotlib import colormaps
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.probes.espnet_model import ESPnetProbeModel
from espnet_probe.vocoders.griffin_lim import PRESETS, GriffinLim

Mel = NDArray[np.float32]

#: What is shown below the recording's loudest band, in dB.
RANGE_DB = 70.0
#: Pixels of a frame and of a band: TensorBoard shows pictures no larger than they are.
PIXELS = 2


class Diary:
    """Which epoch's pictures were the last to be written.

    A training that was stopped after them, before its checkpoint, does the epoch
    again: its pictures are there already, and would stand there twice.
    """

    def __init__(self, folder: Path, resumes: bool, epoch: int) -> None:
        """Read it.

        Args:
            folder: That of TensorBoard's files.
            resumes: Whether the training goes on with what is there.
            epoch: The epoch that is shown now.
        """
        self.path = folder / "last_pictures"
        known = self.path.is_file() and (resumes or epoch > 1)
        #: The epoch; 0 if there is none.
        self.last = int(self.path.read_text(encoding="utf-8")) if known else 0

    def write(self, epoch: int) -> None:
        """Note that an epoch's pictures are on disk."""
        part = self.path.with_name(f".{os.getpid()}.{self.path.name}")
        part.write_text(f"{epoch}\n", encoding="utf-8")
        os.replace(part, self.path)


def mels_of(
    model: ESPnetProbeModel, batch: Mapping[str, Any]
) -> tuple[Mel, Dict[str, Mel]]:
    """Return the mel of an utterance's recording, and each layer's of it.

    Args:
        model: The probes, in evaluation mode.
        batch: One utterance, as :meth:`ESPnetProbeModel.forward` takes it.

    Returns:
        (frames, n_mels) each, natural logarithm; by layer in network order.
    """
    speech, lengths = batch["speech"], batch["speech_lengths"]
    target, _ = model.log_mel(speech, lengths)
    states = model.states_of(speech, lengths, batch)
    mels = {
        name: model.reconstruct(name, states[name].features, target.size(1))
        for name in model.layer_names
    }
    return _array(target), {name: _array(mel) for name, mel in mels.items()}


def _array(mel: torch.Tensor) -> Mel:
    return np.asarray(mel[0].float().cpu().numpy(), dtype=np.float32)


def picture(mel: Mel, highest: float) -> NDArray[np.uint8]:
    """Return the picture of a mel, (height, width, 3), low bands below.

    Args:
        mel: (frames, n_mels), natural logarithm.
        highest: The value of the brightest colour; :data:`RANGE_DB` lower is the
            darkest.
    """
    span = RANGE_DB * math.log(10) / 20
    # A layer that has diverged is black, not an error.
    shade = np.nan_to_num((mel.T[::-1] - highest) / span + 1.0, nan=0.0)
    pixels = (colormaps["magma"](np.clip(shade, 0.0, 1.0))[..., :3] * 255).round()
    both = np.repeat(np.repeat(pixels, PIXELS, axis=0), PIXELS, axis=1)
    return np.asarray(both, dtype=np.uint8)


def tags(kind: str, utt_id: str, names: Sequence[str]) -> List[str]:
    """Return TensorBoard's names of an utterance's pictures or sounds.

    Args:
        kind: "mel" or "sound".
        utt_id: The utterance. A slash would begin a group of its own.
        names: What is shown, in order.
    """
    group = f"{kind}-{utt_id.replace('/', '_')}"
    return [f"{group}/{place:02d}-{name}" for place, name in enumerate(names)]


def charts(layers: Sequence[str]) -> Dict[str, Dict[str, List[Any]]]:
    """Return the layout of TensorBoard's "custom scalars": the losses in few charts.

    Args:
        layers: Names of the probed layers.
    """
    losses = [f"loss_{name}$" for name in layers]
    each = {f"loss of {name}": ["Multiline", [f"loss_{name}$"]] for name in layers}
    return {"probes": {"all layers": ["Multiline", losses], **each}}


class Gallery:
    """Writes the pictures and sounds of one epoch."""

    def __init__(
        self, model: ESPnetProbeModel, writer: Any, epoch: int, first: bool, sound: bool
    ) -> None:
        """Initialise.

        Args:
            model: The probes, in evaluation mode.
            writer: TensorBoard's ``SummaryWriter``.
            epoch: Number of the epoch.
            first: Whether the recordings are shown too.
            sound: Whether the layers' mels are made audible.
        """
        self.model = model
        self.writer = writer
        self.epoch = epoch
        self.first = first
        self.sound = sound
        config = model.log_mel.config
        self.rate = config.fs
        self.vocoder = GriffinLim(config, PRESETS["fast"]) if sound else None
        if first:
            writer.add_custom_scalars(charts(model.layer_names))

    def show(self, utt_id: str, batch: Mapping[str, Any]) -> None:
        """Write an utterance.

        Args:
            utt_id: Its id.
            batch: As of :func:`mels_of`.
        """
        target, mels = mels_of(self.model, batch)
        names = ["recording", *mels]
        of_mels, of_sounds = (tags(kind, utt_id, names) for kind in ("mel", "sound"))
        highest = float(target.max())
        for tag, mel in zip(of_mels, (target, *mels.values())):
            # The recording is the same in every epoch.
            if self.first or mel is not target:
                pixels = picture(mel, highest)
                self.writer.add_image(tag, pixels, self.epoch, dataformats="HWC")
        samples = batch["speech"].size(1)
        if self.first:
            self._play(of_sounds[0], batch["speech"][0].cpu().numpy())
        if self.vocoder is None:
            return
        for tag, (name, mel) in zip(of_sounds[1:], mels.items()):
            try:
                self._play(tag, self.vocoder(mel, samples).waveform)
            except ProbeError as error:
                # A training does not end for a sound.
                logging.warning("%s of %s cannot be heard: %s", name, utt_id, error)

    def _play(self, tag: str, waveform: NDArray[np.floating]) -> None:
        self.writer.add_audio(tag, waveform[None], self.epoch, sample_rate=self.rate)
