"""Weights are loaded strictly, and tell models apart."""

import argparse
import copy

import pytest
import torch

from espnet_probe.errors import ProbeError
from espnet_probe.upstream.weights import load_weights, model_hash, read_weights

CONFIG = {
    "frontend": "delta_logmel",
    "frontend_conf": {"fs": "16k", "n_mels": 8},
    "normalize": "global_mvn",
    "normalize_conf": {"stats_file": "exp/a/feats_stats.npz", "norm_vars": False},
    "encoder": "vgg_rnn",
    "encoder_conf": {"num_layers": 2, "in_channel": 3},
    "model_conf": {"ctc_weight": 1.0},
    "token_list": ["a"],
    "preencoder": None,
    "preencoder_conf": {},
}


def small_model() -> torch.nn.Module:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    with torch.no_grad():
        for index, weight in enumerate(model.parameters()):
            values = torch.arange(weight.numel()).reshape(weight.shape)
            weight.copy_(values / 8 + index)
    return model


@pytest.fixture
def saved(tmp_path):
    def save(content):
        path = tmp_path / "valid.loss.ave.pth"
        torch.save(content, path)
        return path

    return save


def test_the_hash_stays_what_it_was():
    # Dumps and checkpoints have recorded it.
    assert model_hash(small_model(), CONFIG) == (
        "4f00015ac06c330d172effba017b27571d46338a951f3cbd147df8cce92eb0c1"
    )
    config = {**CONFIG, "model": "espnet", "postencoder": None, "postencoder_conf": {}}
    del config["normalize"]
    assert model_hash(small_model(), config) == (
        "dd638fc7779150a3a7676932eb20efbd5c60b389b5fd460a4d5fe39eabed0fd1"
    )


def test_the_hash_is_of_what_is_computed():
    known = model_hash(small_model(), CONFIG)

    def changed(**options):
        return model_hash(small_model(), {**copy.deepcopy(CONFIG), **options})

    moved = {"stats_file": "/elsewhere/feats_stats.npz", "norm_vars": False}
    assert changed(normalize_conf=moved) == known
    assert changed(token_list=["b"], bpemodel="x/bpe.model") == known
    assert changed(adapter="lora", adapter_conf={"rank": 8}) == known
    assert changed(use_adapter=True, adapter="lora", adapter_conf={}) != known
    assert changed(encoder_conf={"num_layers": 3, "in_channel": 3}) != known
    assert changed(normalize_conf={**moved, "norm_vars": True}) != known
    model = small_model()
    with torch.no_grad():
        model[0].weight[0, 0] += 1
    assert model_hash(model, CONFIG) != known


def test_the_hash_does_not_know_folders():
    def with_frontend(**settings):
        config = {**CONFIG, "frontend": "s3prl", "frontend_conf": settings}
        return model_hash(small_model(), config)

    inner = {"upstream": "hubert_local", "path_or_url": "exp/ssl/model.pt"}
    known = with_frontend(frontend_conf=inner, download_dir="./hub")
    moved = {**inner, "path_or_url": "/cache/models/1/exp/ssl/model.pt"}
    assert with_frontend(frontend_conf=moved, download_dir="/cache/hub") == known
    other = {**inner, "path_or_url": "exp/ssl/other.pt"}
    assert with_frontend(frontend_conf=other, download_dir="./hub") != known


def test_the_hash_of_a_class_without_a_name_counts_its_settings():
    config = {"encoder_conf": {"body_conf": [1]}, "joint_network_conf": {}}
    other = {"encoder_conf": {"body_conf": [2]}, "joint_network_conf": {}}
    model = small_model()
    assert model_hash(model, config) != model_hash(model, other)


def test_the_hash_passes_over_counters_and_takes_any_type():
    class Counting(torch.nn.Module):
        def __init__(self, count: int) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
            self.register_buffer("num_updates", torch.tensor(count))

    assert model_hash(Counting(0), {}) == model_hash(Counting(5), {})


