"""Reading result files: what is there is taken over, what is not is said."""

import json
from pathlib import Path
from typing import Any, Callable, Tuple

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.report.collect import collect, read_stage_times
from espnet_probe.report.tags import find_reconstruct

Maker = Callable[..., Tuple[Path, Path]]


def edit(path: Path, **changes: Any) -> None:
    """Change some entries of a JSON file."""
    document = json.loads(path.read_text(encoding="utf-8"))
    document.update(changes)
    path.write_text(json.dumps(document), encoding="utf-8")


def test_numbers_are_those_of_the_files(make_experiment: Maker, tmp_path: Path) -> None:
    probe_exp, asr_exp = make_experiment(tmp_path)
    results = collect(probe_exp, asr_exp)
    assert [row.name for row in results.sets[0].rows] == [
        "natural",
        "oracle",
        "cnn1",
        "cnn2",
        "blstm1",
        "blstm3",
        "blstm5",
    ]
    for row in results.sets[0].rows:
        quality = json.loads((row.folder / "quality.json").read_text())
        verification = json.loads((row.folder / "verification.json").read_text())
        for key in ("stoi", "estoi", "pesq_wb"):
            value = row.values[key]
            assert value.mean == quality[key]["mean"]
            assert value.ci95 == tuple(quality[key]["ci95"])
            assert value.counts["utterances"] == quality[key]["count"]
            assert value.counts["excluded"] == quality[key]["excluded"]
            assert value.source == row.folder / "quality.json"
        eer = row.values["eer_percent"]
        assert eer.mean == verification["eer_percent"]
        assert eer.ci95 == tuple(verification["eer_percent_ci95"])
        assert eer.counts["speakers"] == 20 and eer.counts["trials"] == 400
        assert row.values["eer_espnet_percent"].mean == pytest.approx(eer.mean + 0.6)
        cosine = row.values["cosine_to_reference"]
        if row.name == "natural":
            assert cosine.mean is None and "recording itself" in cosine.reason
        else:
            entry = verification["cosine_to_reference"]
            assert cosine.mean == entry["mean"] and cosine.ci95 == tuple(entry["ci95"])
        if row.layer is not None:
            l1 = json.loads((row.folder / "l1.json").read_text())
            assert row.values["l1"].mean == l1["l1"]["mean"]
    assert results.wer[0].decoding == "decode_ctc/test_clean"
    assert results.wer[0].value.mean == 12.34
    assert results.wer[0].value.counts["deletions"] == 10
    assert results.upstream["upstream_hash"] == "f00dfeed"
    assert results.notes == []


def test_missing_scores_have_a_reason(make_experiment: Maker, tmp_path: Path) -> None:
    probe_exp, _ = make_experiment(tmp_path)
    folder = probe_exp / "reconstruct_gl" / "test_clean"
    (folder / "cnn1" / "quality.json").unlink()
    (folder / "cnn2" / "quality.json").write_text("{", encoding="utf-8")
    edit(
        folder / "blstm1" / "quality.json",
        pesq_wb={"mean": None, "reason": "pesq is not installed"},
        stoi={"mean": float("nan"), "ci95": None, "count": 0, "excluded": 5},
    )
    edit(
        folder / "blstm3" / "verification.json",
        eer_percent_ci95=None,
        reason="3 speakers are too few",
    )
    rows = {row.name: row for row in collect(probe_exp).sets[0].rows}
    assert rows["cnn1"].values["stoi"].reason == "not scored: no file quality.json"
    assert "cannot be read" in rows["cnn2"].values["stoi"].reason
    pesq = rows["blstm1"].values["pesq_wb"]
    assert pesq.mean is None and "pesq is not installed" in pesq.reason
    stoi = rows["blstm1"].values["stoi"]
    assert stoi.mean is None and stoi.counts["excluded"] == 5
    eer = rows["blstm3"].values["eer_percent"]
    assert eer.mean is not None and eer.ci95 is None
    assert eer.reason == "3 speakers are too few"


def test_without_a_recogniser_the_report_says_so(
    make_experiment: Maker, tmp_path: Path
) -> None:
    probe_exp, asr_exp = make_experiment(tmp_path)
    assert any("word error rate" in note for note in collect(probe_exp).notes)
    for path in asr_exp.glob("**/wer.json"):
        path.unlink()
    assert any("wer.json" in note for note in collect(probe_exp, asr_exp).notes)


