"""probe.sh and train_and_probe.sh: options, order of stages, resume, errors.

The stages run for real in a scratch recipe, with ESPnet's job scripts; only Python is
stood in for, by ``stub_python.sh``, which notes the calls and leaves empty results.
"""

import json
import shutil
from pathlib import Path
from typing import List, Sequence

import pytest
from scratch_recipe import ESPNET, PROBING, SETS, TEMPLATE, Recipe

pytestmark = pytest.mark.skipif(
    not ESPNET.is_dir(), reason="no ESPnet recipe tree: run 'make setup'"
)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """A scratch recipe whose sets are formatted."""
    return Recipe(tmp_path / "recipe")


def test_all_stages_in_order_then_nothing(recipe: Recipe) -> None:
    recipe.probe("--stage", "3")
    assert recipe.modules == PROBING
    times = recipe.folder / "exp" / "stage_times.jsonl"
    stages = [json.loads(line)["stage"] for line in times.read_text().splitlines()]
    assert stages == ["5", "6", "7", "8", "9", "10", "11", "13", "14"]
    recipe.probe("--stage", "3")
    assert recipe.calls == []
    assert "Done before: exp/probe_asr_tiny_train_probe" in recipe.output
    # What is done takes no time that a report could show.
    assert len(times.read_text().splitlines()) == len(stages)


def test_sets_are_those_of_the_upstream(recipe: Recipe) -> None:
    decoded = recipe.exp / "decode_asr" / "test"
    decoded.mkdir(parents=True)
    (decoded / "text").write_text("a-1 a word\n")
    recipe.run(
        *("probe.sh", "--upstream_exp", "exp/asr_tiny", "--nj", "1", "--stage", "5"),
        *("--stop_stage", "6"),
    )
    # A recipe of ESPnet's has no configuration of probes: ours is taken.
    shared = Path(__file__).parents[2] / "conf" / "train_probe.yaml"
    assert f"--config {shared}" in recipe.call("probe_train")
    # Nothing is dumped that nobody asked for.
    assert "dump_hidden" not in recipe.modules
    assert '--dump_sets "test" or --states dump' in recipe.output
    assert "dump/raw/train/wav.scp,speech,sound" in recipe.call("probe_train")
    assert "dump/raw/dev/wav.scp,speech,sound" in recipe.call("probe_train")


@pytest.mark.parametrize(
    "options, modules",
    [
        (["--stage", "5", "--stop_stage", "5"], ["dump_hidden"]),
        (
            ["--stage", "5", "--stop_stage", "7", "--skip_stages", "5 7"],
            ["probe_train", "aggregate_stats_dirs"],
        ),
        (["--stage", "5", "--skip_train", "true", "--skip_eval", "true"], PROBING[:1]),
        (["--stage", "1", "--stop_stage", "4", "--skip_data_prep", "true"], []),
    ],
)
def test_stages_are_selected(
    recipe: Recipe, options: Sequence[str], modules: Sequence[str]
) -> None:
    recipe.probe(*options)
    assert recipe.modules == modules


def test_every_stage_alone(recipe: Recipe) -> None:
    seen: List[str] = []
    for stage in (5, 6, 7, 8, 9, 10, 11, 13, 14):
        recipe.probe("--stage", str(stage), "--stop_stage", str(stage))
        assert recipe.calls
        seen += recipe.modules
    assert seen == PROBING


def test_a_stage_refuses_what_is_not_complete(recipe: Recipe) -> None:
    recipe.probe("--stage", "7", "--stop_stage", "7", code=1)
    assert "run stage 6 first" in recipe.output
    assert recipe.calls == []


def test_what_changed_is_done_again(recipe: Recipe) -> None:
    recipe.probe("--stage", "5")
    # The report follows the scores.
    recipe.probe("--stage", "5", "--num_pairs", "10")
    assert recipe.modules == ["make_trials", "score_verification"]
    recipe.probe(
        "--stage", "5", "--num_pairs", "10", "--vocoder_args", "--num_threads 2"
    )
    again = ["vocode", "score_verification", "score_quality"]
    assert recipe.modules == ["check_args", *again]
    # Trials that are drawn in another way.
    (recipe.folder / "data/test/spk2gender").write_text("a f\nb f\n")
    recipe.probe(
        *("--stage", "10", "--stop_stage", "10", "--num_pairs", "10"),
        *("--trials_args", "--balanced --gender data/test/spk2gender"),
    )
    assert recipe.modules == ["check_args", "make_trials", "score_verification"]
    made = recipe.call("make_trials")
    assert "--balanced --gender data/test/spk2gender --output" in made
    # An output that has gone.
    (recipe.folder / "exp/probe_asr_tiny_train_probe/config.yaml").unlink()
    recipe.probe("--stage", "5", "--stop_stage", "7")
    assert recipe.modules == ["launch", "probe_train"]
    # Other data.
    scp = recipe.folder / "dump" / "raw" / "train" / "wav.scp"
    scp.write_text(scp.read_text().replace("sound", "other"))
    recipe.probe("--stage", "5", "--stop_stage", "7")
    assert recipe.modules == PROBING[1:5]
    # Other weights.
    (recipe.exp / "valid.loss.ave.pth").write_text("other weights")
    recipe.probe("--stage", "5", "--stop_stage", "7")
    assert recipe.modules == ["dump_hidden", "launch", "probe_train"]


