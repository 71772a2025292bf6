"""The vocode command: files in, files out, resumed, shared, and refused in one line."""

import json
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
import pytest
import soundfile
import torch
import yaml
from espnet2.fileio.sound_scp import SoundScpReader
from numpy.typing import NDArray
from omniio import kaldi

from espnet_probe.bin.vocode import main, parse_job
from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMel, LogMelConfig
from espnet_probe.vocoders.griffin_lim import PRESETS, GriffinLim

#: Small, so that a test takes milliseconds.
MEL = LogMelConfig(
    fs=8000, n_fft=256, win_length=200, hop_length=80, n_mels=20, pre_emphasis=0.9
)
LENGTHS = {"spk1-a": 1000, "spk1-b": 1601, "spk2/c": 700, "spk2-d": 80}


def mels() -> Dict[str, NDArray[np.float32]]:
    """A log-mel spectrogram an utterance, of noise."""
    random = np.random.default_rng(11)
    transform = LogMel(MEL)
    made = {}
    for utt, samples in LENGTHS.items():
        noise = torch.from_numpy(0.1 * random.standard_normal((1, samples))).float()
        made[utt] = transform(noise, torch.tensor([samples]))[0][0].numpy()
    return made


def write_feats(folder: Path, arrays: Dict[str, NDArray[np.float32]]) -> None:
    """Write feats.ark and feats.scp."""
    folder.mkdir(parents=True, exist_ok=True)
    scp = str(folder / "feats.scp")
    kaldi.save_ark(str(folder / "feats.ark"), arrays, scp=scp)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with two layers, the lengths and the settings."""
    arrays = mels()
    write_feats(tmp_path / "blstm1", arrays)
    write_feats(tmp_path / "blstm2", {utt: mel - 1 for utt, mel in arrays.items()})
    lines = [f"{utt} {samples}\n" for utt, samples in LENGTHS.items()]
    (tmp_path / "utt2num_samples").write_text("".join(lines))
    (tmp_path / "mel.yaml").write_text(yaml.safe_dump(MEL.to_dict()))
    return tmp_path


def common(place: Path) -> List[str]:
    """The arguments that every call has."""
    lengths, mel = place / "utt2num_samples", place / "mel.yaml"
    return ["--utt2num_samples", str(lengths), "--mel_config", str(mel)]


def vocode(place: Path, *arguments: str) -> None:
    """Run the command on both layers."""
    dirs = [str(place / "blstm1"), str(place / "blstm2")]
    main(["--dirs", *dirs, *common(place), *arguments])


def stamps(place: Path) -> Dict[Path, int]:
    """When every sound was written."""
    return {path: path.stat().st_mtime_ns for path in place.glob("*/wav/*")}


def refused(place: Path, *arguments: str) -> str:
    """Run the command, which has to refuse, and return its one line."""
    with pytest.raises(ProbeError) as caught:
        vocode(place, *arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert stamps(place) == {} and not list(place.glob("*/wav.scp"))
    return message


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_layer_gets_its_sounds(place: Path, preset: str) -> None:
    vocode(place, "--preset", preset)
    vocoder = GriffinLim(MEL, PRESETS[preset])
    for layer, offset in (("blstm1", 0.0), ("blstm2", 1.0)):
        sounds = SoundScpReader(str(place / layer / "wav.scp"))
        assert list(sounds) == list(LENGTHS)
        for utt, mel in mels().items():
            rate, samples = sounds[utt]
            assert (rate, len(samples)) == (8000, LENGTHS[utt])
            expected = vocoder(mel - np.float32(offset), LENGTHS[utt]).waveform
            np.testing.assert_allclose(samples, expected, atol=1 / 32768)
        totals = json.loads((place / layer / "vocode.json").read_text())
        assert totals["utterances"] == 4
        assert totals["seconds"] == sum(LENGTHS.values()) / 8000
        assert totals["config"]["preset"] == preset


def test_a_second_run_makes_nothing_new(place: Path) -> None:
    vocode(place)
    before = stamps(place)
    assert len(before) == 8
    scp = (place / "blstm1/wav.scp").read_bytes()
    vocode(place)
    assert stamps(place) == before
    assert (place / "blstm1/wav.scp").read_bytes() == scp


def test_a_run_that_was_killed_is_continued(place: Path) -> None:
    vocode(place)
    before = stamps(place)
    lost = place / "blstm2/wav/spk1-b.flac"
    content = lost.read_bytes()
    lost.write_bytes(content[:100])
    (place / "blstm2/wav.scp").unlink()
    vocode(place)
    changed = {path for path, stamp in stamps(place).items() if before[path] != stamp}
    assert changed == {lost}
    assert lost.read_bytes() == content
    assert (place / "blstm2/wav.scp").is_file()


def test_new_mels_and_settings_are_not_mistaken_for_old_ones(place: Path) -> None:
    vocode(place)
    before = stamps(place)
    arrays = mels()
    arrays["spk1-a"] += 0.5
    write_feats(place / "blstm1", arrays)
    vocode(place)
    changed = {path for path, stamp in stamps(place).items() if before[path] != stamp}
    assert changed == {place / "blstm1/wav/spk1-a.flac"}
    vocode(place, "--preset", "paper")
    assert all(before[path] != stamp for path, stamp in stamps(place).items())


def test_jobs_share_the_work(place: Path) -> None:
    vocode(place)
    alone = {path: path.read_bytes() for path in stamps(place)}
    for path in [*alone, *place.glob("*/wav.scp")]:
        path.unlink()

    vocode(place, "--job", "1/3")
    assert not list(place.glob("*/wav.scp"))
    assert {path.name for path in stamps(place)} == {"spk1-a.flac", "spk2-d.flac"}
    with pytest.raises(ProbeError, match="4 of 8 sounds, such as spk1-b, are missing"):
        vocode(place, "--merge")
    vocode(place, "--job", "3/3")
    vocode(place, "--job", "2/3")
    before = stamps(place)
    vocode(place, "--merge")
    assert stamps(place) == before
    assert {path: path.read_bytes() for path in before} == alone
    for layer in ("blstm1", "blstm2"):
        assert list(SoundScpReader(str(place / layer / "wav.scp"))) == list(LENGTHS)


def test_merge_refuses_sounds_of_other_settings(place: Path) -> None:
    vocode(place, "--job", "1/1")
    with pytest.raises(ProbeError, match="not of these mels and settings"):
        vocode(place, "--merge", "--preset", "paper")


def test_more_jobs_than_utterances(place: Path) -> None:
    vocode(place, "--job", "9/9")
    assert stamps(place) == {}


def test_one_table_with_a_key_file(place: Path) -> None:
    (place / "keys").write_text("spk2-d anything\nspk1-b\n")
    output = place / "output.1"
    feats = str(place / "blstm1/feats.scp")
    arguments = ["--feats_scp", feats, "--output_dir", str(output), *common(place)]
    key_file = str(place / "keys")
    main([*arguments, "--key_file", key_file, "--audio_format", "wav"])
    lines = (output / "wav.scp").read_text().splitlines()
    assert lines == [f"{utt} {output}/wav/{utt}.wav" for utt in ("spk1-b", "spk2-d")]
    assert soundfile.info(output / "wav/spk1-b.wav").subtype == "PCM_16"


def test_what_is_scaled_down_is_counted(place: Path) -> None:
    arrays = mels()
    arrays["spk1-b"] += 8.0
    write_feats(place / "blstm1", arrays)
    vocode(place)
    totals = json.loads((place / "blstm1/vocode.json").read_text())
    assert totals["scaled_down"] == 1
    table = (place / "blstm1/vocode.csv").read_text().splitlines()
    assert table[0] == "utt_id,num_samples,gain"
    utt, samples, gain = table[2].split(",")
    assert (utt, int(samples)) == ("spk1-b", 1601)
    assert float(gain) == pytest.approx(totals["smallest_gain"], abs=1e-6)
    assert 0 < float(gain) < 0.1
    # Also when nothing had to be made.
    vocode(place)
    again = json.loads((place / "blstm1/vocode.json").read_text())
    assert again == totals
    peak = np.abs(soundfile.read(place / "blstm1/wav/spk1-b.flac")[0]).max()
    assert peak == pytest.approx(32767 / 32768)


def broken(kind: str) -> Tuple[Dict[str, NDArray[np.float32]], str]:
    """Mels of which the last utterance's are broken, and what should be said."""
    arrays = mels()
    last = arrays["spk2-d"]
    if kind == "nan":
        last[0, 3] = np.nan
        return arrays, "not finite"
    if kind == "infinite":
        last[1, 0] = np.inf
        return arrays, "not finite"
    if kind == "empty":
        arrays["spk2-d"] = last[:0]
        return arrays, "0 frames|cannot read|shape"
    if kind == "short":
        arrays["spk2-d"] = last[:-1]
        return arrays, "1 frames, but 80 samples have 2"
    arrays["spk2-d"] = last[:, :19]
    return arrays, r"shape \(2, 19\), expected \(frames, 20\)"


