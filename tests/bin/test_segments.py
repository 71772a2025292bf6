"""Utterances that are pieces of recordings, as Kaldi's ``segments`` gives them."""

import numpy as np
import pytest
import soundfile

from espnet_probe.bin.waveforms import Waveforms
from espnet_probe.errors import ProbeError

RATE = 8000


@pytest.fixture
def folder(tmp_path):
    samples = np.linspace(-0.5, 0.5, 2 * RATE, dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    (tmp_path / "wav.scp").write_text(f"rec {tmp_path / 'a.wav'}\n")
    return tmp_path


def write(folder, *lines):
    (folder / "segments").write_text("".join(f"{line}\n" for line in lines))


def test_pieces_are_cut_as_espnets_formatting_cuts_them(folder):
    write(folder, "u1 rec 0.25 1.00012", "u2 rec 1.5 -1", "u3 rec 1.0 2.4")
    waveforms = Waveforms(folder)
    assert waveforms.keys() == ["u1", "u2", "u3"]
    lengths = waveforms.check(waveforms.keys())
    # int(1.00012 * 8000) = 8000; an end behind the recording's is the recording's.
    assert lengths == {"u1": 6000, "u2": 4000, "u3": 8000}
    whole, _ = soundfile.read(folder / "a.wav", dtype="float32")
    assert np.array_equal(waveforms["u1"], whole[2000:8000])
    assert np.array_equal(waveforms["u2"], whole[12000:])


def test_without_the_file_a_recording_is_an_utterance(folder):
    assert Waveforms(folder).check(["rec"]) == {"rec": 2 * RATE}


@pytest.mark.parametrize(
    "line, message",
    [
        ("u1 rec 0.5", "line 1: got 'u1 rec 0.5', expected"),
        ("u1 rec 0.5 x", "expected 'utterance recording start end'"),
        ("u1 rec 1.5 0.5", "do not rise"),
    ],
)
def test_a_wrong_line_is_named(folder, line, message):
    write(folder, line)
    with pytest.raises(ProbeError, match=message):
        Waveforms(folder)


def test_pieces_of_nothing_are_refused(folder):
    write(folder, "u1 other 0.0 1.0", "u2 rec 2.0 2.4", "u1 rec 0 1")
    with pytest.raises(ProbeError, match="line 3: u1 is there twice"):
        Waveforms(folder)
    write(folder, "u1 other 0.0 1.0", "u2 rec 2.0 2.4")
    with pytest.raises(ProbeError, match="its recording other is not in"):
        Waveforms(folder).check(["u1"])
    with pytest.raises(ProbeError, match="u2: the file has no samples for it"):
        Waveforms(folder).check(["u2"])
    write(folder, "u3 rec 1.0 2.6")
    with pytest.raises(ProbeError, match="u3: its segment ends at 2.6 s, .* at 2 s"):
        Waveforms(folder).check(["u3"])
    write(folder)
    with pytest.raises(ProbeError, match="is empty"):
        Waveforms(folder)
