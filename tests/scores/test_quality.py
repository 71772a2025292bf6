import sys

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from espnet_probe.errors import ProbeError
from espnet_probe.scores import quality

FS = 16000


@pytest.fixture(scope="module")
def speech_like():
    """Two seconds of modulated harmonics: scores are defined on it."""
    rng = np.random.default_rng(0)
    time = np.arange(2 * FS) / FS
    pitch = 120 + 15 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / FS
    tone = sum(np.sin(k * phase) / k for k in range(1, 30))
    gate = np.clip(np.sin(2 * np.pi * 2.5 * time) + 0.3, 0.02, 1)
    return 0.1 * gate * tone + 0.001 * rng.standard_normal(time.size)


def test_identical_waveforms_score_the_maximum(speech_like):
    scores = quality.score_pair(speech_like, speech_like, FS)
    assert scores.stoi == pytest.approx(1.0, abs=1e-6)
    assert scores.estoi == pytest.approx(1.0, abs=1e-6)
    assert scores.pesq_wb == pytest.approx(4.644, abs=0.001)


def test_noise_lowers_and_level_does_not(speech_like):
    noisy = speech_like + 0.1 * np.random.default_rng(1).standard_normal(
        speech_like.size
    )
    clean, bad = (quality.score_pair(speech_like, x, FS) for x in (speech_like, noisy))
    quiet = quality.score_pair(speech_like, 0.1 * noisy, FS)
    for metric in quality.METRICS:
        assert getattr(bad, metric) < 0.9 * getattr(clean, metric)
        assert getattr(quiet, metric) == pytest.approx(getattr(bad, metric), abs=0.01)


def test_shift_lowers_the_score(speech_like):
    shifted = np.concatenate([np.zeros(800), speech_like[:-800]])
    assert quality.stoi(speech_like, shifted, FS) < 0.95


def test_swapped_reference_changes_the_score(speech_like):
    noise = np.random.default_rng(2).standard_normal(speech_like.size)
    noisy = speech_like + 0.5 * np.abs(speech_like) * noise
    forward = quality.score_pair(speech_like, noisy, FS)
    backward = quality.score_pair(noisy, speech_like, FS)
    assert abs(forward.stoi - backward.stoi) > 0.005
    assert abs(forward.pesq_wb - backward.pesq_wb) > 0.005


def test_bad_pairs_are_refused(speech_like):
    with pytest.raises(ProbeError, match="32000 samples, hypothesis 31999"):
        quality.validate(speech_like, speech_like[1:], FS, FS)
    with pytest.raises(ProbeError, match="16000 Hz, hypothesis 8000 Hz"):
        quality.validate(speech_like, speech_like, FS, 8000)
    with pytest.raises(ProbeError, match="one channel"):
        quality.validate(speech_like[None], speech_like[None], FS, FS)
    broken = speech_like.copy()
    broken[5] = np.nan
    with pytest.raises(ProbeError, match="not finite"):
        quality.stoi(speech_like, broken, FS)


@pytest.mark.parametrize("samples", [1, 100, 300, 1000, 3000])
def test_very_short_speech_has_no_score(speech_like, samples):
    short = speech_like[4000 : 4000 + samples]
    scores = quality.score_pair(short, short, FS)
    assert scores == quality.QualityScores(None, None, None)


def test_no_utterance_for_pesq_is_none_not_an_error(speech_like):
    import pesq

    noise = np.random.default_rng(2).standard_normal(speech_like.size)
    buried = speech_like + 0.05 * noise
    with pytest.raises(pesq.NoUtterancesError):
        pesq.pesq(FS, buried, speech_like, "wb")
    assert quality.pesq_wb(buried, speech_like, FS) is None


def test_silence(speech_like):
    silence = np.zeros_like(speech_like)
    nothing = quality.QualityScores(None, None, None)
    assert quality.score_pair(silence, speech_like, FS) == nothing
    # A silent hypothesis is as unintelligible as can be, and always equally so.
    first = quality.score_pair(speech_like, silence, FS)
    assert first == quality.score_pair(speech_like, silence, FS)
    assert abs(first.stoi) < 0.05 and abs(first.estoi) < 0.1
    assert first.pesq_wb is None


def test_the_global_random_state_is_left_alone(speech_like):
    np.random.seed(4)
    expected = np.random.random()
    np.random.seed(4)
    quality.stoi(speech_like, speech_like, FS, extended=True)
    assert np.random.random() == expected


def test_pesq_at_other_rates(speech_like):
    noisy = speech_like + 0.02 * np.random.default_rng(3).standard_normal(
        speech_like.size
    )
    expected = quality.pesq_wb(speech_like, noisy, FS)
    up = [resample_poly(x, 3, 1) for x in (speech_like, noisy)]
    assert quality.pesq_wb(*up, 48000) == pytest.approx(expected, abs=0.05)
    assert "8000 Hz" in quality.pesq_reason(8000)
    scores = quality.score_pair(speech_like, noisy, 8000)
    assert scores.pesq_wb is None and scores.stoi is not None
    with pytest.raises(ProbeError, match="needs 16000 Hz or more"):
        quality.pesq_wb(speech_like, noisy, 8000)


def test_without_the_package_pesq_the_others_still_work(speech_like, monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    assert "pip install pesq" in quality.pesq_reason(FS)
    scores = quality.score_pair(speech_like, speech_like, FS)
    assert scores.pesq_wb is None and scores.stoi == pytest.approx(1.0, abs=1e-6)


def test_real_speech(shared_data):
    path = next(iter(sorted((shared_data / "LibriSpeech/test-clean").rglob("*.flac"))))
    waveform, fs = soundfile.read(path, frames=4 * FS)
    scores = quality.score_pair(waveform, waveform, fs)
    assert scores.stoi == pytest.approx(1.0, abs=1e-6)
    assert scores.pesq_wb == pytest.approx(4.644, abs=0.001)
    digit, fs = soundfile.read(
        shared_data / "free-spoken-digit-dataset/recordings/8_theo_13.wav"
    )
    assert quality.stoi(digit, digit, fs) is None