def test_sets_are_chosen_by_name(make_experiment: Maker, tmp_path: Path) -> None:
    probe_exp, _ = make_experiment(tmp_path, sets=("a", "b"))
    (probe_exp / "reconstruct_gl" / "logdir").mkdir()
    assert [one.name for one in collect(probe_exp).sets] == ["a", "b"]
    assert [one.name for one in collect(probe_exp, sets=["b"]).sets] == ["b"]
    with pytest.raises(ProbeError, match="no set c .*sets there: a, b"):
        collect(probe_exp, sets=["c"])


def test_a_control_that_exists_becomes_a_row(
    make_experiment: Maker, tmp_path: Path
) -> None:
    probe_exp, _ = make_experiment(tmp_path)
    (probe_exp / "reconstruct_gl" / "test_clean" / "shuffled").mkdir()
    names = [row.name for row in collect(probe_exp).sets[0].rows]
    assert names[:4] == ["natural", "oracle", "shuffled", "cnn1"]


def test_nothing_to_show_is_an_error(make_experiment: Maker, tmp_path: Path) -> None:
    probe_exp, _ = make_experiment(tmp_path)
    with pytest.raises(ProbeError, match="is not a folder"):
        collect(tmp_path / "nowhere")
    with pytest.raises(ProbeError, match="--asr_exp"):
        collect(probe_exp, tmp_path / "nowhere")
    for path in probe_exp.glob("reconstruct_gl/*/*/*.json"):
        path.unlink()
    with pytest.raises(ProbeError, match="nothing to report"):
        collect(probe_exp)
    for path in probe_exp.glob("**/layers.json"):
        path.unlink()
    with pytest.raises(ProbeError, match="layers.json"):
        collect(probe_exp)


def test_reconstruction_is_found_by_tag(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="and score first"):
        find_reconstruct(tmp_path, None)
    (tmp_path / "reconstruct_a").mkdir()
    assert find_reconstruct(tmp_path, None).name == "reconstruct_a"
    (tmp_path / "reconstruct_b").mkdir()
    with pytest.raises(ProbeError, match="--inference_tag"):
        find_reconstruct(tmp_path, None)
    for tag in ("b", "reconstruct_b"):
        assert find_reconstruct(tmp_path, tag).name == "reconstruct_b"
    with pytest.raises(ProbeError, match="reconstruct_c"):
        find_reconstruct(tmp_path, "c")


def test_stage_times_are_summed_and_other_experiments_left_out(
    tmp_path: Path,
) -> None:
    mine, other = tmp_path / "probe_a", tmp_path / "probe_b"
    for folder in (mine, other):
        folder.mkdir()
        (folder / "config.yaml").touch()
    lines = [
        {"stage": "1", "name": "data", "seconds": 3, "exp": "data"},
        {"stage": "7", "name": "train", "seconds": 81.5, "exp": str(mine)},
        {"stage": "7", "name": "train", "seconds": 99.0, "exp": str(other)},
        # Removed, or renamed, or of another recipe.
        {"stage": "7", "name": "train", "seconds": 9.0, "exp": str(tmp_path / "mine")},
        {"stage": "6", "name": "statistics", "seconds": 9, "exp": "exp/probe_gone"},
        {"stage": "asr 11", "name": "train", "seconds": 9, "exp": "exp/asr_gone"},
        {"stage": "7", "name": "train", "seconds": 1.5, "exp": str(mine)},
        {"stage": "models", "name": "", "seconds": 4, "exp": str(tmp_path / "study_a")},
        {"stage": "3", "name": "format", "seconds": 2, "exp": "dump/raw"},
    ]
    path = tmp_path / "stage_times.jsonl"
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_text(text + "{\n[]\n", encoding="utf-8")
    times, problem = read_stage_times(path, [mine])
    spent = [(time.stage, sum(time.seconds)) for time in times]
    assert spent == [("1", 3), ("7", 83), ("models", 4), ("3", 2)]
    assert len(times[1].seconds) == 2
    assert "2 lines" in problem
    _, problem = read_stage_times(tmp_path / "none", [mine])
    assert "no file" in problem
