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
    # Nor does, silently, the better of two with other options.
    assert errors.values["test"].mean == 40.0 and errors.reason == ""
    assert errors.remarks["test"] == (
        "it is that of decode_asr_model_valid.loss.ave; there are others: "
        "decode_beam_asr_model_valid.loss.ave (35.0 %)"
    )


def test_the_decoding_that_was_asked_for_counts_alone(write: Write) -> None:
    name = "decode_beam_asr_model_valid.loss.ave"
    probe = write({"decode_asr_model_valid.loss.ave": 40.0, name: 35.0})
    errors = read_errors(probe, name)
    assert errors.values["test"].mean == 35.0 and errors.remarks == {}
    errors = read_errors(probe, "decode_other")
    assert errors.values == {} and errors.reason.endswith("asr_a/decode_other")


def test_a_decoding_of_the_test_set_as_it_is_comes_first(
    write: Write, tmp_path: Path
) -> None:
    old, new = "decode_asr_model_valid.loss.ave", "new_asr_model_valid.loss.ave"
    probe = write({old: 50.0, new: 35.0, "mine": 5.0})
    counts = {old: (3, 6), new: (2, 5), "mine": (2, 5)}
    for decoding, (utterances, words) in counts.items():
        path = tmp_path / "exp/asr_a" / decoding / "test/score_wer/wer.json"
        document = json.loads(path.read_text())
        document.update(utterances=utterances, words=words)
        path.write_text(json.dumps(document))
    assert read_errors(probe).values["test"].mean == 50.0
    text = tmp_path / "dump" / "raw" / "test" / "text"
    text.parent.mkdir(parents=True)
    text.write_text("a-1 two words\n\nb-1 three more words\n")
    errors = read_errors(probe)
    assert errors.values["test"].mean == 35.0
    assert errors.remarks["test"].endswith(f"there are others: {old} (50.0 %)")


def test_another_name_of_the_same_weights_counts(write: Write) -> None:
    rates = {"decode_asr_model_valid.loss.ave_10best": 40.0, "mine": 5.0}
    errors = read_errors(write(rates))
    assert errors.values["test"].mean == 40.0 and errors.remarks == {}


@pytest.mark.parametrize(
    "rates, rate, remark",
    [
        (
            {"decode_asr_model_valid.loss.best": 20.0, "mine": 31.0, "yours": 30.0},
            31.0,
            "mine does not say of which weights it is (probed: valid.loss.ave.pth); "
            "it is that of mine; there are others: yours (30.0 %)",
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
