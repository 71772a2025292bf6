"""The page, RESULTS.md and the files beside them, made by the command."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
import soundfile
from PIL import Image

from espnet_probe.bin.make_report import get_parser, main
from espnet_probe.errors import ProbeError
from espnet_probe.report.collect import collect
from espnet_probe.report.files import link, replacing, slug
from espnet_probe.report.values import LAYER_METRICS, full_text, mean_text

Maker = Callable[..., Tuple[Path, Path]]
VOID = {"meta", "link", "img", "source", "br", "input", "hr"}
LOADING = {"src", "srcset", "poster", "data", "action", "background"}


class Page(HTMLParser):
    """A strict little reader: tags must close, addresses and text are kept."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.open: List[str] = []
        self.tags: List[str] = []
        self.links: List[str] = []
        self.loads: List[str] = []
        self.numbers: List[Tuple[str, str]] = []
        self.ids: List[str] = []
        self.text = ""
        self._number = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(
        self, tag: str, attributes: List[Tuple[str, Optional[str]]]
    ) -> None:
        """Keep a tag's addresses."""
        found: Dict[str, str] = {k: v or "" for k, v in attributes}
        self.tags.append(tag)
        assert not [name for name in found if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)
        if "href" in found:
            (self.loads if tag == "link" else self.links).append(found["href"])
        self.loads += [found[name] for name in LOADING & set(found)]
        self.ids += [found["id"]] if "id" in found else []
        if found.get("class") == "number":
            self._number = found["href"]

    def handle_endtag(self, tag: str) -> None:
        """Check that the innermost open tag is closed."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data
        if self._number:
            self.numbers.append((data, self._number))
            self._number = ""


def make(
    experiment: Tuple[Path, Path], root: Path, *more: str
) -> Tuple[Page, str, Path]:
    """Run the command; return the page, RESULTS.md and the report's folder."""
    probe_exp, asr_exp = experiment
    arguments = ["--probe_exp", str(probe_exp), "--asr_exp", str(asr_exp)]
    arguments += ["--stage_times", str(root / "exp" / "stage_times.jsonl")]
    arguments += ["--dumpdir", str(root / "dump" / "raw"), *more]
    main(arguments)
    report = probe_exp / "report"
    page = Page((report / "index.html").read_text(encoding="utf-8"))
    return page, (probe_exp / "RESULTS.md").read_text(encoding="utf-8"), report


def check_addresses(page: Page, report: Path) -> None:
    """Check that every address is a file that exists, and none is elsewhere."""
    for address in page.links:
        if address.startswith("#"):
            assert address[1:] in page.ids
    for address in [*page.links, *page.loads]:
        if address.startswith("#") or address == "data:,":
            continue
        assert not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//|/", address), address
        assert (report / unquote(address)).is_file(), address