def test_killed_work_is_not_taken_for_done(recipe: Recipe) -> None:
    recipe.probe("--stage", "5", "--stop_stage", "9")
    layers = "exp/probe_asr_tiny_train_probe/reconstruct_default/test"
    recipe.probe(
        *("--stage", "10", "--stop_stage", "11"),
        fail_on="espnet_probe.bin.score_quality",
        code=1,
    )
    assert "the reason why espnet_probe.bin.score_quality failed" in recipe.output
    assert not list((recipe.folder / layers).glob("*/.quality.done"))
    # A layer that has been scored is not scored again.
    recipe.probe("--stage", "10", "--stop_stage", "11")
    (recipe.folder / layers / "blstm1" / ".quality.done").unlink()
    recipe.probe("--stage", "10", "--stop_stage", "11")
    assert recipe.modules == ["score_quality"]
    assert len(recipe.calls) == 1 and f"{layers}/blstm1/wav.scp" in recipe.calls[0]


def test_trials_are_the_same_for_all_layers_and_know_readers(recipe: Recipe) -> None:
    readers = "a-1 ann\na-2 ann\nb-1 ann\nb-2 bea\n"
    (recipe.folder / "data" / "test" / "utt2reader").write_text(readers)
    recipe.probe("--stage", "4", "--stop_stage", "10")
    calls = [call for call in recipe.calls if "make_trials" in call]
    assert len(calls) == 1
    assert "--utt2spk dump/raw/test/utt2reader" in calls[0]
    assert (recipe.folder / "dump/raw/test/utt2reader").read_text() == readers
    scores = [call for call in recipe.calls if "score_verification" in call]
    sounds = [call.split("--wav_scp ")[1].split(" --")[0].split() for call in scores]
    names = [[sound.split("/")[-2] for sound in job] for job in sounds]
    assert names[0] == ["natural"]
    # Two jobs share the others, and compare with the originals.
    assert sorted(names[1:]) == [["blstm1"], ["oracle", "blstm2"]]
    assert all("natural/embeddings.npz" in call for call in scores[1:])
    assert all("/test/trials " in call for call in scores)
    assert all("dump/raw/test/utt2reader" in call for call in scores)


def test_states_from_dumps(recipe: Recipe) -> None:
    recipe.probe("--stage", "5", "--stop_stage", "7", "--states", "dump")
    dumped = [call for call in recipe.calls if "dump_hidden" in call]
    assert {call.split("--data_dir ")[1].split()[0] for call in dumped} == {
        f"dump/raw/{name}" for name in SETS
    }
    train = [call for call in recipe.calls if "probe_train" in call][-1]
    for split, name in (("train", "train"), ("valid", "dev")):
        for layer in ("blstm1", "blstm2"):
            assert (
                f"--{split}_data_path_and_name_and_type dump/hidden/asr_tiny/{name}/"
                f"{layer}/hidden.scp,hidden_{layer},kaldi_ark " in train
            )
    # Of what was dumped, only the layers that were asked for.
    recipe.probe(
        *("--stage", "7", "--stop_stage", "7", "--states", "dump"),
        *("--layers", "cnn* blstm[2-9]"),
    )
    assert "hidden_blstm2," in recipe.calls[-1]
    assert "hidden_blstm1," not in recipe.calls[-1]


def test_states_of_other_noise_are_not_taken_for_these(recipe: Recipe) -> None:
    noise = recipe.folder / "dump" / "raw" / "train" / "noise.jsonl"
    noise.write_text('{"utt": "a-1", "noise": "rain"}\n')
    words = ("--stage", "5", "--stop_stage", "5", "--states", "dump")
    recipe.probe(*words)
    noise.write_text('{"utt": "a-1", "noise": "wind"}\n')
    recipe.probe(*words, code=1)
    assert "dump/hidden/asr_tiny/train has states of audio with other" in recipe.output
    assert "dump_hidden" not in recipe.modules
    shutil.rmtree(recipe.folder / "dump" / "hidden" / "asr_tiny" / "train")
    recipe.probe(*words)
    assert "--data_dir dump/raw/train " in recipe.call("dump_hidden")


