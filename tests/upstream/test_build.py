"""Models of all tasks are built from what their trainings leave, safely."""

import io
import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
import yaml

from espnet_probe.errors import ProbeError
from espnet_probe.upstream.build import (
    build_model,
    locate_files,
    read_config,
    safe_loading,
    unneeded_weights,
)
from espnet_probe.upstream.packages import NEEDED, REMEDIES, is_installed, packages_of
from espnet_probe.upstream.task_kinds import find_task, task_class
from espnet_probe.upstream.weights import load_weights, model_hash

TOKENS = ["<blank>", "<unk>", "<na>", "<sop>", "a", "<sos>", "<eos>", "<sos/eos>"]
BLOCKS = {
    "output_size": 8,
    "attention_heads": 2,
    "linear_units": 8,
    "num_blocks": 1,
}
MEL = {"frontend_conf": {"n_mels": 8, "n_fft": 128, "hop_length": 64}}
TRANSFORMER = {"encoder": "transformer", "encoder_conf": BLOCKS, **MEL}

#: Task → what a tiny model of it differs in from the defaults.
TINY: Dict[str, Dict[str, Any]] = {
    "asr": {**TRANSFORMER, "model_conf": {"ctc_weight": 1.0}},
    "s2t": {
        **TRANSFORMER,
        "decoder": "transformer",
        "decoder_conf": {"attention_heads": 2, "linear_units": 8, "num_blocks": 1},
    },
    "s2t_ctc": {
        "encoder_conf": {**BLOCKS, "cgmlp_linear_units": 8},
        "promptencoder": "transformer",
        "promptencoder_conf": BLOCKS,
        **MEL,
    },
    "ssl": {
        "frontend_conf": {
            "norm_mode": "layer_norm",
            "conv_mode": "standard",
            "bias": True,
            "shapes": [[8, 10, 5], [8, 8, 8], [8, 8, 8]],
        },
        "encoder_conf": {**BLOCKS, "input_layer": None},
        "preencoder": "linear",
        "preencoder_conf": {"output_size": 8},
        "loss": [{"name": "hubert", "conf": {"num_classes": 4, "final_dim": 4}}],
        "util": [{"name": "mask", "conf": {}}],
    },
    "hubert": {
        "frontend": None,
        "frontend_conf": {},
        "input_size": 1,
        "num_classes": 4,
        "encoder": "torchaudio_hubert",
        "model": "torchaudio",
        "encoder_conf": {
            "extractor_conv_layer_config": [[8, 10, 5], [8, 8, 4]],
            "encoder_embed_dim": 8,
            "encoder_num_layers": 1,
            "encoder_num_heads": 2,
            "encoder_pos_conv_kernel": 4,
            "encoder_pos_conv_groups": 2,
            "encoder_ff_interm_features": 8,
            "final_dim": 4,
        },
    },
    "st": {
        **TRANSFORMER,
        "decoder": "transformer",
        "decoder_conf": {"attention_heads": 2, "linear_units": 8, "num_blocks": 1},
        "src_token_list": TOKENS,
        "model_conf": {"asr_weight": 0.3, "mtlalpha": 1.0},
    },
    "slu": {
        **TRANSFORMER,
        "decoder": "transformer",
        "decoder_conf": {"attention_heads": 2, "linear_units": 8, "num_blocks": 1},
    },
    "asr_transducer": {
        **MEL,
        "encoder_conf": {
            "main_conf": {},
            "input_conf": {
                "block_type": "conv2d",
                "conv_size": 8,
                "subsampling_factor": 4,
            },
            "body_conf": [
                {
                    "block_type": "conformer",
                    "linear_size": 8,
                    "hidden_size": 8,
                    "heads": 2,
                    "conv_mod_kernel_size": 3,
                }
            ],
        },
        "decoder_conf": {"embed_size": 8, "hidden_size": 8},
        "joint_network_conf": {"joint_space_size": 8},
    },
    "spk": {
        "frontend": "default",
        "encoder": "ecapa_tdnn",
        "encoder_conf": {"model_scale": 2, "ndim": 8, "output_size": 12},
        "pooling": "chn_attn_stat",
        "projector": "rawnet3",
        "projector_conf": {"output_size": 4},
        "spk_num": 5,
        **MEL,
    },
}


def tiny_config(task: str) -> Dict[str, Any]:
    config: Dict[str, Any] = task_class(task).get_default_config()
    if "token_list" in config:
        config["token_list"] = list(TOKENS)
    config.update(TINY[task])
    return config


