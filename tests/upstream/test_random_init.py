"""The control "random": nothing of a trained model is left but its statistics."""

import logging
from pathlib import Path
from typing import Any, Callable, Dict

import numpy as np
import pytest
import torch
import yaml
from raw_configs import front_end_config, raw_config
from tiny_models import asr_config, conformer_config, noise_batch, write_exp
from tiny_pretrained import (
    hugging_face_folder,
    s3prl_hubert,
    text_model,
    whisper_checkpoint,
)

from espnet_probe.errors import ProbeError
from espnet_probe.upstream import Upstream
from espnet_probe.upstream.untrained import LEFT_OPEN
from espnet_probe.upstream.whisper_mels import provide_mel_bins


def train_a_little(exp: Path) -> None:
    """Move every weight and running statistic of an exp folder, as training does."""
    path = exp / "valid.loss.ave.pth"
    state = torch.load(path, weights_only=True)
    generator = torch.Generator().manual_seed(7)
    for name, value in state.items():
        if value.is_floating_point() and not name.startswith("normalize."):
            value += 0.05 * torch.rand(value.shape, generator=generator) + 0.01
    torch.save(state, path)


def write_trained(folder: Path, config: Dict[str, Any]) -> Path:
    """Write an exp folder whose weights have been moved."""
    exp = write_exp(folder, config)
    train_a_little(exp)
    return exp


def test_a_model_begins_anew_by_its_seed(tmp_path: Path) -> None:
    exp = write_trained(tmp_path / "asr", conformer_config())
    trained = Upstream.from_exp(exp)
    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist()
    untrained = Upstream.from_exp(exp, init="random")
    # Nobody else's random numbers are changed.
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()

    old = dict(trained.model.named_parameters())
    for name, value in untrained.model.named_parameters():
        assert value.shape == old[name].shape
        assert not torch.isclose(value, old[name], rtol=0, atol=1e-6).all(), name
    buffers = dict(untrained.model.named_buffers())
    statistics = [name for name in buffers if "running_" in name]
    assert len(statistics) == 4
    for name in statistics:
        assert (buffers[name] == (0.0 if name.endswith("mean") else 1.0)).all()

    again = Upstream.from_exp(exp, init="random", seed=0)
    assert again.hash == untrained.hash
    other = Upstream.from_exp(exp, init="random", seed=1)
    assert len({trained.hash, untrained.hash, other.hash}) == 3
    assert other.origin == f"{trained.origin} (random, seed 1)"
    # The same layers, of the same sizes, and other states.
    assert untrained.layers == trained.layers and untrained.target == trained.target
    waveform, lengths = noise_batch([8000]), torch.tensor([8000])
    for layer in ("block1", "block2"):
        states = [
            upstream.hidden_states(waveform, lengths, [layer])[layer].features
            for upstream in (trained, untrained, again, other)
        ]
        assert torch.equal(states[1], states[2])
        assert not torch.allclose(states[0], states[1], atol=1e-3)
        assert not torch.allclose(states[1], states[3], atol=1e-3)


def test_weights_are_drawn_as_the_configuration_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = asr_config("blstm", n_mels=20)
    deviations = {}
    for init in (None, "normal", "chainer"):
        config["init"] = init
        folder = tmp_path / str(init)
        # ESPnet cannot make a model of a setting that it has dropped.
        exp = write_trained(folder, {**config, "init": None})
        (exp / "config.yaml").write_text(yaml.safe_dump(config))
        with caplog.at_level(logging.WARNING):
            caplog.clear()
            upstream = Upstream.from_exp(exp, init="random")
        assert ("init: chainer" in caplog.text) == (init == "chainer")
        weight = upstream.model.encoder.enc[0].birnn0.weight_ih_l0
        deviations[init] = float(weight.std())
    assert deviations["normal"] == pytest.approx(0.02, rel=0.1)
    assert deviations["chainer"] == deviations[None] > 0.1


def test_statistics_of_the_data_stay(tmp_path: Path) -> None:
    stats = tmp_path / "feats_stats.npz"
    random = np.random.default_rng(0)
    sums = random.standard_normal(60)
    np.savez(stats, count=10, sum=sums, sum_square=50 + sums**2)
    config = asr_config("blstm", n_mels=20)
    config.update(normalize="global_mvn", normalize_conf={"stats_file": str(stats)})
    exp = write_trained(tmp_path / "asr", config)
    path = exp / "valid.loss.ave.pth"
    state = torch.load(path, weights_only=True)
    # Those that were trained with count, whatever the file says now.
    state["normalize.mean"] += 1
    torch.save(state, path)
    untrained = Upstream.from_exp(exp, init="random").model
    assert torch.equal(untrained.normalize.mean, state["normalize.mean"])
    assert torch.equal(untrained.normalize.std, state["normalize.std"])


