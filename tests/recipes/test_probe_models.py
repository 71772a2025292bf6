"""train_and_probe.sh --models: several models on the same noisy sets, and their report.

In a scratch recipe, with ``stub_python.sh`` in the place of Python.
"""

import shutil
from pathlib import Path
from typing import List, Sequence

import pytest
import soundfile
import yaml
from scratch_recipe import ESPNET, SETS, Recipe

pytestmark = pytest.mark.skipif(
    not ESPNET.is_dir(), reason="no ESPnet recipe tree: run 'make setup'"
)

MODELS = ("--models", "blstm_baseline blstm_robust", "--musan", "generated")
TEST_SETS = ("test", "test_snr0")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """A scratch recipe with clean sets that are not formatted, and no upstream."""
    made = Recipe(tmp_path / "recipe")
    shutil.rmtree(made.folder / "dump")
    shutil.rmtree(made.exp)
    soundfile.write(made.folder / "sound.flac", [0.1, -0.1] * 8000, 16000)
    for name in SETS:
        (made.folder / "data" / name / "utt2num_samples").unlink()
    (made.folder / "conf" / "train_asr_blstm.yaml").write_text("encoder: rnn\n")
    return made


def study(recipe: Recipe, *options: str, code: int = 0) -> None:
    """Run the chain on two models as a recipe's run.sh does."""
    common = ["--train_set", "train", "--valid_set", "dev", "--test_sets", "test"]
    common += ["--token_type", "word", "--nj", "1", "--inference_nj", "1"]
    common += ["--ngpu", "0", "--snrs", "0", "--stage", "2"]
    recipe.run("train_and_probe.sh", *common, *MODELS, *options, code=code)


def said_of(calls: Sequence[str], module: str, option: str) -> List[str]:
    """The values of an option in the calls of a module, in order."""
    found = [call for call in calls if call.split()[0].endswith(module)]
    return [c.split(f"{option} ")[1].split()[0] for c in found if f"{option} " in c]