@pytest.mark.parametrize("task", TINY)
def test_a_model_of_every_task_is_built_and_takes_its_weights(task, tmp_path):
    config = tiny_config(task)
    assert find_task(config) == task
    trained = build_model(config, task)
    torch.save(trained.state_dict(), tmp_path / "model.pth")
    model = build_model(config, task)
    load_weights(model, tmp_path / "model.pth", unneeded_weights(config, task))
    assert model_hash(model, config) == model_hash(trained, config)
    # What the task writes into its options stays out of the configuration.
    assert config == tiny_config(task)


def test_options_of_a_later_espnet_have_their_defaults():
    config = tiny_config("asr")
    known = build_model(config, "asr").state_dict().keys()
    for key in ("preencoder", "postencoder", "specaug", "joint_net_conf", "model"):
        del config[key]
    # An initialisation that ESPnet no longer has.
    config["init"] = "chainer"
    assert build_model(config, "asr").state_dict().keys() == known


def test_arguments_of_the_running_command_do_not_matter(monkeypatch):
    config = tiny_config("asr")
    # Those of a training of probes, which has options of the same names.
    words = ["probe_train", "--config", "none.yaml", "--preencoder", "linear"]
    monkeypatch.setattr(sys, "argv", words)
    config.pop("preencoder", None)
    assert build_model(config, "asr").preencoder is None
    assert sys.argv is words


def test_losses_that_cannot_be_built_are_left_out(tmp_path, caplog):
    caplog.set_level("INFO")
    config = tiny_config("ssl")
    trained = build_model(config, "ssl")
    weights = trained.state_dict()
    assert any(key.startswith("losses.") for key in weights)
    weights["util_modules.ema.model.weight"] = torch.zeros(1)
    torch.save(weights, tmp_path / "model.pth")
    # With a moving average, which ESPnet puts on a GPU.
    config["util"] = [*config["util"], {"name": "ema", "conf": {}}]
    model = build_model(config, "ssl")
    load_weights(model, tmp_path / "model.pth", unneeded_weights(config, "ssl"))
    assert "util_modules.ema.model.weight" in caplog.text
    for key, value in model.state_dict().items():
        assert torch.equal(value, trained.state_dict()[key])
    config["loss"] = [{"name": "data2vec", "conf": {}}]
    assert not list(build_model(config, "ssl").losses)
    # The encoder's weights may not be missing all the same.
    del weights[next(key for key in weights if key.startswith("encoder."))]
    torch.save(weights, tmp_path / "model.pth")
    with pytest.raises(ProbeError, match=r"missing \['encoder"):
        load_weights(model, tmp_path / "model.pth", unneeded_weights(config, "ssl"))


def test_a_model_with_an_adapter(monkeypatch):
    conf = {"target_modules": ["linear_q"], "rank": 2}
    config = {**tiny_config("asr"), "use_adapter": True, "adapter": "lora"}
    config["adapter_conf"] = conf
    if is_installed("loralib"):
        assert any("lora_A" in key for key in build_model(config, "asr").state_dict())
    monkeypatch.setitem(sys.modules, "loralib", None)
    with pytest.raises(ProbeError, match="adapter 'lora' .* pip install loralib"):
        build_model(config, "asr")


def test_a_model_that_takes_features_is_refused():
    config = {**tiny_config("asr"), "input_size": 80, "frontend": None}
    with pytest.raises(ProbeError, match="features of 80 values.*--feats_type raw"):
        build_model(config, "asr")


def test_a_configuration_that_does_not_fit_gives_one_line():
    config = {**tiny_config("asr"), "encoder_conf": {"no_such_option": 1}}
    with pytest.raises(ProbeError, match="cannot build .*no_such_option") as caught:
        build_model(config, "asr")
    assert "\n" not in str(caught.value)
    assert "upstream_task" not in str(caught.value)


def test_another_task_is_named_only_where_it_may_be_the_reason():
    # A part that another task may have; the wrong name is not cut off.
    with pytest.raises(ProbeError, match="--encoder conformerr; if it is of another"):
        build_model({**tiny_config("asr"), "encoder": "conformerr"}, "asr")
    with pytest.raises(ProbeError, match="as one of its task s2t: .*list$"):
        build_model({"encoder": 3}, "s2t")