def test_fitting_weights_are_loaded(saved):
    model = torch.nn.Linear(3, 2)
    load_weights(model, saved(torch.nn.Linear(3, 2).state_dict()))
    wanted = torch.nn.Linear(3, 2)
    for content in (
        wanted.state_dict(),
        {"module": wanted.state_dict()},
        {"state_dict": wanted.state_dict(), "epoch": 1},
        {"model": wanted.state_dict(), "optimizers": []},
    ):
        model = torch.nn.Linear(3, 2)
        load_weights(model, saved(content))
        assert torch.equal(model.weight, wanted.weight)


def test_what_does_not_fit_is_listed(saved):
    weights = small_model().state_dict()
    weights["0.extra"] = weights.pop("0.bias")
    with pytest.raises(ProbeError) as caught:
        load_weights(small_model(), saved(weights))
    assert "missing ['0.bias'], unexpected ['0.extra'], other shape none" in str(
        caught.value
    )
    weights = small_model().state_dict()
    weights["0.weight"] = torch.zeros(5, 3)
    with pytest.raises(ProbeError, match=r"0.weight \(5, 3\) for \(2, 3\)"):
        load_weights(small_model(), saved(weights))


def test_a_long_list_is_shortened_and_logged(saved, caplog):
    weights = {f"layer{index}": torch.zeros(1) for index in range(100)}
    with pytest.raises(ProbeError) as caught:
        load_weights(small_model(), saved(weights))
    message = str(caught.value)
    assert "and 94 more" in message and len(message) < 600 and "\n" not in message
    assert "layer99" not in message and "layer99" in caplog.text


def test_named_weights_may_be_left_out_but_no_others(saved, caplog):
    caplog.set_level("INFO")
    weights = {**small_model().state_dict(), "losses.0.w": torch.zeros(1)}
    load_weights(small_model(), saved(weights), unneeded=("losses.",))
    assert "losses.0.w" in caplog.text
    with pytest.raises(ProbeError, match="unexpected .'losses.0.w'"):
        load_weights(small_model(), saved(weights), unneeded=("util_modules.",))
    # Nor one that the model has.
    weights = small_model().state_dict()
    del weights["0.bias"]
    with pytest.raises(ProbeError, match="missing .'0.bias'"):
        load_weights(small_model(), saved(weights), unneeded=("0.",))


def test_old_names_of_weight_norm_still_load(saved):
    old = torch.nn.Conv1d(2, 2, 3)
    new = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(2, 2, 3))
    norm = old.weight.detach().flatten(1).norm(dim=1).view(-1, 1, 1)
    names = {"bias": old.bias, "weight_g": norm, "weight_v": old.weight}
    load_weights(new, saved({key: value.detach() for key, value in names.items()}))
    torch.testing.assert_close(new.weight, old.weight)


def test_names_of_the_old_s3prl_front_end_are_renamed(saved):
    model = torch.nn.Module()
    model.frontend = torch.nn.Module()
    model.frontend.upstream = torch.nn.Module()
    model.frontend.upstream.upstream = torch.nn.Module()
    model.frontend.upstream.upstream.model = torch.nn.Linear(1, 1)
    weights = {
        key.replace("upstream.upstream", "upstream"): value
        for key, value in model.state_dict().items()
    }
    assert "frontend.upstream.model.weight" in weights
    load_weights(model, saved(weights))


def test_a_file_with_more_than_weights_is_refused(saved, tmp_path):
    with pytest.raises(ProbeError, match="cannot read the weights .*: Unpickling"):
        read_weights(saved({"args": argparse.Namespace(a=1)}))
    with pytest.raises(ProbeError, match="holds no weights"):
        read_weights(saved([1, 2]))
    with pytest.raises(ProbeError, match="cannot read the weights"):
        read_weights(tmp_path / "no.pth")
