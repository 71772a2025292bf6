"""Stage 13 of probe.sh: the page is made once, answers are scored when they are there.

As in ``test_probe_sh.py`` the stages run for real, and Python is stood in for.
"""

import shutil
from pathlib import Path

import pytest
from scratch_recipe import ESPNET, Recipe

pytestmark = pytest.mark.skipif(
    not ESPNET.is_dir(), reason="no ESPnet recipe tree: run 'make setup'"
)

STAGE = ("--stage", "13", "--stop_stage", "13")
FOLDER = Path("exp/probe_asr_tiny_train_probe/listening")
MAKE = "make_listening_test"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A scratch recipe with sounds, as stages 8 and 9 leave them."""
    made = Recipe(tmp_path_factory.mktemp("vocoded") / "recipe")
    folder = made.folder / FOLDER.parent / "reconstruct_default" / "test"
    folder.mkdir(parents=True)
    (folder / ".vocode.done").write_text("key\n")
    return made


def test_a_test_is_made_once_and_never_changed(recipe: Recipe) -> None:
    folder = recipe.folder / FOLDER
    # Asked for alone, it has to be possible.
    recipe.probe(*STAGE, fail_on=f"espnet_probe.bin.{MAKE}", code=1)
    assert "--or_none" not in recipe.call(MAKE)
    recipe.probe(*STAGE)
    call = recipe.call(MAKE)
    assert f"--exp {FOLDER.parent} --inference_tag reconstruct_default" in call
    assert "--set test --dumpdir dump/raw --seed 0" in call
    # Stage 10 was not run: the command's own default.
    assert "--embedder" not in call
    assert "No answers in" in recipe.output
    recipe.probe(*STAGE)
    assert recipe.calls == []
    # What would be another test is not made while there is one, moved or not.
    (folder / "page" / "index.html").unlink()
    for options in (["--seed", "1"], ["--listening_args", "--num_sheets 3"]):
        recipe.probe(*STAGE, *options)
        assert MAKE not in recipe.modules and "Kept: " in recipe.output
    done = folder.parent / "reconstruct_default" / "test" / ".verification.done"
    done.write_text("key\n")
    recipe.probe(*STAGE, "--listening_args", "--num_sheets 3 --overwrite")
    assert recipe.call(MAKE).endswith("--embedder ge2e --num_sheets 3 --overwrite")
    recipe.probe(*STAGE, "--listening_args", "--num_sheets 3 --overwrite")
    assert recipe.modules == ["check_args"]
    done.unlink()


def test_answers_are_scored_when_they_are_there(recipe: Recipe) -> None:
    answers = recipe.folder / FOLDER / "answers"
    score = "score_listening_test"
    recipe.probe(*STAGE)
    answers.mkdir()
    (answers / "one.json").write_text("{}")
    recipe.probe(*STAGE, fail_on=f"espnet_probe.bin.{score}")
    assert "were not scored, for the reason above" in recipe.output
    recipe.probe(*STAGE)
    assert f"--key {FOLDER}/key.json --answers {FOLDER}/answers" in recipe.call(score)
    recipe.probe(*STAGE)
    assert recipe.calls == []
    # As the scorer finds them: in folders too, and no hidden ones.
    (answers / "second day").mkdir()
    (answers / ".one.json.swp").write_text("{}")
    recipe.probe(*STAGE)
    assert recipe.calls == []
    (answers / "second day" / "two").write_text("{}")
    recipe.probe(*STAGE)
    assert recipe.modules == [score]
    (answers / "second day" / "two").write_text("{} ")
    recipe.probe(*STAGE)
    assert recipe.modules == [score]


def test_a_key_without_its_page_is_of_a_run_that_was_killed(recipe: Recipe) -> None:
    folder = recipe.folder / FOLDER
    recipe.probe(*STAGE)
    shutil.rmtree(folder / "answers", ignore_errors=True)
    (folder / ".page.done").unlink()
    key, page = folder / "key.json", folder / "page" / "index.html"
    key.write_text('{\n "test": "abc"\n}\n')
    page.write_text('{"test":"abc","sheets":{}}')
    # The page is that of the key: a test that somebody may be at.
    recipe.probe(*STAGE)
    assert recipe.calls == [] and "Kept: " in recipe.output
    page.write_text('{"test":"of before","sheets":{}}')
    (folder / "answers").mkdir(exist_ok=True)
    (folder / "answers" / "one.json").write_text("{}")
    recipe.probe(*STAGE)
    assert MAKE not in recipe.modules and "Kept: " in recipe.output
    (folder / "answers" / "one.json").unlink()
    recipe.probe(*STAGE)
    assert recipe.call(MAKE).endswith("--overwrite")
    assert "a run was killed between the two" in recipe.output
    recipe.probe(*STAGE)
    assert recipe.calls == []


def test_a_small_set_has_none_unless_it_is_asked_for(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_TEST", "1")
    small = Recipe(tmp_path / "recipe")
    folder = small.folder / FOLDER.parent
    (folder / "reconstruct_default" / "test").mkdir(parents=True)
    (folder / "reconstruct_default" / "test" / ".vocode.done").write_text("key\n")
    (folder / ".done").write_text("key\n")
    small.probe("--stage", "13", "--stop_stage", "14")
    assert small.call(MAKE).endswith("--or_none")
    assert small.modules == [MAKE, "make_report"]
    small.probe("--stage", "13", "--stop_stage", "14")
    assert small.calls == []
    small.probe("--stage", "13", "--stop_stage", "14", "--skip_listening", "true")
    assert small.calls == []
    small.probe("--stage", "13", "--skip_listening", "never", code=2)
    assert "--skip_listening never: expected true or false" in small.output
