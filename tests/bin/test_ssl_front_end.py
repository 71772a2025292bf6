"""From a model with a self-supervised front end to sound, by all commands."""

import csv
from pathlib import Path
from typing import List

import numpy as np
import pytest
import soundfile
import torch
import yaml
from cases import huggingface, s3prl
from family_case import FamilyCase, build_model

from espnet_probe.bin import dump_hidden, probe_inference, probe_train, vocode

CASES = [huggingface.CASES[0], s3prl.CASES[0]]
LAYERS = ["frontend_block1", "embed", "block1", "final"]


def write_set(folder: Path) -> Path:
    """Write four utterances of noise of different lengths."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    scp, lengths = [], []
    for index in range(4):
        samples = 9000 + 1111 * index
        path = folder / f"utt{index}.wav"
        soundfile.write(path, 0.1 * generator.standard_normal(samples), 16000)
        scp.append(f"utt{index} {path}\n")
        lengths.append(f"utt{index} {samples}\n")
    (folder / "wav.scp").write_text("".join(scp))
    (folder / "utt2num_samples").write_text("".join(lengths))
    return folder


def training(exp: Path, data: Path, output: Path, dump: Path) -> List[str]:
    """Return the arguments of one epoch of linear probes on dumped states."""
    command = ["--states", "dump", "--upstream_exp", str(exp)]
    command += ["--layers", " ".join(LAYERS), "--output_dir", str(output)]
    command += ["--batch_type", "sorted", "--batch_size", "2", "--max_epoch", "1"]
    command += ["--num_workers", "0", "--use_tensorboard", "false", "--optim", "adam"]
    command += ["--use_matplotlib", "false", "--probe", "linear"]
    for part in ("train", "valid"):
        flag = f"--{part}_data_path_and_name_and_type"
        command += [f"--{part}_shape_file", f"{data}/utt2num_samples"]
        command += [flag, f"{data}/wav.scp,speech,sound"]
        for name in LAYERS:
            command += [flag, f"{dump}/{name}/hidden.scp,hidden_{name},kaldi_ark"]
    return command


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_dump_train_reconstruct_and_vocode(case: FamilyCase, tmp_path: Path) -> None:
    pytest.importorskip(str(case.needs))
    config = case.config(tmp_path)
    exp = tmp_path / "exp"
    exp.mkdir()
    (exp / "config.yaml").write_text(yaml.safe_dump(config))
    weights = build_model(case.task, config).state_dict()
    torch.save(weights, exp / "valid.loss.ave.pth")
    data = write_set(tmp_path / "data")

    command = ["--upstream_exp", str(exp), "--data_dir", str(data)]
    command += ["--output_dir", str(tmp_path / "dump"), "--layers", " ".join(LAYERS)]
    dump_hidden.main(command)
    probe_train.main(training(exp, data, tmp_path / "probe", tmp_path / "dump"))
    out = tmp_path / "out"
    command = ["--probe_exp", str(tmp_path / "probe"), "--data_dir", str(data)]
    probe_inference.main([*command, "--output_dir", str(out)])
    command = ["--dirs", *(str(out / name) for name in LAYERS)]
    command += ["--utt2num_samples", str(data / "utt2num_samples")]
    vocode.main([*command, "--mel_config", str(out.parent / "mel.yaml")])
    for name in LAYERS:
        with (out / name / "l1.csv").open(newline="") as file:
            assert len(list(csv.DictReader(file))) == 4
        for line in (out / name / "wav.scp").read_text().splitlines():
            key, path = line.split()
            original = soundfile.info(data / f"{key}.wav")
            assert soundfile.info(path).frames == original.frames
