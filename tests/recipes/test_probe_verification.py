"""Stage 10 of probe.sh: its embedders, its trials, and scores that are no longer true.

As in test_probe_sh.py only Python is stood in for.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from scratch_recipe import ESPNET, TEMPLATE, Recipe

pytestmark = pytest.mark.skipif(
    not ESPNET.is_dir(), reason="no ESPnet recipe tree: run 'make setup'"
)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """A scratch recipe whose sets are formatted."""
    return Recipe(tmp_path / "recipe")


def test_scripts_and_python_call_an_embedder_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from espnet_probe.speakers.spec import parse_spec

    model = tmp_path / "spk_x.1"
    model.mkdir()
    parts = ("encoder", "pooling", "projector")
    config = "".join(f"{part}: rawnet3\n" for part in parts) + "spk_num: 2\n"
    (model / "config.yaml").write_text(config.replace("encoder: rawnet3", "encoder: x"))
    (model / "valid.eer.best.pth").write_text("weights")
    monkeypatch.chdir(model)
    specs = ["espnet:a/Zoë+1", "espnet:.", "espnet:a/b@main"]
    commands = [
        f". {TEMPLATE}/probe_verification.sh",
        f"python={sys.executable}",
        f"embedder='{' '.join(specs)}'",
        "check_embedders",
        'for spec in ${embedder} ge2e; do embedder_label "${spec}"; done',
    ]
    found = subprocess.run(
        ["bash", "-e", "-u", "-c", "\n".join(commands)],
        env={**os.environ, "PYTHONPATH": str(TEMPLATE.parents[2])},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    labels = ["espnet-Zo__1", "espnet-spk_x.1", "espnet-b_main", "ge2e"]
    assert found.stdout.splitlines() == labels
    assert labels == [parse_spec(spec).label for spec in (*specs, "ge2e")]


def test_several_embedders_score_the_same_trials(recipe: Recipe) -> None:
    model = recipe.folder / "exp" / "spk_small"
    model.mkdir()
    (model / "valid.eer.best.pth").write_text("weights")
    recipe.probe("--stage", "5", "--stop_stage", "9")
    options = ("--stage", "10", "--stop_stage", "10", "--embedder")
    recipe.probe(*options, "ge2e")
    recipe.probe(*options, "ge2e thin_resnet:exp/spk_small")
    # The first one's scores are there; those of the originals come first again.
    assert recipe.modules == ["check_embedders", "score_verification"]
    scored = [call for call in recipe.calls if "score_verification" in call]
    assert len(scored) == 3
    assert all("--suffix thin_resnet-spk_small" in call for call in scored)
    assert sum("embeddings_thin_resnet-spk_small.npz" in call for call in scored) == 2
    (model / "valid.eer.best.pth").write_text("other weights")
    recipe.probe(*options, "ge2e thin_resnet:exp/spk_small")
    assert recipe.modules == ["check_embedders", "score_verification"]
    recipe.probe(*options, "ge2e thin_resnet:exp/spk_small")
    assert recipe.modules == ["check_embedders"]


def test_scores_of_other_sounds_do_not_stay(recipe: Recipe) -> None:
    """Not all scores are made again by the call that makes the sounds again."""
    model = recipe.folder / "exp" / "spk_small"
    model.mkdir()
    both = ("--embedder", "ge2e thin_resnet:exp/spk_small")
    recipe.probe("--stage", "5", "--stop_stage", "10", *both)
    folder = recipe.folder / "exp/probe_asr_tiny_train_probe/reconstruct_default/test"
    further = folder / "blstm1" / "verification_thin_resnet-spk_small.json"
    quality = folder / "blstm1" / "quality.json"
    quality.write_text("the scores")
    assert further.is_file()
    # Leaving an embedder out is no reason to lose what it said of these sounds.
    recipe.probe("--stage", "9", "--stop_stage", "10")
    assert recipe.modules == [] and further.is_file()
    recipe.probe("--stage", "10", "--stop_stage", "10", "--num_pairs", "2")
    assert recipe.modules == ["make_trials", "score_verification"]
    assert not further.is_file() and quality.is_file()
    further.write_text("the scores")
    recipe.probe("--stage", "9", "--stop_stage", "10", "--vocoder_args", "--x 1")
    assert (folder / "blstm1" / "verification.json").is_file()
    assert not further.is_file() and not quality.is_file()


def test_what_is_handed_on_is_checked_before_work_starts(recipe: Recipe) -> None:
    options = ("--stage", "5", "--trials_args", "--none", "--quality_args", "--x y")
    recipe.probe(*options, fail_on="espnet_probe.bin.check_args", code=2)
    assert recipe.modules == ["check_args"]
    called = recipe.call("check_args")
    assert called.split(" ")[1:] == ["--trials_args=--none", "--quality_args=--x", "y"]


def test_a_file_of_genders_is_there_or_made_by_stage_1(recipe: Recipe) -> None:
    gender = ("--trials_args", "--gender data/test/spk2gender")
    recipe.probe("--stage", "5", *gender, code=2)
    assert "there is no file data/test/spk2gender" in recipe.output
    assert recipe.modules == ["check_args"]
    recipe.probe("--stop_stage", "0", "--check_until", "10", *gender)
    (recipe.folder / "data/test/spk2gender").write_text("a f\nb f\n")
    recipe.probe("--stage", "5", "--stop_stage", "5", "--check_until", "10", *gender)
    assert recipe.modules == ["check_args", "dump_hidden"]
