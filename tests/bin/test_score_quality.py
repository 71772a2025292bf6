import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from espnet_probe.bin import score_quality
from espnet_probe.errors import ProbeError

FS = 16000


@pytest.fixture
def folder(tmp_path):
    """Six utterances, ref.scp, and hyp.scp with one more noisy than the last."""
    rng = np.random.default_rng(0)
    time = np.arange(FS) / FS
    lines = {"ref": [], "hyp": []}
    for number in range(6):
        utt = f"utt{number}"
        gate = np.clip(np.sin(2 * np.pi * (3 + 0.3 * number) * time), 0, 1)
        tones = sum(np.sin(2 * np.pi * (90 + 9 * number) * k * time) for k in (1, 3, 7))
        clean = 0.1 * gate * tones + 1e-4 * rng.standard_normal(FS)
        noisy = clean + 0.002 * (1 + 3 * number) * rng.standard_normal(FS)
        for kind, wave in (("ref", clean), ("hyp", noisy)):
            path = tmp_path / f"{kind}_{utt}.flac"
            soundfile.write(path, wave, FS)
            lines[kind].append(f"{utt} {path}\n")
    # Another order must not matter: pairs are matched by id.
    lines["hyp"].reverse()
    for kind, content in lines.items():
        (tmp_path / f"{kind}.scp").write_text("".join(content))
    return tmp_path


def score(folder, hyp="hyp.scp", out="out", *options):
    score_quality.main(
        [
            *("--ref_scp", str(folder / "ref.scp")),
            *("--hyp_scp", str(folder / hyp)),
            *("--output_dir", str(folder / out)),
            *options,
        ]
    )
    with (folder / out / "quality.csv").open() as stream:
        rows = {row["utt_id"]: row for row in csv.DictReader(stream)}
    return rows, json.loads((folder / out / "quality.json").read_text())


def edit(folder, utt, line):
    """Replace the line of an utterance in hyp.scp, or drop it."""
    lines = (folder / "hyp.scp").read_text().splitlines(keepends=True)
    kept = [one for one in lines if not one.startswith(f"{utt} ")]
    (folder / "hyp.scp").write_text("".join(kept) + line)


def test_scores_and_their_summary(folder):
    rows, summary = score(folder)
    assert list(rows) == [f"utt{number}" for number in range(6)]
    assert list(rows["utt0"]) == ["utt_id", "stoi", "estoi", "pesq_wb"]
    # Noise grows with the number of the utterance.
    assert float(rows["utt5"]["estoi"]) < float(rows["utt0"]["estoi"])
    for metric in ("stoi", "estoi"):
        values = [float(row[metric]) for row in rows.values()]
        assert summary[metric]["mean"] == pytest.approx(np.mean(values), abs=1e-6)
        assert summary[metric]["count"] == 6 and summary[metric]["excluded"] == 0
        low, high = summary[metric]["ci95"]
        assert low < summary[metric]["mean"] < high
    assert summary["utterances"] == 6
    assert summary["config"]["fs"] == FS
    assert summary["versions"]["pystoi"]


def test_identical_input_scores_the_maximum(folder):
    _, summary = score(folder, "ref.scp")
    assert summary["stoi"]["mean"] == pytest.approx(1.0, abs=1e-6)
    assert summary["estoi"]["mean"] == pytest.approx(1.0, abs=1e-6)


def test_swapped_utterances_change_the_scores(folder):
    right, _ = score(folder)
    text = (folder / "hyp.scp").read_text()
    for old, new in (("utt1 ", "tmp "), ("utt2 ", "utt1 "), ("tmp ", "utt2 ")):
        text = text.replace(old, new, 1)
    (folder / "swapped.scp").write_text(text)
    swapped, _ = score(folder, "swapped.scp")
    assert swapped["utt3"] == right["utt3"]
    for utt in ("utt1", "utt2"):
        assert float(swapped[utt]["stoi"]) < float(right[utt]["stoi"]) - 0.1


def test_processes_do_not_change_the_files(folder):
    score(folder)
    score(folder, "hyp.scp", "parallel", "--nj", "2")
    for name in ("quality.csv", "quality.json"):
        assert (folder / "out" / name).read_bytes() == (
            folder / "parallel" / name
        ).read_bytes()


def test_undefined_scores_are_empty_and_counted(folder):
    for kind in ("ref", "hyp"):
        path = folder / f"{kind}_utt0.flac"
        wave, _ = soundfile.read(path)
        soundfile.write(path, wave[:3000], FS)
    rows, summary = score(folder)
    assert rows["utt0"] == {"utt_id": "utt0", "stoi": "", "estoi": "", "pesq_wb": ""}
    assert summary["stoi"]["count"] == 5 and summary["stoi"]["excluded"] == 1
    assert summary["stoi"]["mean"] > 0.3  # 1e-5 of pystoi is no part of it


def test_a_truncated_file_is_named(folder):
    whole = (folder / "hyp_utt2.flac").read_bytes()
    (folder / "hyp_utt2.flac").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ProbeError, match="utt2: its audio .* cannot be read to its"):
        score(folder)
    assert not (folder / "out").exists()


