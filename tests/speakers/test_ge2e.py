import importlib.util
import itertools
import json
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import torch

from espnet_probe.errors import ProbeError
from espnet_probe.scores.trial_sampling import sample_trials
from espnet_probe.scores.verification import cosine_scores, eer
from espnet_probe.speakers.ge2e import (
    GE2EEmbedder,
    GE2ENetwork,
    LinearMel,
    load_network,
    window_starts,
)
from espnet_probe.speakers.ge2e_weights import SHA256, find_weights

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location(
    "make_ge2e_reference", HERE / "make_ge2e_reference.py"
)
reference_script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference_script)
synthetic_voice = reference_script.synthetic_voice


@pytest.fixture(scope="module")
def embedder():
    try:
        return GE2EEmbedder(find_weights())
    except ProbeError as error:
        pytest.skip(str(error))


def test_mel_equals_librosa():
    waveform = synthetic_voice(12345)
    expected = librosa.feature.melspectrogram(
        y=waveform, sr=16000, n_fft=400, hop_length=160, n_mels=40
    ).T
    mel = LinearMel()(torch.from_numpy(waveform)).numpy()
    assert mel.shape == expected.shape == (1 + 12345 // 160, 40)
    np.testing.assert_allclose(mel, expected, atol=1e-5 * expected.max())


@pytest.mark.parametrize(
    "samples, expected",
    [
        (400, [0]),
        (25600, [0]),
        (25600 + 77 * 160 - 6401, [0]),  # one sample less than 75 % covered
        (25600 + 77 * 160 - 6400, [0, 77]),
        (70001, [0, 77, 154, 231, 308]),
    ],
)
def test_windows(samples, expected):
    assert window_starts(samples) == expected


def test_windows_cover_the_utterance():
    for samples in range(26000, 200000, 1357):
        starts = window_starts(samples)
        assert all(b - a == 77 for a, b in itertools.pairwise(starts))
        end = (starts[-1] + 160) * 160
        # What is left out is less than three quarters of a further window.
        assert end - 0.25 * 25600 <= samples < end - 25600 + 77 * 160 + 0.75 * 25600


def test_network_embeds_windows_alone():
    torch.manual_seed(0)
    network = GE2ENetwork().eval()
    mel = torch.rand(3, 160, 40)
    with torch.no_grad():
        together = network(mel)
        alone = torch.cat([network(window[None]) for window in mel])
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))
    assert together.min() >= 0


def test_only_the_networks_weights_are_loaded(tmp_path):
    torch.manual_seed(1)
    network = GE2ENetwork()
    state = dict(network.state_dict(), similarity_weight=torch.ones(1))
    path = tmp_path / "weights.pt"
    torch.save({"model_state": state}, path)
    loaded = load_network(path)
    assert not loaded.training
    torch.testing.assert_close(loaded.state_dict(), network.state_dict())
    for change in ("missing", "unexpected"):
        broken = dict(state)
        if change == "missing":
            del broken["linear.bias"]
        else:
            broken["linear2.bias"] = torch.zeros(1)
        torch.save({"model_state": broken}, path)
        with pytest.raises(ProbeError, match="linear2?.bias"):
            load_network(path)


@pytest.mark.parametrize("samples", reference_script.DURATIONS)
def test_embedding_equals_the_packages(embedder, samples):
    expected = json.loads((HERE / "ge2e_reference.json").read_text())[str(samples)]
    embedding = embedder.embed(synthetic_voice(samples), 16000)
    np.testing.assert_allclose(embedding, expected, atol=2e-5)


def test_embedding_has_length_one_and_ignores_level(embedder):
    voice = synthetic_voice(30000)
    embedding = embedder.embed(voice, 16000)
    assert embedding.shape == (256,) and embedding.dtype == np.float32
    assert np.linalg.norm(embedding) == pytest.approx(1.0, abs=1e-5)
    louder = embedder.embed(3 * voice, 16000)
    assert float(louder @ embedding) == pytest.approx(1.0, abs=1e-5)


def test_it_says_that_its_weights_are_not_the_papers(embedder):
    said = embedder.describe()
    assert said["embedder"] == "ge2e"
    assert said["weights_sha256"] == SHA256
    assert "VoxCeleb1" in said["trained_on"]
    assert "other data than the paper's" in said["trained_on"]
    assert said["min_samples"] == "400 (25 ms)"


def test_short_and_silent_have_none(embedder):
    assert embedder.embed(synthetic_voice(399), 16000) is None
    assert embedder.embed(synthetic_voice(400), 16000) is not None
    assert embedder.embed(np.zeros(16000, dtype=np.float32), 16000) is None


def test_real_voices_are_told_apart(embedder, shared_data):
    """Three utterances of each of ten people, the first 4 s of each."""
    utt2spk, waveforms = {}, {}
    for folder in sorted((shared_data / "LibriSpeech/test-clean").iterdir()):
        for path in sorted(folder.rglob("*.flac"))[:3]:
            utt2spk[path.stem] = folder.name
            waveforms[path.stem], fs = soundfile.read(
                path, frames=64000, dtype="float32"
            )
            assert fs == 16000
    embeddings = {utt: embedder.embed(wav, fs) for utt, wav in waveforms.items()}
    trials = sample_trials(utt2spk, 60, seed=0)
    scores = cosine_scores(
        np.stack([embeddings[trial.enrolment] for trial in trials]),
        np.stack([embeddings[trial.test] for trial in trials]),
    )
    assert eer(scores, np.array([trial.target for trial in trials])) < 4.0
