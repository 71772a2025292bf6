"""Stage 2 of probe.sh, noisy sets, and what the later stages make of them.

In a scratch recipe, with ``stub_python.sh`` in the place of Python; how sets are mixed
is tested in ``tests/bin/test_mix_noise.py``.
"""

import shutil
import sys
from pathlib import Path
from typing import Sequence

import pytest
from recipes.test_probe_sh import chain
from scratch_recipe import ESPNET, STUB, Recipe

pytestmark = pytest.mark.skipif(
    not ESPNET.is_dir(), reason="no ESPnet recipe tree: run 'make setup'"
)

ALONE = ("--stage", "2", "--stop_stage", "2")
NOISE = (*ALONE, "--noise", "true", "--musan", "musan")
MADE = ("train_noisy_only", "test_snr20", "test_snr10", "test_snr0")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """A scratch recipe with clean sets and a folder of noise."""
    made = Recipe(tmp_path / "recipe")
    for source in ("music", "noise", "speech"):
        folder = made.folder / "musan" / source
        folder.mkdir(parents=True)
        (folder / "1.wav").write_text("a sound")
    return made


def column(recipe: Recipe, table: str) -> Sequence[str]:
    """The first column of a table in data/."""
    lines = (recipe.folder / "data" / table).read_text().splitlines()
    return [line.split()[0] for line in lines]


def test_by_default_there_is_nothing_to_do(recipe: Recipe) -> None:
    recipe.probe(*ALONE)
    said = [line for line in recipe.output.splitlines() if "Stage 2" in line]
    assert len(said) == 1 and "--noise true --musan" in said[0]
    assert recipe.calls == []
    assert {p.name for p in (recipe.folder / "data").iterdir()} == {
        *("train", "dev", "test")
    }


def test_noisy_sets_are_made_once(recipe: Recipe) -> None:
    recipe.probe(*NOISE)
    assert recipe.modules == ["mix_noise"]
    merges = [call for call in recipe.calls if "--merge" in call]
    made = {
        "data/train_noisy_only": "--kind train",
        "data/test_snr20": "--kind test --snr=20",
        "data/test_snr10": "--kind test --snr=10",
        "data/test_snr0": "--kind test --snr=0",
    }
    assert len(merges) == len(made)
    for call, (folder, options) in zip(merges, made.items()):
        clean = "data/train" if "train" in folder else "data/test"
        assert f"--data_dir {clean} --output_dir {folder} " in call
        assert f"--musan musan --seed 0 {options}" in call
    # Two jobs each, before their merge.
    assert len(recipe.calls) == 3 * len(merges)
    jobs = sorted(call.split("--job ")[1].split()[0] for call in recipe.calls[:2])
    assert jobs == ["1/2", "2/2"] and "--merge" in recipe.calls[2]
    # The training set is the clean one and its copy; test sets keep their ids.
    clean = ["a-1", "a-2", "b-1", "b-2"]
    both = sorted([*clean, *(f"{utt}-noisy" for utt in clean)])
    for table in ("wav.scp", "text", "utt2spk"):
        assert column(recipe, f"train_noisy/{table}") == both
        assert column(recipe, f"test_snr10/{table}") == clean
    spk2utt = (recipe.folder / "data/train_noisy/spk2utt").read_text()
    assert spk2utt.splitlines()[0] == "a a-1 a-1-noisy a-2 a-2-noisy"
    assert (recipe.folder / "data/train_noisy/noise.jsonl").is_file()

    recipe.probe(*NOISE)
    assert recipe.calls == []
    assert "Done before: data/train_noisy" in recipe.output


def test_noise_is_generated_where_that_is_asked_for(recipe: Recipe) -> None:
    recipe.probe(*NOISE, "--musan", "generated")
    assert recipe.modules == ["make_noise", "mix_noise"]
    assert "--musan data/generated_noise --seed 0" in recipe.call("mix_noise")
    names = [recipe.folder / "data" / dset / "noise_name" for dset in MADE]
    assert [name.read_text() for name in names] == ["generated\n"] * len(MADE)
    # Sets that were made before stage 2 left the name get it.
    names[0].unlink()
    recipe.probe(*NOISE, "--musan", "generated")
    assert recipe.calls == [] and names[0].read_text() == "generated\n"
    # Recorded noise takes its place in all sets.
    recipe.probe(*NOISE)
    assert recipe.modules == ["mix_noise"] and len(recipe.calls) == 12
    assert [name.read_text() for name in names] == ["musan\n"] * len(MADE)