def test_two_models_on_the_same_sets_once(recipe: Recipe) -> None:
    study(recipe)
    calls = recipe.calls
    assert recipe.modules[0] == "make_noise"
    # The noise is made and mixed once, for all models.
    mixed = said_of(calls, "mix_noise", "--output_dir")
    assert sorted(set(mixed)) == ["data/test_snr0", "data/train_noisy_only"]
    assert len(mixed) == 2 * len(set(mixed))
    # Each recogniser has its own training set, and the same tokens.
    launched = [call for call in calls if "launch" in call.split()[0]]
    sets = ["dump/raw/train/wav.scp", "dump/raw/train_noisy/wav.scp"]
    for call, name, dset in zip(
        launched[::2], ("blstm_baseline", "blstm_robust"), sets
    ):
        assert f"exp/asr_train_asr_{name}_raw_word/" in call and f"{dset}," in call
    texts = said_of(calls, "tokenize_text", "--input")
    assert len(set(texts)) == 1
    # The probes of both are trained on the noisy set.
    for call in launched[1::2]:
        assert "dump/raw/train_noisy/wav.scp," in call
        assert "_train_probe_noisy/train.log" in call
    # All sets are decoded and probed, with the same trials for all of a set's copies.
    for exp in sorted((recipe.folder / "exp").glob("probe_asr_*")):
        for dset in TEST_SETS:
            assert (exp / "reconstruct_default" / dset / "trials").is_file()
    speakers = said_of(calls, "score_wer", "--utt2spk")
    assert speakers == [f"data/{dset}/utt2spk" for dset in TEST_SETS] * 2
    drawn = [c for c in calls if c.split()[0].endswith("make_trials")]
    assert len(drawn) == 2 * len(TEST_SETS)
    assert len({c.split("--num_pairs")[1].split("--output")[0] for c in drawn}) == 1
    assert recipe.modules[-2:] == ["check_claims", "make_report"]
    for call in calls[-2:]:
        assert " blstm:robust=exp/probe_asr_train_asr_blstm_robust_raw_word_" in call
        assert "--set test --" in call and "--output_dir exp/study_noisy" in call
        # Those of this call, not what another has left.
        assert "--conditions clean snr0 --" in call
        assert "--max_wer 30 " in call
        assert "--inference_tag default --" in call
        assert "--decoding decode_asr_model_valid.loss.ave --" in call

    assert "--stage_times exp/stage_times.jsonl " in calls[-1]

    written = yaml.safe_load((recipe.folder / "exp/study_noisy/study.yaml").read_text())
    assert written["conditions"] == {"clean": "test", "snr0": "test_snr0"}
    assert (written["noise"], written["seed"]) == ("generated", 0)
    names = [(m["architecture"], m["training"]) for m in written["models"]]
    assert names == [("blstm", "baseline"), ("blstm", "robust")]
    for model in written["models"]:
        for folder in ("asr_exp", "probe_exp", "reconstruct", "decode"):
            assert (recipe.folder / model[folder]).is_dir()

    study(recipe)
    assert recipe.calls == []
    assert (recipe.folder / "exp/study_noisy/RESULTS.md").is_file()

    # What is printed in the end comes from a file too.
    (recipe.folder / "exp/study_noisy/claims.txt").unlink()
    study(recipe, "--stage", "14")
    assert recipe.modules == ["check_claims", "make_report"]
    assert "the answers" in recipe.output

    # Other arguments for the claims: only they and the report are made anew.
    study(recipe, "--claims_args", "--alike 2", "--study_args", "--paper")
    assert recipe.modules == ["check_args", "check_claims", "make_report"]
    called = recipe.calls[1:]
    ends = [call.split("--output_dir exp/study_noisy ")[1] for call in called]
    assert ends == ["--alike 2", "--paper"]

    # Without --musan and stage 2 the noise is still that of the sets.
    study(recipe, "--musan", "", "--stage", "14", "--study_args", "")
    path = recipe.folder / "exp/study_noisy/study.yaml"
    assert yaml.safe_load(path.read_text())["noise"] == "generated"
    (recipe.folder / "data/test_snr0/noise_name").write_text("musan\n")
    (recipe.folder / "data/train_noisy_only/noise_name").unlink()
    study(recipe, "--stage", "14")
    assert yaml.safe_load(path.read_text())["noise"] == "musan, not known"

    # A second reconstruction of the same probes: the report is of the one just made.
    study(recipe, "--vocoder_preset", "fast", "--stage", "8")
    for call in recipe.calls[-2:]:
        assert "--inference_tag fast --" in call
    for exp in (recipe.folder / "exp").glob("probe_asr_*"):
        assert len(list(exp.glob("reconstruct_*"))) == 2


def test_another_condition_trains_nothing_anew(recipe: Recipe) -> None:
    one = ("--models", "blstm_robust", "--stop_stage", "8")
    study(recipe, *one)
    study(recipe, *one, "--snrs", "0 10")
    assert "asr_train" not in recipe.modules and "probe_train" not in recipe.modules
    assert set(said_of(recipe.calls, "probe_inference", "--data_dir")) == {
        "dump/raw/test_snr10"
    }
    # Other noise in files of the same names and lengths.
    (recipe.folder / "data/test_snr0/noise.jsonl").write_text("other noise\n")
    study(recipe, *one, "--snrs", "0 10", "--stage", "3")
    assert set(said_of(recipe.calls, "probe_inference", "--data_dir")) == {
        "dump/raw/test_snr0"
    }
    assert "asr_inference" in recipe.modules and "asr_train" not in recipe.modules


def test_probes_on_clean_speech_have_their_own_folders(recipe: Recipe) -> None:
    one = ("--models", "blstm_baseline", "--stop_stage", "7")
    study(recipe, *one, "--probe_train", "clean")
    launched = [call for call in recipe.calls if "launch" in call.split()[0]]
    assert "dump/raw/train/wav.scp," in launched[1]
    exp = "exp/probe_asr_train_asr_blstm_baseline_raw_word_train_probe_clean"
    assert (recipe.folder / exp / "config.yaml").is_file()
    study(recipe, *one)
    # The recogniser is there; other probes are trained.
    assert "asr_train" not in recipe.modules and "probe_train" in recipe.modules
    # And a range of stages without the report leaves none.
    assert not (recipe.folder / "exp/study_noisy/study.yaml").exists()


