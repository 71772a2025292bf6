import collections
import csv
import json

import numpy as np
import pytest
import soundfile

from espnet_probe.bin import embedding_files, make_trials, score_verification
from espnet_probe.errors import ProbeError
from espnet_probe.scores import detection_cost, verification
from espnet_probe.speakers.abs_embedder import AbsEmbedder
from espnet_probe.speakers.registry import EMBEDDERS
from espnet_probe.speakers.spec import MODELS

FS = 16000
NUM_SPEAKERS = 6


class Spectrum(AbsEmbedder):
    """Energy in 20 bands; counts how often each waveform is heard."""

    name = "spectrum"
    sampling_rate = FS
    min_samples = 400
    heard = collections.Counter()

    def embed_levelled(self, waveform):
        Spectrum.heard[hash(waveform.tobytes())] += 1
        energy = np.abs(np.fft.rfft(waveform)) ** 2
        return np.array([b.sum() for b in np.array_split(energy, 20)], np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Six speakers, who are tones in noise, with four utterances each, and trials."""
    monkeypatch.setitem(EMBEDDERS, "spectrum", lambda spec: Spectrum())
    monkeypatch.setitem(MODELS, "spectrum", None)
    Spectrum.heard.clear()
    rng = np.random.default_rng(0)
    scp, utt2spk = [], []
    for speaker in range(NUM_SPEAKERS):
        for number in range(4):
            utt = f"s{speaker}-{number}"
            tone = np.sin(2 * np.pi * (500 + 900 * speaker) * np.arange(4000) / FS)
            wave = 0.01 * tone + rng.uniform(0, 0.03) * rng.standard_normal(4000)
            soundfile.write(tmp_path / f"{utt}.flac", wave, FS)
            scp.append(f"{utt} {tmp_path}/{utt}.flac\n")
            utt2spk.append(f"{utt} s{speaker}\n")
    (tmp_path / "wav.scp").write_text("".join(scp))
    (tmp_path / "utt2spk").write_text("".join(utt2spk))
    make_trials.main(
        ["--utt2spk", str(tmp_path / "utt2spk"), "--num_pairs", "60"]
        + ["--output", str(tmp_path / "trials")]
    )
    return tmp_path


def score(folder, *options, out="out"):
    score_verification.main(
        [
            *("--wav_scp", str(folder / "wav.scp")),
            *("--trials", str(folder / "trials")),
            *("--embedder", "spectrum", "--num_bootstrap", "200"),
            *("--output_dir", str(folder / out)),
            *options,
        ]
    )
    with (folder / out / "verification.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    return rows, json.loads((folder / out / "verification.json").read_text())


def test_table_and_totals(folder):
    rows, summary = score(folder, "--utt2spk", str(folder / "utt2spk"))
    assert list(rows[0]) == ["enrolment", "test", "label", "score"]
    written = [f"{row['enrolment']} {row['test']} {row['label']}" for row in rows]
    assert written == (folder / "trials").read_text().splitlines()
    scores = np.array([float(row["score"]) for row in rows])
    targets = np.array([row["label"] == "target" for row in rows])
    assert 0 < summary["eer_percent"] < 50
    assert summary["eer_percent"] == pytest.approx(verification.eer(scores, targets))
    assert summary["eer_espnet_percent"] == pytest.approx(
        verification.eer_espnet(scores, targets)
    )
    low, high = summary["eer_percent_ci95"]
    assert low < summary["eer_percent"] < high
    assert summary["num_trials"] == 60
    assert summary["num_target"] == summary["num_nontarget"] == 30
    assert summary["num_speakers"] == NUM_SPEAKERS
    assert summary["embedder"] == "spectrum"
    assert summary["embedder_model"]["weights_sha256"] == "unknown"
    assert summary["embedder_model"]["sampling_rate"] == "16000 Hz"
    for name, p_target in (("min_dcf_p005", 0.05), ("min_dcf_p001", 0.01)):
        cost = detection_cost.min_dcf(scores, targets, p_target)
        assert summary[name] == pytest.approx(cost)
    d_prime = detection_cost.d_prime(scores, targets)
    assert summary["d_prime"] == pytest.approx(d_prime)
    assert "over 6 speakers" in summary["interval_note"]
    assert "original_enrolment" not in summary
    assert summary["excluded_trials"] == 0


def test_every_utterance_is_embedded_once(folder):
    _, summary = score(folder)
    assert len(Spectrum.heard) == summary["num_utterances"] <= 24
    assert set(Spectrum.heard.values()) == {1}


def test_same_input_same_files(folder):
    score(folder)
    score(folder, out="again")
    for name in ("verification.csv", "verification.json", "embeddings.npz"):
        first, again = (folder / out / name for out in ("out", "again"))
        assert first.read_bytes() == again.read_bytes()


def test_speakers_without_utt2spk_come_from_the_trials(folder):
    _, known = score(folder, "--utt2spk", str(folder / "utt2spk"))
    _, found = score(folder)
    assert found["eer_percent"] == known["eer_percent"]
    assert found["bootstrap"]["speakers_from"] == "target trials"
    assert known["bootstrap"]["speakers_from"].endswith("utt2spk")
    # 30 of the 36 target pairs join all utterances of most speakers.
    assert NUM_SPEAKERS <= found["num_speakers"] <= NUM_SPEAKERS + 2


def test_utterances_without_embedding_are_counted(folder):
    soundfile.write(folder / "s0-0.flac", np.zeros(4000), FS)
    soundfile.write(folder / "s1-0.flac", np.ones(399), FS)
    rows, summary = score(folder)
    assert summary["excluded_utterances"] == 2
    assert summary["excluded_trials"] == 60 - len(rows) > 0
    assert summary["num_trials"] == len(rows)
    ids = {row[side] for row in rows for side in ("enrolment", "test")}
    assert not {"s0-0", "s1-0"} & ids


def test_cosine_to_the_originals(folder):
    score(folder, out="natural")
    originals = str(folder / "natural" / "embeddings.npz")
    _, same = score(folder, "--ref_embeddings", originals)
    assert same["cosine_to_reference"]["mean"] == pytest.approx(1.0)
    for utt in ("s0-1", "s3-2"):
        other_voice = np.sin(2 * np.pi * 7777 * np.arange(4000) / FS)
        soundfile.write(folder / f"{utt}.flac", 0.1 * other_voice, FS)
    _, other = score(folder, "--ref_embeddings", originals)
    assert other["cosine_to_reference"]["mean"] < 0.99
    assert other["cosine_to_reference"]["count"] == other["num_utterances"]


def test_originals_enrol(folder):
    """With ``--ref_embeddings`` the trials are also scored against the originals."""
    score(folder, out="natural")
    originals = folder / "natural" / "embeddings.npz"
    rows, same = score(folder, "--ref_embeddings", str(originals))
    assert list(rows[0])[3:] == ["score", "score_original_enrolment"]
    assert all(row["score"] == row["score_original_enrolment"] for row in rows)
    block = same["original_enrolment"]
    assert {name: same[name] for name in block} == block
    assert {"eer_percent_ci95", "d_prime", "num_trials", "interval_note"} <= set(block)
    # Every voice becomes another one's: still told apart, but nobody is himself.
    tables = (folder / "wav.scp").read_text().splitlines()
    paths = [line.split()[1] for line in tables]
    moved = [f"{a.split()[0]} {b}\n" for a, b in zip(tables, paths[4:] + paths[:4])]
    (folder / "moved.scp").write_text("".join(moved))
    options = ("--ref_embeddings", str(originals), "--wav_scp")
    rows, other = score(folder, *options, str(folder / "moved.scp"))
    assert other["eer_percent"] < 45 < other["original_enrolment"]["eer_percent"]
    scores = np.array([float(row["score_original_enrolment"]) for row in rows])
    targets = np.array([row["label"] == "target" for row in rows])
    assert other["original_enrolment"]["eer_percent"] == pytest.approx(
        verification.eer(scores, targets)
    )


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("weights_sha256", "abc", "weights_sha256 abc, here unknown"),
        ("level", "-20 dBFS RMS", "level -20 dBFS RMS, here -30 dBFS RMS"),
        ("embedder", "ge2e", "embedder ge2e, here spectrum"),
        ("origin", "another folder", None),
    ],
)
def test_originals_of_another_embedder_are_refused(folder, key, value, message):
    score(folder, out="natural")
    originals = folder / "natural" / "embeddings.npz"
    stored = dict(np.load(originals))
    theirs = json.loads(str(stored["embedder"]))
    theirs["model"][key] = value
    stored["embedder"] = np.array(json.dumps(theirs))
    np.savez(originals, **stored)
    if message is None:
        score(folder, "--ref_embeddings", str(originals))
        return
    with pytest.raises(ProbeError, match=message):
        score(folder, "--ref_embeddings", str(originals))
    assert not (folder / "out").exists()


def test_an_original_without_embedding_leaves_its_trials_out(folder):
    score(folder, out="natural")
    originals = folder / "natural" / "embeddings.npz"
    wave = soundfile.read(folder / "s0-0.flac")[0]
    soundfile.write(folder / "s0-0.flac", np.zeros(4000), FS)
    score(folder, out="natural")
    soundfile.write(folder / "s0-0.flac", wave, FS)
    rows, summary = score(folder, "--ref_embeddings", str(originals))
    lacking = [row for row in rows if not row["score_original_enrolment"]]
    assert {row["enrolment"] for row in lacking} == {"s0-0"}
    assert len(rows) == 60 == summary["num_trials"]
    block = summary["original_enrolment"]
    assert block["excluded_trials"] == len(lacking)
    assert block["num_trials"] == 60 - len(lacking)


def test_a_second_embedder_has_files_of_its_own(folder):
    score(folder)
    before = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    assert set(before) == {"verification.csv", "verification.json", "embeddings.npz"}
    score(folder, "--suffix", "other-1.0")
    names = {path.name for path in (folder / "out").iterdir()} - set(before)
    assert names == {
        "verification_other-1.0.csv",
        "verification_other-1.0.json",
        "embeddings_other-1.0.npz",
    }
    for name, content in before.items():
        assert (folder / "out" / name).read_bytes() == content
        stem, end = name.split(".")
        assert (folder / "out" / f"{stem}_other-1.0.{end}").read_bytes() == content
    with pytest.raises(ProbeError, match="got --suffix 'a/b'"):
        score(folder, "--suffix", "a/b")


def test_nothing_to_embed_is_a_reason_not_an_error(folder, capsys):
    """One layer's silence must not cost the scores of the others."""
    for path in folder.glob("*.flac"):
        soundfile.write(path, np.zeros(4000), FS)
    rows, summary = score(folder)
    assert rows == []
    assert summary["eer_percent"] is None and summary["num_trials"] == 0
    assert "60 of 60 trials have an utterance without embedding" in summary["reason"]
    trials = (folder / "trials").read_text().split()
    assert summary["excluded_utterances"] == len({u for u in trials if "-" in u})
    assert "no EER: got 0 target and 0 non-target" in capsys.readouterr().out
    # And such a set may be compared with its originals, too.
    rows, summary = score(
        folder, "--ref_embeddings", str(folder / "out/embeddings.npz"), out="again"
    )
    assert summary["original_enrolment"]["eer_percent"] is None
    assert summary["cosine_to_reference"]["mean"] is None


def test_interrupted_work_goes_on(folder, monkeypatch):
    """What was embedded before an interruption is not embedded again."""
    monkeypatch.setattr(embedding_files, "SAVE_SECONDS", 0.0)

    def interrupted(self, waveform):
        if len(Spectrum.heard) == 10:
            raise KeyboardInterrupt
        return embed(self, waveform)

    embed = Spectrum.embed_levelled
    monkeypatch.setattr(Spectrum, "embed_levelled", interrupted)
    with pytest.raises(KeyboardInterrupt):
        score(folder)
    assert len(Spectrum.heard) == 10
    assert not (folder / "out" / "verification.json").exists()
    monkeypatch.setattr(Spectrum, "embed_levelled", embed)
    score(folder)
    assert set(Spectrum.heard.values()) == {1} and len(Spectrum.heard) == 24
    assert {path.name for path in (folder / "out").iterdir()} == {
        "verification.csv",
        "verification.json",
        "embeddings.npz",
    }
    score(folder, out="anew")
    for name in ("verification.csv", "verification.json", "embeddings.npz"):
        first, anew = (folder / out / name for out in ("out", "anew"))
        assert first.read_bytes() == anew.read_bytes()


def test_only_what_changed_is_embedded_again(folder, monkeypatch):
    score(folder)
    Spectrum.heard.clear()
    wave = soundfile.read(folder / "s0-1.flac")[0]
    soundfile.write(folder / "s0-1.flac", wave + 0.01, FS)
    _, changed = score(folder)
    assert sum(Spectrum.heard.values()) == 1
    _, anew = score(folder, out="anew")
    assert changed == anew
    # By other weights, everything is.
    Spectrum.heard.clear()
    monkeypatch.setattr(Spectrum, "weights_hash", "other")
    score(folder)
    assert sum(Spectrum.heard.values()) == 24
    # A damaged file is no reason to stop.
    (folder / "out" / "embeddings.npz").write_bytes(b"PK damaged")
    Spectrum.heard.clear()
    score(folder)
    assert sum(Spectrum.heard.values()) == 24


@pytest.mark.parametrize(
    "line",
    ["{1} {0}/{2} {0}/{3}", "{0}/{2}*{0}/{3} {1}", "{1} {0}/{2}.wav {0}/{3}.wav"],
)
def test_other_notations_give_the_same_scores(folder, line):
    rows, _ = score(folder)
    trials = (folder / "trials").read_text().splitlines()
    for name in ("wav.scp", "utt2spk"):
        table = (folder / name).read_text()
        (folder / name).write_text(table.replace("s", "corpus/s", 1))
    replaced = []
    for trial in trials:
        enrolment, test, label = trial.split()
        digit = int(label == "target")
        replaced.append(line.format("corpus", digit, enrolment, test) + "\n")
    (folder / "trials").write_text("".join(replaced))
    for name in ("wav.scp", "utt2spk"):
        lines = (folder / name).read_text().replace("corpus/", "").splitlines()
        table = "".join(f"corpus/{one}\n" for one in lines)
        (folder / name).write_text(table)
    others, _ = score(folder, "--utt2spk", str(folder / "utt2spk"), out="other")
    assert [row["enrolment"] for row in others] == [
        f"corpus/{row['enrolment']}" for row in rows
    ]
    assert [row["score"] for row in others] == [row["score"] for row in rows]


def test_several_sets_in_one_run(folder):
    score(folder)
    lines = (folder / "wav.scp").read_text()
    (folder / "other.scp").write_text(lines.replace("/s0-0.flac", "/s0-1.flac"))
    outputs = [str(folder / "first"), str(folder / "second")]
    scps = [str(folder / "wav.scp"), str(folder / "other.scp")]
    score(folder, "--wav_scp", *scps, "--output_dir", *outputs)
    tables = [
        (folder / out / "verification.csv").read_text()
        for out in ("out", "first", "second")
    ]
    assert tables[0] == tables[1] != tables[2]
    with pytest.raises(ProbeError, match="2 --wav_scp and 1 --output_dir"):
        score(folder, "--wav_scp", *scps)
    (folder / "other.scp").write_text("s0-0 no.flac\n")
    Spectrum.heard.clear()
    with pytest.raises(ProbeError, match="other.scp lacks 23"):
        score(folder, "--wav_scp", *scps, "--output_dir", *outputs)
    assert not Spectrum.heard


def test_too_few_speakers_are_said(folder):
    (folder / "trials").write_text(
        "s0-0 s0-1 target\ns1-0 s1-1 target\ns0-0 s1-1 nontarget\n"
    )
    _, summary = score(folder)
    assert summary["eer_percent_ci95"] is None
    assert "2 speakers" in summary["reason"]


def replace(path, old, new):
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda f: (f / "trials").unlink(), "no trials at .*make_trials"),
        (lambda f: (f / "trials").write_text(""), "trials: got no trials"),
        (lambda f: (f / "trials").write_text("a b yes\n"), "line 1: got 'a b yes'"),
        (
            lambda f: (f / "trials").write_text("s0-0 s0-1 target\n"),
            "trials: got 1 target and 0 non-target trials",
        ),
        (
            lambda f: (f / "trials").write_text("s0-0 s0-1 target\n1 s0-0 s1-0\n"),
            "trials: line 1 is in Kaldi's notation, line 2 .* in VoxCeleb's",
        ),
        (lambda f: replace(f / "wav.scp", "s0-", "x-"), "lacks 4 of the 24 utterances"),
        (lambda f: (f / "s0-0.flac").unlink(), "s0-0: no file"),
        (
            lambda f: soundfile.write(f / "s0-0.flac", np.ones(4000), 8000),
            "s0-0: got 8000 Hz, the embedder expects 16000 Hz",
        ),
        (lambda f: replace(f / "utt2spk", "s0-0 s0", "s0-0 s1"), "contradicts"),
        (lambda f: replace(f / "utt2spk", "s0-0 s0\n", ""), "s0-0 .* has no speaker"),
    ],
)
def test_bad_input_is_refused(folder, change, message):
    change(folder)
    with pytest.raises(ProbeError, match=message) as error:
        score(folder, "--utt2spk", str(folder / "utt2spk"))
    assert "\n" not in str(error.value)
    assert not (folder / "out").exists()