@pytest.mark.parametrize("kind", ["nan", "infinite", "empty", "short", "narrow"])
def test_broken_mels_are_refused_before_work_starts(place: Path, kind: str) -> None:
    arrays, message = broken(kind)
    write_feats(place / "blstm2", arrays)
    with pytest.raises(ProbeError, match=message) as caught:
        vocode(place)
    assert "spk2-d" in str(caught.value) and "blstm2" in str(caught.value)
    assert stamps(place) == {}


def test_wrong_arguments_are_refused(place: Path) -> None:
    assert "one of ['default', 'fast', 'paper']" in refused(place, "--preset", "best")
    assert "expected I/N" in refused(place, "--job", "0/4")
    assert "--merge comes after" in refused(place, "--job", "1/4", "--merge")
    assert "expected at least 1" in refused(place, "--num_threads", "0")
    assert "its own output" in refused(place, "--output_dir", str(place / "x"))
    (place / "keys").write_text("spk1-a\nnobody\n")
    message = refused(place, "--key_file", str(place / "keys"))
    assert "1 utterances, such as nobody" in message


def test_a_folder_given_twice_is_refused(place: Path) -> None:
    folder = str(place / "blstm1")
    with pytest.raises(ProbeError, match="given twice"):
        main(["--dirs", folder, folder + "/", *common(place)])