def s3prl_config(folder: Path) -> Dict[str, Any]:
    path = s3prl_hubert(folder / "hubert.pt")
    conf = {"upstream": "hubert_local", "path_or_url": path}
    return front_end_config("s3prl", frontend_conf=conf, download_dir=str(folder))


def hugging_face_config(folder: Path) -> Dict[str, Any]:
    return front_end_config(
        "huggingface", model=hugging_face_folder(folder / "hf", "wav2vec2")
    )


def whisper_config(folder: Path) -> Dict[str, Any]:
    name = whisper_checkpoint(folder)
    return front_end_config("whisper", whisper_model=name, download_dir=str(folder))


def whisper_encoder_config(folder: Path) -> Dict[str, Any]:
    provide_mel_bins()
    name = whisper_checkpoint(folder)
    return raw_config("whisper", whisper_model=name, download_dir=str(folder))


def text_config(kind: str) -> Callable[[Path], Dict[str, Any]]:
    def make(folder: Path) -> Dict[str, Any]:
        config = asr_config("blstm", n_mels=20)
        config.update(
            postencoder="hugging_face_transformers",
            postencoder_conf={"model_name_or_path": text_model(folder / kind, kind)},
        )
        return config

    return make


@pytest.mark.parametrize(
    "make, prefix, package",
    [
        (s3prl_config, "frontend.upstream.", "s3prl"),
        (hugging_face_config, "frontend.encoder.", "transformers"),
        (whisper_config, "frontend.whisper.", "whisper"),
        (whisper_encoder_config, "encoder.encoders.", "whisper"),
        (text_config("t5"), "postencoder.transformer.", "transformers"),
        (text_config("bert"), "postencoder.transformer.", "transformers"),
    ],
)
def test_what_was_published_is_not_loaded(
    tmp_path: Path,
    make: Callable[[Path], Dict[str, Any]],
    prefix: str,
    package: str,
) -> None:
    pytest.importorskip(package)
    # Frozen, as front ends mostly are: its weights are the published ones.
    exp = write_exp(tmp_path / "asr", make(tmp_path))
    trained = Upstream.from_exp(exp)
    untrained = Upstream.from_exp(exp, init="random")
    again = Upstream.from_exp(exp, init="random")
    assert again.hash == untrained.hash != trained.hash
    # Also of parts that follow on what seeds for itself.
    other = dict(Upstream.from_exp(exp, init="random", seed=1).model.named_parameters())
    for name, value in untrained.model.encoder.named_parameters():
        drawn = len(value.unique()) > 1
        assert not (drawn and torch.equal(value, other[f"encoder.{name}"]))
    old = dict(trained.model.named_parameters())
    compared = 0
    for name, value in untrained.model.named_parameters():
        assert torch.isfinite(value).all(), name
        if not name.startswith(prefix) or len(value.unique()) == 1:
            continue
        compared += 1
        assert not torch.isclose(value, old[name], rtol=0, atol=1e-7).all(), name
    assert compared > 8
    # Loading is only put off while an untrained model is built.
    assert Upstream.from_exp(exp).hash == trained.hash


def test_what_a_library_leaves_open_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("whisper")
    exp = write_exp(tmp_path / "asr", whisper_config(tmp_path))
    untrained = Upstream.from_exp(exp, init="random", seed=5).model
    # Whisper's decoder has a table in memory that nobody writes to.
    table = untrained.frontend.whisper.decoder.positional_embedding
    assert float(table.std()) == pytest.approx(LEFT_OPEN, rel=0.3)
    assert not torch.are_deterministic_algorithms_enabled()


def test_weights_that_come_in_another_way_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from espnet2.asr.encoder.rnn_encoder import RNNEncoder

    exp = write_exp(tmp_path / "asr", asr_config("blstm", n_mels=20))
    published = torch.randn(48, 60, generator=torch.Generator().manual_seed(3))
    build = RNNEncoder.__init__

    def build_and_fill(self: Any, *inputs: Any, **options: Any) -> None:
        build(self, *inputs, **options)
        self.enc[0].birnn0.weight_ih_l0.data.copy_(published)

    monkeypatch.setattr(RNNEncoder, "__init__", build_and_fill)
    message = "1 weights of this model are the same whatever .* encoder.enc.0.birnn0"
    with pytest.raises(ProbeError, match=message):
        Upstream.from_exp(exp, init="random")


def test_trained_weights_have_to_fit(tmp_path: Path) -> None:
    exp = write_exp(tmp_path / "asr", asr_config("blstm", n_mels=20))
    other = write_exp(tmp_path / "other", asr_config("blstm_plain", n_mels=20))
    (exp / "valid.loss.ave.pth").write_bytes(
        (other / "valid.loss.ave.pth").read_bytes()
    )
    with pytest.raises(ProbeError, match="do not fit the model"):
        Upstream.from_exp(exp, init="random")
    with pytest.raises(ProbeError, match="init is xavier: expected random"):
        Upstream.from_exp(exp, init="xavier")
