"""From a packed model to a reconstruction, by all commands, for parts of blocks too."""

import csv
import os
from pathlib import Path
from typing import Dict, List

import numpy as np
import pytest
import soundfile
import yaml
from tiny_models import conformer_config, write_exp
from upstream.test_files import REVISION, fill_snapshot, hub_repository

from espnet_probe.bin import dump_hidden, list_layers, probe_inference
from espnet_probe.errors import ProbeError
from espnet_probe.probes.inference import ProbeExp

LAYERS = ["block1", "block2-attention", "final"]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a packed Conformer and four utterances of noise."""
    from espnet2.bin.pack import main

    root = tmp_path_factory.mktemp("packed")
    exp = write_exp(root / "exp" / "asr_tiny", conformer_config())
    archive = root / "models" / "tiny.zip"
    archive.parent.mkdir()
    before = Path.cwd()
    os.chdir(root)
    try:
        main(
            [
                "asr",
                f"--asr_train_config={exp}/config.yaml",
                f"--asr_model_file={exp}/valid.loss.ave.pth",
                f"--outpath={archive}",
            ]
        )
    finally:
        os.chdir(before)
    data = root / "data"
    data.mkdir()
    generator = np.random.default_rng(0)
    files: Dict[str, List[str]] = {"wav.scp": [], "utt2num_samples": []}
    for index in range(4):
        samples = 9000 + 1000 * index
        path = data / f"utt{index}.wav"
        soundfile.write(path, 0.1 * generator.standard_normal(samples), 16000)
        files["wav.scp"].append(f"utt{index} {path}\n")
        files["utt2num_samples"].append(f"utt{index} {samples}\n")
    for name, lines in files.items():
        (data / name).write_text("".join(lines))
    return root


@pytest.fixture(autouse=True)
def cache(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpacked models go to the test's own folder."""
    monkeypatch.setenv("ESPNET_PROBE_CACHE", str(work / "cache"))


def train(work: Path, output: Path, states: str) -> None:
    """Train an epoch of linear probes on the packed model or on its dump."""
    from espnet_probe.bin.probe_train import main

    data = work / "data"
    command = ["--upstream_zip", str(work / "models" / "tiny.zip"), "--states", states]
    command += ["--layers", " ".join(LAYERS), "--output_dir", str(output)]
    command += ["--batch_type", "sorted", "--batch_size", "2", "--max_epoch", "1"]
    command += ["--num_workers", "0", "--use_tensorboard", "false", "--optim", "adam"]
    command += ["--use_matplotlib", "false", "--probe", "linear"]
    for part in ("train", "valid"):
        command += [f"--{part}_shape_file", f"{data}/utt2num_samples"]
        flag = f"--{part}_data_path_and_name_and_type"
        command += [flag, f"{data}/wav.scp,speech,sound"]
        if states == "dump":
            for name in LAYERS:
                scp = work / "dump" / name / "hidden.scp"
                command += [flag, f"{scp},hidden_{name},kaldi_ark"]
    main(command)


def test_list_dump_train_and_reconstruct_from_a_zip(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zipped = ["--upstream_zip", str(work / "models" / "tiny.zip")]
    list_layers.main([*zipped, "--layers", " ".join(LAYERS)])
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert "tiny.zip" in head and "task asr" in head
    assert [row.split()[0] for row in rows] == LAYERS

    data = ["--data_dir", str(work / "data")]
    output = ["--output_dir", str(work / "dump"), "--layers", ",".join(LAYERS)]
    dump_hidden.main([*zipped, *data, *output])
    for name in LAYERS:
        scp = (work / "dump" / name / "hidden.scp").read_text().splitlines()
        assert len(scp) == 4

    for states in ("live", "dump"):
        probe = tmp_path / states
        train(work, probe, states)
        config = yaml.safe_load((probe / "config.yaml").read_text())
        assert config["upstream_zip"] == zipped[1] and not config["upstream_exp"]
        assert ["valid", "loss_block2-attention", "min"] in config[
            "best_model_criterion"
        ]
        out = tmp_path / states / "reconstruct_x" / "test"
        command = ["--probe_exp", str(probe), *data, "--output_dir", str(out)]
        probe_inference.main([*command, "--layers", "block*-attention final"])
        for name in LAYERS[1:]:
            with (out / name / "l1.csv").open(newline="") as file:
                assert len(list(csv.DictReader(file))) == 4
        assert not (out / "block1").exists()


def test_layers_of_a_published_model(
    work: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # As in a cache that the downloader has filled; there is no network in tests.
    fill_snapshot(hub_repository(tmp_path, "espnet/tiny"), work / "models" / "tiny.zip")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    command = ["--upstream_tag", "espnet/tiny", "--layers", "block*-attention"]
    list_layers.main(command)
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith("espnet/tiny  task asr  16000 Hz")
    assert [row.split()[0] for row in rows] == ["block1-attention", "block2-attention"]
    # The name goes on to another revision, this file names the same one.
    pinned = tmp_path / "new" / "pinned_tag"
    list_layers.main([*command, "--pinned_tag", str(pinned)])
    assert pinned.read_text() == f"espnet/tiny@{REVISION}\n"
    (tmp_path / "models--espnet--tiny" / "refs" / "main").write_text("f" * 40)
    list_layers.main(["--upstream_tag", pinned.read_text().strip(), *command[2:]])
    with pytest.raises(ProbeError, match="cannot be downloaded"):
        list_layers.main(command)


def test_a_moved_model_is_named_again(work: Path, tmp_path: Path) -> None:
    train(work, tmp_path / "probe", "live")
    path = tmp_path / "probe" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["upstream_zip"] = str(work / "gone.zip")
    path.write_text(yaml.safe_dump(config))
    command = ["--probe_exp", str(tmp_path / "probe"), "--data_dir", f"{work}/data"]
    command += ["--output_dir", str(tmp_path / "out"), "--layers", "final"]
    with pytest.raises(ProbeError, match="gone.zip"):
        probe_inference.main(command)
    # The unpacked folder that it was packed from is the same model.
    exp = str(work / "exp" / "asr_tiny")
    probe_inference.main([*command, "--upstream_exp", exp])
    assert (tmp_path / "out" / "final" / "l1.json").is_file()
    model = ProbeExp(tmp_path / "probe").load(["final"], exp)
    assert model.layer_names == ["final"]
