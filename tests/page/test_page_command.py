"""The page as the command makes it: whole, linked, escaped, replaced."""

import html
import json
import re
from pathlib import Path
from typing import Dict, List
from urllib.parse import unquote

import pytest
import soundfile
from experiment_case import make_experiment
from omniio import kaldi
from page_case import (
    KEPT,
    LAYERS,
    TEXT,
    UTTS,
    addresses,
    make_two,
    read_data,
    write_mels,
)
from PIL import Image

from espnet_probe.bin.make_report import main
from espnet_probe.errors import ProbeError


def make(exps: List[Path], output: Path, *more: str) -> Path:
    """Run the command; return the page. Figures for print have a test of their own."""
    folders = [str(exp) for exp in exps]
    main(["--exp", *folders, "--output_dir", str(output), "--no_figures", *more])
    return output / "index.html"


def check_addresses(page: Path) -> None:
    """Check that every address is a file beside the page."""
    text = page.read_text(encoding="utf-8")
    found = addresses(read_data(page))
    found += re.findall(r'(?:href|src|srcset)="([^"#][^"]*)"', text)
    assert found
    for address in found:
        address = unquote(html.unescape(address))
        if address.startswith("data:"):
            continue
        assert not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|/|\.\.", address), address
        assert (page.parent / address).is_file(), address


def test_two_models_with_noise(tmp_path: Path) -> None:
    page = make(make_two(tmp_path), tmp_path / "page", "--num_examples", "2")
    check_addresses(page)
    data = read_data(page)
    assert [one["label"] for one in data["models"]] == ["blstm", "vgg"]
    assert [one["id"] for one in data["conditions"]] == ["clean", "snr10"]
    assert [one["name"] for one in data["utterances"]] == ["spk0-b", "spk2-a"]
    for number, utterance in enumerate(data["utterances"]):
        assert utterance["text"] == TEXT
        assert utterance["speaker"] == utterance["name"].split("-")[0]
        by_id = {one["id"]: one for one in utterance["sounds"]}
        assert len(by_id) == len(utterance["sounds"])
        name = f"u{number}"
        # One recording, one noisy input, one oracle each; two layers of two models.
        assert set(by_id) == {
            f"{name}-clean-natural",
            f"{name}-snr10-noisy",
            *(f"{name}-{c}-m0-oracle" for c in ("clean", "snr10")),
            *(
                f"{name}-{c}-{m}-{layer}"
                for c in ("clean", "snr10")
                for m in ("m0", "m1")
                for layer in LAYERS
            ),
        }
        frames = 1 + int(utterance["seconds"] * 16000) // 200
        for one in utterance["sounds"]:
            sound = soundfile.info(page.parent / one["audio"])
            assert sound.duration == pytest.approx(utterance["seconds"], abs=1e-3)
            assert -60 < one["level"] < one["peak"] <= 0
            for kind in ("mel", "lost", "noise", "left"):
                if one[kind] is not None:
                    assert Image.open(page.parent / one[kind]).size == (frames, 80)
            noisy = one["condition"] == "snr10"
            assert (one["noise"] is not None) == (noisy and one["role"] != "oracle")
            if one["role"] == "layer":
                assert one["text"] == f"heard <i>{one['layer']}</i>"
                assert one["errors"] == {"edits": 1, "words": 4}
                assert one["scores"] == {"stoi": 0.5, "estoi": 0.25, "l1": 0.125}
                assert (one["left"] is not None) == noisy
                expected = KEPT[one["layer"]] if noisy else None
                assert one["noise_kept"] == pytest.approx(expected, abs=1e-3)
    # The same mels and sounds in both models are kept once.
    sounds = list((page.parent / "audio").rglob("*.flac"))
    assert len(sounds) == 2 * (2 + 2)
    kept = [one for one in data["curves"] if one["metric"] == "noise_kept"]
    assert {one["model"] for one in kept} == {"m0", "m1"}