def test_layers_reach_python_as_they_were_given(recipe: Recipe) -> None:
    # A file that the pattern would match, were it handed to a shell again.
    (recipe.folder / "blstm_notes").write_text("")
    recipe.probe("--stage", "5", "--stop_stage", "8", "--layers", "cnn1 blstm*")
    for module in ("dump_hidden", "probe_train", "probe_inference"):
        assert "--layers cnn1,blstm* " in recipe.call(module)
    merge = [call for call in recipe.calls if "--merge true" in call]
    assert len(merge) == 1 and "--layers cnn1 blstm* --merge" in merge[0]


def test_training_can_be_resumed_by_its_run_sh(recipe: Recipe) -> None:
    recipe.probe("--stage", "6", "--stop_stage", "7")
    for folder in ("probe_stats_asr_tiny", "probe_asr_tiny_train_probe"):
        text = (recipe.folder / "exp" / folder / "run.sh").read_text()
        stage = 6 if "stats" in folder else 7
        assert text.startswith("./probe.sh") and f"--stage {stage} " in text
    assert "--resume true" in recipe.calls[-1]


@pytest.mark.parametrize("stage", [15, 16])
def test_what_is_not_there_yet_says_so(recipe: Recipe, stage: int) -> None:
    recipe.probe("--stage", str(stage), "--stop_stage", str(stage), code=1)
    assert "not there yet" in recipe.output


def test_no_noise_unless_asked_for(recipe: Recipe) -> None:
    options = ("--stage", "2", "--stop_stage", "2")
    recipe.probe(*options)
    assert recipe.calls == []
    recipe.probe(*options, "--noise", "true", code=2)
    assert "--musan" in recipe.output


@pytest.mark.parametrize(
    "options, message",
    [
        (["--states", "dead"], "expected live or dump"),
        (["--embedder", "none"], "expected one or several of ge2e, espnet:MODEL"),
        (["--embedder", "ge2e:exp"], "ge2e has its own weights"),
        (["--embedder", "ge2e thin_resnet"], "expected thin_resnet:MODEL"),
        (["--embedder", " "], "--embedder is empty"),
        (["--vocoder_preset", "none"], "expected default, fast or paper"),
        (["--num_pairs", "7"], "expected a positive even number"),
        (["--num_pairs", "0"], "expected a positive even number"),
        (["--dump_dtype", "float64"], "expected float32 or float16"),
        (["--nj", "0"], "expected at least 1"),
        (["--upstream_exp", "exp/none"], "there is no exp/none/config.yaml"),
        (["--upstream_model", "none.pth"], "choose other weights"),
        (["--probe_config", "conf/none.yaml"], "there is no --probe_config"),
        (["--train_set", "none"], "dump/raw/none/wav.scp is missing"),
        (["--train_set", "dev"], "must be different"),
        (["--layers", ""], "--layers is empty"),
        (["extra"], "No positional arguments"),
    ],
)
def test_mistakes_are_found_before_work_starts(
    recipe: Recipe, options: Sequence[str], message: str
) -> None:
    recipe.probe("--stage", "5", *options, code=2)
    assert message in recipe.output
    assert recipe.calls == []


