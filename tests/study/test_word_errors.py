"""The word error rate is that of the probed weights, or comes with a remark."""

import json
from pathlib import Path
from typing import Callable, Dict

import pytest
import yaml

from espnet_probe.study.word_errors import read_errors

Write = Callable[[Dict[str, float]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a probe experiment, and its recogniser with decodings and their rates."""

    def made(rates: Dict[str, float], weights: str = "valid.loss.ave.pth") -> Path:
        probe, asr = tmp_path / "exp" / "probe_a", tmp_path / "exp" / "asr_a"
        probe.mkdir(parents=True)
        asr.mkdir()
        config = {"upstream_exp": "exp/asr_a", "upstream_model": weights}
        (probe / "config.yaml").write_text(yaml.safe_dump(config))
        for name in ("valid.loss.ave_10best.pth", "valid.loss.best.pth"):
            (asr / name).write_text(name)
        (asr / "valid.loss.ave.pth").symlink_to("valid.loss.ave_10best.pth")
        for decoding, rate in rates.items():
            path = asr / decoding / "test" / "score_wer" / "wer.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps({"wer_percent": rate}))
        return probe

    return made


def test_a_better_checkpoint_does_not_count(write: Write) -> None:
    rates = {
        "decode_asr_model_valid.loss.ave": 40.0,
        "decode_beam_asr_model_valid.loss.ave": 35.0,
        "decode_asr_model_valid.loss.best": 20.0,
        "decode_asr_model_other_valid.loss.ave": 10.0,
        "mine": 5.0,
    }
    errors = read_errors(write(rates))
    assert errors.values["test"].mean == 35.0
    assert errors.remarks == {} and errors.reason == ""


def test_another_name_of_the_same_weights_counts(write: Write) -> None:
    rates = {"decode_asr_model_valid.loss.ave_10best": 40.0, "mine": 5.0}
    errors = read_errors(write(rates))
    assert errors.values["test"].mean == 40.0 and errors.remarks == {}


@pytest.mark.parametrize(
    "rates, rate, remark",
    [
        (
            {"decode_asr_model_valid.loss.best": 20.0, "mine": 30.0, "yours": 31.0},
            30.0,
            "mine does not say of which weights it is (probed: valid.loss.ave.pth)",
        ),
        (
            {"decode_asr_model_valid.loss.best": 20.0},
            20.0,
            "decode_asr_model_valid.loss.best is of other weights "
            "(probed: valid.loss.ave.pth)",
        ),
    ],
)
def test_other_decodings_come_with_a_remark(
    write: Write, rates: Dict[str, float], rate: float, remark: str
) -> None:
    errors = read_errors(write(rates))
    assert errors.values["test"].mean == rate
    assert errors.remarks == {"test": remark}


def test_what_is_missing_is_told(write: Write, tmp_path: Path) -> None:
    probe = write({})
    assert "no score_wer/wer.json below" in read_errors(probe).reason
    (probe / "config.yaml").write_text("upstream_exp: exp/gone\n")
    assert read_errors(probe).reason == "the recogniser's folder is not here"


def test_a_probe_that_names_no_weights_gets_a_remark(write: Write) -> None:
    probe = write({"decode_asr_model_valid.loss.ave": 12.0})
    (probe / "config.yaml").write_text("upstream_exp: exp/asr_a\n")
    (remark,) = read_errors(probe).remarks.values()
    assert "the probe names none either" in remark
