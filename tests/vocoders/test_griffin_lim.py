"""Griffin-Lim: exact lengths, the same bits, sound at its place, and its quality."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray
from pystoi import stoi

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMel, LogMelConfig
from espnet_probe.vocoders.griffin_lim import (
    PRESETS,
    GriffinLim,
    GriffinLimConfig,
    check_log_mel,
    shortest_fft,
)

MEL = LogMelConfig()
QUICK = GriffinLimConfig(iterations=4, updates=2)


def log_mel_of(
    waveform: NDArray[np.floating], config: LogMelConfig = MEL
) -> NDArray[np.float32]:
    """The log-mel spectrogram of a waveform, (frames, n_mels)."""
    batch = torch.as_tensor(waveform, dtype=torch.float32)[None]
    log_mel, _ = LogMel(config)(batch, torch.tensor([batch.size(1)]))
    found: NDArray[np.float32] = log_mel[0].numpy()
    return found


def noise(samples: int, seed: int = 7) -> NDArray[np.float32]:
    """White noise that is far from clipping."""
    random = np.random.default_rng(seed)
    return (0.1 * random.standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize(
    "samples", [1, 2, 77, 199, 200, 201, 1023, 1024, 1025, 1200, 15999, 16000, 16001]
)
@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_length_is_the_originals(samples: int, preset: str) -> None:
    sound = GriffinLim(MEL, PRESETS[preset])(log_mel_of(noise(samples)), samples)
    assert sound.waveform.shape == (samples,)
    assert sound.waveform.dtype == np.float32
    assert np.isfinite(sound.waveform).all()


def test_two_runs_give_the_same_bits() -> None:
    log_mel = log_mel_of(noise(8000))
    torch.manual_seed(1)
    first = GriffinLim(MEL, QUICK)(log_mel, 8000).waveform
    torch.manual_seed(2)
    vocoder = GriffinLim(MEL, QUICK)
    vocoder(log_mel_of(noise(5000)), 5000)
    second = vocoder(log_mel, 8000).waveform
    assert np.array_equal(first, second)


def test_the_input_is_left_alone() -> None:
    log_mel = log_mel_of(noise(4000))
    before = log_mel.copy()
    GriffinLim(MEL, QUICK)(log_mel, 4000)
    assert np.array_equal(log_mel, before)


def centre_of_energy(waveform: NDArray[np.floating]) -> int:
    """The sample before which half of the energy lies."""
    energy = np.cumsum(waveform.astype(np.float64) ** 2)
    return int(np.searchsorted(energy, 0.5 * energy[-1]))


@pytest.mark.parametrize("start", [0, 3000, 9800])
def test_frame_zero_is_at_sample_zero(start: int) -> None:
    waveform = np.zeros(12000, dtype=np.float32)
    waveform[start : start + 2000] = noise(2000)
    made = GriffinLim(MEL)(log_mel_of(waveform), 12000).waveform
    # A shift of one frame would be 200 samples.
    assert abs(centre_of_energy(made) - centre_of_energy(waveform)) < 100


@pytest.mark.parametrize("coefficient", [0.0, 0.97])
def test_pre_emphasis_does_not_change_the_spectrum(coefficient: float) -> None:
    config = LogMelConfig(pre_emphasis=coefficient)
    waveform = noise(16000)
    made = GriffinLim(config)(log_mel_of(waveform, config), 16000).waveform
    # Compared without pre-emphasis: if it were not undone, low bands would be lower
    # by up to log(1 / 0.03) = 3.5.
    plain = LogMelConfig(pre_emphasis=0.0)
    difference = (log_mel_of(made, plain) - log_mel_of(waveform, plain)).mean(axis=0)
    assert np.abs(difference).max() < 0.5


def test_too_loud_is_scaled_and_said() -> None:
    log_mel = log_mel_of(noise(4000))
    vocoder = GriffinLim(MEL, QUICK)
    soft, loud = vocoder(log_mel, 4000), vocoder(log_mel + np.log(1000.0), 4000)
    assert soft.gain == 1.0
    assert loud.gain < 0.1
    assert np.abs(loud.waveform).max() < 1.0
    # It is the same sound but for rounding: scaled, not clipped.
    assert np.corrcoef(loud.waveform, soft.waveform)[0, 1] > 0.98
    assert np.abs(loud.waveform).max() > 0.99


def test_silence_stays_silent() -> None:
    made = GriffinLim(MEL)(log_mel_of(np.zeros(8000)), 8000).waveform
    assert np.abs(made).max() < 0.01


def test_the_paper_preset_is_griffin_lim_without_momentum_or_updates() -> None:
    paper = PRESETS["paper"]
    assert (paper.iterations, paper.momentum, paper.updates) == (30, 0.0, 0)
    assert paper.negative == "absolute"


@pytest.mark.parametrize(
    ("n_fft", "win_length", "expected"),
    [(2048, 800, 1024), (2048, 1024, 1024), (2048, 1025, 2048), (512, 100, 128)]
    + [(800, 800, 800), (1200, 400, 600), (1202, 400, 1202)],
)
def test_the_shortest_fft_has_bins_of_the_mels(
    n_fft: int, win_length: int, expected: int
) -> None:
    mel = LogMelConfig(n_fft=n_fft, win_length=win_length, hop_length=50)
    assert shortest_fft(mel) == expected
    short = LogMelConfig(n_fft=expected, win_length=win_length, hop_length=50)
    batch, lengths = torch.from_numpy(noise(3000))[None], torch.tensor([3000])
    fine = LogMel(mel).magnitude(batch, lengths)
    coarse = LogMel(short).magnitude(batch, lengths)
    torch.testing.assert_close(
        fine[:, :, :: n_fft // expected], coarse, rtol=1e-4, atol=1e-4
    )


def test_the_paper_preset_keeps_the_mels_fft() -> None:
    assert PRESETS["paper"].fft == "mel"
    assert PRESETS["default"].fft == PRESETS["fast"].fft == "window"


@pytest.mark.parametrize(
    ("log_mel", "samples", "message"),
    [
        (np.zeros((1, 80)), 0, "got 0 samples"),
        (np.zeros((0, 80)), 1, "0 frames, but 1 samples have 1"),
        (np.zeros((5, 80)), 1000, "5 frames, but 1000 samples have 6"),
        (np.zeros((6, 40)), 1000, r"shape \(6, 40\), expected \(frames, 80\)"),
        (np.zeros(80), 1000, "shape"),
        (np.full((6, 80), np.nan), 1000, "not finite"),
        (np.full((6, 80), -np.inf), 1000, "not finite"),
    ],
)
def test_what_cannot_become_sound_is_refused(
    log_mel: NDArray[np.float64], samples: int, message: str
) -> None:
    with pytest.raises(ProbeError, match=message):
        check_log_mel(log_mel, samples, MEL)
    with pytest.raises(ProbeError, match=message):
        GriffinLim(MEL, QUICK)(log_mel, samples)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_values_that_overflow_are_refused(preset: str) -> None:
    log_mel = log_mel_of(noise(4000))
    log_mel[3, 5] = 200.0
    with pytest.raises(ProbeError, match="reaches 200.0"):
        GriffinLim(MEL, PRESETS[preset])(log_mel, 4000)


def test_windows_that_hardly_overlap_are_refused() -> None:
    with pytest.raises(ProbeError, match="overlap by half"):
        GriffinLim(LogMelConfig(hop_length=500))


def test_no_sample_of_the_original_is_inside() -> None:
    waveform = noise(8000)
    # The mirrored waveform has the same magnitudes, so it must give the same sound,
    # which then cannot hold samples of both.
    made = GriffinLim(MEL)(log_mel_of(waveform), 8000).waveform
    mirrored = GriffinLim(MEL)(log_mel_of(-waveform), 8000).waveform
    assert np.array_equal(made, mirrored)
    equal = np.round(made * 32768) == np.round(waveform * 32768)
    assert equal.mean() < 0.01


#: STOI of copy synthesis as measured, for (paper, default, fast), of one utterance of
#: each of four speakers.
MEASURED = {
    "3005-163389-0007": (0.944, 0.952, 0.949),
    "3331-159605-0004": (0.950, 0.977, 0.969),
    "367-130732-0006": (0.941, 0.957, 0.957),
    "2414-128291-0009": (0.962, 0.981, 0.978),
}
#: Means over the 100 utterances of the same set; ours were .945 and .965.
REFERENCE = {"paper": 0.944, "default": 0.968, "fast": 0.965}


@pytest.mark.parametrize("preset", ["paper", "default", "fast"])
def test_copy_synthesis_is_as_good_as_measured(preset: str, shared_data: Path) -> None:
    vocoder = GriffinLim(MEL, PRESETS[preset])
    reached = []
    for utt, measured in MEASURED.items():
        speaker, chapter, _ = utt.split("-")
        folder = shared_data / "LibriSpeech/test-clean" / speaker / chapter
        original, _ = soundfile.read(folder / f"{utt}.flac", dtype="float32")
        made = vocoder(log_mel_of(original), len(original)).waveform
        reached.append(stoi(original, made, MEL.fs))
        expected = measured[("paper", "default", "fast").index(preset)]
        assert reached[-1] == pytest.approx(expected, abs=0.005), utt
        if utt == next(iter(MEASURED)):
            # The score does see a shift, here of 12.5 ms.
            shifted = np.roll(made, MEL.hop_length)
            assert stoi(original, shifted, MEL.fs) < reached[-1] - 0.02
    assert np.mean(reached) == pytest.approx(REFERENCE[preset], abs=0.02)
