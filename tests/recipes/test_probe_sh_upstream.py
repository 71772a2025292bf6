"""probe.sh on models without an exp folder: from a zoo tag, or from a packed file."""

import shutil
from pathlib import Path
from typing import Sequence

import pytest
from scratch_recipe import ESPNET, PROBING, TEMPLATE, Recipe

from espnet_probe.layers.selection import select_names

pytestmark = pytest.mark.skipif(
    not ESPNET.is_dir(), reason="no ESPnet recipe tree: run 'make setup'"
)

TAG = ("--upstream_tag", "espnet/a model@v1.0")
SETS = ("--train_set", "train", "--valid_set", "dev", "--test_sets", "test")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """A scratch recipe whose sets are formatted; no model was trained in it."""
    recipe = Recipe(tmp_path / "recipe")
    (recipe.exp / "config.yaml").unlink()
    (recipe.folder / "models").mkdir()
    (recipe.folder / "models" / "tiny.v2.tar.gz").write_text("packed")
    return recipe


def run(recipe: Recipe, *options: str, code: int = 0, fail_on: str = "") -> None:
    """Run probe.sh with the sets and all that is needed beside the model."""
    words = ["--probe_config", "conf/train_probe.yaml", "--nj", "2", "--ngpu", "0"]
    words += ["--inference_nj", "2", "--dump_sets", "test", *SETS]
    recipe.run("probe.sh", *words, *options, code=code, fail_on=fail_on)


def test_all_stages_on_a_tag_then_nothing(recipe: Recipe) -> None:
    run(recipe, "--stage", "3", *TAG, "--upstream_task", "s2t")
    # A model of this task recognises speech: its own reconstructions, too.
    last = ["score_recognition", *PROBING[-2:]]
    assert recipe.modules == ["list_layers", *PROBING[:-2], *last]
    named = "--judge_tag espnet/a model@v1.0 --judge_task s2t"
    assert named in recipe.call("score_recognition")
    named = "--upstream_tag espnet/a model@v1.0 --upstream_task s2t"
    for module in ("list_layers", "dump_hidden", "probe_train"):
        assert named in recipe.call(module)
        assert "--upstream_exp" not in recipe.call(module)
    name = "espnet_a_model_v1.0"
    for folder in (f"upstream_{name}", f"probe_{name}_train_probe"):
        assert (recipe.folder / "exp" / folder / ".done").is_file()
    assert (recipe.folder / "dump" / "hidden" / name / "test").is_dir()
    assert "--asr_exp  --" in recipe.call("make_report")
    run(recipe, "--stage", "3", *TAG, "--upstream_task", "s2t")
    assert recipe.calls == []
    # Not the same model.
    run(recipe, *("--stage", "5", "--stop_stage", "5"), *TAG)
    assert recipe.modules == ["list_layers", "dump_hidden"]