def test_names_and_texts_from_data_stay_text(tmp_path: Path) -> None:
    script = "</script><script>alert(1)</script>\u2028<!--"
    ids = ["spk1-'\"&amp;<b>", "spk2-ünï-語", "spk3-<script>", "../../spk4"]
    layers = ["cnn<b>1", f"a|b`{script}"]
    exp, _ = make_experiment(tmp_path, layers, ("te st#1%",), ids, script)
    folder = exp / "reconstruct_gl" / "te st#1%" / layers[0]
    (folder / "verification.json").write_text(
        json.dumps({"eer_percent": None, "reason": script}), encoding="utf-8"
    )
    dump = str(tmp_path / "dump" / "raw")
    page = make([exp], tmp_path / "page", "--dumpdir", dump)
    check_addresses(page)
    text = page.read_text(encoding="utf-8")
    assert "alert(1)</script>" not in text and "<b>1" not in text
    data = read_data(page)
    assert {one["name"] for one in data["utterances"]} == set(ids)
    assert {one["text"] for one in data["utterances"]} == {script}
    start = text.index('id="report-data"')
    assert "\u2028" not in text[start : text.index("</script", start)]
    assert [one["label"] for one in data["models"][0]["layers"]] == layers
    for path in page.parent.rglob("*"):
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", path.name), path
    assert not re.search(r'\bon\w+="[^"]*alert', text)