def test_robust_models_on_noisy_speech_alone(recipe: Recipe) -> None:
    only = ("--models", "blstm_robust", "--robust_train", "noisy_only")
    study(recipe, *only, "--stop_stage", "3")
    exp = "exp/asr_train_asr_blstm_robust_noisy_only_raw_word"
    assert (recipe.folder / exp).is_dir()
    assert "dump/raw/train_noisy_only/wav.scp," in recipe.call("asr_train")
    # Their report does not take the place of that of the others.
    studies = (recipe.folder / "exp").glob("study_*")
    assert [path.name for path in studies] == ["study_noisy_robust_noisy_only"]


@pytest.mark.parametrize(
    "options, message",
    [
        (("--models", "blstm"), "expected <architecture>_baseline"),
        (("--models", "all"), "no configuration conf/train_asr_vgg_blstm.yaml"),
        (("--model_configs", "conf/{}.yaml"), "no configuration conf/blstm.yaml"),
        (("--robust_train", "loud"), "--robust_train loud: expected noisy"),
        (("--probe_train", "loud"), "--probe_train loud: expected noisy"),
        (("--test_sets", "test dev"), "--valid_set dev is in --test_sets (test dev)"),
        (("--max_wer", "much"), "--max_wer much: expected a word error rate"),
        (("--asr_tag", "mine"), "leave out --upstream_exp"),
        (("--models", "blstm_robust blstm_robust"), "names blstm_robust twice"),
        (("--probe_exp", "exp/mine"), "--probe_exp exp/mine is one folder"),
        (("--asr_stats_dir", "exp/mine"), "--asr_stats_dir exp/mine is one folder"),
        (("--probe-exp", "exp/mine"), "--probe-exp exp/mine is one folder"),
        (("--probe_train_set", "dev"), "it follows from --train_set and --probe_train"),
        (("--probe-set-tag", "mine"), "it follows from --train_set and --probe_train"),
        (("--bpe_train_text", "mine"), "those of data/train/text: leave it out"),
        (("--paths_file", "mine"), "--models has one for each model"),
        (("--musan", ""), "--noise true needs --musan"),
    ],
)
def test_mistakes_are_found_before_work_starts(
    recipe: Recipe, options: Sequence[str], message: str
) -> None:
    study(recipe, *options, code=2)
    assert message in recipe.output
    assert recipe.calls == []


def test_each_model_has_its_controls(recipe: Recipe) -> None:
    study(recipe, "--controls", "shuffeld", code=2)
    assert "got shuffeld, expected random and shuffled" in recipe.output
    assert recipe.calls == []
    few = ("--models", "blstm_baseline", "--probe_train", "clean", "--snrs", "")
    study(recipe, *few, "--controls", "shuffled", "--stop_stage", "7")
    own = "exp/probe_asr_train_asr_blstm_baseline_raw_word_train_probe_clean"
    folders = said_of(recipe.calls, "probe_train", "--resume true --output_dir")
    assert folders == [own, f"{own}_shuffled"]
    # The joined report is of the model's own probes.
    model = recipe.folder / "exp/study_clean/models/blstm_baseline.yaml"
    assert yaml.safe_load(model.read_text())["probe_exp"] == own


def test_the_joined_report_has_the_controls_of_each_model(recipe: Recipe) -> None:
    study(recipe, "--controls", "random")
    joined = recipe.calls[-1]
    assert joined.split()[0].endswith("make_report")
    named = joined.split("--control ")[1].split(" --")[0].split()
    exp = "exp/probe_asr_train_asr_blstm_{}_raw_word_train_probe_noisy_random"
    assert named == [
        f"blstm:{training}:random={exp.format(training)}"
        for training in ("baseline", "robust")
    ]
    assert "--control" not in recipe.call("check_claims")
