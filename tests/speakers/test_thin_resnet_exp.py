"""Converted weights embed as the authors' network does, in plain numpy."""

import builtins
import os

import keras_thin_resnet as judge
import numpy as np
import pytest
import torch
import yaml

from espnet_probe.bin import convert_thin_resnet
from espnet_probe.errors import ProbeError
from espnet_probe.speakers.registry import build_embedder
from espnet_probe.speakers.spec import check_spec
from espnet_probe.upstream.build import build_model
from espnet_probe.upstream.weights import load_weights


def convert(folder, weights, name="exp"):
    path = folder / "weights.h5"
    judge.write_h5(path, weights)
    exp = folder / name
    convert_thin_resnet.main(["--weights", str(path), "--output_dir", str(exp)])
    return exp


def voice(seed=0, samples=12000):
    """Noise whose spectrum moves: every frame differs from the others."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16000
    tone = np.sin(2 * np.pi * (300 + 900 * time) * time)
    return 0.1 * tone + 0.02 * rng.standard_normal(samples)


def embed(exp, waveform):
    """Embed with ESPnet's own inference."""
    from espnet2.bin.spk_inference import Speech2Embedding

    from espnet_probe.registration import register_lazily

    register_lazily()
    model = Speech2Embedding(exp / "config.yaml", exp / "valid.eer.best.pth")
    embedding = model(waveform)[0].numpy()
    return embedding / np.linalg.norm(embedding)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Weights of the published sizes, and their exp folder."""
    weights = judge.random_weights()
    return weights, convert(tmp_path_factory.mktemp("published"), weights)


@pytest.fixture(scope="module")
def embedding(published):
    return embed(published[1], voice())


def test_the_embedding_is_that_of_the_authors_network(published, embedding):
    expected = judge.forward(published[0], judge.spectrogram(voice()))
    assert embedding.shape == (512,)
    assert np.linalg.norm(embedding - expected) < 1e-5


def swap(weights, layer, order):
    changed = dict(weights)
    names = [name for name, _ in weights[layer]]
    changed[layer] = list(zip(names, [weights[layer][i][1] for i in order]))
    return changed


def turn(weights, layer):
    """Turn a kernel's picture around: time where frequency was."""
    changed = dict(weights)
    kernel = weights[layer][0][1].transpose(1, 0, 2, 3)
    changed[layer] = [("kernel", kernel), *weights[layer][1:]]
    return changed


def mirror(weights, layer):
    changed = dict(weights)
    changed[layer] = [("kernel", weights[layer][0][1][::-1]), *weights[layer][1:]]
    return changed


@pytest.mark.parametrize(
    "other",
    [
        lambda w: judge.forward(w, judge.spectrogram(voice()), epsilon=1e-5),
        lambda w: judge.forward(turn(w, "conv1_1/3x3_s1"), judge.spectrogram(voice())),
        lambda w: judge.forward(turn(w, "conv4_b_3x3"), judge.spectrogram(voice())),
        lambda w: judge.forward(mirror(w, "x_fc"), judge.spectrogram(voice())),
        lambda w: judge.forward(
            swap(w, "conv3_b_3x3/bn", [1, 0, 2, 3]), judge.spectrogram(voice())
        ),
        lambda w: judge.forward(w, judge.spectrogram(voice())[:, :76]),
    ],
    ids=["epsilon", "first", "3x3", "height", "statistics", "reversed"],
)
def test_the_comparison_would_see_a_mistake(published, embedding, other):
    assert np.linalg.norm(embedding - other(published[0])) > 1e-4


def test_clusters_that_hardly_anything_is_assigned_to(tmp_path):
    # Shorter than 1e-6 they stay short; torch's own normalisation has no such floor.
    weights = judge.random_weights(dim=32)
    weights["gvlad_center_assignment"][1][1][[1, 4]] = -18
    exp = convert(tmp_path, weights)
    spectrogram = judge.spectrogram(voice())
    expected = judge.forward(weights, spectrogram)
    without = judge.forward(weights, spectrogram, floor=1e-24)
    assert np.linalg.norm(expected - without) > 1e-2
    assert np.linalg.norm(embed(exp, voice()) - expected) < 1e-5