def test_an_error_without_a_word_says_where_it_was_raised():
    pytest.importorskip("s3prl")
    config = {**tiny_config("asr"), "frontend": "s3prl", "frontend_conf": {"fs": 16000}}
    with pytest.raises(ProbeError, match="AssertionError at 'assert .*' in s3prl.py$"):
        build_model(config, "asr")


PARTS = [
    ("frontend", "s3prl", "espnet-s3prl"),
    ("frontend", "huggingface", "transformers"),
    ("frontend", "asteroid_frontend", "asteroid-filterbanks"),
    ("encoder", "whisper", "openai-whisper"),
    ("encoder", "hubert", "fairseq-fixed"),
    ("encoder", "longformer", "longformer.git"),
    ("decoder", "transducer", "warp-transducer"),
]


@pytest.mark.parametrize("part, name, requirement", PARTS)
def test_a_missing_package_is_named(monkeypatch, part, name, requirement):
    package = NEEDED[part, name]
    monkeypatch.setitem(sys.modules, package, None)
    assert not is_installed(package)
    with pytest.raises(ProbeError) as caught:
        build_model({**tiny_config("asr"), part: name}, "asr")
    message = str(caught.value)
    assert f"{part} {name!r}" in message and requirement in message
    assert package in message and "\n" not in message


def test_a_front_end_inside_a_fused_one_needs_its_package_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3prl", None)
    inner = {"frontends": [{"frontend_type": "default"}, {"frontend_type": "s3prl"}]}
    config = {**tiny_config("asr"), "frontend": "fused", "frontend_conf": inner}
    with pytest.raises(ProbeError, match="frontend 's3prl'.*espnet-s3prl"):
        build_model(config, "asr")
    config["frontend_conf"] = {"frontends": "default"}
    with pytest.raises(ProbeError, match="cannot build this model as one of its task"):
        build_model(config, "asr")


def test_there_is_a_remedy_for_every_package():
    assert set(NEEDED.values()) <= set(REMEDIES)
    assert is_installed("torch") and not is_installed("no_such.package")


