"""The log-mel target."""

import librosa
import numpy as np
import pytest
import torch
from tiny_models import noise_batch

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import (
    MAGNITUDE_FLOOR,
    LogMel,
    LogMelConfig,
    mel_filterbank,
    parse_sampling_rate,
)


def test_filters_equal_librosas():
    config = LogMelConfig(fmax=4000.0)
    expected = librosa.filters.mel(sr=16000, n_fft=2048, n_mels=80, fmax=4000.0)
    np.testing.assert_allclose(mel_filterbank(config).T, expected, atol=1e-6)


def test_log_mel_equals_an_independent_computation():
    config = LogMelConfig()
    waveform = noise_batch([5000])[0].numpy()
    emphasised = np.append(waveform[0], waveform[1:] - 0.97 * waveform[:-1])
    spectrum = librosa.stft(
        emphasised, n_fft=2048, hop_length=200, win_length=800, pad_mode="constant"
    )
    filters = librosa.filters.mel(sr=16000, n_fft=2048, n_mels=80)
    expected = np.log(np.maximum(filters @ np.abs(spectrum), MAGNITUDE_FLOOR)).T
    log_mel, frames = LogMel(config)(
        torch.from_numpy(waveform)[None], torch.tensor([5000])
    )
    assert frames.tolist() == [26]
    np.testing.assert_allclose(log_mel[0], expected, atol=2e-4)


@pytest.mark.parametrize("samples", [1, 199, 200, 201, 4000, 16001])
def test_number_of_frames(samples):
    config = LogMelConfig()
    log_mel, frames = LogMel(config)(noise_batch([samples]), torch.tensor([samples]))
    assert log_mel.size(1) == int(frames[0]) == config.num_frames(samples)
    assert config.num_frames(samples) == 1 + samples // 200


def test_an_utterance_is_the_same_alone_and_in_a_batch():
    transform = LogMel(LogMelConfig())
    lengths = [8000, 5321, 700]
    batch = noise_batch(lengths)
    # Rubbish behind an end must not be heard either.
    batch[1, 5321:] = 1.0
    together, frames = transform(batch, torch.tensor(lengths))
    for index, length in enumerate(lengths):
        alone, _ = transform(batch[index : index + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(
            together[index, : frames[index]], alone[0], atol=1e-5, rtol=0
        )
        assert (together[index, frames[index] :] == 0).all()


def test_settings_survive_a_dictionary():
    config = LogMelConfig(fs=8000, fmax=3500.0)
    assert LogMelConfig.from_dict(config.to_dict()) == config
    assert config.frame_shift == 0.025


@pytest.mark.parametrize(
    "settings",
    [{"hop_length": 0}, {"win_length": 4096}, {"fmax": 9000.0}, {"pre_emphasis": 1.0}],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ProbeError, match="log-mel settings"):
        LogMelConfig(**settings)


def test_unknown_settings_are_refused():
    with pytest.raises(ProbeError, match="hop_size"):
        LogMelConfig.from_dict({"hop_size": 200})


@pytest.mark.parametrize(
    "text,rate", [("16k", 16000), (8000, 8000), ("22050", 22050), ("44.1k", 44100)]
)
def test_sampling_rates_as_asr_sh_writes_them(text, rate):
    assert parse_sampling_rate(text) == rate


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(ProbeError, match="fast"):
        parse_sampling_rate("fast")
