import shutil
import zipfile

import numpy as np
import pytest
import torch
import yaml
from tiny_speakers import write_speaker_exp

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.espnet_embedder import sampling_rate, training_set
from espnet_probe.speakers.registry import build_embedder

#: ESPnet's own ECAPA-TDNN, small, as its mini_an4 recipe configures it.
ECAPA = {
    "frontend": "melspec_torch",
    "frontend_conf": {
        "preemp": True,
        "n_fft": 512,
        "log": True,
        "win_length": 400,
        "hop_length": 160,
        "n_mels": 20,
        "normalize": "mn",
    },
    "encoder": "ecapa_tdnn",
    "encoder_conf": {"model_scale": 4, "ndim": 16, "output_size": 24},
    "pooling": "chn_attn_stat",
    "pooling_conf": {},
    "projector": "rawnet3",
    "projector_conf": {"output_size": 6},
    "loss": "aamsoftmax",
    "loss_conf": {"margin": 0.3, "scale": 15},
}


def noise(samples, seed=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(samples).astype(np.float32)


@pytest.fixture(scope="module")
def ecapa(tmp_path_factory):
    return write_speaker_exp(tmp_path_factory.mktemp("exp") / "spk_ecapa", **ECAPA)


@pytest.fixture(scope="module")
def thin(tmp_path_factory):
    return write_speaker_exp(tmp_path_factory.mktemp("exp") / "spk_thin")


@pytest.fixture
def copy(ecapa, tmp_path):
    return shutil.copytree(ecapa, tmp_path / "copy")


def change_config(folder, **options):
    path = folder / "config.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config.update(options)
    path.write_text(yaml.safe_dump(config), encoding="utf-8")


@pytest.mark.parametrize("samples", [1000, 16000, 40001])
def test_it_equals_espnets_own_inference(ecapa, samples):
    from espnet2.bin.spk_inference import Speech2Embedding

    own = Speech2Embedding(
        train_config=ecapa / "config.yaml", model_file=ecapa / "valid.eer.best.pth"
    )
    levelled = noise(samples) * np.float32(0.03)
    embedding = build_embedder(f"espnet:{ecapa}").embed_levelled(levelled)
    assert embedding.shape == (6,) and embedding.dtype == np.float32
    np.testing.assert_array_equal(embedding, own(levelled).numpy().ravel())


def test_it_is_not_normalised_and_ignores_the_level(ecapa):
    embedder = build_embedder(f"espnet:{ecapa}")
    embedding = embedder.embed(noise(16000), 16000)
    assert abs(np.linalg.norm(embedding) - 1) > 0.01
    louder = embedder.embed(10 * noise(16000), 16000)
    np.testing.assert_allclose(louder, embedding, rtol=1e-3, atol=1e-5)


def test_it_describes_itself(copy):
    said = build_embedder(f"espnet:{copy}").describe()
    assert said["embedder"] == "espnet-copy"
    assert said["origin"].endswith("copy/valid.eer.best.pth")
    assert said["trained_on"] == "unknown"
    change_config(
        copy,
        train_data_path_and_name_and_type=[
            ["dump/raw/voices_sp/wav.scp", "speech", "sound"],
            ["dump/raw/voices_sp/utt2spk", "spk_labels", "text"],
        ],
    )
    again = build_embedder(f"espnet:{copy}").describe()
    assert again["trained_on"] == "voices_sp (5 speakers)"
    assert again["weights_sha256"] == said["weights_sha256"]
    change_config(copy, trained_on="a corpus")
    assert build_embedder(f"espnet:{copy}").describe()["trained_on"] == "a corpus"


def test_short_silent_and_what_the_network_cannot_take(ecapa):
    embedder = build_embedder(f"espnet:{ecapa}")
    shortest = embedder.min_samples
    assert shortest >= 400
    assert embedder.embed(noise(shortest), 16000) is not None
    assert embedder.embed(noise(shortest - 1), 16000) is None
    assert embedder.embed(np.zeros(16000, np.float32), 16000) is None


@pytest.mark.parametrize("change", ["missing", "unexpected"])
def test_weights_are_loaded_strictly(copy, change):
    path = copy / "valid.eer.best.pth"
    state = torch.load(path)
    name = "encoder.conv.weight"
    if change == "missing":
        del state[name]
    else:
        name = "encoder.nothing.weight"
        state[name] = torch.zeros(1)
    torch.save(state, path)
    with pytest.raises(ProbeError, match=f"{change} .*{name}"):
        build_embedder(f"espnet:{copy}")


class Touch:
    """What a pickle of somebody else's may hold: a call."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_pickles_are_not_unpacked(copy, tmp_path, monkeypatch):
    monkeypatch.setenv("ESPNET_ALLOW_UNSAFE_TORCH_LOAD", "1")
    mark = tmp_path / "mark"
    torch.save({"x": Touch(mark)}, copy / "valid.eer.best.pth")
    with pytest.raises(ProbeError, match="cannot read the weights"):
        build_embedder(f"espnet:{copy}")
    assert not mark.exists()


#: What ESPnet's pack writes about a speaker model.
META = {
    "yaml_files": {"train_config": "exp/config.yaml"},
    "files": {"model_file": "exp/valid.eer.best.pth"},
}


def hears_the_same(embedder, folder):
    other = build_embedder(f"espnet:{folder}")
    assert embedder.weights_hash == other.weights_hash
    sound = noise(16000)
    return np.array_equal(embedder.embed(sound, 16000), other.embed(sound, 16000))


def test_an_archive_of_pack_is_a_model_too(ecapa, tmp_path, monkeypatch):
    monkeypatch.setenv("ESPNET_PROBE_CACHE", str(tmp_path / "cache"))
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("meta.yaml", yaml.safe_dump(META))
        for name in ("config.yaml", "valid.eer.best.pth"):
            file.write(ecapa / name, f"exp/{name}")
    embedder = build_embedder(f"espnet:{archive}")
    assert embedder.label == "espnet-packed.zip"
    assert hears_the_same(embedder, ecapa)


def test_a_published_model_is_found_in_the_cache(ecapa, tmp_path, monkeypatch):
    """A cache as a download leaves it, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    commit = "0123456789abcdef0123456789abcdef01234567"
    store = tmp_path / "models--nobody--spk_ecapa"
    snapshot = store / "snapshots" / commit
    shutil.copytree(ecapa, snapshot / "exp")
    (snapshot / "meta.yaml").write_text(yaml.safe_dump(META), encoding="utf-8")
    (store / "refs").mkdir()
    (store / "refs" / "main").write_text(commit, encoding="utf-8")
    embedder = build_embedder("espnet:nobody/spk_ecapa")
    assert embedder.label == "espnet-spk_ecapa"
    assert embedder.describe()["origin"] == f"nobody/spk_ecapa@{commit}"
    assert hears_the_same(embedder, ecapa)
    with pytest.raises(ProbeError, match="espnet:nobody/nothing.* not in a cache"):
        build_embedder("espnet:nobody/nothing")


def test_the_rate_is_that_of_the_training():
    assert sampling_rate({}) == 16000
    assert sampling_rate({"preprocessor_conf": {"sample_rate": 8000}}) == 8000
    assert sampling_rate({"frontend_conf": {"fs": "8k"}}) == 8000
    assert training_set({"train_data_path_and_name_and_type": [None, 3]}) == "unknown"


def test_a_rate_of_8_khz_is_asked_for(copy):
    change_config(copy, preprocessor_conf={"sample_rate": 8000})
    embedder = build_embedder(f"espnet:{copy}")
    assert embedder.describe()["sampling_rate"] == "8000 Hz"
    with pytest.raises(ProbeError, match="espnet expects 8000 Hz"):
        embedder.embed(noise(16000), 16000)


def test_rawnet3_with_its_front_end(tmp_path):
    """As voxcelebs12_rawnet3 is built, small."""
    pytest.importorskip("asteroid_filterbanks")
    folder = write_speaker_exp(
        tmp_path / "spk_rawnet3",
        **{
            **ECAPA,
            "frontend": "asteroid_frontend",
            "frontend_conf": {"sinc_stride": 16},
            "encoder": "rawnet3",
            "encoder_conf": {"model_scale": 4, "ndim": 16, "output_size": 24},
        },
    )
    embedder = build_embedder(f"espnet:{folder}")
    # One frame of its strides and poolings is longer than 25 ms.
    assert 400 < embedder.min_samples < 800
    assert embedder.embed(noise(embedder.min_samples), 16000).shape == (6,)
    with pytest.raises((RuntimeError, IndexError)):
        embedder.embed_levelled(noise(embedder.min_samples - 1))


def test_thin_resnet_has_length_one_and_hears_the_whole(thin):
    embedder = build_embedder(f"thin_resnet:{thin}")
    same = build_embedder(f"espnet:{thin}")
    assert embedder.label == "thin_resnet-spk_thin"
    assert embedder.weights_hash == same.weights_hash
    sound = noise(50000)
    embedding = embedder.embed(sound, 16000)
    assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)
    assert embedding.min() >= 0
    raw = same.embed(sound, 16000)
    np.testing.assert_allclose(embedding, raw / np.linalg.norm(raw), rtol=1e-5)
    # Its very end counts.
    changed = sound.copy()
    changed[-4000:] = 0
    assert np.abs(embedder.embed(changed, 16000) - embedding).max() > 1e-4
    assert embedder.embed(sound[: embedder.min_samples], 16000) is not None
    assert embedder.embed(sound[: embedder.min_samples - 1], 16000) is None


def test_thin_resnet_is_no_other_encoder(ecapa):
    with pytest.raises(ProbeError, match="encoder ecapa_tdnn: expected thin_resnet34"):
        build_embedder(f"thin_resnet:{ecapa}")


def test_other_tasks_are_refused(copy):
    path = copy / "config.yaml"
    path.write_text("encoder: conformer\nctc_conf: {}\ntoken_list: [a]\n")
    with pytest.raises(ProbeError, match="is no speaker model"):
        build_embedder(f"espnet:{copy}")
