"""Simulated listeners answer whole sheets on the page; what they hand in is scored."""

import json
from pathlib import Path
from typing import Any, Dict, List, Set

import numpy as np
import pytest
import soundfile
from listening_case import LAYERS, make_key, write_key

from espnet_probe.bin import score_listening_test
from espnet_probe.errors import ProbeError
from espnet_probe.listening.answers import find_files
from espnet_probe.listening.key_format import TRIAL, Key
from espnet_probe.listening.page import Page, render
from espnet_probe.listening.panel import Panel

#: How long a sound is, in s.
LENGTH = 0.05
#: Plays the three sounds of an item to their ends.
HEAR = """async () => {
  for (const side of ["A", "B", "X"]) {
    const button = document.getElementById(`play-${side}`);
    button.click();
    while (!button.classList.contains("heard"))
      await new Promise((go) => setTimeout(go, 5));
  }
}"""


def write_page(key: Key, folder: Path) -> Path:
    """Write the page of a key; all its sounds are the same short tone."""
    (folder / "sounds").mkdir(parents=True)
    tone = 0.1 * np.sin(np.arange(int(16000 * LENGTH)) * 0.1)
    sheets: Dict[int, List[Dict[str, str]]] = {}
    for number, items in key.sheets.items():
        sheets[number] = [{"item": item.item} for item in items]
        for entry in sheets[number]:
            for side in "ABX":
                entry[side] = f"{entry['item']}{side}.wav"
                soundfile.write(folder / "sounds" / entry[side], tone, 16000)
    soundfile.write(folder / "sounds" / "level.wav", tone, 16000)
    page = Page(key.test, key.scale, sheets, "level.wav")
    path = folder / "index.html"
    path.write_text(render(page), encoding="utf-8")
    return path


def wrong_items(key: Key, panel: Panel, sheet: int, seed: int) -> Set[str]:
    """Draw which items a listener gets wrong, from an embedder's scores plus noise."""
    rng = np.random.default_rng(seed)
    return {i.item for i in key.sheets[sheet] if rng.random() < panel.error_of(i)}


def answer_sheet(page: Any, address: str, key: Key, sheet: int, wrong: Set[str]) -> str:
    """Answer a sheet as a person would; return the text of the file that comes back."""
    page.goto(f"{address}?sheet={sheet}")
    page.click("#level-play")
    page.check("#level-box")
    page.click("#start")
    for number, item in enumerate(key.sheets[sheet], start=1):
        title = f"Item {number} of {len(key.sheets[sheet])}"
        page.wait_for_function(
            "title => document.getElementById('item-title').textContent === title",
            arg=title,
        )
        page.evaluate(HEAR)
        other = "B" if item.answer == "A" else "A"
        side = other if item.item in wrong else item.answer
        if key.scale == "ab":
            page.keyboard.press("ArrowLeft" if side == "A" else "ArrowRight")
        else:
            page.keyboard.press("5" if side == "A" else "2")
            page.keyboard.press("5" if side == "B" else "2")
        page.keyboard.press("Enter")
    with page.expect_download() as waiting:
        page.click("#download")
    return str(Path(waiting.value.path()).read_text(encoding="utf-8"))


@pytest.mark.parametrize("scale, sheets", [("ab", 2), ("similarity", 1)])
def test_the_error_rates_put_in_come_out(
    tmp_path: Path, browser: Any, scale: str, sheets: int
) -> None:
    key = make_key(num_sheets=sheets, per_layer=1, num_attention=1, scale=scale)
    key_path = write_key(key, tmp_path / "secret")
    address = write_page(key, tmp_path / "page").as_uri()
    panel = Panel(embedder="ge2e", noise=0.3)
    folder = tmp_path / "answers"
    folder.mkdir()
    put_in = {layer: 0 for layer in LAYERS}
    for listener, sheet in enumerate(key.sheets):
        wrong = wrong_items(key, panel, sheet, 7 + listener)
        for item in key.sheets[sheet]:
            if item.kind == TRIAL:
                put_in[item.layer] += item.item in wrong
        context = browser.new_context(accept_downloads=True)
        page = context.new_page()
        errors: List[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text))
        text = answer_sheet(page, address, key, sheet, wrong)
        assert errors == []
        context.close()
        (folder / f"{listener}.json").write_text(text, encoding="utf-8")
    # The noise makes errors, and not only those.
    assert 0 < sum(put_in.values()) < 4 * sheets

    command = ["--key", str(key_path), "--answers", str(folder)]
    command += ["--max_failed_attention", "1", "--num_bootstrap", "100"]
    with pytest.raises(ProbeError, match="a browser driven by a program"):
        score_listening_test.main(command)
    score_listening_test.main([*command, "--simulated"])
    path = tmp_path / "secret" / "simulated" / "listening.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["files"]["scored"] == [name for name, _ in find_files([folder])]
    assert content["simulated"] == ["a browser driven by a program"]
    found = {one["layer"]: (one["wrong"], one["answers"]) for one in content["rates"]}
    assert found == {layer: (put_in[layer], sheets) for layer in LAYERS}