def contents(folder: Path) -> Dict[str, bytes]:
    """Return all files but the page itself, which tells the time."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "index.html"
    }


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    exps = make_two(tmp_path, utts=UTTS[:3])
    output = tmp_path / "page"
    make(exps, output, "--num_examples", "1")
    first = contents(output)
    (output / "audio" / "of_an_older_run.flac").write_bytes(b"")
    (output / "figures").mkdir()
    (output / "figures" / "own.pdf").write_bytes(b"")
    make(exps, output, "--num_examples", "1")
    assert contents(output) == {**first, "figures/own.pdf": b""}
    assert not [path for path in output.iterdir() if path.name.startswith(".")]
    # What fails leaves the old page whole.
    before = (output / "index.html").read_bytes()
    (exps[0] / "reconstruct_gl" / "layers.json").write_text("[]")
    with pytest.raises(ProbeError, match="lists no layers"):
        make(exps, output)
    assert (output / "index.html").read_bytes() == before
    assert contents(output) == {**first, "figures/own.pdf": b""}


def test_a_run_that_is_killed_leaves_the_old_page_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exps = [str(exp) for exp in make_two(tmp_path, utts=UTTS[:2])]
    output = tmp_path / "page"
    command = ["--exp", *exps, "--output_dir", str(output), "--num_examples", "1"]
    main(command)
    before = contents(output), (output / "index.html").read_bytes()
    assert any(name.startswith("tables/") for name in before[0])
    path = tmp_path / "exp/probe_vgg_highway/reconstruct_gl/test/cnn1/quality.json"
    path.write_text(path.read_text().replace("0.", "0.1"), encoding="utf-8")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    # All that there is to make has been made by then.
    monkeypatch.setattr("espnet_probe.page.write._exchange", killed)
    with pytest.raises(KeyboardInterrupt):
        main(command)
    assert (contents(output), (output / "index.html").read_bytes()) == before
    assert not [path for path in output.iterdir() if path.name.startswith(".")]


def test_one_value_of_a_probe_turns_no_picture_dark(tmp_path: Path) -> None:
    exp, _ = make_two(tmp_path, utts=UTTS[:2])
    folder, limits = exp / "reconstruct_gl" / "test" / "blstm1", []
    for value in (0.0, 50.0):
        read = kaldi.load_scp(str(folder / "feats.scp"))
        mels = {utt: read[utt].copy() for utt in UTTS[:2]}
        mels[UTTS[0]][3, 5] += value
        write_mels(folder, mels)
        page = make([exp], tmp_path / "page", "--num_examples", "2")
        found = read_data(page)["utterances"]
        limits.append([(one["mel_low"], one["mel_high"]) for one in found])
    assert limits[0] == limits[1]


def test_a_first_run_that_was_killed_late_goes_on(tmp_path: Path) -> None:
    exp, _ = make_two(tmp_path, utts=UTTS[:2])
    page = make([exp], tmp_path / "page", "--num_examples", "1")
    # Sounds and pictures are in place, the page is not, and nobody swept.
    page.unlink()
    with pytest.raises(ProbeError, match="has audio and pictures"):
        make([exp], tmp_path / "page", "--num_examples", "1")
    (page.parent / ".page-abc" / "old").mkdir(parents=True)
    assert make([exp], tmp_path / "page", "--num_examples", "1") == page
    assert page.is_file()


def test_what_is_empty_or_gone_is_named_among_the_missing(tmp_path: Path) -> None:
    exp, _ = make_two(tmp_path, utts=UTTS[:2])
    folder = exp / "reconstruct_gl" / "test"
    (folder / "blstm1" / "recognition.csv").write_text("")
    line, *_ = (folder / "cnn1" / "wav.scp").read_text().splitlines()
    (tmp_path / line.split()[1]).unlink()
    page = make([exp], tmp_path / "page", "--num_examples", "2")
    text = html.unescape(page.read_text(encoding="utf-8"))
    missing = text[text.index('id="notes"') :]
    assert ">test/blstm1/recognition.csv cannot be read" in missing
    assert f"sounds that are not there: 1, such as cnn1 of {UTTS[0]}" in missing


def test_with_a_place_of_its_own_nothing_is_written_to_the_experiment(
    tmp_path: Path,
) -> None:
    exp, _ = make_two(tmp_path, utts=UTTS[:2])
    before = contents(exp)
    page = make([exp], tmp_path / "page", "--num_examples", "1")
    assert contents(exp) == before
    assert "# RESULTS" in (page.parent / "RESULTS.md").read_text(encoding="utf-8")
    # Where nothing can be written, that is said before any work.
    (tmp_path / "file").write_text("")
    with pytest.raises(ProbeError, match="file"):
        make([exp], tmp_path / "file")


@pytest.mark.parametrize("name", ["dump/raw/test/text", "natural/wav.scp"])
def test_an_utterance_that_is_there_twice_costs_what_needs_it_alone(
    tmp_path: Path, name: str
) -> None:
    exp, _ = make_two(tmp_path, utts=UTTS[:2])
    path = tmp_path / name
    if name.startswith("natural"):
        path = exp / "reconstruct_gl" / "test" / name
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[0]]), encoding="utf-8")
    page = make([exp], tmp_path / "page", "--dumpdir", str(tmp_path / "dump" / "raw"))
    assert f"{path} cannot be read" in html.unescape(page.read_text(encoding="utf-8"))
    assert len(read_data(page)["utterances"]) == 2


def test_sizes_versions_and_times_lead_to_their_files(tmp_path: Path) -> None:
    exp, _ = make_two(tmp_path, utts=UTTS[:2])
    times = tmp_path / "stage_times.jsonl"
    line = {"stage": "8", "name": "reconstruct", "seconds": 2.5, "exp": str(exp)}
    times.write_text(json.dumps(line) + "\n", encoding="utf-8")
    page = make([exp], tmp_path / "page", "--stage_times", str(times))
    text = page.read_text(encoding="utf-8")
    assert '<a href="files/stage_times.jsonl">2.5</a>' in text
    facts = dict(re.findall(r"<dt[^>]*>([^<]*)</dt><dd[^>]*>(.*?)</dd>", text))
    for name in ("test", "scored with"):
        found = re.search('href="([^"]+)"', facts[name])
        assert found is not None, name
        assert (page.parent / found[1]).suffix == ".json"


def test_what_cannot_be_compared_is_told(tmp_path: Path) -> None:
    first, second = make_two(tmp_path, utts=UTTS[:2])
    for number, exp in enumerate((first, second)):
        folder = exp / "reconstruct_gl" / "test"
        (folder / "trials").write_text(f"spk0-a spk{number}-b target\n")
        for path in folder.glob("*/verification.json"):
            scores = json.loads(path.read_text(encoding="utf-8"))
            scores["embedder_model"] = {"weights_sha256": f"{number}"}
            path.write_text(json.dumps(scores), encoding="utf-8")
    page = make([first, second], tmp_path / "page", "--num_examples", "0")
    text = html.unescape(page.read_text(encoding="utf-8"))
    said = "vgg and blstm differ in the trials of test: their EERs are of different"
    assert said in text
    said = "vgg and blstm differ in the weights of the embedder ge2e of test: their"
    assert said in text
    assert "differ in the utterances" not in text


def test_the_title_of_one_experiment_is_its_model(tmp_path: Path) -> None:
    exp, _ = make_two(tmp_path, utts=UTTS[:2])
    for name, label in (
        ("probe_asr_blstm_train_probe_dump_float32", "asr_blstm"),
        ("probe_asr_blstm_train_probe_random", "asr_blstm_train_probe_random"),
        ("probe_mine", "mine"),
    ):
        exp = exp.rename(exp.with_name(name))
        page = make([exp], tmp_path / name, "--num_examples", "0")
        title = f"<title>What the layers of {label} hear</title>"
        assert title in page.read_text(encoding="utf-8")


def test_figures_and_tables_for_print_lie_beside_the_page(tmp_path: Path) -> None:
    exps = [str(exp) for exp in make_two(tmp_path, utts=UTTS[:2])]
    output = tmp_path / "page"
    main(["--exp", *exps, "--output_dir", str(output), "--num_examples", "0"])
    check_addresses(output / "index.html")
    text = (output / "index.html").read_text(encoding="utf-8")
    figures = sorted(path.name for path in (output / "figures").iterdir())
    assert "column_stoi.pdf" in figures and "column_stoi.png" in figures
    for name in figures:
        assert f"figures/{name}" in text
    table = (output / "tables" / "stoi.tex").read_text(encoding="utf-8")
    assert r"\toprule" in table and "make\\_" in table


def test_one_file_holds_everything(tmp_path: Path) -> None:
    exps = make_two(tmp_path, utts=UTTS[:2])
    page = make(exps, tmp_path / "page", "--single_file", "--num_examples", "1")
    assert [path.name for path in page.parent.rglob("*")] == ["index.html"]
    data = read_data(page)
    found = addresses(data)
    assert found and all(one.startswith("data:") for one in found)
    assert {one.split(";")[0] for one in found} == {"data:audio/flac", "data:image/png"}
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r'href="(?!#|data:)[^"]*"', text)
    point = data["curves"][0]["points"][0]
    assert point["value"] is not None and point["file"] is None


def test_another_audio_format(tmp_path: Path) -> None:
    exps = make_two(tmp_path, utts=UTTS[:2])
    output = tmp_path / "page"
    page = make(exps, output, "--audio_format", "opus", "--num_examples", "1")
    found = [one["audio"] for one in read_data(page)["utterances"][0]["sounds"]]
    assert found and all(one.endswith(".opus") for one in found)
    assert soundfile.info(output / found[0]).subtype == "OPUS"


def test_missing_pieces_are_named(tmp_path: Path) -> None:
    exp, other = make_two(tmp_path)
    folder = exp / "reconstruct_gl" / "test"
    (folder / "cnn1" / "wav.scp").unlink()
    (folder / "blstm1" / "feats.scp").unlink()
    (folder / "blstm1" / "quality.csv").write_text("nothing")
    for path in (tmp_path / "dump").rglob("text"):
        path.unlink()
    for path in tmp_path.rglob("recognition.csv"):
        path.unlink()
    page = make([exp, other], tmp_path / "page", "--num_examples", "2")
    check_addresses(page)
    sounds = read_data(page)["utterances"][0]["sounds"]
    notes = {one["id"]: one["note"] for one in sounds}
    assert notes["u0-clean-m0-cnn1"] == "no sound: no wav.scp"
    assert notes["u0-clean-m0-blstm1"] == "no mel-spectrogram"
    by_id = {one["id"]: one for one in sounds}
    assert by_id["u0-clean-m0-cnn1"]["audio"] is None
    assert by_id["u0-clean-m0-cnn1"]["mel"] is not None
    text = page.read_text(encoding="utf-8")
    assert "test: no transcripts of the utterances found" in text


def test_nothing_to_hear(tmp_path: Path) -> None:
    page = make(make_two(tmp_path), tmp_path / "page", "--num_examples", "0")
    assert read_data(page)["utterances"] == []
    assert "no sounds: none were asked for" in page.read_text(encoding="utf-8")


def test_mistakes_are_refused_before_the_work(tmp_path: Path) -> None:
    exps = make_two(tmp_path)
    foreign = tmp_path / "foreign"
    (foreign / "audio").mkdir(parents=True)
    (foreign / "audio" / "mine.wav").write_bytes(b"mine")
    other = tmp_path / "other"
    other.mkdir()
    (other / "index.html").write_text("<p>my notes on espnet_probe</p>")
    for command, said in (
        (["--output_dir", str(other)], "is no page of a report and would be replaced"),
        (["--num_examples", "-1"], "--num_examples: got -1"),
        (["--audio_format", "wma"], "--audio_format wma: not known"),
        (["--output_dir", str(foreign)], "has audio and no page of a report"),
    ):
        with pytest.raises(ProbeError, match=said):
            main(["--exp", str(exps[0]), *command])
    assert (foreign / "audio" / "mine.wav").read_bytes() == b"mine"
    assert (other / "index.html").read_text() == "<p>my notes on espnet_probe</p>"
    both = ["--exp", str(exps[0]), "--exp", str(exps[1])]
    with pytest.raises(ProbeError, match="--exp names 2 folders: give --output_dir"):
        main(both)
    with pytest.raises(ProbeError, match="--exp names 1 folders twice"):
        main([*both, "--exp", str(exps[0]), "--output_dir", str(tmp_path / "x")])
    with pytest.raises(ProbeError, match="--asr_exp is for one --exp"):
        main([*both, "--asr_exp", "x", "--output_dir", str(tmp_path / "x")])
    assert not (tmp_path / "x").exists()
