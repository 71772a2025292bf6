"""list_layers and probe_train as commands: what they print, and errors in one line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest
from tiny_models import asr_config, conformer_config, write_exp

from espnet_probe.bin import list_layers, probe_train
from espnet_probe.errors import ProbeError


def test_the_table_has_every_layer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exp = write_exp(tmp_path / "asr", asr_config("vgg_blstm", n_mels=20))
    output = tmp_path / "layers.json"
    list_layers.main(["--upstream_exp", str(exp), "--json", str(output)])
    head, columns, *lines = capsys.readouterr().out.splitlines()
    assert str(exp) in head and "16000 Hz" in head and "task asr" in head
    assert "target mel every 12.5 ms" in head
    assert columns.split()[:3] == ["layer", "width", "stride"]
    rows = {line.split()[0]: line.split(maxsplit=5)[1:] for line in lines}
    assert list(rows) == [f"cnn{k}" for k in range(1, 5)] + [
        f"blstm{k}" for k in range(1, 6)
    ]
    # 64 channels of 20 bands; a mel frame each 12.5 ms.
    assert rows["cnn1"] == ["1280", "1", "12.5", "no", rows["cnn1"][4]]
    assert "conv1_1, then ReLU" in rows["cnn1"][4]
    assert rows["blstm5"] == ["16", "4", "50", "no", "encoder output"]
    described = json.loads(output.read_text())
    assert [layer["name"] for layer in described["layers"]] == list(rows)
    assert described["layers"][0]["frame_shift"] == 0.0125
    assert (described["fs"], described["task"]) == (16000, "asr")
    assert described["hash"].startswith(head.split("sha256 ")[1])
    # What probe.sh looks for with sed.
    assert '\n  "fs": 16000,\n' in output.read_text()


def listed(capsys: pytest.CaptureFixture[str], *options: str) -> List[str]:
    list_layers.main(list(options))
    return [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]]


def test_parts_of_blocks_are_listed_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exp = str(write_exp(tmp_path / "asr", conformer_config()))
    whole = ["embed", "block1", "block2", "final"]
    assert listed(capsys, "--upstream_exp", exp) == [*whole, "There"]
    list_layers.main(["--upstream_exp", exp])
    last = capsys.readouterr().out.splitlines()[-1]
    assert "such as block1-" in last and "--parts or" in last
    both = listed(capsys, "--upstream_exp", exp, "--parts", "true")
    parts = [name for name in both if "-" in name]
    assert [name for name in both if "-" not in name] == whole
    assert {"block1-attention", "block2-feedforward"} <= set(parts)
    assert f"also {len(parts)} parts" in last
    assert listed(capsys, "--upstream_exp", exp, "--layers", "block*-*") == parts


def test_unknown_layer_gets_the_names(tmp_path: Path) -> None:
    exp = write_exp(tmp_path / "asr", asr_config("blstm_plain", n_mels=20))
    with pytest.raises(ProbeError, match="'cnn1': this model has blstm1 blstm2 blstm3"):
        list_layers.main(["--upstream_exp", str(exp), "--layers", "cnn1"])


def test_error_is_one_line_and_code_1(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "espnet_probe.bin.list_layers"]
    command += ["--upstream_exp", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(lines) == 1 and lines[0].startswith("list_layers: error: no trained")
    assert "Traceback" not in done.stderr


def test_probe_train_has_espnets_options_and_its_own() -> None:
    parser = probe_train.get_parser()
    assert "probes of all chosen layers" in str(parser.description)
    args = parser.parse_args(["--output_dir", "x", "--probe", "linear"])
    assert (args.probe, args.states, args.layers) == ("linear", "live", "*")
    # The names of dumped layers are not known beforehand.
    assert args.allow_variable_data_keys is True
    assert args.best_model_criterion == [] and args.max_epoch > 0
