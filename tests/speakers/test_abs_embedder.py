import numpy as np
import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.abs_embedder import AbsEmbedder, bring_to_level
from espnet_probe.speakers.registry import EMBEDDERS, build_embedder


class FirstSamples(AbsEmbedder):
    """Answers the first three samples, whatever they are."""

    name = "first_samples"
    sampling_rate = 16000
    min_samples = 3

    def embed_levelled(self, waveform):
        return waveform[:3]


@pytest.mark.parametrize("gain", [1e-3, 0.5, 1.0, 3.0, 20.0])
def test_level_is_reached_from_both_sides(gain):
    waveform = gain * np.sin(np.arange(16000) / 7)
    levelled = bring_to_level(waveform)
    assert 20 * np.log10(np.sqrt(np.mean(levelled**2))) == pytest.approx(-30, abs=1e-3)
    assert levelled.dtype == np.float32


def test_embedding_does_not_depend_on_the_level():
    waveform = np.sin(1 + np.arange(1000) / 7).astype(np.float32)
    embedder = FirstSamples()
    expected = embedder.embed(waveform, 16000)
    for gain in (0.01, 3.0):
        scaled = embedder.embed((gain * waveform).astype(np.float32), 16000)
        assert scaled == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "waveform",
    [
        np.zeros(0),
        np.ones(2),  # too short
        np.zeros(1000),  # silent
        np.full(1000, 1e-6),  # as good as silent
        np.concatenate([np.zeros(3), np.ones(100)]),  # zeros come out
    ],
)
def test_no_embedding_is_none(waveform):
    assert FirstSamples().embed(waveform.astype(np.float32), 16000) is None


def test_nan_from_the_network_is_none():
    class Broken(FirstSamples):
        def embed_levelled(self, waveform):
            return waveform[:3] * np.float32(np.nan)

    assert Broken().embed(np.ones(10, dtype=np.float32), 16000) is None


def test_wrong_input_is_refused():
    embedder = FirstSamples()
    with pytest.raises(ProbeError, match="got audio of 8000 Hz: .* 16000 Hz"):
        embedder.embed(np.ones(10, dtype=np.float32), 8000)
    with pytest.raises(ProbeError, match="one channel of floats"):
        embedder.embed(np.ones((10, 2), dtype=np.float32), 16000)
    with pytest.raises(ProbeError, match="int16"):
        embedder.embed(np.ones(10, dtype=np.int16), 16000)
    with pytest.raises(ProbeError, match="not finite"):
        embedder.embed(np.full(10, np.inf, dtype=np.float32), 16000)


def test_registry():
    assert "ge2e" in EMBEDDERS
    with pytest.raises(ProbeError, match="unknown embedder 'x': expected one of ge2e"):
        build_embedder("x")