def test_an_output_that_cannot_be_written_is_refused_first(folder, monkeypatch):
    monkeypatch.setattr(score_quality, "score_all", None)
    (folder / "file").write_text("")
    with pytest.raises(ProbeError, match="is no folder"):
        score(folder, "hyp.scp", "file/out")


def test_only_what_is_asked_for_is_computed(folder, monkeypatch):
    everything, _ = score(folder, out="all")
    # The package would be reported as missing if it were looked for.
    monkeypatch.setitem(sys.modules, "pesq", None)
    rows, summary = score(folder, "hyp.scp", "some", "--measures", "estoi", "stoi")
    for utt, row in everything.items():
        assert rows[utt] == {**row, "pesq_wb": ""}
    assert summary["pesq_wb"] == {
        "mean": None,
        "reason": "not computed: --measures estoi stoi",
    }
    rows, summary = score(folder, "hyp.scp", "one", "--measures", "stoi")
    assert rows["utt3"]["stoi"] == everything["utt3"]["stoi"]
    assert summary["stoi"]["count"] == 6 and summary["estoi"]["mean"] is None


def test_without_pesq(folder, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "pesq", None)
    rows, summary = score(folder)
    assert summary["pesq_wb"]["mean"] is None
    assert "pip install pesq" in summary["pesq_wb"]["reason"]
    assert summary["stoi"]["count"] == 6
    assert all(row["pesq_wb"] == "" for row in rows.values())
    assert "PESQ is left out" in caplog.text


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda f: edit(f, "utt3", ""), r"1 without hypothesis \(utt3\)"),
        (
            lambda f: edit(f, "x", f"x {f}/hyp_utt1.flac\n"),
            r"1 without reference \(x\)",
        ),
        (lambda f: edit(f, "utt3", f"utt3 {f}/no.flac\n"), "utt3: no file"),
        (lambda f: edit(f, "utt3", "utt3\n"), "utt3 has no value"),
        (lambda f: edit(f, "utt3", "utt3 cat a.wav |\n"), "is a pipe"),
        (lambda f: edit(f, "utt3", "utt3 a.ark:17\n"), "entry of an ark"),
        (lambda f: edit(f, "no", "utt3 again.wav\n"), "utt3 is duplicated"),
        (lambda f: edit(f, "no", "\n"), "empty line"),
        (lambda f: (f / "hyp.scp").write_text(""), "hyp.scp is empty"),
        (lambda f: (f / "hyp.scp").unlink(), "no file .*hyp.scp"),
        (lambda f: edit(f, "utt3", f"utt3 {f}/ref.scp\n"), "cannot read"),
        (
            lambda f: soundfile.write(f / "hyp_utt3.flac", np.zeros(FS), 8000),
            "utt3: reference has 16000 Hz, hypothesis 8000 Hz",
        ),
        (
            lambda f: soundfile.write(f / "hyp_utt3.flac", np.zeros(FS - 1), FS),
            "utt3: reference has 16000 samples, hypothesis 15999",
        ),
        (
            lambda f: soundfile.write(f / "hyp_utt3.flac", np.zeros((FS, 2)), FS),
            "2 channels, expected one",
        ),
        (
            lambda f: [
                soundfile.write(f / f"{kind}_utt3.flac", np.ones(9), 8000)
                for kind in ("ref", "hyp")
            ],
            "mixed sampling rates: 8000 Hz .utt3., 16000 Hz",
        ),
    ],
)
def test_bad_input_is_refused_before_anything_is_scored(
    folder, change, message, monkeypatch
):
    monkeypatch.setattr(score_quality, "score_all", lambda *_: pytest.fail("scored"))
    change(folder)
    with pytest.raises(ProbeError, match=message) as error:
        score(folder)
    assert "\n" not in str(error.value)
    assert not (folder / "out").exists()


def test_several_sets_in_one_run(folder):
    alone, _ = score(folder)
    outputs = [folder / "clean", folder / "noisy"]
    score_quality.main(
        ["--ref_scp", str(folder / "ref.scp")]
        + ["--hyp_scp", str(folder / "ref.scp"), str(folder / "hyp.scp")]
        + ["--output_dir", *map(str, outputs)]
    )
    assert (outputs[1] / "quality.csv").read_bytes() == (
        folder / "out" / "quality.csv"
    ).read_bytes()
    clean = json.loads((outputs[0] / "quality.json").read_text())
    assert clean["config"]["hyp_scp"].endswith("ref.scp")
    assert clean["stoi"]["mean"] == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(ProbeError, match="1 --hyp_scp and 2 --output_dir"):
        score(folder, "hyp.scp", "out", "--output_dir", "a", "b")


def test_bad_number_of_processes(folder):
    with pytest.raises(ProbeError, match="--nj 0"):
        score(folder, "hyp.scp", "out", "--nj", "0")


def test_command_line_reports_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "espnet_probe.bin.score_quality"]
        + ["--ref_scp", "no.scp", "--hyp_scp", "no.scp", "--output_dir", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "score_quality: error: no file no.scp: expected lines of utterance id and "
        "audio file"
    ]