def test_report_of_a_whole_experiment(
    make_experiment: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = make_experiment(tmp_path)
    page, markdown, report = make(experiment, tmp_path, "--num_examples", "2")
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == str((report / "index.html").resolve())
    check_addresses(page, report)
    # Every number of the table, and the file it leads to.
    expected = []
    results = collect(*experiment)
    for row in results.sets[0].rows:
        line = next(x for x in markdown.splitlines() if x.startswith(f"|{row.name}|"))
        for metric in LAYER_METRICS:
            value = row.values[metric.key]
            if value.mean is not None and value.source is not None:
                address = os.path.relpath(value.source, report)
                expected.append((mean_text(value, metric), address))
                assert f"|{full_text(value, metric)}|" in line
                if metric.key == "eer_percent":
                    shown = next(
                        x for x in printed.splitlines() if x.startswith(row.name)
                    )
                    assert mean_text(value, metric) in shown.split()
    wer = results.wer[0].value
    assert wer.source is not None
    expected.append(("12.3", os.path.relpath(wer.source, report)))
    assert page.numbers == expected
    # A player and a picture for 2 utterances in 7 rows; nothing runs or preloads.
    assert page.tags.count("audio") == 14
    assert sum(address.endswith(".png") for address in page.loads) == 14
    html = (report / "index.html").read_text(encoding="utf-8")
    assert html.count('preload="none"') == 14
    assert "script" not in page.tags and "iframe" not in page.tags
    assert "<svg" not in html and "@import" not in html and "url(" not in html
    assert page.text.count("zero one two") == 4  # said and recognised
    assert "83.2" in page.text and "83.2" in markdown  # 81.25 + 2.0 s
    assert "f00dfeed" in page.text and "f00dfeed" in markdown
    assert 'id="missing"' not in html
    assert {"../run.sh", "../config.yaml", "../../asr_blstm/config.yaml"} <= set(
        page.links
    )
    first = next((report / "audio" / "test_clean").glob("*natural.flac"))
    assert soundfile.info(first).samplerate == 16000
    picture = next((report / "mels" / "test_clean").glob("01_cnn1.png"))
    # 80 bands of two pixels each; utterance 2 of 5 lasts 0.6 s at 12.5 ms.
    assert Image.open(picture).size == (49, 160)


def test_markdown_has_espnets_head_and_its_links_exist(
    make_experiment: Maker, tmp_path: Path
) -> None:
    experiment = make_experiment(tmp_path)
    _, markdown, _ = make(experiment, tmp_path)
    lines = markdown.splitlines()
    assert lines[0].startswith("<!-- Generated by ")
    assert lines[1:3] == ["# RESULTS", "## Environments"]
    for name in ("date", "python version", "pytorch version", "espnet_probe version"):
        assert any(line.startswith(f"- {name}: `") for line in lines)
    links = re.findall(r"(?<!\\)\]\(([^)]*)\)", markdown)
    assert len(links) > 20
    for address in links:
        assert (experiment[0] / unquote(address)).is_file(), address


def test_names_and_texts_from_data_stay_text(
    make_experiment: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "<script>alert(1)</script>"
    evil = '"><img/src=x/onerror=alert(1)>'
    ids = ["spk1-'\"&amp;<b>", "spk2-ünï-語", f"spk3-{evil}", "../../spk4"]
    layers = ["cnn<b>1", "a|b`$x_1$", "c\x1b[31m](http://evil.example)"]
    experiment = make_experiment(
        tmp_path, layers=layers, sets=("te st#1%",), utterances=ids, text=script
    )
    folder = experiment[0] / "reconstruct_gl" / "te st#1%" / layers[0]
    (folder / "verification.json").write_text(
        '{"eer_percent": null, "reason": "<script>bad()</script>"}', encoding="utf-8"
    )
    page, markdown, report = make(experiment, tmp_path)
    check_addresses(page, report)
    assert "script" not in page.tags and "b" in page.tags
    assert page.tags.count("img") == 6 + 4 * 5  # plots, and 4 utterances in 5 rows
    for text in [*ids, *layers[:2], script, "te st#1%", "bad()"]:
        assert text in page.text
    assert "<script" not in markdown and "<b>" not in markdown
    assert "](http" not in markdown.replace("\\](http", "")
    assert "\x1b" not in capsys.readouterr().out
    for path in report.glob("figures/*.svg"):
        names = "".join(ElementTree.parse(path).getroot().itertext())
        assert "cnn<b>1" in names and "$x_1$" in names
    for path in report.rglob("*"):
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", path.name), path


def test_missing_pieces_are_named(make_experiment: Maker, tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    folder = experiment[0] / "reconstruct_gl" / "test_clean"
    (folder / "cnn1" / "quality.json").unlink()
    (folder / "cnn2" / "wav.scp").unlink()
    (folder / "blstm1" / "feats.scp").unlink()
    for path in (folder / "blstm3" / "wav").iterdir():
        path.unlink()
    for path in (tmp_path / "dump").rglob("text"):
        path.unlink()
    page, markdown, report = make(experiment, tmp_path)
    check_addresses(page, report)
    for text in (page.text, markdown):
        assert "cnn1: STOI, ESTOI, PESQ-wb (MOS): not scored: no file" in text
        assert "no transcripts" in text
    assert "no sound: no wav.scp" in page.text
    assert page.text.count("no mel-spectrogram") == 4
    assert page.text.count("no sound: ") == 8  # cnn2 and blstm3 of 4 utterances


def test_a_second_run_gives_the_same_files(
    make_experiment: Maker, tmp_path: Path
) -> None:
    experiment = make_experiment(tmp_path, layers=("cnn1",), utterances=("a",))

    def contents() -> Dict[str, bytes]:
        _, _, report = make(experiment, tmp_path, "--num_examples", "1")
        paths = (p for p in report.rglob("*") if p.suffix in (".svg", ".png", ".flac"))
        return {str(path): path.read_bytes() for path in paths}

    first = contents()
    assert first and contents() == first


def test_no_examples(make_experiment: Maker, tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    page, _, _ = make(experiment, tmp_path, "--num_examples", "0")
    assert "audio" not in page.tags and "none were asked for" in page.text
    with pytest.raises(ProbeError, match="--num_examples"):
        main(["--probe_exp", str(experiment[0]), "--num_examples", "-1"])


def test_an_empty_path_means_none() -> None:
    arguments = ["--probe_exp", "x", "--asr_exp", "", "--stage_times", ""]
    args = get_parser().parse_args(arguments)
    assert args.asr_exp is None and args.stage_times is None


def test_files(tmp_path: Path) -> None:
    assert slug("test_clean") == "test_clean"
    assert slug("a b") != slug("a/b") and "/" not in slug("../a/b")
    odd = tmp_path / "a:b #?%.json"
    assert unquote(link(odd, tmp_path)) == "a:b #?%.json"
    assert ":" not in link(odd, tmp_path) and "#" not in link(odd, tmp_path)
    path = tmp_path / "x.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(RuntimeError):
        with replacing(path) as temporary:
            temporary.write_text("half", encoding="utf-8")
            raise RuntimeError
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]
