"""A report's page as a whole: where it opens, what it asks for, who can read it."""

import csv
from pathlib import Path
from statistics import median
from typing import Any, Dict, Iterator, Tuple

import pytest
from report_case import HOSTILE, IDS, QUOTED, Opened, make_page, served

Report = Tuple[Path, Dict[str, Any]]
PHONE = {"width": 390, "height": 844}
EAGER = "for (const one of document.images) one.loading = 'eager'"
LOADED = "[...document.images].every((one) => one.naturalWidth)"
WIDTHS = "[document.documentElement.scrollWidth, innerWidth]"
#: The contrast of an element's text with what lies under it, as WCAG 2 defines it.
CONTRAST = """(selector) => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((one) => {
      const share = one / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const node = document.querySelector(selector);
  let under = node;
  while (getComputedStyle(under).backgroundColor === "rgba(0, 0, 0, 0)")
    under = under.parentElement;
  const both = [getComputedStyle(node).color, getComputedStyle(under).backgroundColor];
  const [low, high] = both.map(light).sort((one, two) => one - two);
  return [(high + 0.05) / (low + 0.05), light(both[1])];
}"""
#: Elements that nobody could tell from others who does not see them.
NAMELESS = """[...document.querySelectorAll("button, a, input, select, img")]
  .filter((one) => !(one.getAttribute("aria-label") || one.alt || one.textContent.trim()
    || one.getAttribute("aria-labelledby") || (one.labels && one.labels.length)))
  .map((one) => one.outerHTML)"""


@pytest.fixture(scope="module")
def phone(browser: Any) -> Iterator[Opened]:
    one = Opened(browser, viewport=PHONE, has_touch=True, color_scheme="dark")
    yield one
    one.close()


def test_from_the_file_system(report: Report, opened: Opened) -> None:
    page = opened.go((report[0] / "index.html").as_uri())
    assert page.inner_text("h1") == HOSTILE
    assert page.locator("#gallery .cell").count() > 5
    assert page.locator("#charts svg[role=group]").count() == 2
    page.click("#gallery .cell.layer .play >> nth=0")
    opened.sounding(0.1)
    # All pictures are there, too.
    page.evaluate(
        "document.querySelectorAll('img').forEach((one) => one.loading = 'eager')"
    )
    page.evaluate(EAGER)
    page.wait_for_function(LOADED)
    opened.check()
    inside = report[0].as_uri()
    assert all(url.startswith((inside, "data:")) for url in opened.requests)


def test_from_a_server_sounds_are_loaded_when_played(
    report: Report, opened: Opened
) -> None:
    with served(report[0]) as address:
        page = opened.go(address)
        page.wait_for_load_state("networkidle")
        page.mouse.wheel(0, 600)
        page.click("label:has(input[name=condition][value=snr0])")
        page.wait_for_load_state("networkidle")
        assert [url for url in opened.requests if "/audio/" in url] == []
        page.click("#gallery .cell.noisy .play")
        opened.sounding(0.1)
        asked = {url for url in opened.requests if "/audio/" in url}
        noisy = next(
            one
            for one in report[1]["utterances"][0]["sounds"]
            if (one["role"], one["condition"]) == ("noisy", "snr0")
        )
        site = address.rsplit("/", 1)[0]
        assert asked == {f"{site}/{noisy['audio']}"}
        # The server knows no parts of files; the position stays even so.
        page.check("#repeat")
        for number, key in enumerate(["ArrowRight", "ArrowLeft"] * 3, 2):
            opened.sounding(0.4)
            page.keyboard.press(key)
            page.wait_for_function("(number) => changes.length >= number", arg=number)
        jumps = [abs(after - before) for before, after in page.evaluate("changes")[1:]]
        assert median(jumps) < 0.15
        opened.check()
        assert all(url.startswith((site, f"blob:{site}")) for url in opened.requests)
        page.goto("about:blank")


def test_a_single_file_has_all(tmp_path: Path, opened: Opened) -> None:
    make_page(tmp_path, single_file=True)
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    address = (tmp_path / "index.html").as_uri()
    page = opened.go(address)
    page.click("#gallery .cell.layer .play >> nth=0")
    played, _ = opened.sounding(0.1)
    assert played.startswith("data:audio/flac;base64,")
    assert page.evaluate("document.querySelector('#gallery img').naturalWidth") == 60
    opened.check()
    assert {url.split(",")[0] for url in opened.requests} <= {
        address,
        "data:audio/flac;base64",
        "data:image/png;base64",
        "data:",
    }


