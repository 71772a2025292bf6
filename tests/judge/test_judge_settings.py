"""Settings of decoding: ESPnet's own, from a file and from arguments."""

from pathlib import Path

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.judge.kinds import KINDS, OTHERS, find_kind
from espnet_probe.judge.settings import class_arguments, find_settings
from espnet_probe.upstream.task_kinds import TASKS

WITH_DECODER = {"decoder": "transformer", "model_conf": {"ctc_weight": 0.3}}
CTC_ONLY = {"decoder": None, "model_conf": {"ctc_weight": 1.0}}


def test_every_task_recognises_or_is_told_why_not():
    assert KINDS.keys() | OTHERS.keys() == TASKS.keys()
    with pytest.raises(ProbeError, match="of ESPnet's task st translates, and cannot"):
        find_kind("st")


@pytest.mark.parametrize("task", sorted(KINDS))
def test_settings_are_what_the_class_takes(task):
    kind = find_kind(task)
    settings = find_settings(kind, WITH_DECODER, None, ["--beam_size", "3"])
    given = class_arguments(kind.recogniser(), settings)
    assert given["beam_size"] == 3
    assert "batch_size" not in given and "nbest" not in given
    assert given["lm_weight"] == (1.0 if kind.prefix == "asr" else 0.0)


def test_file_then_arguments(tmp_path: Path):
    file = tmp_path / "decode.yaml"
    file.write_text("beam_size: 7\npenalty: 0.5\nngpu: 0\nnbest: 3\n")
    settings = find_settings(KINDS["asr"], WITH_DECODER, file, ["--penalty", "0.25"])
    assert settings["beam_size"] == 7 and settings["penalty"] == 0.25
    # ESPnet's defaults for all others.
    assert settings["ctc_weight"] == 0.5 and settings["maxlenratio"] == 0.0
    assert "nbest" not in settings and "ngpu" not in settings


def test_defaults_of_a_model_without_a_decoder(tmp_path: Path):
    for config in (CTC_ONLY, {"decoder": None}, {**WITH_DECODER, **CTC_ONLY}):
        settings = find_settings(KINDS["asr"], config)
        found = [settings[name] for name in ("ctc_weight", "lm_weight", "beam_size")]
        assert found == [1.0, 0.0, 5]
    file = tmp_path / "decode.yaml"
    file.write_text("beam_size: 2\n")
    settings = find_settings(KINDS["asr"], CTC_ONLY, file)
    assert (settings["beam_size"], settings["ctc_weight"]) == (2, 1.0)


def test_symbols_of_owsm_have_brackets():
    settings = find_settings(KINDS["s2t"], {}, None, ["--lang_sym", "deu"])
    assert (settings["lang_sym"], settings["task_sym"]) == ("<deu>", "<asr>")
    assert find_settings(KINDS["s2t_ctc"], {})["lang_sym"] == "<nolang>"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--beam_sise", "3"], "unrecognized arguments: --beam_sise 3; expected those"),
        (["--beam_size", "many"], "argument --beam_size: invalid int value: 'many'"),
        (["--asr_model_file", "a.pth"], "asr_model_file is none; name the judge with"),
        (["--model_tag", "a/b"], "model_tag is none; name the judge with --judge_exp"),
        (["--multi_asr", "true"], "multi_asr means a model that writes down several"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ProbeError, match=message):
        find_settings(KINDS["asr"], CTC_ONLY, None, arguments)


@pytest.mark.parametrize(
    "text, message",
    [
        ("beam_sise: 3\n", r"unrecognized arguments: beam_sise \(from .*decode.yaml\)"),
        ("- beam_size\n", "decode.yaml holds no settings of decoding: expected lines"),
        ("a: b: c\n", "cannot read settings of decoding .*decode.yaml: mapping values"),
        (None, "cannot read settings of decoding .*decode.yaml: .*No such file"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, text, message):
    file = tmp_path / "decode.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ProbeError, match=message):
        find_settings(KINDS["asr"], CTC_ONLY, file)


def test_a_streaming_transducer_is_refused():
    with pytest.raises(ProbeError, match="streaming is not possible with a judge"):
        arguments = ["--streaming", "true"]
        find_settings(KINDS["asr_transducer"], {}, None, arguments)
