"""Training probes: together = alone, live = dump, and what is kept."""

import re

import numpy as np
import pytest
import soundfile
import torch
import yaml
from tiny_models import asr_config, write_exp
from training_case import dump_states, of_layer, train, write_recipe

from espnet_probe.errors import ProbeError
from espnet_probe.probes.inference import ProbeExp, reconstruct_utterance
from espnet_probe.upstream import Upstream


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A folder with a tiny upstream, eight utterances and their shapes."""
    return write_recipe(tmp_path_factory.mktemp("recipe"))


@pytest.mark.parametrize(
    "options",
    [
        (),
        # A clip that bites, so that a joint norm would be noticed.
        ("--grad_clip", "0.001"),
        ("--scheduler", "layer_plateau", "--scheduler_conf", "patience=0"),
        ("--probe", "highway_shared", "--accum_grad", "2"),
    ],
)
def test_together_is_as_alone(recipe, tmp_path, options):
    together = train(recipe, tmp_path / "together", "blstm1 blstm3 blstm5", *options)
    for layer in ["blstm1", "blstm5"]:
        alone = train(recipe, tmp_path / layer, layer, *options)
        own = of_layer(alone, layer)
        assert own
        for key, value in own.items():
            assert torch.equal(value, together[key])


def test_live_is_as_dump_for_batches_of_one(recipe, tmp_path):
    dump = dump_states(recipe, tmp_path / "dump")
    layers = "blstm1 blstm2 blstm5"
    live = train(recipe, tmp_path / "live", layers, batch_size=1)
    dumped = train(recipe, tmp_path / "dumped", layers, batch_size=1, dump=dump)
    assert live.keys() == dumped.keys()
    for key, value in live.items():
        torch.testing.assert_close(dumped[key], value, atol=1e-5, rtol=0)


def valid_losses(folder, layers):
    states = torch.load(folder / "checkpoint.pth", weights_only=True)["reporter"]
    epoch = states["epoch"]
    return {name: states["stats"][epoch]["valid"][f"loss_{name}"] for name in layers}


def test_float16_dumps_change_the_loss_by_less_than_a_percent(recipe, tmp_path):
    dump = dump_states(recipe, tmp_path / "dump", dtype="float16")
    layers = ["blstm1", "blstm5"]
    train(recipe, tmp_path / "live", " ".join(layers))
    train(recipe, tmp_path / "dumped", " ".join(layers), dump=dump)
    live = valid_losses(tmp_path / "live", layers)
    dumped = valid_losses(tmp_path / "dumped", layers)
    for name in layers:
        assert dumped[name] == pytest.approx(live[name], rel=0.01)


def test_training_lowers_the_loss(recipe, tmp_path):
    train(recipe, tmp_path / "probe", "blstm1", "--optim_conf", "lr=0.1", epochs=6)
    states = torch.load(tmp_path / "probe/checkpoint.pth", weights_only=True)
    stats = states["reporter"]["stats"]
    assert stats[6]["train"]["loss_blstm1"] < 0.8 * stats[1]["train"]["loss_blstm1"]


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(recipe, tmp_path):
    whole = train(recipe, tmp_path / "whole", "blstm1 blstm5", epochs=3)
    train(recipe, tmp_path / "parts", "blstm1 blstm5", epochs=1)
    options = ["--resume", "true"]
    resumed = train(recipe, tmp_path / "parts", "blstm1 blstm5", *options, epochs=3)
    for key, value in whole.items():
        assert torch.equal(value, resumed[key])


def test_checkpoints_hold_the_probes_their_scales_and_a_hash_only(recipe, tmp_path):
    state = train(recipe, tmp_path / "probe", "blstm1 blstm2", epochs=1)
    others = {key for key in state if not key.startswith(("probes.", "scalings."))}
    assert others == {"target_mean", "target_std", "upstream_hash"}
    upstream = Upstream.from_exp(recipe / "asr")
    assert bytes(state["upstream_hash"].tolist()).hex() == upstream.hash


def test_every_layer_keeps_its_best_epoch(recipe, tmp_path):
    train(recipe, tmp_path / "probe", "blstm1 blstm2", epochs=2)
    for layer in ["blstm1", "blstm2"]:
        assert (tmp_path / f"probe/valid.loss_{layer}.best.pth").is_file()
    config = yaml.safe_load((tmp_path / "probe/config.yaml").read_text())
    assert config["best_model_criterion"] == [
        ["valid", "loss_blstm1", "min"],
        ["valid", "loss_blstm2", "min"],
    ]


def test_probes_load_and_reconstruct(recipe, tmp_path):
    train(recipe, tmp_path / "probe", "blstm1 blstm5", epochs=1)
    model = ProbeExp(tmp_path / "probe").load(["blstm5"])
    waveform = 0.1 * torch.randn(7001, generator=torch.Generator().manual_seed(0))
    target, mels, _ = reconstruct_utterance(model, waveform)
    assert target.shape == mels["blstm5"].shape == (36, 20)
    assert torch.isfinite(mels["blstm5"]).all()
    saved = torch.load(tmp_path / "probe/valid.loss_blstm5.best.pth", weights_only=True)
    for key, value in of_layer(model.state_dict(), "blstm5").items():
        assert torch.equal(value, saved[key])


@pytest.mark.parametrize("normalize", ["true", "false"])
def test_the_scale_of_the_states_is_loaded_with_the_probe(recipe, tmp_path, normalize):
    train(recipe, tmp_path, "blstm1", "--normalize_states", normalize)
    saved = torch.load(tmp_path / "valid.loss_blstm1.best.pth", weights_only=True)
    model = ProbeExp(tmp_path).load(["blstm1"])
    assert list(model.scalings) == (["blstm1"] if normalize == "true" else [])
    for layer, scaling in model.scalings.items():
        assert scaling.fitted and (scaling.scale != 1).any()
        assert torch.equal(scaling.mean, saved[f"scalings.{layer}.mean"])


def test_a_checkpoint_of_another_upstream_is_refused(recipe, tmp_path):
    train(recipe, tmp_path / "probe", "blstm1", epochs=1)
    other = write_exp(tmp_path / "other", asr_config("blstm", n_mels=20), seed=9)
    with pytest.raises(ProbeError, match="another upstream"):
        ProbeExp(tmp_path / "probe").load(["blstm1"], str(other))


def test_resuming_on_another_upstream_is_refused(recipe, tmp_path):
    train(recipe, tmp_path / "probe", "blstm1", epochs=1)
    other = write_exp(tmp_path / "other", asr_config("blstm", n_mels=20), seed=9)
    options = ["--resume", "true", "--upstream_exp", str(other)]
    with pytest.raises(ProbeError, match="another upstream"):
        train(recipe, tmp_path / "probe", "blstm1", *options)


def test_an_unknown_layer_is_refused_with_the_names(recipe, tmp_path):
    with pytest.raises(ProbeError, match="blstm1 blstm2 blstm3 blstm4 blstm5"):
        train(recipe, tmp_path / "probe", "cnn1")


def test_dump_states_without_dumps_are_refused(recipe, tmp_path):
    with pytest.raises(ProbeError, match="hidden_<layer>"):
        train(recipe, tmp_path / "probe", "blstm1", "--states", "dump")


def test_live_states_without_an_upstream_are_refused(recipe, tmp_path):
    with pytest.raises(ProbeError, match="--upstream_exp"):
        train(recipe, tmp_path / "probe", "blstm1", "--upstream_exp", "none")


def test_the_upstream_stays_frozen_and_in_eval_mode(recipe):
    from espnet_probe.probes.espnet_model import ESPnetProbeModel, ProbedLayer
    from espnet_probe.probes.linear import LinearProbe

    upstream = Upstream.from_exp(recipe / "asr")
    model = ESPnetProbeModel(
        [ProbedLayer("blstm1", 16, 1)],
        upstream.target,
        upstream.hash,
        upstream,
        LinearProbe,
        {},
    )
    before = {key: value.clone() for key, value in upstream.model.state_dict().items()}
    model.train()
    loss, _, _ = model(0.1 * torch.randn(2, 4000), torch.tensor([4000, 3000]))
    loss.backward()
    assert not upstream.model.training
    assert all(value.grad is None for value in upstream.model.parameters())
    assert all(value.grad is not None for value in model.probes.parameters())
    for key, value in upstream.model.state_dict().items():
        assert torch.equal(value, before[key])


def test_the_target_has_full_precision_under_autocast(recipe):
    from espnet_probe.probes.espnet_model import ESPnetProbeModel, ProbedLayer
    from espnet_probe.probes.linear import LinearProbe

    upstream = Upstream.from_exp(recipe / "asr")
    layers = [ProbedLayer("blstm1", 16, 1)]
    model = ESPnetProbeModel(
        layers, upstream.target, upstream.hash, upstream, LinearProbe, {}
    )
    made = []
    model.log_mel.register_forward_hook(lambda *call: made.append(call[2][0]))
    speech, lengths = 0.1 * torch.randn(1, 4000), torch.tensor([4000])
    model(speech, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model(speech, lengths)
    assert made[0].dtype == made[1].dtype == torch.float32
    assert torch.equal(made[0], made[1])


def test_dumped_layers_are_in_network_order_however_they_are_named(tmp_path):
    from argparse import Namespace

    from espnet_probe.bin.dump_hidden import main
    from espnet_probe.tasks.sources import dump_source

    write_exp(tmp_path / "vgg", asr_config("vgg_blstm", n_mels=20))
    soundfile.write(tmp_path / "a.wav", 0.1 * np.ones(4000), 16000)
    (tmp_path / "wav.scp").write_text(f"a {tmp_path / 'a.wav'}\n")
    output = tmp_path / "dump"
    command = ["--upstream_exp", str(tmp_path / "vgg"), "--data_dir", str(tmp_path)]
    # In two runs, as someone who adds a layer later does.
    for layers in ["blstm5 cnn4", "cnn1"]:
        main([*command, "--output_dir", str(output), "--layers", layers])
    data = [
        (str(output / name / "hidden.scp"), f"hidden_{name}", "kaldi_ark")
        for name in ["blstm5", "cnn1", "cnn4"]
    ]
    args = Namespace(
        train_data_path_and_name_and_type=data,
        valid_data_path_and_name_and_type=data,
        layers="*",
    )
    source = dump_source(args)
    assert [layer.name for layer in source.layers] == ["cnn1", "cnn4", "blstm5"]
    assert [entry["name"] for entry in source.descriptions] == [
        "cnn1",
        "cnn4",
        "blstm5",
    ]
    args.valid_data_path_and_name_and_type = data[:2]
    with pytest.raises(ProbeError, match="give both of every layer"):
        dump_source(args)
    swapped = [(data[0][0], data[1][1], "kaldi_ark")]
    args.train_data_path_and_name_and_type = swapped
    args.valid_data_path_and_name_and_type = swapped
    with pytest.raises(ProbeError, match="hidden_cnn1, but .* states of blstm5"):
        dump_source(args)


def test_validation_states_of_another_upstream_are_refused(recipe, tmp_path):
    from espnet_probe.bin.dump_hidden import main

    dump = dump_states(recipe, tmp_path / "dump")
    other = write_exp(tmp_path / "other", asr_config("blstm", n_mels=20), seed=9)
    command = ["--upstream_exp", str(other), "--data_dir", str(recipe / "data")]
    main([*command, "--output_dir", str(tmp_path / "valid"), "--layers", "blstm1"])
    option = "--valid_data_path_and_name_and_type"
    scp = tmp_path / "valid" / "blstm1" / "hidden.scp"
    # The last dump of a name counts.
    options = [option, f"{scp},hidden_blstm1,kaldi_ark"]
    with pytest.raises(ProbeError, match="different upstream_hash"):
        train(recipe, tmp_path / "probe", "blstm1", *options, dump=dump)


@pytest.mark.parametrize(
    "part, content, message",
    [
        ("valid", None, "valid data: there is no file"),
        ("train", "", "train data: .* is empty"),
        ("train", "utt0 {folder}/8k.wav\n", "8000 Hz, the upstream needs 16000 Hz"),
        ("valid", "utt0 {folder}/none.wav\n", "cannot read"),
    ],
)
def test_data_are_checked_before_training(recipe, tmp_path, part, content, message):
    soundfile.write(tmp_path / "8k.wav", np.zeros(4000), 8000)
    scp = tmp_path / "wav.scp"
    if content is not None:
        scp.write_text(content.format(folder=tmp_path))
    options = [f"--{part}_data_path_and_name_and_type", f"{scp},speech,sound"]
    with pytest.raises(ProbeError, match=message):
        train(recipe, tmp_path / "probe", "blstm1", *options)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--optim_conf", "lr=0.1"], "optim_conf was {'lr': 0.002}, is {'lr': 0.1}"),
        (["--probe", "linear"], "probe was highway, is linear"),
        (["--layers", "blstm1 blstm2"], "layer_descriptions"),
        (["--seed", "4"], "seed was 3, is 4"),
    ],
)
def test_going_on_with_other_settings_is_refused(recipe, tmp_path, options, message):
    train(recipe, tmp_path / "probe", "blstm1", epochs=1)
    before = (tmp_path / "probe/config.yaml").read_bytes()
    with pytest.raises(ProbeError, match=re.escape(message)):
        train(recipe, tmp_path / "probe", "blstm1", "--resume", "true", *options)
    # The configuration is still that of the probes.
    assert (tmp_path / "probe/config.yaml").read_bytes() == before
