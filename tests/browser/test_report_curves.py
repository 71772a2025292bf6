"""The curves of a report's page: what is drawn, said of a point, and saved."""

import csv
from pathlib import Path
from typing import Any, Dict, List, Tuple
from xml.etree import ElementTree

import pytest
from PIL import Image
from report_case import EER, HOSTILE, Opened

Report = Tuple[Path, Dict[str, Any]]


@pytest.fixture
def page(report: Report, opened: Opened) -> Any:
    """The page, opened anew."""
    yield opened.go((report[0] / "index.html").as_uri())
    opened.check()


def download(page: Any, kind: str) -> Path:
    """Save the first figure."""
    with page.expect_download() as waiting:
        page.click(f".chart .saves button:has-text('{kind}') >> nth=0")
    assert waiting.value.suggested_filename == f"EER_plain.{kind.lower()}"
    return Path(waiting.value.path())


def labels(page: Any) -> List[str]:
    """Return what is said of the points of the first figure."""
    points = page.locator(".chart >> nth=0").locator(".point")
    return [str(one.get_attribute("aria-label")) for one in points.all()]


def test_a_point_tells_its_number(page: Any) -> None:
    said = (
        "cnn1, plain, 0 dB; EER (%): 31.50; 95 % interval 30.00 to 33.50; 2000 trials"
    )
    point = page.locator(f".point[aria-label^='{said}']").first
    point.hover()
    tip = page.inner_text(".tip")
    for text in (
        "cnn1, plain, 0 dB",
        "31.50",
        "30.00 to 33.50",
        "2000 trials, 40 speakers",
    ):
        assert text in tip
    box, window = page.locator(".tip").bounding_box(), page.viewport_size
    assert box["x"] >= 0 and box["x"] + box["width"] <= window["width"]
    # The same is said where fingers and screen readers find it, with the file.
    detail = page.locator(".chart .detail").first
    assert "31.50" in detail.inner_text()
    file = detail.locator("a").get_attribute("href")
    assert file.startswith("files/") and file.endswith(".json")
    page.mouse.move(5, 5)
    page.wait_for_selector(".tip", state="hidden")


def test_points_by_keyboard(page: Any) -> None:
    page.focus(".chart .saves button >> nth=0")
    page.keyboard.press("Shift+Tab")
    focused = "document.activeElement.getAttribute('aria-label')"
    first = page.evaluate(focused)
    assert "EER (%)" in first
    assert first.split(";")[1].split()[-1] in page.inner_text(".tip")
    page.keyboard.press("ArrowRight")
    second = page.evaluate(focused)
    assert second != first
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(focused) == first
    # However much of the sounds is in sight, an arrow on a point chooses none.
    chosen = "document.querySelector('.chosen[data-sound]').dataset.sound"
    before = page.evaluate(chosen)
    page.evaluate("Keys.listening = (target) => target === document.body")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(chosen) == before


def test_scores_and_what_is_shown_can_be_chosen(page: Any) -> None:
    every = labels(page)
    # Two layers and their controls in two conditions, and the originals.
    assert len(every) == 2 * 2 * 2 + 2
    assert "lower is better" in page.inner_text("#charts .choosers")
    page.uncheck("#charts input[name=kinds][value=random]")
    assert len(labels(page)) == 6
    page.uncheck("#charts input[name=conditions][value=clean]")
    assert all("0 dB" in one for one in labels(page)) and len(labels(page)) == 3
    page.click("label:has(input[name=by][value=condition])")
    assert page.locator(".chart svg[role=group]").count() == 1
    page.uncheck("#charts input[name=models][value=m0]")
    page.uncheck("#charts input[name=models][value=m1]")
    assert "Nothing chosen" in page.inner_text("#charts")
    page.check("#charts input[name=models][value=m0]")
    page.select_option("#metric", "stoi")
    assert "higher is better" in page.inner_text("#charts .choosers")
    # The point that has no number is not drawn.
    assert labels(page) == [
        "cnn1, plain, 0 dB; STOI: 0.315; no interval; 2000 trials, 40 speakers"
    ]


def test_a_figure_as_svg(page: Any) -> None:
    path = download(page, "SVG")
    root = ElementTree.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    text = " ".join(root.itertext())
    for wanted in ("EER (%)", "plain", "cnn1", "blstm1", "clean", "0 dB"):
        assert wanted in text
    # Its colours do not need the page.
    assert "var(" not in path.read_text(encoding="utf-8")


def test_a_figure_as_png(page: Any) -> None:
    with Image.open(download(page, "PNG")) as image:
        image.load()
        assert image.format == "PNG" and image.width == 3 * 640
        colours = image.convert("RGB").getcolors(maxcolors=1 << 20)
    found = {colour for _, colour in colours}
    # White paper, and the colours of both conditions.
    assert {(255, 255, 255), (0x00, 0x72, 0xB2), (0xC6, 0x4F, 0x00)} <= found


def test_a_figure_as_csv(page: Any) -> None:
    with download(page, "CSV").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    layers = [row for row in rows if row["kind"] == "layers"]
    found = {(row["condition"], row["layer"]): float(row["value"]) for row in layers}
    assert found == {
        ("clean", "cnn1"): EER["clean"],
        ("clean", "blstm1"): EER["clean"] + 5,
        ("0 dB", "cnn1"): EER["snr0"],
        ("0 dB", "blstm1"): EER["snr0"] + 5,
    }
    assert {row["kind"] for row in rows} == {"layers", "random", "natural"}
    assert layers[0]["counts"] == "2000 trials, 40 speakers"
    assert (float(layers[0]["low"]), float(layers[0]["high"])) == (1.75, 5.25)


def test_bands_are_drawn_of_few(report: Report, page: Any) -> None:
    bands = page.locator(".chart >> nth=0").locator("rect[fill-opacity]")
    assert bands.count() == 2
    page.evaluate("""() => {
          for (const id of ["third", "fourth"]) {
            const own = { ...Data.conditions[1], id, label: id };
            Data.conditions.push(own);
            Conditions.set(id, own);
            Panels.conditions.add(id);
            for (const list of [Data.curves, Data.levels])
              for (const one of list.filter((entry) => entry.condition === "snr0"))
                list.push({ ...one, condition: id });
          }
          Curves.choosers();
          Curves.render();
        }""")
    assert bands.count() == 0
    natural = [one for one in labels(page) if one.startswith("original")]
    assert len(natural) == 4
    page.uncheck("#charts input[name=conditions][value=third]")
    page.uncheck("#charts input[name=conditions][value=fourth]")
    assert bands.count() == 2


def test_names_stay_texts(page: Any) -> None:
    second = page.locator(".chart").nth(1)
    assert any(
        HOSTILE[:15] in text for text in second.locator("text").all_text_contents()
    )
    point = second.locator(f".point[aria-label*='{HOSTILE[:9]}']").first
    point.hover()
    assert HOSTILE in page.inner_text(".tip b")
    assert page.locator(".tip script, .chart script, .chart img").count() == 0