def test_texts_from_data_stay_texts(report: Report, opened: Opened) -> None:
    page = opened.go((report[0] / "index.html").as_uri())
    for utterance in IDS:
        page.select_option("#utterance", utterance)
        for view in ("lost", "mel"):
            page.click(f"label:has(input[name=view][value={view}])")
        for cell in page.locator("#gallery .play").all()[:3]:
            cell.hover()
    page.select_option("#utterance", IDS[0])
    assert HOSTILE in page.inner_text("#said")
    assert HOSTILE in page.inner_text("#gallery .cell.layer .recognised >> nth=0")
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("script").count() == 2
    # A point's file that is no file is not led to.
    links = page.eval_on_selector_all(
        "a", "(all) => all.map((one) => one.href.baseVal || one.href)"
    )
    assert links and not any("javascript" in str(link) for link in links)
    opened.check()


def test_addresses_lie_beside_the_page(report: Report, opened: Opened) -> None:
    page = opened.go((report[0] / "index.html").as_uri())
    for text, followed in (
        ("files/m0/quality.json", True),
        ("audio/u0/a.flac", True),
        ("data:image/png;base64,AA", True),
        ("javascript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("\u0001javascript:alert(1)", False),
        ("//elsewhere.org/a", False),
        ("files/../../a", False),
        ("data:text/html,a", False),
    ):
        found = page.evaluate("(text) => address(text)", text)
        assert found == (text if followed else None), text
    opened.check()


def test_tables_can_be_saved(report: Report, opened: Opened, tmp_path: Path) -> None:
    page = opened.go((report[0] / "index.html").as_uri())
    with page.expect_download() as waiting:
        page.click("#tables .saves button >> nth=0")
    assert waiting.value.suggested_filename.endswith(".csv")
    with open(waiting.value.path(), newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    plain = " ".join(QUOTED.split())
    assert rows == [["layer", plain], ["cnn1", "3.25"], [HOSTILE, '8.25, "about"']]
    opened.check()


def test_files_of_tables_of_other_sets_have_other_names(
    report: Report, opened: Opened
) -> None:
    page = opened.go((report[0] / "index.html").as_uri())
    model = (
        "asr_train_asr_conformer10_hop_length160_raw_en_bpe5000_sp_train_probe_linear"
    )
    names = [f"{model}: test_{name} Scores on test" for name in ("clean", "other")]
    found = [page.evaluate("(text) => fileName(text)", name) for name in names]
    assert found[0] != found[1] and max(map(len, found)) <= 100
    opened.check()


def test_everything_has_a_name(report: Report, opened: Opened) -> None:
    page = opened.go((report[0] / "index.html").as_uri())
    page.click("label:has(input[name=condition][value=snr0])")
    assert page.evaluate(NAMELESS) == []
    ids = page.eval_on_selector_all("[id]", "(all) => all.map((one) => one.id)")
    assert len(ids) == len(set(ids))
    levels = page.eval_on_selector_all(
        "h1, h2, h3", "(all) => all.map((one) => one.tagName)"
    )
    assert levels[0] == "H1" and levels.count("H1") == 1
    opened.check()


def test_on_a_phone(report: Report, phone: Opened) -> None:
    page = phone.go((report[0] / "index.html").as_uri())
    for utterance in IDS:
        page.select_option("#utterance", utterance)
        width, room = page.evaluate(WIDTHS)
        assert width <= room == PHONE["width"]
    # What is always there leaves most of the window to the sounds.
    assert page.locator(".transport").bounding_box()["height"] < 0.2 * PHONE["height"]
    page.tap("#gallery .cell.layer .play >> nth=0")
    phone.sounding(0.05)
    page.tap("#help-open")
    assert page.is_visible("#help")
    assert page.evaluate(WIDTHS)[0] <= PHONE["width"]
    phone.check()


def test_light_and_dark(report: Report, phone: Opened) -> None:
    page = phone.go((report[0] / "index.html").as_uri())
    parts = (
        "body",
        ".hint",
        ".cell .name",
        ".cell .facts",
        "nav a",
        ".transport .time",
    )
    for scheme, dark in (("dark", True), ("light", False)):
        page.emulate_media(color_scheme=scheme)
        for part in parts:
            contrast, under = page.evaluate(CONTRAST, part)
            assert contrast >= 4.5, (scheme, part)
            assert (under < 0.2) == dark
    # What the reader chooses goes before what the system has, and is kept.
    page.select_option("#theme", "dark")
    page.reload()
    assert page.input_value("#theme") == "dark"
    assert page.evaluate(CONTRAST, "body")[1] < 0.2
    page.select_option("#theme", "auto")
    assert page.evaluate(CONTRAST, "body")[1] > 0.8
    phone.check()


def test_without_scripts(report: Report, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto((report[0] / "index.html").as_uri())
    assert "need JavaScript" in page.inner_text("noscript")
    assert page.is_hidden("#listen") and page.is_hidden("#curves")
    assert page.locator("#tables td").all_inner_texts() == ["3.25", '8.25, "about"']
    assert page.is_visible("#tables td >> nth=0")
    assert f"It fell. {HOSTILE}" in page.inner_text("#statements")
    assert "make_report --exp" in page.inner_text("#provenance")
    assert page.is_visible("#notes li")
    context.close()
