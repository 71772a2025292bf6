"""What docs/listening_test.md tells experimenters to do works as it stands there."""

import json
import re
import threading
import urllib.error
import urllib.request
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Dict

import pytest
from listening_case import answer_sheet, make_key

from espnet_probe.listening.answers import collect, find_files

DOCS = Path(__file__).resolve().parents[2] / "docs"


def post(address: str, content: bytes) -> int:
    request = urllib.request.Request(
        address, content, {"Content-Type": "text/plain;charset=UTF-8"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_small_server_keeps_what_is_posted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (DOCS / "listening_test.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 1
    names: Dict[str, Any] = {"__name__": "example"}
    exec(blocks[0], names)
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("the page", encoding="utf-8")
    monkeypatch.chdir(page)
    names["Handler"].log_message = lambda *_: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), names["Handler"])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        with urllib.request.urlopen(f"{address}/?sheet=1", timeout=60) as reply:
            assert reply.read() == b"the page"
        key = make_key()
        assert post(f"{address}/answers", answer_sheet(key).text().encode()) == 204
        assert post(f"{address}/answers", answer_sheet(key, 2).text().encode()) == 204
        assert post(f"{address}/answers", b"") == 413
    finally:
        server.shutdown()
        server.server_close()
    found = collect(find_files([tmp_path / "answers"]), key, 1)
    assert len(found.sheets) == 2 and not found.refused


def test_the_consent_text_can_be_adapted() -> None:
    text = (DOCS / "listening_consent.txt").read_text(encoding="utf-8")
    for word in ("[names]", "[ethics board]", "[amount]", "[authority]", "I agree"):
        assert word in text


def test_the_power_table_is_of_the_benchmark_s_columns() -> None:
    """A table with other columns than the script prints was not printed by it."""
    source = DOCS.parent / "benchmarks" / "listening_power.py"
    text = (DOCS / "listening_test.md").read_text(encoding="utf-8")
    assert source.is_file() and "benchmarks/listening_power.py" in text
    names: Dict[str, Any] = {"__name__": "benchmark"}
    exec(source.read_text(encoding="utf-8"), names)
    head = next(line for line in text.splitlines() if line.startswith("| listeners |"))
    widths = [f"width at {rate:g} %" for rate in names["RATES"]]
    apart = [f"{one:g} from {other:g} %" for one, other in names["PAIRS"]]
    assert all(f"| {one} |" in head for one in [*widths, *apart])


def test_fields_that_the_docs_name_are_in_the_results(tmp_path: Path) -> None:
    from espnet_probe.listening.results import DEFINITIONS, score

    key = make_key(num_sheets=1)
    (tmp_path / "one.json").write_text(answer_sheet(key).text(), encoding="utf-8")
    content = json.dumps(score(key, collect(find_files([tmp_path]), key, 1)))
    text = (DOCS / "listening_test.md").read_text(encoding="utf-8")
    rows = text.split("## Read")[1].split("\n\n")[1]
    for name in re.findall(r"`(\w+)`", rows):
        if name not in ("ratings", "similarity"):
            assert f'"{name}"' in content, name
    assert set(DEFINITIONS) >= {"error_percent", "error_percent_ci95", "steps.rise"}