class Harmful:
    """Would write a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> Any:
        return (open, (self.path, "w"))


def test_no_file_brings_code_while_a_model_is_built(tmp_path, monkeypatch):
    out, file = tmp_path / "out.txt", tmp_path / "harmful.pt"
    torch.save(Harmful(out), file)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    monkeypatch.setenv("ESPNET_ALLOW_UNSAFE_TORCH_LOAD", "1")
    before = dict(os.environ)
    terminal = sys.stdin
    with safe_loading():
        with pytest.raises(pickle.UnpicklingError):
            torch.load(file, weights_only=False)
        with pytest.raises(EOFError):
            input()
    assert not out.exists()
    assert dict(os.environ) == before and sys.stdin is terminal
    # The file does harm where nothing is done about it.
    monkeypatch.delenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    torch.load(file, weights_only=False)
    assert out.exists()


def test_a_front_end_with_a_harmful_file(tmp_path, monkeypatch):
    # The user's own word to ESPnet is not asked for either.
    monkeypatch.setenv("ESPNET_ALLOW_UNSAFE_TORCH_LOAD", "1")
    out, file = tmp_path / "out.txt", tmp_path / "harmful.pt"
    torch.save(Harmful(out), file)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tiny_config("ssl")))
    config = tiny_config("asr")
    config["frontend"] = "espnet_ssl"
    config["frontend_conf"] = {"frontend_conf": {"path_or_url": str(file)}}
    with pytest.raises(ProbeError, match="frontend 'espnet_ssl' .* more than weights"):
        build_model(config, "asr")
    assert not out.exists()


def test_a_front_end_with_code_of_its_own(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    out = tmp_path / "out.txt"
    (tmp_path / "own.py").write_text(f"open({str(out)!r}, 'w')\n")
    own = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    description = {"model_type": "own", "auto_map": own}
    (tmp_path / "config.json").write_text(json.dumps(description))
    config = tiny_config("asr")
    config["frontend"] = "huggingface"
    config["frontend_conf"] = {"model": str(tmp_path)}
    # Somebody who would say yes.
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 9))
    with pytest.raises(ProbeError, match="contains custom code") as caught:
        build_model(config, "asr")
    assert not out.exists() and "\n" not in str(caught.value)


def test_a_front_end_that_cannot_be_fetched(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    # As HF_HUB_OFFLINE=1, which is read once.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    config = tiny_config("asr")
    config["frontend"] = "huggingface"
    config["frontend_conf"] = {"model": "nobody/none", "download_dir": str(tmp_path)}
    with pytest.raises(ProbeError, match="could not be fetched") as caught:
        build_model(config, "asr")
    assert "frontend 'huggingface'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_are_found_from_any_working_directory(tmp_path, monkeypatch):
    recipe = tmp_path / "recipe"
    exp = recipe / "exp" / "asr_tiny"
    exp.mkdir(parents=True)
    (recipe / "data").mkdir()
    for name in ("stats.npz", "tokens.txt"):
        (recipe / "data" / name).touch()

    def located(**options: Any) -> Dict[str, Any]:
        locate_files(options, exp)
        return options

    monkeypatch.chdir(tmp_path)
    stats = {"normalize_conf": {"stats_file": "data/stats.npz"}}
    found = located(token_list="data/tokens.txt", **stats)
    assert found["token_list"] == str(recipe / "data" / "tokens.txt")
    assert found["normalize_conf"]["stats_file"] == str(recipe / "data" / "stats.npz")
    inner = {
        "frontend_conf": {"path_or_url": "data/stats.npz"},
        "download_dir": "data/",
    }
    found = located(frontend_conf=inner, token_list=["a/b"])
    assert found["frontend_conf"] == {
        "frontend_conf": {"path_or_url": str(recipe / "data" / "stats.npz")},
        "download_dir": "data/",
    }
    assert found["token_list"] == ["a/b"]
    kept = {"model": "org/name", "url": "https://a/data/stats.npz"}
    assert located(frontend_conf=dict(kept))["frontend_conf"] == kept
    with pytest.raises(ProbeError, match="statistics data/no.npz .* are missing"):
        located(normalize_conf={"stats_file": "data/no.npz"})
    with pytest.raises(ProbeError, match="token_list no.txt .* are missing"):
        located(token_list="no.txt")


def test_the_own_recipe_goes_before_the_working_directory(tmp_path, monkeypatch):
    # All recipes have files of these names.
    names = ("data/tokens.txt", "exp/stats/feats_stats.npz", "data/model/config.json")
    recipe, other = tmp_path / "recipe", tmp_path / "other"
    for name in names:
        for folder in (recipe, other):
            (folder / name).parent.mkdir(parents=True)
            (folder / name).touch()
    disk = tmp_path / "disk" / "asr_moved"
    disk.mkdir(parents=True)
    (recipe / "exp" / "asr_tiny").mkdir()
    (recipe / "exp" / "asr_linked").symlink_to(disk)

    def located(exp: Path) -> List[str]:
        options: Dict[str, Any] = {
            "token_list": names[0],
            "normalize_conf": {"stats_file": names[1]},
            "frontend_conf": {"model": "data/model"},
        }
        locate_files(options, exp)
        confs = options["normalize_conf"], options["frontend_conf"]
        return [options["token_list"], confs[0]["stats_file"], confs[1]["model"]]

    own = [str(recipe / name) for name in (*names[:2], "data/model")]
    monkeypatch.chdir(other)
    for exp in ("asr_tiny", "asr_linked"):
        assert located(recipe / "exp" / exp) == own
    monkeypatch.chdir(recipe)
    assert located(Path("exp/asr_tiny")) == own
    # A folder that is in no recipe: those of the working directory are taken.
    assert [Path(path).resolve() for path in located(disk)] == [Path(p) for p in own]


def test_what_is_no_configuration(tmp_path):
    path = tmp_path / "config.yaml"
    with pytest.raises(ProbeError, match="cannot read"):
        read_config(path)
    for value in ("abc", "[1, 2]", "5"):
        path.write_text(f"encoder: rnn\nnormalize_conf: {value}\n")
        with pytest.raises(ProbeError, match="a mapping .* under normalize_conf, got"):
            read_config(path)
    path.write_text("normalize_conf:\nencoder_conf: {}\n")
    assert read_config(path) == {"normalize_conf": None, "encoder_conf": {}}
    path.write_text("- a\n")
    with pytest.raises(ProbeError, match="is not of a training"):
        read_config(path)
    path.write_text("a: !!python/object/apply:os.system [true]\n")
    with pytest.raises(ProbeError, match="cannot read") as caught:
        read_config(path)
    assert "\n" not in str(caught.value)


def test_packages_that_compute_states_are_told_from_others():
    config = {"frontend": "s3prl", "encoder": "whisper", "decoder": "s4"}
    assert packages_of(config) == ["s3prl", "whisper"]
    assert packages_of({"frontend": "default", "encoder": "rnn"}) == []