def test_the_embedder_is_the_same_at_any_level(published, embedding):
    embedder = build_embedder(f"thin_resnet:{published[1]}")
    for gain in (0.1, 3.0):
        found = embedder.embed(gain * voice(), 16000)
        assert np.linalg.norm(found - embedding) < 1e-3
    assert embedder.describe()["trained_on"].startswith("VoxCeleb2, the original")


def test_without_ghosts_and_without_classifier(tmp_path):
    weights = judge.random_weights(dim=24, clusters=5, ghosts=0, speakers=None)
    exp = convert(tmp_path, weights)
    expected = judge.forward(weights, judge.spectrogram(voice(1)))
    assert np.linalg.norm(embed(exp, voice(1)) - expected) < 1e-5
    config = yaml.safe_load((exp / "config.yaml").read_text())
    assert config["pooling_conf"] == {
        "clusters": 5,
        "ghosts": 0,
        "embedding_size": 24,
    }
    # ESPnet leaves out what does not fit; this does not.
    load_weights(build_model(config, "spk"), exp / "valid.eer.best.pth")


def test_the_classifier_becomes_the_loss(published):
    weights, exp = published
    config = yaml.safe_load((exp / "config.yaml").read_text())
    assert (config["spk_num"], config["loss"]) == (7, "amsoftmax")
    model = build_model(config, "spk")
    load_weights(model, exp / "valid.eer.best.pth")
    expected = torch.from_numpy(weights["prediction"][0][1].T)
    assert torch.equal(model.loss.weight.detach(), expected)


def test_the_folder_says_what_it_is(published):
    _, exp = published
    config = yaml.safe_load((exp / "config.yaml").read_text())
    assert config["trained_on"].startswith("VoxCeleb2")
    assert config["converted_from"]["file"] == "weights.h5"
    assert len(config["converted_from"]["sha256"]) == 64
    assert sorted(os.listdir(exp)) == ["config.yaml", "valid.eer.best.pth"]
    assert sorted(os.listdir(exp.parent)) == ["exp", "weights.h5"]
    assert check_spec(f"thin_resnet:{exp}").label == "thin_resnet-exp"


def test_the_same_again_does_nothing_and_others_are_refused(tmp_path):
    weights = judge.random_weights(dim=8, clusters=2, ghosts=1)
    exp = convert(tmp_path, weights)
    before = (exp / "valid.eer.best.pth").stat().st_mtime_ns
    convert(tmp_path, weights)
    assert (exp / "valid.eer.best.pth").stat().st_mtime_ns == before
    with pytest.raises(ProbeError, match="was not made from this file"):
        convert(tmp_path, judge.random_weights(1, dim=8, clusters=2, ghosts=1))
    (exp / "config.yaml").write_text("- no configuration")
    with pytest.raises(ProbeError, match="was not made from this file"):
        convert(tmp_path, weights)


def test_what_is_refused_leaves_nothing(tmp_path):
    weights = judge.random_weights(dim=8, clusters=2, ghosts=1)
    del weights["conv5_c_3x3/bn"]
    with pytest.raises(ProbeError, match="no layer conv5_c_3x3/bn"):
        convert(tmp_path, weights)
    weights = judge.random_weights(dim=8, clusters=2, ghosts=1, speakers=1)
    with pytest.raises(ProbeError, match="at least 2"):
        convert(tmp_path, weights)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ProbeError, match="cannot write"):
        convert(tmp_path, judge.random_weights(dim=8), "file/exp")
    assert sorted(os.listdir(tmp_path)) == ["file", "weights.h5"]


def test_without_h5py_the_command_says_what_to_install(tmp_path, monkeypatch):
    real = builtins.__import__

    def blocked(name, *args, **kwargs):
        if name == "h5py":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    judge.write_h5(tmp_path / "weights.h5", judge.random_weights(dim=8))
    monkeypatch.setattr(builtins, "__import__", blocked)
    with pytest.raises(ProbeError, match=r"pip install 'espnet_probe\[speakers\]'"):
        convert_thin_resnet.main(
            ["--weights", str(tmp_path / "weights.h5"), "--output_dir", "exp"]
        )