def test_files_that_are_something_else_are_one_line(folder):
    (folder / "text").write_text("no embeddings\n")
    np.savez(folder / "other.npz", numbers=np.zeros(3))
    np.save(folder / "array.npy", np.zeros(3))
    for name in ("text", "other.npz", "array.npy"):
        with pytest.raises(ProbeError, match="cannot read .*expected embeddings.npz"):
            score(folder, "--ref_embeddings", str(folder / name))
    with pytest.raises(ProbeError, match="is no folder; give another"):
        score(folder, out="text")
    (folder / "binary").write_bytes(bytes(range(128, 256)))
    with pytest.raises(ProbeError, match="binary: .*codec"):
        score(folder, "--trials", str(folder / "binary"))
    with pytest.raises(ProbeError, match="unknown embedder 'no'"):
        score(folder, "--embedder", "no")
    assert not Spectrum.heard and not (folder / "out").exists()
    # The header is right, the samples end early.
    sound = folder / "s3-1.flac"
    sound.write_bytes(sound.read_bytes()[:3000])
    with pytest.raises(ProbeError, match="s3-1: cannot read .*is it whole"):
        score(folder)
    assert not (folder / "out").exists()


def test_missing_originals_are_refused_first(folder):
    with pytest.raises(ProbeError, match="score the originals first"):
        score(folder, "--ref_embeddings", "no.npz")
    assert not Spectrum.heard
