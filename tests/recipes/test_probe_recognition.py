"""Stage 12 of probe.sh: which judge, which sets, which folders, resume.

As in ``test_probe_sh.py`` the stages run for real, and Python is stood in for.
"""

import copy
import shutil
from pathlib import Path
from typing import List

import pytest
from scratch_recipe import ESPNET, Recipe

pytestmark = pytest.mark.skipif(
    not ESPNET.is_dir(), reason="no ESPnet recipe tree: run 'make setup'"
)

COMMAND = "espnet_probe.bin.score_recognition"
STAGE = ("--stage", "12", "--stop_stage", "12")
FOLDERS = ["natural", "oracle", "blstm1", "blstm2"]


@pytest.fixture(scope="module")
def vocoded(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A scratch recipe with a recogniser and with sounds to score."""
    made = Recipe(tmp_path_factory.mktemp("vocoded") / "recipe")
    config = made.exp / "config.yaml"
    config.write_text(config.read_text() + "token_list:\n- a\n- word\n")
    (made.folder / "conf" / "decode.yaml").write_text("beam_size: 5\n")
    made.probe("--stage", "5", "--stop_stage", "9")
    return made


@pytest.fixture
def recipe(vocoded: Recipe, tmp_path: Path) -> Recipe:
    """A copy of it."""
    made = copy.copy(vocoded)
    made.folder = tmp_path / "recipe"
    shutil.copytree(vocoded.folder, made.folder, symlinks=True)
    made.log = made.folder / "calls.log"
    made.exp = made.folder / "exp" / "asr_tiny"
    return made


def calls(recipe: Recipe) -> List[str]:
    return [call for call in recipe.calls if call.startswith(COMMAND)]


def scored(recipe: Recipe) -> List[str]:
    """List the folders that were scored, in the order of the calls."""
    listed = []
    for call in sorted(calls(recipe)):
        words = call.split()
        first = words.index("--output_dir") + 1
        for word in words[first:]:
            if word.startswith("--"):
                break
            listed.append(Path(word).name)
    return listed


def test_the_upstream_judges_all_folders_of_a_set(recipe: Recipe) -> None:
    recipe.probe("--stage", "12", "--stop_stage", "14")
    assert len(calls(recipe)) == 2  # one start of Python a job
    assert sorted(scored(recipe)) == sorted(FOLDERS)
    call = calls(recipe)[0]
    assert "--judge_exp exp/asr_tiny " in call
    assert "--text dump/raw/test/text --utt2spk dump/raw/test/utt2spk" in call
    assert "--inference_config" not in call and "--ngpu 0" in call
    times = (recipe.folder / "exp" / "stage_times.jsonl").read_text()
    assert '"stage": "12", "name": "recognition"' in times
    # What is done is not done again; the report comes after it.
    assert recipe.modules[-1] == "make_report"
    recipe.probe("--stage", "12", "--stop_stage", "14")
    assert recipe.calls == []


def test_what_the_texts_depend_on_is_done_again(recipe: Recipe) -> None:
    recipe.probe(*STAGE)
    keys = {call.split("--work_key ")[1].split()[0] for call in calls(recipe)}
    for options in (
        ["--recognition_config", "conf/decode.yaml"],
        ["--recognition_args", "--beam_size 1"],
        ["--seed", "1"],
    ):
        recipe.probe(*STAGE, *options)
        if options[0] != "--seed":
            assert all(options[1] in call for call in calls(recipe))
        keys |= {call.split("--work_key ")[1].split()[0] for call in calls(recipe)}
    (recipe.folder / "dump" / "raw" / "test" / "text").write_text("a-1 another\n")
    recipe.probe(*STAGE)
    keys |= {call.split("--work_key ")[1].split()[0] for call in calls(recipe)}
    # One key for all jobs of a run, another for each run.
    assert len(keys) == 5
    # More speakers' names are no reason, nor is a file that is not looked at.
    (recipe.folder / "dump" / "raw" / "test" / "spk2utt").write_text("")
    recipe.probe(*STAGE)
    assert recipe.calls == []


def test_a_failed_run_goes_on(recipe: Recipe) -> None:
    recipe.probe(*STAGE, fail_on=COMMAND, code=1)
    assert f"the reason why {COMMAND} failed" in recipe.output
    recipe.probe(*STAGE)
    assert sorted(scored(recipe)) == sorted(FOLDERS)


def test_another_judge(recipe: Recipe) -> None:
    judge = recipe.folder / "exp" / "asr_other"
    judge.mkdir()
    (judge / "config.yaml").write_text("encoder: conformer\n")
    (judge / "valid.acc.ave.pth").write_text("weights")
    recipe.probe(*STAGE, "--judge_exp", "exp/asr_other")
    assert all("--judge_exp exp/asr_other --text" in call for call in calls(recipe))
    recipe.probe(*STAGE, "--judge_exp", "exp/asr_other")
    assert recipe.calls == []
    (judge / "valid.acc.ave.pth").write_text("other weights")
    recipe.probe(*STAGE, "--judge_exp", "exp/asr_other")
    assert calls(recipe)
    recipe.probe(*STAGE, "--judge_tag", "some/model")
    assert all("--judge_tag some/model --text" in call for call in calls(recipe))


@pytest.mark.parametrize(
    "options, message",
    [
        (["--judge_exp", "a", "--judge_tag", "b"], "got --judge_exp a and --judge_tag"),
        (["--judge_exp", "exp/none"], "there is no exp/none/config.yaml"),
        (["--judge_zip", "none.zip"], "there is no --judge_zip none.zip"),
        (["--judge_model", "a.pth"], "--judge_model a.pth is a file in --judge_exp"),
        (["--recognition_config", "none"], "there is no --recognition_config none"),
        (["--skip_recognition", "yes"], "--skip_recognition yes: expected true"),
    ],
)
def test_mistakes_are_named_before_the_work(
    recipe: Recipe, options: List[str], message: str
) -> None:
    recipe.probe("--stage", "8", *options, code=2)
    assert message in recipe.output
    assert recipe.calls == []


def test_left_out_without_a_recogniser_or_a_text(recipe: Recipe) -> None:
    config = recipe.exp / "config.yaml"
    recogniser = config.read_text()
    config.write_text(recogniser + "extra_asr_decoder: null\n")
    recipe.probe("--stage", "11", "--stop_stage", "12")
    assert "Stage 12: left out: asr_tiny does not recognise speech" in recipe.output
    assert not calls(recipe)
    # Asked for, it is an error.
    recipe.probe(*STAGE, code=2)
    assert "name a judge with --judge_exp" in recipe.output
    config.write_text(recogniser)
    (recipe.folder / "dump" / "raw" / "test" / "text").unlink()
    recipe.probe("--stage", "11", "--stop_stage", "12")
    assert "left out: there is no dump/raw/test/text" in recipe.output
    recipe.probe(
        *("--stage", "11", "--stop_stage", "12", "--skip_recognition", "false"), code=2
    )
    assert "Error: Stage 12: there is no dump/raw/test/text" in recipe.output
    assert not calls(recipe)


def test_left_out_where_it_is_not_wanted(recipe: Recipe) -> None:
    recipe.probe("--stage", "11", "--stop_stage", "12", "--skip_recognition", "true")
    assert recipe.modules == ["score_quality"]


@pytest.mark.parametrize("task, judges", [("s2t_ctc", True), ("ssl", False)])
def test_a_published_model_says_whether_it_recognises(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, task: str, judges: bool
) -> None:
    monkeypatch.setenv("TASK", task)
    monkeypatch.setenv("PINNED", "some/model@abc")
    options = ["--upstream_exp", "", "--upstream_tag", "some/model"]
    options += ["--train_set", "train", "--valid_set", "dev"]
    skipped = ["--skip_stages", "5 10 11"]
    recipe.probe("--stage", "5", "--stop_stage", "12", *skipped, *options)
    assert bool(calls(recipe)) == judges
    assert all("--judge_tag some/model@abc --text" in call for call in calls(recipe))


def test_the_recipes_decoding_is_that_of_the_judge(recipe: Recipe) -> None:
    common = ["--ngpu", "0", "--nj", "1", "--inference_nj", "1", "--token_type", "word"]
    common += ["--train_set", "train", "--valid_set", "dev", "--test_sets", "test"]
    common += ["--asr_config", "conf/train_asr.yaml", "--asr_exp", "exp/asr_tiny"]
    common += ["--inference_config", "conf/decode.yaml", "--upstream_model", ""]
    common += ["--inference_asr_model", "valid.loss.ave.pth", *STAGE]
    (recipe.folder / "conf" / "train_asr.yaml").write_text("encoder: rnn\n")
    again = ("--stage", "5", "--stop_stage", "9", "--upstream_model", MODEL)
    recipe.probe(*again)
    recipe.run("train_and_probe.sh", *common)
    assert "--inference_config conf/decode.yaml" in recipe.call("score_recognition")
    assert f"--judge_model {MODEL}" in recipe.call("score_recognition")
    # They are settings of that model, not of another judge.
    recipe.run("train_and_probe.sh", *common, "--judge_tag", "some/model")
    assert "--inference_config" not in recipe.call("score_recognition")


MODEL = "valid.loss.ave.pth"