def test_what_changed_is_mixed_again(recipe: Recipe) -> None:
    recipe.probe(*NOISE)
    # One more condition.
    recipe.probe(*NOISE, "--snrs", "20 10 0 -2.5")
    assert {call.split("--output_dir ")[1].split()[0] for call in recipe.calls} == {
        "data/test_snr-2.5"
    }
    assert all("--snr=-2.5" in call for call in recipe.calls)
    # An output that has gone, other speech, other noise, another seed.
    (recipe.folder / "data/test_snr0/wav.scp").unlink()
    recipe.probe(*NOISE)
    assert all("data/test_snr0" in call for call in recipe.calls)
    assert len(recipe.calls) == 3
    scp = recipe.folder / "data" / "train" / "wav.scp"
    scp.write_text(scp.read_text().replace("sound", "other"))
    recipe.probe(*NOISE)
    assert all("data/train_noisy_only" in call for call in recipe.calls)
    combined = (recipe.folder / "data/train_noisy/wav.scp").read_text()
    assert "a-1 other.flac\na-1-noisy other.flac\n" in combined
    (recipe.folder / "musan/noise/2.wav").write_text("a sound")
    recipe.probe(*NOISE)
    assert len(recipe.calls) == 12
    recipe.probe(*NOISE, "--seed", "1")
    assert len(recipe.calls) == 12


def test_killed_mixing_is_not_taken_for_done(recipe: Recipe) -> None:
    recipe.probe(*NOISE, fail_on="espnet_probe.bin.mix_noise", code=1)
    assert "the reason why espnet_probe.bin.mix_noise failed" in recipe.output
    assert not list((recipe.folder / "data").glob("*/.noise.done"))
    assert not list((recipe.folder / "data").glob("*/noise_name"))
    recipe.probe(*NOISE)
    assert len(recipe.calls) == 12


def test_readers_come_along(recipe: Recipe) -> None:
    for name in ("train", "train_noisy_only"):
        folder = recipe.folder / "data" / name
        folder.mkdir(exist_ok=True)
        end = "-noisy" if name == "train_noisy_only" else ""
        lines = [f"{utt}{end} ann\n" for utt in ("a-1", "a-2", "b-1", "b-2")]
        (folder / "utt2reader").write_text("".join(lines))
    recipe.probe(*NOISE)
    readers = (recipe.folder / "data/train_noisy/utt2reader").read_text()
    assert readers.startswith("a-1 ann\na-1-noisy ann\na-2 ann\n")
    assert len(readers.splitlines()) == 8


def test_noisy_names_lead_to_their_clean_sets(recipe: Recipe) -> None:
    names = ["--test_sets", "test test_snr10 test_snr0", "--train_set", "train_noisy"]
    recipe.probe(*NOISE, *names, "--snrs", "10 0")
    outputs = [call.split("--output_dir ")[1].split()[0] for call in recipe.calls]
    assert sorted(set(outputs)) == [
        *("data/test_snr0", "data/test_snr10", "data/train_noisy_only")
    ]
    # One call of the chain: clean data from stage 1, noisy sets for the model.
    local = recipe.folder / "local"
    local.mkdir()
    (local / "data.sh").write_text("#!/bin/sh\necho the data are prepared\n")
    (local / "data.sh").chmod(0o755)
    recipe.probe(*NOISE, *names, "--snrs", "10 0", "--stage", "1")
    assert "the data are prepared" in recipe.output
    assert recipe.calls == []


def test_the_audio_format_reaches_the_mixing(recipe: Recipe) -> None:
    recipe.probe(*NOISE)
    assert all("--audio_format" not in call for call in recipe.calls)
    # What is the default without the option is the same work with it.
    for same in ("flac", "flac.ark"):
        recipe.probe(*NOISE, "--audio_format", same)
        assert recipe.calls == []
    recipe.probe(*NOISE, "--audio_format", "wav")
    assert len(recipe.calls) == 12
    assert all("--audio_format wav" in call for call in recipe.calls)


