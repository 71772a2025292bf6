"""probe.sh --controls: probes on an untrained upstream, and on shuffled states.

As in test_probe_sh.py only Python is stood in for.
"""

import json
from pathlib import Path
from typing import List, Sequence

import pytest
from scratch_recipe import ESPNET, PROBING, Recipe

pytestmark = pytest.mark.skipif(
    not ESPNET.is_dir(), reason="no ESPnet recipe tree: run 'make setup'"
)

OWN = "exp/probe_asr_tiny_train_probe"
BOTH = ("--controls", "random shuffled")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """A scratch recipe whose sets are formatted."""
    return Recipe(tmp_path / "recipe")


def calls(recipe: Recipe, module: str, folder: str) -> List[str]:
    """Return the calls of a module that name a folder below exp or dump/hidden."""
    found = [call for call in recipe.calls if call.split()[0].endswith(module)]
    return [call for call in found if f"{folder}/" in call or f"{folder} " in call]


def test_each_control_goes_through_its_stages(recipe: Recipe) -> None:
    recipe.probe("--stage", "3", *BOTH)
    training = ["launch", "probe_train", "probe_inference", "vocode"]
    scoring = ["score_verification", "score_quality"]
    assert recipe.modules == [
        *PROBING[:-2],
        # Other states; the same target, trials and originals.
        *("dump_hidden", *training, *scoring),
        *(*training, *scoring),
        *PROBING[-2:],
    ]
    report = recipe.call("make_report")
    assert f"--exp {OWN} " in report
    assert f"--control random={OWN}_random --control shuffled={OWN}_shuffled" in report

    for name in ("random", "shuffled"):
        folder = f"{OWN}_{name}"
        train = calls(recipe, "probe_train", folder)
        assert len(train) == 1
        assert ("--upstream_init random" in train[0]) == (name == "random")
        assert ("--shuffle_states true" in train[0]) == (name == "shuffled")
        reconstruct = calls(recipe, "probe_inference", folder)
        assert len(reconstruct) == 3
        assert all("--oracle false" in call for call in reconstruct)
        # The sounds of the originals and of the oracle are those that are there.
        sounds = " ".join(
            calls(recipe, "vocode", folder)
            + calls(recipe, "score_verification", folder)
            + calls(recipe, "score_quality", folder)
        )
        assert "/oracle" not in sounds
        assert "/natural " not in sounds
        for call in calls(recipe, "score_verification", folder):
            test = f"{OWN}/reconstruct_default/test"
            assert f"--trials {test}/trials " in call
            own = recipe.folder / folder / "reconstruct_default" / "test" / "trials"
            assert own.resolve() == recipe.folder / test / "trials"
            assert f"--ref_embeddings {test}/natural/embeddings.npz" in call
        assert (recipe.folder / folder / ".done").is_file()
    dumped = [call for call in recipe.calls if "dump_hidden" in call]
    random = [call for call in dumped if "dump/hidden/asr_tiny_random/test" in call]
    assert len(dumped) == 4 and len(random) == 2
    for call in dumped:
        assert ("--upstream_init random" in call) == (call in random)

    times = recipe.folder / "exp" / "stage_times.jsonl"
    entries = [json.loads(line) for line in times.read_text().splitlines()]
    seconds = [e["stage"] for e in entries if e["exp"] == f"{OWN}_random"]
    assert seconds == ["5", "7", "8", "9", "10", "11"]

    recipe.probe("--stage", "3", *BOTH)
    assert recipe.calls == []
    assert f"Done before: {OWN}_random" in recipe.output


def test_controls_change_nothing_of_the_model_itself(recipe: Recipe) -> None:
    recipe.probe("--stage", "3")
    recipe.probe("--stage", "3", "--controls", "shuffled")
    own = [call for call in recipe.calls if "_shuffled" not in call]
    assert own == []
    assert recipe.modules[-1] == "make_report"
    assert "--control random" not in recipe.calls[-1]
    # Without them the report is the one without them again.
    recipe.probe("--stage", "3")
    assert recipe.modules == ["make_report"]
    assert "--control " not in recipe.calls[0]


def test_stages_bound_the_controls_too(recipe: Recipe) -> None:
    recipe.probe("--stage", "5", "--stop_stage", "9", *BOTH)
    assert recipe.modules == [
        *PROBING[:7],
        *("dump_hidden", "launch", "probe_train", "probe_inference", "vocode"),
        *("launch", "probe_train", "probe_inference", "vocode"),
    ]
    recipe.probe("--stage", "10", "--stop_stage", "11", "--skip_stages", "11", *BOTH)
    assert recipe.modules == ["make_trials", "score_verification"]
    assert len(calls(recipe, "score_verification", f"{OWN}_random")) == 2
    recipe.probe("--stage", "3", "--stop_stage", "4", *BOTH)
    assert recipe.calls == []
    assert "Control random" not in recipe.output


