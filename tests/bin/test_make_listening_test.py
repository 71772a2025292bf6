"""Making a listening test: what is there after it, what it refuses, what it hides."""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import soundfile
from listening_experiment import LAYERS, make_vocoded, utterances, write_table

from espnet_probe.bin.make_listening_test import main
from espnet_probe.errors import ProbeError
from espnet_probe.listening.key_format import ATTENTION, TRIAL, Key, read_key
from espnet_probe.listening.sounds import loudness

SMALL = ("--items_per_sheet", "12", "--embedder")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two experiments, of a clean and a noisy set."""
    folder = tmp_path_factory.mktemp("recipe")
    make_vocoded(folder, sets=("test", "test_snr10"))
    make_vocoded(folder, layers=("block1",), name="probe_b")
    return folder


def make(root: Path, out: Path, *options: str, exp: str = "probe_a") -> Key:
    """Make a test from the experiments of a folder; return its key."""
    words = ["--exp", str(root / "exp" / exp), "--dumpdir", str(root / "dump" / "raw")]
    words += ["--output_dir", str(out / "page"), "--key", str(out / "key.json")]
    main([*words, *SMALL, *options])
    return read_key(out / "key.json")


def page_data(out: Path) -> Dict[str, Any]:
    html = (out / "page" / "index.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html)
    assert found is not None
    data: Dict[str, Any] = json.loads(found[1])
    return data


def content(folder: Path) -> Dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_page_and_key_belong_together(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = make(root, tmp_path, "--set", "test", "--num_sheets", "2")
    said = capsys.readouterr().out
    assert "8 trials (2 of them in all sheets), 2 attention checks, 2 repeats" in said
    assert said.splitlines()[-1] == str(tmp_path / "page" / "index.html")
    data = page_data(tmp_path)
    assert data["test"] == key.test and data["scale"] == key.scale == "ab"
    assert {n: [i.item for i in own] for n, own in key.sheets.items()} == {
        int(n): [row["item"] for row in rows] for n, rows in data["sheets"].items()
    }
    layers = {i.layer for own in key.sheets.values() for i in own if i.kind == TRIAL}
    assert layers == {"natural", "oracle", *LAYERS}
    assert key.settings["layers"] == ["natural", "oracle", *LAYERS]
    checks = [i for own in key.sheets.values() for i in own if i.kind == ATTENTION]
    assert {(i.layer, i.condition) for i in checks} == {("natural", "clean")}
    # Checks are of a man and a woman.
    assert all(int(i.a.speaker[3]) % 2 != int(i.b.speaker[3]) % 2 for i in checks)

    # Each sound is what the key says, at the level that it says.
    names: List[str] = [data["level"]]
    for number, items in key.sheets.items():
        for item, row in zip(items, data["sheets"][str(number)]):
            for side, clip in (("A", item.a), ("B", item.b), ("X", item.x)):
                names.append(row[side])
                folder = root / "exp/probe_a/reconstruct_gl" / item.set / item.layer
                source, _ = soundfile.read(folder / "wav" / f"{clip.utterance}.flac")
                wave, fs = soundfile.read(tmp_path / "page" / "sounds" / row[side])
                assert loudness(wave, fs).active == pytest.approx(
                    key.settings["level_dbfs"], abs=0.1
                )
                assert np.corrcoef(source, wave)[0, 1] > 0.999
    assert len(set(names)) == len(names)
    there = sorted(p.name for p in (tmp_path / "page" / "sounds").iterdir())
    assert there == sorted(names)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["key.json", "page"]
    assert oct((tmp_path / "key.json").stat().st_mode)[-3:] == "600"


def test_the_page_gives_nothing_away(root: Path, tmp_path: Path) -> None:
    key = make(root, tmp_path, "--seed", "4711")
    text = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    secret = str(key.settings["secret"])
    names = [*utterances(6, 4), *(f"spk{n}" for n in range(6)), *LAYERS]
    for word in (*names, "oracle", "natural", "4711", "probe_a", secret, "WORD"):
        assert not re.search(rf"\b{word}\b", text), word
    for row in page_data(tmp_path)["sheets"]["1"]:
        assert set(row) == {"item", "A", "B", "X"}
        assert re.fullmatch(r"[0-9a-f]{16}", row["item"])
        for side in "ABX":
            assert re.fullmatch(r"[0-9a-f]{20}\.wav", row[side])
    # Neither order nor names of files tell which sound belongs to which item.
    files = sorted((tmp_path / "page" / "sounds").iterdir())
    assert len({f.stat().st_mtime for f in files}) == 1


def test_the_same_secret_makes_the_same_test(root: Path, tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    key = make(root, first)
    same = make(root, again, "--secret_of", str(first / "key.json"))
    assert content(first / "page") == content(again / "page")
    assert same.sheets == key.sheets and same.test == key.test
    third = make(root, other)
    assert third.test != key.test
    assert (
        content(first / "page")
        .keys()
        .isdisjoint(set(content(other / "page")) - {"index.html"})
    )


def test_a_test_that_is_there_is_not_changed(root: Path, tmp_path: Path) -> None:
    key = make(root, tmp_path)
    before = content(tmp_path)
    with pytest.raises(ProbeError, match="page is there already, and listeners may be"):
        make(root, tmp_path)
    assert content(tmp_path) == before
    # The page may have been moved to a server: its key is as precious.
    shutil.move(tmp_path / "page", tmp_path / "moved")
    with pytest.raises(ProbeError, match="key.json is there already"):
        make(root, tmp_path)
    new = make(root, tmp_path, "--overwrite")
    assert new.test != key.test
    assert read_key(tmp_path / f"key.{key.test}.json") == key
    last = make(root, tmp_path, "--overwrite", "--audio_format", "flac")
    assert all(p.suffix == ".flac" for p in (tmp_path / "page" / "sounds").iterdir())
    kept = [f"key.{name}.json" for name in (key.test, new.test)]
    found = sorted(p.name for p in tmp_path.iterdir())
    assert found == sorted([*kept, "key.json", "moved", "page"])
    assert last.test == page_data(tmp_path)["test"]
    # What is no listening test is not replaced.
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.tex").write_text("years of work")
    with pytest.raises(ProbeError, match="holds something else than a listening test"):
        make(root, tmp_path, "--overwrite", "--output_dir", str(tmp_path / "papers"))
    site = tmp_path / "site"
    (site / "answers").mkdir(parents=True)
    shutil.copy(tmp_path / "page" / "index.html", site)
    (site / "sounds").mkdir()
    with pytest.raises(ProbeError, match="something else than a listening test"):
        make(root, tmp_path, "--overwrite", "--output_dir", str(site))
    assert (site / "answers").is_dir()


def test_several_models_and_conditions(root: Path, tmp_path: Path) -> None:
    key = make(
        root,
        tmp_path,
        *("--exp", str(root / "exp" / "probe_b"), "--set", "test"),
        *("--layers", "natural", "blstm*", "block1", "--items_per_sheet", "14"),
    )
    places = {i.place for i in key.sheets[1] if i.kind == TRIAL}
    # The recordings are there once; each model has its own layers.
    assert {(Path(exp).name, layer) for exp, _, _, layer in places} == {
        ("probe_a", "natural"),
        ("probe_a", "blstm1"),
        ("probe_b", "block1"),
    }
    key = make(
        root,
        tmp_path / "noisy",
        *("--set", "test_snr10", "test", "--layers", "oracle", "cnn1"),
    )
    trials = [i for i in key.sheets[1] if i.kind == TRIAL]
    assert {(i.set, i.condition) for i in trials} == {
        ("test", "clean"),
        ("test_snr10", "snr10"),
    }
    assert len({i.triplet[-3:] for i in trials}) == len(trials)
    checks = [i for i in key.sheets[1] if i.kind == ATTENTION]
    assert {i.condition for i in checks} == {"clean"}


def test_sounds_of_a_moved_experiment(tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    make_vocoded(moved)
    for path in moved.rglob("wav.scp"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(str(moved), str(tmp_path / "gone")))
    key = make(moved, tmp_path, "--set", "test")
    assert {i.layer for i in key.sheets[1]} == {"natural", "oracle", *LAYERS}


def test_one_gender_and_options_of_the_page(root: Path, tmp_path: Path) -> None:
    (tmp_path / "consent.txt").write_text("I <agree>.")
    (tmp_path / "how.txt").write_text("Hear, then say.")
    key = make(
        root,
        tmp_path / "out",
        *("--same_gender", "--scale", "similarity", "--title", "Voices & more"),
        *("--consent", str(tmp_path / "consent.txt"), "--post_to", "/answers"),
        *("--instructions", str(tmp_path / "how.txt"), "--repeats", "0"),
    )
    trials = [i for i in key.sheets[1] if i.kind == TRIAL]
    assert len(trials) == 10 and key.scale == "similarity"
    assert all(int(i.a.speaker[3]) % 2 == int(i.b.speaker[3]) % 2 for i in trials)
    html = (tmp_path / "out" / "page" / "index.html").read_text(encoding="utf-8")
    for text in ("I &lt;agree&gt;.", "Voices &amp; more", "Hear, then say."):
        assert text in html
    assert page_data(tmp_path / "out")["post_to"] == "/answers"


def test_a_sheet_takes_the_minutes_that_it_may(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--exp", str(root / "exp" / "probe_a"), "--set", "test"]
    words += ["--dumpdir", str(root / "dump" / "raw"), "--embedder"]
    words += ["--output_dir", str(tmp_path / "p"), "--key", str(tmp_path / "k")]
    main([*words, "--minutes", "2"])
    settings = read_key(tmp_path / "k").settings
    assert 1.3 < settings["minutes_per_sheet"] <= 2.1
    # As many trials of each of the four layers.
    assert settings["trials"] % 4 == 0
    assert "about 2 minutes each" in capsys.readouterr().out


def test_scores_of_the_triplets(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tiny_speakers import write_speaker_exp

    from espnet_probe.bin.listening_scores import cosine
    from espnet_probe.bin.score_verification import main as verify
    from espnet_probe.speakers.registry import build_embedder

    exp = root / "exp" / "probe_a"
    spec = f"espnet:{write_speaker_exp(tmp_path / 'spk')}"
    # Stage 10 has embedded one layer, some of whose sounds have been made anew since.
    layer = exp / "reconstruct_gl" / "test" / "cnn1"
    utts = utterances(6, 4)
    pairs = [(utts[n], utts[n + 1], "target") for n in range(0, 24, 4)]
    pairs += [(utts[n], utts[n + 4], "nontarget") for n in range(0, 20, 4)]
    (tmp_path / "trials").write_text("".join(" ".join(p) + "\n" for p in pairs))
    words = ["--wav_scp", str(layer / "wav.scp"), "--output_dir", str(layer)]
    words += ["--trials", str(tmp_path / "trials"), "--embedder", spec]
    verify([*words, "--num_bootstrap", "100"])
    soundfile.write(layer / "wav" / f"{utts[0]}.flac", 0.1 * np.ones(3000), 16000)
    try:
        out = tmp_path / "out"
        key = make(root, out, "--set", "test", "--layers", "cnn1", "--embedder", spec)
        embedder = build_embedder(spec)
        label = embedder.label
        assert key.settings["embedders"][label]["embedder"] == label
        for item in key.sheets[1]:
            vectors = {}
            for side, clip in (("a", item.a), ("b", item.b), ("x", item.x)):
                folder = layer.parent / item.layer
                wave, fs = soundfile.read(
                    folder / "wav" / f"{clip.utterance}.flac", dtype="float32"
                )
                vectors[side] = embedder.embed(wave, fs)
            x, a, b = (vectors[side] for side in "xab")
            assert x is not None and a is not None and b is not None
            pair = item.scores[label]
            assert pair is not None
            assert pair["xa"] == pytest.approx(cosine(x, a), abs=1e-4)
            assert pair["xb"] == pytest.approx(cosine(x, b), abs=1e-4)
    finally:
        for path in layer.glob("embeddings*.npz"):
            os.remove(path)


def test_no_weights_no_scores_unless_they_were_asked_for(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESPNET_PROBE_CACHE", str(tmp_path / "empty"))
    words = ["--exp", str(root / "exp" / "probe_a"), "--items_per_sheet", "12"]
    words += ["--dumpdir", str(root / "dump" / "raw"), "--set", "test"]
    words += ["--output_dir", str(tmp_path / "p"), "--key", str(tmp_path / "k")]
    with pytest.raises(ProbeError, match="fetch_ge2e"):
        main([*words, "--embedder", "ge2e"])
    assert not (tmp_path / "p").exists() and not (tmp_path / "k").exists()
    main(words)
    assert all(i.scores == {"ge2e": None} for i in read_key(tmp_path / "k").sheets[1])


@pytest.mark.parametrize(
    "options, message",
    [
        (["--set", "none"], "no sounds at .*none/natural/wav.scp"),
        (["--layers", "block9"], "unknown layer 'block9'.*natural oracle cnn1"),
        (["--exp", "exp/none"], "exp/none is not a folder"),
        (["--inference_tag", "other"], "has no reconstruct_other"),
        (["--num_sheets", "800"], "test: 24 utterances of 6 speakers, 6 of whom"),
        (["--items_per_sheet", "4"], "has 0 trials: expected at least 4"),
        (["--post_to", "example"], "begins with https://"),
        (["--consent", "none.txt"], "--consent none.txt: cannot read it"),
        (["--minutes", "0"], "expected a finite number above 0"),
        (["--minutes", "inf"], "expected a finite number above 0"),
        (["--embedder", "espnet:exp/none"], "exp/none"),
        (["--dumpdir", "nowhere"], "no file nowhere/test/utt2spk"),
        (["--same_gender", "--dumpdir", "nowhere"], "needs the speakers' genders"),
        (["--secret_of", "none.json"], "no key at none.json"),
        (["--embedder", "none"], "unknown embedder 'none'"),
    ],
)
def test_what_cannot_be_is_refused_before_work(
    root: Path, tmp_path: Path, options: List[str], message: str
) -> None:
    with pytest.raises(ProbeError, match=message):
        make(root, tmp_path, "--set", "test", *options)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_read_for_options_that_are_wrong(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = "espnet_probe.bin.listening_work"
    monkeypatch.setattr(f"{work}.find_sources", lambda *_: pytest.fail("work began"))
    twice = ["--exp", str(root / "exp" / ".." / "exp" / "probe_a")]
    with pytest.raises(ProbeError, match="--exp: a folder is given twice"):
        make(root, tmp_path, *twice)
    with pytest.raises(ProbeError, match="unknown embedder 'gee2e'"):
        make(root, tmp_path, "--embedder", "gee2e")
    monkeypatch.setattr("espnet_probe.speakers.ge2e_weights.find_weights", lambda: "")
    with pytest.raises(ProbeError, match="two of them would be called alike"):
        make(root, tmp_path, "--embedder", "ge2e", "ge2e")


def test_keys_that_cannot_be_read_are_all_kept(root: Path, tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / "key.json").write_text(f"broken {number}")
        make(root, tmp_path, "--overwrite")
    kept = sorted(path.name for path in tmp_path.glob("key.unreadable*"))
    assert kept == ["key.unreadable-2.json", "key.unreadable.json"]
    assert (tmp_path / "key.unreadable.json").read_text() == "broken 0"


def test_the_key_stays_outside(root: Path, tmp_path: Path) -> None:
    for key in ("page/key.json", "page/sub/key.json", "page/../page/key.json"):
        with pytest.raises(ProbeError, match="listeners could read it"):
            make(root, tmp_path, "--key", str(tmp_path / key))
    (tmp_path / "link").symlink_to(tmp_path / "page")
    with pytest.raises(ProbeError, match="listeners could read it"):
        make(root, tmp_path, "--key", str(tmp_path / "link" / "key.json"))


def test_a_small_set_has_no_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_vocoded(tmp_path, speakers=2, each=2)
    words = ["--exp", str(tmp_path / "exp" / "probe_a"), *SMALL]
    words += ["--dumpdir", str(tmp_path / "dump" / "raw")]
    with pytest.raises(ProbeError, match="give 8 triplets: expected at least"):
        main(words)
    main([*words, "--or_none"])
    assert "no listening test: test: 4 utterances" in capsys.readouterr().out
    assert not (tmp_path / "exp" / "probe_a" / "listening").exists()


def test_sets_that_do_not_fit(root: Path, tmp_path: Path) -> None:
    # An utterance without a speaker; LibriSpeech's readers go before its speakers.
    write_table(tmp_path / "utt2spk", {"spk0-0": "spk0"})
    with pytest.raises(ProbeError, match="lacks 23 of the 24 utterances of test"):
        make(root, tmp_path, "--set", "test", "--utt2spk", str(tmp_path / "utt2spk"))
    readers = {utt: f"reader{int(utt[3]) % 3}" for utt in utterances(6, 4)}
    raw = tmp_path / "raw" / "test"
    write_table(raw / "utt2reader", readers)
    shutil.copy(root / "dump" / "raw" / "test" / "utt2spk", raw)
    key = make(root, tmp_path, "--set", "test", "--dumpdir", str(raw.parent))
    assert {i.x.speaker for i in key.sheets[1]} <= set(readers.values())
    assert any("what is said is not known" in note for note in key.settings["notes"])
