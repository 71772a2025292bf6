"""Every recipe is in recipes.csv, its options fit the scripts, and it runs.

A row's recipe is the corpus of a ``probe1``, or ``CORPUS/spk1`` for a speaker model.

The whole run of a recipe takes minutes. It is left out unless the variable
PROBE_RECIPES names rows, or is "all"; other rows of a recipe have a suffix::

    PROBE_RECIPES="mini_voices mini_an4-models" pytest tests/recipes/test_recipes.py
"""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Set

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EGS = ROOT / "egs"
ESPNET = ROOT / "tools" / "espnet" / "egs2" / "TEMPLATE" / "asr1"
LINKS = ("asr.sh", "cmd.sh", "utils", "scripts", "pyscripts", "steps")
#: Recipes that no corpus at hand can be run with; test_voxceleb_data.py has this one.
NOT_IN_THE_TABLE = {"voxceleb/spk1"}
Row = Dict[str, str]

needs_espnet = pytest.mark.skipif(
    not ESPNET.is_dir(), reason="no ESPnet recipe tree: run 'make setup'"
)


def rows() -> List[Row]:
    """The table of recipes."""
    with (HERE / "recipes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def names(row: Row) -> str:
    """What a test of a row is called."""
    if is_speaker(row):
        return row["recipe"].replace("/", "-")
    if "--models" in row["flags"]:
        return row["recipe"] + "-models"
    return row["recipe"] + ("-tuning" if "conf/tuning" in row["flags"] else "")


def is_speaker(row: Row) -> bool:
    """Whether the recipe trains a speaker model."""
    return row["recipe"].endswith("/spk1")


def probe_rows() -> List[Row]:
    """The rows of recipes that probe."""
    return [row for row in rows() if not is_speaker(row)]


def speaker_rows() -> List[Row]:
    """The rows of recipes that train speaker models."""
    return [row for row in rows() if is_speaker(row)]


def copy_speaker_recipe(name: str, folder: Path) -> Path:
    """Copy what a speaker recipe has of its own, and link the rest as setup.sh does."""
    recipe = folder / "egs" / name
    recipe.mkdir(parents=True)
    for part in ("conf", "local"):
        shutil.copytree(EGS / name / part, recipe / part)
    shutil.copy(EGS / name / "run.sh", recipe)
    for link in LINKS[1:]:
        (recipe / link).symlink_to(ESPNET / link)
    (recipe / "spk.sh").symlink_to(ESPNET.parent / "spk1" / "spk.sh")
    (recipe / "path.sh").symlink_to(EGS / "TEMPLATE" / "probe1" / "path.sh")
    script = "train_speaker.sh"
    (recipe / script).symlink_to(EGS / "TEMPLATE" / "spk1" / script)
    # The programs of other recipes that it uses.
    (recipe.parent / "probe1").symlink_to(EGS / name / ".." / "probe1")
    (folder / "egs" / "librispeech_100").symlink_to(EGS / "librispeech_100")
    return recipe


def copy_recipe(name: str, folder: Path) -> Path:
    """Copy what a recipe has of its own, and link the rest as setup.sh does."""
    source = EGS / name / "probe1"
    recipe = folder / "egs" / name / "probe1"
    recipe.mkdir(parents=True)
    for part in ("conf", "local"):
        shutil.copytree(source / part, recipe / part)
    shutil.copy(source / "run.sh", recipe)
    for link in LINKS:
        (recipe / link).symlink_to(ESPNET / link)
    for link in ("probe.sh", "train_and_probe.sh", "path.sh"):
        (recipe / link).symlink_to(EGS / "TEMPLATE" / "probe1" / link)
    return recipe


def run(recipe: Path, row: Row, shared_data: str, *options: str, **more: str) -> str:
    """Run a recipe with the options of its row; return what it prints."""
    variables = shlex.split(row["variables"].format(shared_data=shared_data))
    done = subprocess.run(
        ["./run.sh", *shlex.split(row["flags"]), *options],
        cwd=recipe,
        env={**os.environ, **dict(v.split("=", 1) for v in variables), **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_every_recipe_is_in_the_table() -> None:
    there = {path.parts[-3] for path in EGS.glob("*/probe1/run.sh")}
    there |= {f"{path.parts[-3]}/spk1" for path in EGS.glob("*/spk1/run.sh")}
    assert there - NOT_IN_THE_TABLE == {row["recipe"] for row in rows()}


def configs(recipe: Path) -> Iterator[Path]:
    """The configurations that run.sh names."""
    for line in (recipe / "run.sh").read_text(encoding="utf-8").splitlines():
        for word in line.replace("=", " ").split():
            if word.startswith("conf/"):
                yield recipe / word


def option(row: Row, name: str, default: str) -> str:
    """The value of an option in a row's flags."""
    words = shlex.split(row["flags"])
    return words[words.index(name) + 1] if name in words else default


def uses(row: Row) -> Set[Path]:
    """The configurations that a row's run takes, by its flags or by run.sh."""
    recipe = EGS / row["recipe"] / "probe1"
    taken = {recipe / word for word in row["flags"].split()} | {*configs(recipe)}
    models = option(row, "--models", "")
    if models == "all":
        models = "vgg_blstm_baseline blstm_baseline"
    if models:
        pattern = option(row, "--model_configs", "conf/train_asr_{}.yaml")
        architectures = {model.rpartition("_")[0] for model in models.split()}
        taken |= {recipe / pattern.format(name) for name in architectures}
    return taken


#: The paper's models in full size: what --models of librispeech_100 takes where nothing
#: is said. No test trains them; test_asr_configs.py builds them.
FULL_SIZE = [ROOT / f"conf/train_asr_{name}.yaml" for name in ("blstm", "vgg_blstm")]


def unlisted(table: List[Row], egs: Path = EGS) -> Set[Path]:
    """The configurations of all recipes that no row of a table takes.

    What recipes share by links is one configuration; ESPnet's own do not count.
    """
    there = {path.resolve() for path in egs.glob("*/probe1/conf/**/train_*.yaml")}
    ours = {path for path in there if ESPNET.resolve() not in path.parents}
    taken = {path.resolve() for row in table for path in uses(row)}
    return ours - taken - {*FULL_SIZE}


def test_every_configuration_is_in_the_table() -> None:
    assert {path.name for path in FULL_SIZE} == {
        Path(os.readlink(path)).name
        for path in (EGS / "librispeech_100/probe1/conf").glob("train_asr_*.yaml")
    }
    assert unlisted(probe_rows()) == set()


@pytest.mark.parametrize(
    "left_out, found",
    [
        ("conformer", {"train_asr_conformer.yaml", "train_probe_paper.yaml"}),
        ("_mini", {"train_asr_blstm_mini.yaml", "train_asr_vgg_blstm_mini.yaml"}),
        ("_study", {"train_asr_blstm.yaml", "train_asr_vgg_blstm.yaml"}),
    ],
)
def test_a_configuration_that_is_not_in_the_table_is_found(
    left_out: str, found: Set[str]
) -> None:
    kept = [row for row in probe_rows() if left_out not in row["flags"]]
    assert {path.name for path in unlisted(kept)} == found


@pytest.mark.parametrize("row", probe_rows(), ids=names)
def test_run_sh_names_configurations_that_exist(row: Row) -> None:
    recipe = EGS / row["recipe"] / "probe1"
    named = [*configs(recipe)]
    named += [recipe / w for w in row["flags"].split() if w.startswith("conf/")]
    assert len(named) >= 3
    for path in named:
        assert path.is_file(), path


@needs_espnet
@pytest.mark.parametrize("row", probe_rows(), ids=names)
def test_options_fit_the_scripts(row: Row, tmp_path: Path) -> None:
    """Run the recipe from stage 5 on, with Python stood in for."""
    recipe = copy_recipe(row["recipe"], tmp_path)
    (recipe / "path.sh").unlink()
    (recipe / "path.sh").write_text("export PATH=$PWD/utils:$PATH LC_ALL=C\n")
    for name in row["sets"].split():
        data = recipe / "dump" / "raw" / name
        data.mkdir(parents=True)
        for table in ("wav.scp", "utt2num_samples"):
            (data / table).write_text("a-1 1\nb-1 1\n")
        (data / "utt2spk").write_text("a-1 a\nb-1 b\n")
    experiments = row["asr_exp"].split()
    for name in experiments:
        asr = recipe / "exp" / name
        asr.mkdir(parents=True)
        (asr / "config.yaml").write_text("encoder: rnn\n")
        (asr / "valid.loss.ave.pth").write_text("weights")
    calls = recipe / "calls.log"
    stub = str(HERE / "stub_python.sh")
    run(recipe, row, "", "--python", stub, "--stage", "5", CALLS=str(calls))
    # The stub's upstream has two layers, whatever the recipe's has.
    for path in row["leaves"].split():
        if "{asr}" not in path and "l1.json" not in path:
            path = path.format(probe="exp/probe_*")
            path = re.sub(r"/(blstm5|block4)/", "/blstm2/", path)
            assert list(recipe.glob(path)), path
    for name in experiments:
        assert f"--upstream_exp exp/{name} " in calls.read_text()


@needs_espnet
@pytest.mark.parametrize("row", speaker_rows(), ids=names)
def test_options_fit_the_scripts_of_speakers(row: Row, tmp_path: Path) -> None:
    """Run the recipe from stage 2 on, with Python stood in for."""
    recipe = copy_speaker_recipe(row["recipe"], tmp_path)
    (recipe / "path.sh").unlink()
    (recipe / "path.sh").write_text(
        f"export PATH=$PWD/utils:$PATH LC_ALL=C PROBE_ROOT={ROOT}\n"
    )
    for name in row["sets"].split():
        data = recipe / "data" / name
        data.mkdir(parents=True)
        (data / "wav.scp").write_text("a-1 1.wav\nb-1 2.wav\n")
        (data / "utt2spk").write_text("a-1 a\nb-1 b\n")
        (data / "spk2utt").write_text("a a-1\nb b-1\n")
        for table in ("trial.scp", "trial2.scp"):
            (data / table).write_text("a-1*b-1 1.wav\n")
        (data / "trial_label").write_text("a-1*b-1 0\n")
    for table in ("musan_music", "musan_noise", "musan_speech", "rirs"):
        (recipe / "data" / f"{table}.scp").write_text("n 1.wav\n")
    calls = recipe / "calls.log"
    stub = str(HERE / "stub_python.sh")
    options = ["--python", stub, "--stage", "2", "--stop_stage", "5"]
    run(recipe, row, "", *options, CALLS=str(calls))
    for name in ("config.yaml", "valid.eer.best.pth", ".train.done"):
        assert (recipe / row["asr_exp"] / name).is_file(), name
    made = calls.read_text().splitlines()
    trained = [line for line in made if line.startswith("espnet2.bin.spk_train")]
    # Statistics, then the training: both with the plugin's classes.
    assert len(trained) == 2 and all("by espnet_probe.run" in line for line in trained)
    assert f"--output_dir {row['asr_exp']} " in trained[1]
    run(recipe, row, "", *options, CALLS=str(calls))
    assert calls.read_text().splitlines() == made, "a second run has trained again"


@needs_espnet
@pytest.mark.parametrize("row", rows(), ids=names)
def test_recipe_runs(row: Row, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    chosen = os.environ.get("PROBE_RECIPES", "").split()
    # A name that is misspelt must not look like a run that passed.
    assert set(chosen) <= {"all", *map(names, rows())}, chosen
    if names(row) not in chosen and "all" not in chosen:
        pytest.skip("minutes long: asked for by PROBE_RECIPES")
    shared_data = ""
    if "{shared_data}" in row["variables"]:
        shared_data = str(request.getfixturevalue("shared_data"))
    copy = copy_speaker_recipe if is_speaker(row) else copy_recipe
    recipe = copy(row["recipe"], tmp_path)
    print(run(recipe, row, shared_data), file=sys.stderr)
    trained = row["asr_exp"].split()[0]
    trained = trained if is_speaker(row) else f"exp/{trained}"
    for path in row["leaves"].split():
        path = path.format(asr=trained, probe="exp/probe_*")
        assert list(recipe.glob(path)), path
    times = recipe / "exp" / "stage_times.jsonl"
    before = times.read_text()
    run(recipe, row, shared_data)
    assert times.read_text() == before, "a second run has done something again"
