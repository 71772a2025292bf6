import hashlib
import subprocess
import zipfile

import pytest

from espnet_probe.bin import fetch_ge2e
from espnet_probe.errors import ProbeError
from espnet_probe.speakers import ge2e_weights

CONTENT = b"weights"


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel with small weights, which are made the expected ones."""
    monkeypatch.setattr(ge2e_weights, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setenv("ESPNET_PROBE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "resemblyzer.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("resemblyzer/pretrained.pt", CONTENT)
        archive.writestr("resemblyzer/__init__.py", "raise RuntimeError")
    return path


def test_weights_are_taken_out_of_the_wheel_and_found(wheel, tmp_path):
    with pytest.raises(ProbeError, match="espnet_probe.bin.fetch_ge2e"):
        ge2e_weights.find_weights()
    fetch_ge2e.main(["--wheel", str(wheel)])
    path = ge2e_weights.find_weights()
    assert path == tmp_path / "cache" / "ge2e" / "pretrained.pt"
    assert path.read_bytes() == CONTENT
    assert [child.name for child in path.parent.iterdir()] == ["pretrained.pt"]
    # Nothing is done where they are; the wheel is not even opened.
    fetch_ge2e.main(["--wheel", str(tmp_path / "no.whl")])


def test_other_weights_are_refused_and_leave_nothing(wheel, tmp_path, monkeypatch):
    monkeypatch.setattr(ge2e_weights, "SHA256", "0" * 64)
    with pytest.raises(ProbeError, match="SHA-256 .*: expected 0000"):
        fetch_ge2e.main(["--wheel", str(wheel)])
    assert list((tmp_path / "cache" / "ge2e").iterdir()) == []


def test_damaged_weights_are_refused(wheel):
    fetch_ge2e.main(["--wheel", str(wheel)])
    ge2e_weights.default_path().write_bytes(b"weight")
    with pytest.raises(ProbeError, match="remove it"):
        ge2e_weights.find_weights()
    with pytest.raises(ProbeError, match="remove it"):
        fetch_ge2e.main([])


def test_wheels_that_do_not_hold_them(wheel, tmp_path):
    with pytest.raises(ProbeError, match="no wheel at"):
        fetch_ge2e.main(["--wheel", str(tmp_path / "no.whl")])
    wheel.write_bytes(b"no archive")
    with pytest.raises(ProbeError, match="cannot take resemblyzer/pretrained.pt"):
        fetch_ge2e.main(["--wheel", str(wheel)])
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("other", b"")
    with pytest.raises(ProbeError, match="cannot take resemblyzer/pretrained.pt"):
        fetch_ge2e.main(["--wheel", str(wheel)])


def test_download_through_pip(wheel, tmp_path, monkeypatch):
    commands = []

    def pip(command, **_):
        commands.append(command)
        folder = command[command.index("--dest") + 1]
        (wheel.parent / wheel.name).rename(f"{folder}/resemblyzer.whl")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(ge2e_weights.subprocess, "run", pip)
    output = tmp_path / "elsewhere" / "ge2e.pt"
    fetch_ge2e.main(["--output", str(output)])
    assert output.read_bytes() == CONTENT
    assert list(output.parent.iterdir()) == [output]
    (command,) = commands
    assert command[1:5] == ["-m", "pip", "download", "resemblyzer==0.1.4"]
    assert "--no-deps" in command


def test_failing_pip_is_one_line(wheel, monkeypatch):
    def pip(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "a\nERROR: no network\n")

    monkeypatch.setattr(ge2e_weights.subprocess, "run", pip)
    with pytest.raises(ProbeError, match="ERROR: no network; .* --wheel") as error:
        fetch_ge2e.main([])
    assert "\n" not in str(error.value)
