"""Claim 6 on a study: decided from the listening test that was held, or not at all."""

from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import pytest
from claims_case import check, models, write_model
from human_case import write_test

Studied = Dict[str, Path]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Studied:
    root = tmp_path_factory.mktemp("study")
    return {name: write_model(root, name) for name in ("baseline", "robust")}


@pytest.fixture
def clean(study: Studied) -> Studied:
    """Return the study without any listening test."""
    for folder in study.values():
        (folder / "listening" / "listening.json").unlink(missing_ok=True)
    return study


def claim_6(folder: Path, study: Studied) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    content, claims = check(
        folder, *models(study), "--conditions", "clean", "--num_bootstrap", "100"
    )
    return claims[6], content


#: The EER of the small study rises from layer to layer.
RISING = (2.0, 14.0, 30.0, 46.0)


def test_without_a_test_nothing_is_decided(tmp_path: Path, clean: Studied) -> None:
    claim, content = claim_6(tmp_path, clean)
    assert claim["verdict"] == "cannot be decided"
    assert claim["why"] == "no listening test has been held"
    assert not [one for one in content["cells"] if one["measure"] == "human_error"]


@pytest.mark.parametrize("arm, said", [(4.0, "holds"), (60.0, "cannot be decided")])
def test_error_that_rises_with_the_eer(
    tmp_path: Path, clean: Studied, arm: float, said: str
) -> None:
    write_test(clean["robust"], "exp/probe_vgg_robust", RISING, arm)
    claim, content = claim_6(tmp_path, clean)
    assert claim["verdict"] == said
    compared = claim["parts"][0]["comparisons"]
    # The model that was listened to, and no other.
    assert [one["where"] for one in compared] == ["robust, clean, 4 layers"]
    assert compared[0]["value"] == pytest.approx(1.0)
    cells = [one for one in content["cells"] if one["measure"] == "human_error"]
    assert [one["value"] for one in cells] == list(RISING)
    assert cells[0]["source"].endswith("listening.json") and cells[0]["count"] == 200


def test_error_that_falls_refutes(tmp_path: Path, clean: Studied) -> None:
    write_test(clean["robust"], "exp/probe_vgg_robust", RISING[::-1])
    assert claim_6(tmp_path, clean)[0]["verdict"] == "does not hold"


@pytest.mark.parametrize(
    "arm, over, said",
    [
        (None, "", "too little data: 3 triplets"),
        (4.0, "triplets", "that of the test is over triplets alone"),
    ],
)
def test_without_an_interval_over_listeners_nothing_is_decided(
    tmp_path: Path, clean: Studied, arm: Optional[float], over: str, said: str
) -> None:
    write_test(clean["robust"], "exp/probe_vgg_robust", RISING, arm, over)
    claim, content = claim_6(tmp_path, clean)
    assert claim["verdict"] == "cannot be decided"
    assert claim["parts"][0]["comparisons"][0]["reason"] == "values have no interval"
    note = "vgg_blstm, robust: clean: no interval of human error of any layer: "
    assert any(one.startswith(note + said) for one in content["notes"])


def test_simulated_listeners_decide_nothing(tmp_path: Path, clean: Studied) -> None:
    robot = ["embedder ge2e, noise 0.1, seed 0"]
    write_test(clean["robust"], "exp/probe_vgg_robust", RISING, simulated=robot)
    claim, content = claim_6(tmp_path, clean)
    assert claim["why"] == "no listening test has been held"
    assert any("SIMULATED" in note and "not used" in note for note in content["notes"])


def test_a_test_of_several_models_lies_with_one(tmp_path: Path, clean: Studied) -> None:
    write_test(clean["baseline"], "exp/probe_vgg_robust", RISING)
    claim, _ = claim_6(tmp_path, clean)
    where = [one["where"] for one in claim["parts"][0]["comparisons"]]
    assert where == ["robust, clean, 4 layers"] and claim["verdict"] == "holds"


def test_a_broken_file_is_a_note(tmp_path: Path, clean: Studied) -> None:
    path = clean["robust"] / "listening" / "listening.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text("{", encoding="utf-8")
    claim, content = claim_6(tmp_path, clean)
    assert claim["verdict"] == "cannot be decided"
    assert any("cannot be read" in note for note in content["notes"])
