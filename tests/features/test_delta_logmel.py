"""The front end with deltas."""

import torch
import torchaudio
from tiny_models import noise_batch

from espnet_probe.features.delta_logmel import DeltaLogMel
from espnet_probe.features.log_mel import LogMel, LogMelConfig


def test_defaults_are_the_papers():
    frontend = DeltaLogMel(fs="16k")
    assert frontend.config == LogMelConfig()
    assert frontend.output_size() == 240


def test_window_and_shift_keep_their_duration_at_another_rate():
    config = DeltaLogMel(fs=8000).config
    assert (config.win_length, config.hop_length) == (400, 100)


def test_channels_are_static_delta_acceleration():
    frontend = DeltaLogMel()
    waveform, lengths = noise_batch([9000]), torch.tensor([9000])
    features, frames = frontend(waveform, lengths)
    static, delta, acceleration = features.split(80, dim=2)
    expected, _ = LogMel(LogMelConfig())(waveform, lengths)
    torch.testing.assert_close(static, expected)
    reference = torchaudio.functional.compute_deltas(expected.transpose(1, 2))
    torch.testing.assert_close(delta, reference.transpose(1, 2))
    second = torchaudio.functional.compute_deltas(reference)
    torch.testing.assert_close(acceleration, second.transpose(1, 2))
    assert frames.tolist() == [46]


def test_the_order_is_the_one_that_vgg_reads_as_channels():
    features, _ = DeltaLogMel(n_mels=20)(noise_batch([4000]), torch.tensor([4000]))
    # What VGG2L.forward does with its input.
    channels = features.view(1, -1, 3, 20).transpose(1, 2)
    torch.testing.assert_close(channels[:, 0], features[..., :20])
    torch.testing.assert_close(channels[:, 2], features[..., 40:])


def test_an_utterance_is_the_same_alone_and_in_a_batch():
    frontend = DeltaLogMel()
    lengths = [8000, 5321, 700, 10]
    batch = noise_batch(lengths)
    together, frames = frontend(batch, torch.tensor(lengths))
    for index, length in enumerate(lengths):
        alone, _ = frontend(batch[index : index + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(
            together[index, : frames[index]], alone[0], atol=1e-5, rtol=0
        )
