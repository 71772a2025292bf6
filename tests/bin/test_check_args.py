"""What is wrong with words that a recipe hands on is said before anything is done."""

import importlib
from pathlib import Path

import pytest
import yaml

from espnet_probe.bin import check_args
from espnet_probe.errors import ProbeError


def test_files_that_are_named_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_args.main(["--trials_args=--balanced"])
    assert capsys.readouterr().out == ""
    path = tmp_path / "spk2gender"
    words = f"--trials_args=--gender {path} --at_most"
    check_args.main([words, "--listening_args=--num_sheets 2 --consent words.txt"])
    assert capsys.readouterr().out == f"{path}\nwords.txt\n"
    path.write_text("a f\nb m\n")
    check_args.main([words])
    path.write_text("a\n")
    with pytest.raises(ProbeError, match="spk2gender: a has no value"):
        check_args.main([words])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--trials_args=--none", "not known: --none"),
        ("--trials_args=--gender", "argument --gender: expected one argument"),
        ("--trials_args=words", "not known: words"),
        ("--trials_args=--seed 1", "--seed is given to make_trials by the recipe"),
        ("--quality_args=stoi", "not known: stoi"),
        ("--quality_args=--measures x", "invalid choice: 'x'"),
        ("--vocoder_args=--preset fast", "--preset is given to vocode by the recipe"),
        ("--listening_args=--num_sheets x", "invalid int value: 'x'"),
        ("--listening_args=--help", "it asks for help"),
        ("--claims_args=--set b", "--set is given to check_claims by the recipe"),
        ("--inference_args=--job 2", "--job is given to probe_inference"),
        ("--probe_args=--max_epch 2", "not known: --max_epch 2"),
        ("--recognition_args=--beam_sze 2", "unrecognized arguments: --beam_sze 2"),
        ("--recognition_args=--judge_tag a/b", "--judge_tag is given to"),
    ],
)
def test_what_a_command_would_not_take_is_one_line(words: str, complaint: str) -> None:
    option = words.partition("=")[0]
    with pytest.raises(ProbeError) as caught:
        check_args.main([words])
    assert str(caught.value).startswith(option) and complaint in str(caught.value)


def test_what_commands_take_passes(capsys: pytest.CaptureFixture[str]) -> None:
    check_args.main(
        [
            "--quality_args=--measures stoi estoi",
            "--vocoder_args=--audio_format wav",
            "--recognition_args=--beam_size 1 --cleaner whisper_basic",
            "--probe_args=--max_epoch 3 --optim_conf lr=0.1",
            "--claims_args=--alike 2",
            "--study_args=--paper",
        ]
    )
    assert capsys.readouterr().out == ""


def test_settings_of_decoding_are_those_of_the_models_task(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    model = {"encoder": "rnn", "ctc_conf": {}, "token_list": ["a"]}
    config.write_text(yaml.safe_dump({**model, "preprocessor": "s2t"}))
    words = "--recognition_args=--lang_sym <eng>"
    check_args.main([words, "--judge_config", str(config)])
    with pytest.raises(ProbeError, match="unrecognized arguments: --lang_sym"):
        check_args.main([words])


@pytest.mark.parametrize("option", check_args.OPTIONS)
def test_what_the_recipe_gives_is_an_option_of_the_command(option: str) -> None:
    command = check_args.OPTIONS[option]
    module = importlib.import_module(f"espnet_probe.bin.{command.module}")
    known = vars(module.get_parser().parse_args(command.needed))
    assert set(command.own) <= set(known)
