import pickle
import shutil

import numpy as np
import pytest
import torch
from tiny_speechbrain import write_speechbrain

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.registry import build_embedder
from espnet_probe.speakers.spec import parse_spec
from espnet_probe.speakers.speechbrain_embedder import (
    SpeechBrainEmbedder,
    find_folder,
    read_card,
)

pytest.importorskip("speechbrain")


def noise(samples, seed=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(samples).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("speechbrain") / "ecapa"
    write_speechbrain(path)
    return path


@pytest.fixture(scope="module")
def embedder(folder):
    return build_embedder(f"speechbrain:{folder}")


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def edit(folder, old, new):
    path = folder / "hyperparams.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_it_equals_speechbrains_own_interface(embedder, folder, tmp_path):
    from speechbrain.inference.speaker import SpeakerRecognition

    own = SpeakerRecognition.from_hparams(
        str(folder),
        savedir=str(tmp_path / "saved"),
        overrides={"pretrained_path": str(folder)},
    )
    for samples in (1000, 16000, 37001):
        levelled = noise(samples) * np.float32(0.03)
        expected = own.encode_batch(torch.from_numpy(levelled)[None])
        np.testing.assert_array_equal(
            embedder.embed_levelled(levelled), expected.numpy().ravel()
        )


def test_it_describes_itself(embedder, folder):
    said = embedder.describe()
    assert said["embedder"] == "speechbrain-ecapa"
    assert said["origin"] == str(folder)
    assert said["sampling_rate"] == "16000 Hz"
    assert said["level"] == "-30 dBFS RMS"
    assert len(said["weights_sha256"]) == 64
    assert SpeechBrainEmbedder(folder).weights_hash == embedder.weights_hash


def test_short_silent_and_loud(embedder):
    shortest = embedder.min_samples
    assert embedder.embed(noise(shortest), 16000).shape == (12,)
    assert embedder.embed(noise(shortest - 1), 16000) is None
    with pytest.raises(RuntimeError, match="[Pp]adding"):
        embedder.embed_levelled(noise(shortest - 1))
    assert embedder.embed(np.zeros(16000, np.float32), 16000) is None
    quiet = embedder.embed(noise(16000) * np.float32(1e-3), 16000)
    np.testing.assert_allclose(embedder.embed(noise(16000), 16000), quiet, atol=1e-4)


def test_other_weights_are_told_apart(copy, embedder):
    path = copy / "embedding_model.ckpt"
    state = torch.load(path)
    state["fc.conv.bias"] += 1
    torch.save(state, path)
    other = SpeechBrainEmbedder(copy)
    assert other.weights_hash != embedder.weights_hash
    assert not np.allclose(
        other.embed(noise(16000), 16000), embedder.embed(noise(16000), 16000)
    )


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape"])
def test_weights_that_do_not_fit_are_refused(copy, change):
    path = copy / "embedding_model.ckpt"
    state = torch.load(path)
    if change == "missing":
        del state["fc.conv.bias"]
    elif change == "unexpected":
        state["fc2.conv.bias"] = torch.zeros(1)
    else:
        state["fc.conv.bias"] = torch.zeros(13)
    torch.save(state, path)
    with pytest.raises(ProbeError, match=r"cannot load the weights .*fc2?\.conv\.bias"):
        SpeechBrainEmbedder(copy)


def test_a_network_that_nothing_is_loaded_into_is_refused(copy):
    edit(
        copy,
        "        embedding_model: !ref <embedding_model>\n        mean",
        "  " * 4 + "mean",
    )
    with pytest.raises(ProbeError, match="left with random weights"):
        SpeechBrainEmbedder(copy)


def test_missing_files_are_named(copy):
    (copy / "classifier.ckpt").unlink()
    with pytest.raises(ProbeError, match="classifier.ckpt"):
        SpeechBrainEmbedder(copy)
    (copy / "hyperparams.yaml").unlink()
    with pytest.raises(ProbeError, match="no SpeechBrain model in .*hyperparams.yaml"):
        build_embedder(f"speechbrain:{copy}")


def test_missing_modules_are_named(copy):
    edit(copy, "    mean_var_norm: !ref <mean_var_norm>\n", "")
    with pytest.raises(ProbeError, match="no mean_var_norm among its modules"):
        SpeechBrainEmbedder(copy)


class Touch:
    """What a pickle of somebody else's may hold: a call."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("name", ["embedding_model.ckpt", "mean_var_norm_emb.ckpt"])
@pytest.mark.parametrize("own_format", [True, False])
def test_pickles_are_not_unpacked(copy, tmp_path, monkeypatch, name, own_format):
    # Not even where the user's environment would let torch do so.
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    mark = tmp_path / "mark"
    if own_format:
        torch.save({"x": Touch(mark)}, copy / name)
    else:
        (copy / name).write_bytes(pickle.dumps({"x": Touch(mark)}, protocol=2))
    with pytest.raises(ProbeError, match="more than weights"):
        SpeechBrainEmbedder(copy)
    assert not mark.exists()


def test_code_beside_the_model_is_not_run(copy, tmp_path):
    mark = tmp_path / "mark"
    code = f"open({str(mark)!r}, 'w').close()\n"
    for name in ("custom.py", "numba.py", "sitecustomize.py"):
        (copy / name).write_text(code, encoding="utf-8")
    SpeechBrainEmbedder(copy)
    assert not mark.exists()
    edit(copy, "!new:speechbrain.lobes.models.ECAPA_TDNN.Classifier", "!new:custom.C")
    with pytest.raises(ProbeError, match="refused: it asks for !new:custom.C"):
        SpeechBrainEmbedder(copy)
    assert not mark.exists()


def test_a_published_model_is_found_in_the_cache(folder, tmp_path, monkeypatch):
    """A cache as a download leaves it, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("ESPNET_PROBE_CACHE", str(tmp_path))
    commit = "0123456789abcdef0123456789abcdef01234567"
    store = tmp_path / "speechbrain" / "models--nobody--ecapa"
    shutil.copytree(folder, store / "snapshots" / commit)
    (store / "refs").mkdir()
    (store / "refs" / "main").write_text(commit, encoding="utf-8")
    card = "---\nlanguage: en\ndatasets:\n- voxceleb\n- mini\n---\n# Title\n"
    (store / "snapshots" / commit / "README.md").write_text(card, encoding="utf-8")
    embedder = build_embedder("speechbrain:nobody/ecapa")
    assert embedder.label == "speechbrain-ecapa"
    assert embedder.describe()["origin"] == f"nobody/ecapa@{commit}"
    assert embedder.describe()["trained_on"] == "voxceleb, mini"
    assert embedder.embed(noise(16000), 16000) is not None
    with pytest.raises(ProbeError, match="cannot get speechbrain:nobody/other"):
        find_folder(parse_spec("speechbrain:nobody/other"))


@pytest.mark.parametrize("card", ["", "# Title\n", "---\n[\n---\n", "---\na: 1\n---\n"])
def test_cards_that_say_nothing(tmp_path, card):
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert read_card(tmp_path) == "unknown"