def test_dumped_states_of_the_model_serve_the_shuffled_probes(recipe: Recipe) -> None:
    options = ("--stage", "5", "--stop_stage", "7", "--states", "dump")
    recipe.probe(*options, *BOTH)
    exp = f"{OWN}_dump_float32"
    for name, hidden in (("random", "asr_tiny_random"), ("shuffled", "asr_tiny")):
        (train,) = calls(recipe, "probe_train", f"{exp}_{name}")
        for dset in ("train", "dev"):
            scp = f"dump/hidden/{hidden}/{dset}/blstm1/hidden.scp,hidden_blstm1,"
            assert scp in train
    dumps = [call for call in recipe.calls if "dump_hidden" in call]
    # Three sets of two jobs each, of the trained and of the untrained model.
    assert len(dumps) == 12
    recipe.probe(*options, *BOTH)
    assert recipe.calls == []


def test_another_seed_has_other_weights_and_folders(recipe: Recipe) -> None:
    options = ("--stage", "5", "--stop_stage", "5", "--controls", "random")
    recipe.probe(*options)
    recipe.probe(*options, "--seed", "2")
    assert recipe.modules == ["dump_hidden"]
    for call in recipe.calls:
        assert "--upstream_init random --upstream_seed 2 " in call
        assert "dump/hidden/asr_tiny_random_seed2/test" in call


def test_a_control_that_failed_goes_on_where_it_was(recipe: Recipe) -> None:
    recipe.probe("--stage", "3")
    recipe.probe(
        "--stage", "3", *BOTH, fail_on="espnet_probe.bin.score_quality", code=1
    )
    assert "the reason why espnet_probe.bin.score_quality failed" in recipe.output
    assert recipe.modules[-1] == "score_quality"
    recipe.probe("--stage", "3", *BOTH)
    assert recipe.modules[:2] == ["score_quality", "launch"]
    assert "dump_hidden" not in recipe.modules


def test_scores_of_earlier_trials_go_from_controls_too(recipe: Recipe) -> None:
    (recipe.folder / "exp/spk_small").mkdir(parents=True)
    for name in ("config.yaml", "valid.eer.best.pth"):
        (recipe.folder / "exp/spk_small" / name).write_text(name)
    options = ("--stage", "5", "--stop_stage", "10", "--controls", "shuffled")
    recipe.probe(*options, "--embedder", "ge2e thin_resnet:exp/spk_small")
    layer = recipe.folder / f"{OWN}_shuffled/reconstruct_default/test/blstm1"
    further = layer / "verification_thin_resnet-spk_small.json"
    assert further.is_file()
    recipe.probe(*options)
    assert recipe.modules == [] and further.is_file()
    recipe.probe(*options, "--num_pairs", "10")
    assert (layer / "verification.json").is_file() and not further.exists()


def test_a_control_alone_needs_the_scores_of_the_originals(recipe: Recipe) -> None:
    recipe.probe("--stage", "5", "--stop_stage", "9", *BOTH)
    options = ("--stage", "10", "--stop_stage", "10", "--control", "random")
    recipe.probe(*options, code=1)
    assert "test is not complete (no .trials.done): run stage 10" in recipe.output
    assert recipe.calls == []
    recipe.probe("--stage", "10", "--stop_stage", "10")
    recipe.probe(*options, "--seed", "1", code=2)
    assert "run stage 10 without --control first" in recipe.output
    recipe.probe(*options)
    assert recipe.modules == ["score_verification"]
    # A report of what is not there is none.
    recipe.probe("--stage", "14", "--stop_stage", "14", "--controls", "shuffled")
    recipe.probe(
        *("--stage", "14", "--stop_stage", "14", "--controls", "shuffled"),
        *("--probe_tag", "other"),
        code=1,
    )
    assert "is not complete" in recipe.output


def test_the_run_sh_of_a_control_goes_on_with_it(recipe: Recipe) -> None:
    recipe.probe("--stage", "5", "--stop_stage", "7", "--controls", "random")
    text = (recipe.folder / f"{OWN}_random" / "run.sh").read_text()
    assert "--control random" in text and "--stage 7" in text
    (recipe.folder / f"{OWN}_random" / "config.yaml").unlink()
    # It has no first line that says what runs it.
    again = recipe.folder / "again.sh"
    again.write_text(f"#!/usr/bin/env bash\n{text}")
    again.chmod(0o755)
    recipe.run(again.name)
    assert recipe.modules == ["launch", "probe_train"]
    assert f"--output_dir {OWN}_random " in recipe.call("probe_train")


@pytest.mark.parametrize(
    "options, message",
    [
        (["--controls", "random rnd"], "got rnd, expected random and shuffled"),
        (["--controls", "random random"], "--controls names random twice"),
        (["--controls", "natural"], "natural is always there"),
        (["--control", "none"], "got none, expected random and shuffled"),
        (["--control", "random", *BOTH], "--controls names random twice"),
        (["--control", "random", "--controls", "shuffled"], "a run of one control"),
    ],
)
def test_mistakes_are_found_before_work_starts(
    recipe: Recipe, options: Sequence[str], message: str
) -> None:
    recipe.probe("--stage", "3", *options, code=2)
    assert message in recipe.output
    assert recipe.calls == []