def test_a_table_needs_an_output_folder(place: Path) -> None:
    with pytest.raises(ProbeError, match="needs --output_dir"):
        main(["--feats_scp", str(place / "blstm1/feats.scp"), *common(place)])


def test_wrong_files_are_refused(place: Path) -> None:
    lengths, mel = place / "utt2num_samples", place / "mel.yaml"
    right_lengths, right_mel = lengths.read_text(), mel.read_text()
    lengths.write_text("spk1-a 1000\n")
    assert "3 utterances, such as spk1-b, are not in utt2num" in refused(place)
    lengths.write_text(right_lengths.replace("1601", "long"))
    assert "spk1-b has 'long'" in refused(place)
    lengths.write_text(right_lengths)
    mel.write_text("- 1\n")
    assert "holds list" in refused(place)
    mel.write_text("hop: 5\n")
    assert "unknown keys ['hop']" in refused(place)
    mel.write_text("hop_length: often\n")
    assert "mel.yaml" in refused(place)
    mel.unlink()
    assert "mel.yaml" in refused(place)
    mel.write_text(right_mel)
    (place / "blstm2/feats.ark").unlink()
    assert "cannot read" in refused(place)
    (place / "blstm2/feats.scp").unlink()
    assert "no file" in refused(place)


def test_jobs_are_numbered_from_one() -> None:
    assert parse_job(None) == (0, 1)
    assert parse_job("2/4") == (1, 4)
    for wrong in ("5/4", "2", "2/4/6", "-1/4", "1/0", "a/b", ""):
        with pytest.raises(ProbeError, match="expected I/N"):
            parse_job(wrong)