def test_a_tag_stands_for_one_revision_until_its_folder_is_removed(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--stage", "5", "--stop_stage", "6", *TAG)
    monkeypatch.setenv("PINNED", "espnet/a@111")
    run(recipe, *options)
    assert "--upstream_tag espnet/a model@v1.0" in recipe.call("list_layers")
    assert "--upstream_tag espnet/a@111 " in recipe.call("dump_hidden")
    # Published anew: what is done and what is not are of the same model.
    monkeypatch.setenv("PINNED", "espnet/a@222")
    run(recipe, "--stage", "5", "--stop_stage", "7", *TAG)
    assert recipe.modules == ["launch", "probe_train"]
    assert "--upstream_tag espnet/a@111 " in recipe.call("probe_train")
    folder = recipe.folder / "exp" / "upstream_espnet_a_model_v1.0"
    assert f"remove exp/{folder.name}" in recipe.output
    shutil.rmtree(folder)
    # Only the text beside the model is new: its weights have the same hash.
    run(recipe, *options)
    assert recipe.modules == ["list_layers"]
    assert "The model is espnet/a@222" in recipe.output
    shutil.rmtree(folder)
    monkeypatch.setenv("ORIGIN", "another model")
    run(recipe, *options)
    assert recipe.modules[:2] == ["list_layers", "dump_hidden"]
    assert "--upstream_tag espnet/a@222 " in recipe.call("dump_hidden")


def test_a_model_is_looked_at_again_by_another_version(tmp_path: Path) -> None:
    # A checkout of its own, whose code may be changed.
    checkout = tmp_path / "checkout"
    template = checkout / "egs" / "TEMPLATE" / "probe1"
    shutil.copytree(TEMPLATE, template)
    code = checkout / "espnet_probe" / "upstream" / "weights.py"
    code.parent.mkdir(parents=True)
    code.write_text("version = 1\n")
    recipe = Recipe(tmp_path / "recipe")
    for name in ("probe.sh", "train_and_probe.sh"):
        (recipe.folder / name).unlink()
        (recipe.folder / name).symlink_to(template / name)
    for version, expected in ((1, ["list_layers"]), (1, []), (2, ["list_layers"])):
        code.write_text(f"version = {version}\n")
        run(recipe, "--stage", "4", "--stop_stage", "4", "--skip_stages", "4", *TAG)
        assert recipe.modules == expected


def test_another_packed_model_of_the_same_name(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = recipe.folder / "models" / "tiny.v2.tar.gz"
    options = ("--upstream_zip", "models/tiny.v2.tar.gz", "--stage", "5")
    options += ("--stop_stage", "7")
    run(recipe, *options)
    assert recipe.modules == ["list_layers", *PROBING[:5]]
    assert "--output_dir dump/hidden/tiny.v2/test" in recipe.call("dump_hidden")
    run(recipe, *options)
    assert recipe.calls == []
    # Packed again, but the same model: it is only looked at.
    packed.write_text("packed again")
    run(recipe, *options)
    assert recipe.modules == ["list_layers"]
    packed.write_text("another one")
    monkeypatch.setenv("ORIGIN", "another model")
    run(recipe, *options)
    assert recipe.modules == ["list_layers", *PROBING[:5]]


def test_the_chain_trains_no_model(recipe: Recipe) -> None:
    words = [*SETS, *TAG, "--upstream_task", "s2t", "--ngpu", "0", "--nj", "2"]
    words += ["--inference_nj", "2", "--token_type", "word"]
    recipe.run("train_and_probe.sh", *words, "--stage", "3", "--stop_stage", "6")
    assert recipe.modules == ["list_layers", "probe_train", "aggregate_stats_dirs"]
    assert "asr.sh" not in recipe.output
    assert "--upstream_task s2t" in recipe.call("probe_train")
    assert "--upstream_model" not in recipe.call("probe_train")


@pytest.mark.parametrize(
    "options, message",
    [
        ([], "no model is named: give --upstream_exp"),
        ([*TAG, "--upstream_zip", "a.zip"], "one model is probed at a time"),
        ([*TAG, "--upstream_model", "a.pth"], "is a file in --upstream_exp"),
        (["--upstream_zip", "a.zip"], "there is no --upstream_zip a.zip"),
        ([*TAG, "--valid_set", ""], "--valid_set is required: --upstream_tag espnet/a"),
        ([*TAG, "--test_sets", ""], "does not say which sets this recipe has"),
        (["--upstream_zip", "a[1].zip"], "[ means something to a shell"),
        (["--upstream_tag", "http://a.b/c?d&e"], "& means something to a shell"),
        ([*TAG, "--fs", "8k"], "needs 16000 Hz; format the audio with --fs 16000"),
    ],
)
def test_mistakes_are_found_before_work_starts(
    recipe: Recipe, options: Sequence[str], message: str
) -> None:
    run(recipe, "--stage", "5", *options, code=2)
    assert message in recipe.output
    assert set(recipe.modules) <= {"list_layers"}


def test_a_model_that_cannot_be_had_is_known_before_the_data(recipe: Recipe) -> None:
    run(recipe, *TAG, code=2, fail_on="espnet_probe.bin.list_layers")
    assert "the reason why espnet_probe.bin.list_layers failed" in recipe.output
    assert "espnet/a model@v1.0 cannot be probed" in recipe.output
    assert "Stage 1" not in recipe.output


def test_parts_of_blocks_are_chosen_as_python_chooses_them(recipe: Recipe) -> None:
    hidden = recipe.folder / "dump" / "hidden" / "tiny.v2"
    names = ["block1", "block2", "block1-attention", "block2-attention"]
    options = ["--upstream_zip", "models/tiny.v2.tar.gz", "--states", "dump"]
    run(recipe, *options, "--stage", "5", "--stop_stage", "6")
    for dset in ("train", "dev"):
        for name in names:
            (hidden / dset / name).mkdir()
            (hidden / dset / name / "hidden.scp").write_text("a-1 states.ark:5\n")
    for layers, expected in {
        "block*": names[:2],
        "block[2-9]": names[1:2],
        "block*-*": names[2:],
        "block1 block[2-3]-att*": [names[0], names[3]],
        "encoder.block1": names[:1],
        "block2.attention,encoder.block1.*": names[2:],
    }.items():
        assert select_names(layers, names) == expected
        run(recipe, *options, "--stage", "7", "--stop_stage", "7", "--layers", layers)
        call = recipe.call("probe_train")
        found = [name for name in names if f",hidden_{name},kaldi_ark" in call]
        assert found == expected
