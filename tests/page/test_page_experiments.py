"""Names of experiments, their controls, their conditions, and the choice of sounds."""

from pathlib import Path

import pytest
from experiment_case import make_experiment
from verified_case import LAYERS, make_controls, make_verified

from espnet_probe.errors import ProbeError
from espnet_probe.page.choice import choose, shared
from espnet_probe.page.conditions import find_conditions, set_results
from espnet_probe.page.experiments import labels_of, make_experiments, share_controls
from espnet_probe.report.collect import collect


def test_labels_are_what_differs() -> None:
    folders = ["probe_asr_vgg_robust_raw_word", "probe_asr_blstm_baseline_raw_word"]
    paths = [Path("exp") / name for name in folders]
    assert labels_of(paths) == ["vgg_robust", "blstm_baseline"]
    assert labels_of(paths[:1]) == ["asr_vgg_robust_raw_word"]
    # Of one there would be nothing left.
    assert labels_of([Path("probe_a"), Path("probe_a_b")]) == ["a", "a_b"]
    same = [Path("one/probe_a"), Path("two/probe_a")]
    assert labels_of(same) == ["one/probe_a", "two/probe_a"]


def test_controls_find_their_experiment(tmp_path: Path) -> None:
    first, _ = make_verified(tmp_path / "a")
    second, _ = make_verified(tmp_path / "b", layers=LAYERS[:2])
    other = second.with_name("probe_other")
    second.rename(other)
    controls = make_controls(first)
    texts = [f"{kind}={folder}" for kind, folder in controls.items()]
    assert share_controls([first, other], texts) == [controls, {}]
    # By its layers, where its name does not tell.
    moved = controls["random"].with_name("probe_moved")
    controls["random"].rename(moved)
    found = share_controls([other, first], [f"random={moved}"])
    assert found == [{}, {"random": moved}]
    with pytest.raises(ProbeError, match="--control random is given twice"):
        share_controls([other, first], [f"random={moved}"] * 2)
    with pytest.raises(ProbeError, match="can belong to none of the 2 experiments"):
        share_controls([other, other], [f"shuffled={controls['shuffled']}"])


def test_noisy_copies_are_conditions(tmp_path: Path) -> None:
    names = ("dev", "dev_snr-5", "dev_snr20")
    probe_exp, _ = make_experiment(tmp_path, sets=names, utterances=("a",))
    experiments = make_experiments([collect(probe_exp)])
    found = find_conditions(experiments)
    assert [one.id for one in found] == ["clean", "snr20", "snr-5"]
    assert [one.label for one in found] == ["clean", "20 dB", "-5 dB"]
    assert [one.clean for one in found] == [None, "clean", "clean"]
    results = set_results(experiments[0], found[1])
    assert results is not None and results.name == "dev_snr20"
    assert [one.id for one in find_conditions(experiments, ["snr20"])] == ["snr20"]


def test_sets_that_are_no_copies_keep_their_names(tmp_path: Path) -> None:
    names = ("dev", "test <1>", "test <1>_snr10")
    probe_exp, _ = make_experiment(tmp_path, sets=names, utterances=("a",))
    found = find_conditions(make_experiments([collect(probe_exp)]))
    assert [one.label for one in found] == [
        "dev, clean",
        "test <1>, clean",
        "test <1>, 10 dB",
    ]
    assert found[2].clean == found[1].id and "<" not in found[1].id
    plain, _ = make_experiment(tmp_path / "b", sets=("dev",), utterances=("a",))
    alone = find_conditions(make_experiments([collect(plain)]))
    assert [(one.id, one.label, one.clean) for one in alone] == [("dev", "dev", None)]


def test_utterances_are_the_same_everywhere() -> None:
    ids = [f"spk{n}-{m}" for n in range(4) for m in range(5)]
    assert choose(ids[::-1], 4) == ["spk0-2", "spk1-2", "spk2-2", "spk3-2"]
    assert choose(["a"], 3) == ["a"]
    assert shared([{"a", "b"}, set(), {"b", "c"}]) == ["b"]
    assert shared([{"a"}, {"b"}]) == ["a", "b"]
    assert shared([set()]) == []