def test_verification_needs_weights_and_two_speakers(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    speakers = recipe.folder / "dump" / "raw" / "test" / "utt2spk"
    known = speakers.read_text()
    speakers.write_text(known.replace(" b\n", " a\n"))
    # Before the first stage, though only the tenth would notice.
    recipe.probe("--stage", "5", code=2)
    assert "has one speaker" in recipe.output and recipe.calls == []
    recipe.probe("--stage", "5", "--stop_stage", "6")
    speakers.write_text(known)
    recipe.probe("--stage", "5", "--stop_stage", "9")
    # The other places where the weights may lie.
    template = recipe.folder / "template" / "a" / "b"
    shutil.copytree(TEMPLATE, template)
    (recipe.folder / "probe.sh").unlink()
    (recipe.folder / "probe.sh").symlink_to(template / "probe.sh")
    (recipe.folder / "cache" / "ge2e" / "pretrained.pt").unlink()
    monkeypatch.setenv("HOME", str(recipe.folder))
    recipe.probe("--stage", "10", code=2)
    assert "fetch_ge2e" in recipe.output and recipe.calls == []
    recipe.probe("--stage", "10", "--skip_stages", "10")
    assert recipe.modules == PROBING[-3:]


def test_scripts_know_all_embedders_and_presets() -> None:
    from espnet_probe.speakers.spec import MODELS
    from espnet_probe.vocoders.griffin_lim import PRESETS

    with_model = sorted(name for name, model in MODELS.items() if model is not None)
    text = (TEMPLATE / "probe_verification.sh").read_text()
    assert f"            {' | '.join(with_model)})\n" in text
    text = (TEMPLATE / "probe_check.sh").read_text()
    assert f"    {' | '.join(sorted(PRESETS))}) ;;" in text


def test_a_training_does_not_go_on_with_other_data(recipe: Recipe) -> None:
    options = ("--stage", "6", "--stop_stage", "7")
    recipe.probe(*options)
    folder = recipe.folder / "exp" / "probe_asr_tiny_train_probe"
    (folder / "checkpoint.pth").write_text("a checkpoint")
    # More epochs; whether other settings fit is for the trainer to say.
    (recipe.folder / "conf" / "train_probe.yaml").write_text("max_epoch: 2\n")
    recipe.probe(*options)
    assert "Training goes on" in recipe.output
    assert recipe.modules == ["launch", "probe_train"]
    scp = recipe.folder / "dump" / "raw" / "train" / "wav.scp"
    scp.write_text(scp.read_text().replace("sound", "other"))
    recipe.probe(*options, code=1)
    assert "choose another name with --probe_tag" in recipe.output
    assert recipe.modules == ["probe_train", "aggregate_stats_dirs"]


def test_every_option_is_in_the_help(recipe: Recipe) -> None:
    recipe.run("probe.sh", "--help")
    for name in ("--upstream_exp", '--layers "*"', "--states live", "--embedder ge2e"):
        assert name in recipe.output
    # parse_options.sh sources the file that --config names.
    assert "--config " not in recipe.output


def chain(recipe: Recipe, *options: str, code: int = 0) -> None:
    """Run train_and_probe.sh as a recipe's run.sh does."""
    common = ["--train_set", "train", "--valid_set", "dev", "--test_sets", "test"]
    common += ["--token_type", "word", "--nj", "2", "--inference_nj", "2"]
    common += ["--asr_exp", "exp/asr_tiny", "--ngpu", "0", "--dump_sets", "test"]
    recipe.run("train_and_probe.sh", *common, *options, code=code)


def test_stages_5_to_9_run_no_stage_of_asr_sh(recipe: Recipe) -> None:
    chain(recipe, "--stage", "5", "--stop_stage", "9")
    assert recipe.modules == PROBING[:7]
    assert "asr.sh" not in recipe.output


def test_options_go_to_the_script_that_has_them(recipe: Recipe) -> None:
    chain(recipe, "--no_such_option", "1", code=2)
    assert "neither probe.sh nor asr.sh" in recipe.output
    chain(
        recipe,
        "--bpemode",
        "bpe",
        "--layers",
        "blstm1",
        "--stage",
        "5",
        "--stop-stage",
        "5",
    )
    assert "--layers blstm1" in recipe.call("dump_hidden")
    assert "--upstream_model valid.loss.ave.pth" in recipe.call("dump_hidden")


def test_asr_sh_runs_between_stages_2_and_3_once(recipe: Recipe) -> None:
    soundfile = pytest.importorskip("soundfile")
    shutil.rmtree(recipe.folder / "dump")
    shutil.rmtree(recipe.exp)
    soundfile.write(recipe.folder / "sound.flac", [0.1, -0.1] * 8000, 16000)
    for name in SETS:
        (recipe.folder / "data" / name / "utt2num_samples").unlink()
    readers = "a-1 ann\na-2 ann\nb-1 bea\nb-2 bea\n"
    (recipe.folder / "data" / "test" / "utt2reader").write_text(readers)
    chain(recipe, "--stage", "2", "--stop_stage", "5")
    # A person's errors go together, so the persons are what is drawn.
    assert "--utt2spk data/test/utt2reader " in recipe.call("score_wer")
    assert recipe.modules == [
        "tokenize_text",
        "asr_train",
        "aggregate_stats_dirs",
        "launch",
        "asr_train",
        "asr_inference",
        "score_wer",
        "dump_hidden",
    ]
    for call in recipe.calls:
        # Every call of ESPnet goes through the plugin's entry.
        assert call.startswith("espnet2.") == call.endswith(" by espnet_probe.run")
    chain(recipe, "--stage", "2", "--stop_stage", "5")
    assert recipe.calls == []
    chain(recipe, "--stage", "2", "--stop_stage", "5", "--asr_args", "--max_epoch 2")
    assert "launch" in recipe.modules and "tokenize_text" not in recipe.modules
    assert "--seed 0 --max_epoch 2" in recipe.call("asr_train")
    # ESPnet would go on with the old model.
    (recipe.exp / "checkpoint.pth").write_text("a checkpoint")
    chain(recipe, "--stage", "2", "--stop_stage", "5", "--seed", "1", code=1)
    assert "choose another name with --asr_tag" in recipe.output
    assert "launch" not in recipe.modules


def test_mistakes_are_found_before_the_asr_training(recipe: Recipe) -> None:
    chain(recipe, "--stage", "2", "--vocoder_preset", "none", code=2)
    assert "expected default, fast or paper" in recipe.output
    assert recipe.calls == []
