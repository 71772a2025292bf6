"""Files beside a page: one of each content, no name from data, no file lost."""

import base64
import re
from pathlib import Path

from espnet_probe.page.assets import Assets, part


def test_equal_files_are_kept_once(tmp_path: Path) -> None:
    assets = Assets(tmp_path)
    first = assets.add(b"one", "audio", "u0/a", ".flac")
    assert first == "audio/u0/a.flac"
    assert assets.add(b"one", "audio", "u0/b", ".flac") == first
    assert assets.add(b"two", "audio", "u0/b", ".flac") == "audio/u0/b.flac"
    assert (tmp_path / first).read_bytes() == b"one"
    assert not (tmp_path / "audio" / "u0" / "c.flac").exists()


def test_one_file_has_everything_in_its_addresses(tmp_path: Path) -> None:
    assets = Assets(tmp_path / "none", single_file=True)
    address = assets.add(b"one", "audio", "u0/a", ".opus")
    assert address == f"data:audio/ogg;base64,{base64.b64encode(b'one').decode()}"
    path = tmp_path / "a.json"
    path.write_text("{}")
    assert assets.copy(path, "m0") is None and assets.text("{}", "m0", "b.json") is None
    assert not (tmp_path / "none").exists()


def test_copies_do_not_overwrite_each_other(tmp_path: Path) -> None:
    assets = Assets(tmp_path / "page")
    paths = []
    for place in ("a", "b"):
        path = tmp_path / place / "l1.json"
        path.parent.mkdir()
        path.write_text(place)
        paths.append(path)
    found = [assets.copy(path, "m0", "../<x>") for path in (*paths, paths[0])]
    assert found[0] == found[2] != found[1]
    for address, text in zip(found, "ab"):
        assert address is not None
        assert (tmp_path / "page" / address).read_text() == text
        assert re.fullmatch(r"files/m0/[\w-]+/l1(-2)?\.json", address)
    assert assets.copy(tmp_path / "gone.json") is None and assets.copy(None) is None
    script = tmp_path / "run.sh"
    script.write_text("true")
    # Browsers show it as text.
    assert assets.copy(script, "m0") == "files/m0/run-sh.txt"


def test_names_are_short_and_differ() -> None:
    names = ["a" * 300, "a" * 301, "../../etc", "a b", "a/b", "cnn1"]
    parts = [part(name) for name in names]
    assert len(set(parts)) == len(names)
    assert all(re.fullmatch(r"[\w-]{1,64}", one) for one in parts)
    assert parts[-1] == "cnn1"