def test_the_chain_hands_the_options_on(recipe: Recipe) -> None:
    chain(recipe, *NOISE, "--snrs", "5")
    assert "--musan musan" in recipe.calls[0]
    assert (recipe.folder / "data/test_snr5/wav.scp").is_file()
    assert (recipe.folder / "data/train_noisy/wav.scp").is_file()


@pytest.mark.parametrize(
    "options, message",
    [
        ((*ALONE, "--noise", "true"), "--noise true needs --musan"),
        ((*NOISE, "--musan", "nowhere"), "there is no folder --musan nowhere"),
        ((*NOISE, "--snrs", "10 loud"), "expected numbers in dB"),
    ],
)
def test_mistakes_are_found_before_work_starts(
    recipe: Recipe, options: Sequence[str], message: str
) -> None:
    recipe.probe(*options, code=2)
    assert message in recipe.output
    assert recipe.calls == []


def test_a_set_that_is_not_there(recipe: Recipe) -> None:
    recipe.probe(*NOISE, "--test_sets", "none", "--snrs", "1", code=1)
    assert "data/none/wav.scp is missing or empty" in recipe.output


def test_noisy_sets_are_compared_with_the_clean_original(recipe: Recipe) -> None:
    recipe.write_set(recipe.folder / "dump" / "raw" / "test_snr10")
    recipe.probe(*NOISE)
    names = ["--test_sets", "test test_snr10"]
    recipe.probe("--stage", "6", "--stop_stage", "11", "--skip_stages", "10", *names)
    scores = [call for call in recipe.calls if "score_quality" in call]
    reconstruct = "exp/probe_asr_tiny_train_probe/reconstruct_default"
    references = {"test_snr10": "dump/raw", "test": f"{reconstruct}/test/natural"}
    for dset, reference in references.items():
        here = [call for call in scores if f"{reconstruct}/{dset}/blstm1/wav" in call]
        assert len(here) == 1
        wanted = f"{reference}/test/" if dset != "test" else f"{reference}/"
        assert f"--ref_scp {wanted}wav.scp " in here[0]
    # Also where data/ is gone: the record lies in dump/raw too.
    quality = ("--stage", "11", "--stop_stage", "11", *names[:1], "test_snr10")
    record = recipe.folder / "data/test_snr10/noise.jsonl"
    record.rename(recipe.folder / "dump/raw/test_snr10/noise.jsonl")
    for done in (recipe.folder / reconstruct / "test_snr10").glob("*/.quality.done"):
        done.unlink()
    recipe.probe(*quality)
    assert "--ref_scp dump/raw/test/wav.scp " in recipe.call("score_quality")
    # Without the clean set there is nothing to compare with.
    (recipe.folder / "dump/raw/test/wav.scp").unlink()
    recipe.probe(*quality, code=1)
    assert "run stage 3 with test in --test_sets" in recipe.output


def test_conditions_and_models_get_the_same_trials(recipe: Recipe) -> None:
    # Trials are drawn for real, all else is stood in for.
    python = recipe.folder / "python.sh"
    python.write_text(
        "#!/usr/bin/env bash\n"
        f'[[ "$*" != *bin.make_trials* ]] || exec {sys.executable} "$@"\n'
        f'exec {STUB} "$@"\n'
    )
    python.chmod(0o755)
    shutil.copytree(recipe.exp, recipe.folder / "exp/asr_other")
    recipe.write_set(recipe.folder / "dump" / "raw" / "test_snr10")
    for exp in ("asr_tiny", "asr_other"):
        options = ["--python", str(python), "--upstream_exp", f"exp/{exp}"]
        options += ["--stage", "5", "--stop_stage", "10"]
        recipe.probe(*options, "--test_sets", "test test_snr10")
    drawn = [path.read_text() for path in (recipe.folder / "exp").glob("*/*/*/trials")]
    assert len(drawn) == 4 and len(set(drawn)) == 1
    assert drawn[0].count(" target\n") == drawn[0].count(" nontarget\n") == 2
