"""Tests for espnet_probe.bin.dump_hidden and espnet_probe.bin.waveforms."""

import logging
import shutil
from pathlib import Path
from typing import Any, List, Sequence

import numpy as np
import pytest
import soundfile
import torch
from dump_case import arguments, write_set
from processes import contents
from tiny_models import asr_config, write_exp

from espnet_probe.bin.dump_hidden import get_parser, main
from espnet_probe.bin.waveforms import Waveforms
from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.store import StateReader
from espnet_probe.upstream import Upstream

LAYERS = ("blstm1", "blstm2", "blstm3", "blstm4", "blstm5")


@pytest.fixture(scope="module")
def exp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the exp folder of a random BLSTM with projection."""
    folder = tmp_path_factory.mktemp("dump") / "asr_a"
    return write_exp(folder, asr_config("blstm"))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Return a set of seven utterances of half a second to a second."""
    return write_set(tmp_path / "raw")


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_dumps_what_the_upstream_gives(
    exp: Path, data_dir: Path, tmp_path: Path, dtype: str
) -> None:
    """All layers, all utterances, the states of each utterance alone."""
    main(arguments(exp, data_dir, tmp_path / "out", "--dtype", dtype))
    upstream = Upstream.from_exp(exp)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(LAYERS)
    for layer in upstream.layers:
        reader = StateReader(tmp_path / "out" / layer.name)
        about = reader.description
        assert (about.upstream_hash, about.fs) == (upstream.hash, 16000)
        assert (about.layer, about.tap) == (layer.name, layer.tap)
        assert (about.width, about.stride) == (layer.width, layer.stride)
        assert about.frame_shift == layer.frame_shift
        assert LogMelConfig.from_dict(about.target) == upstream.target
        assert sorted(reader) == [f"utt{index}" for index in range(7)]
        for key in reader:
            samples, _ = soundfile.read(data_dir / f"{key}.wav", dtype="float32")
            states = upstream.hidden_states(
                torch.from_numpy(samples)[None],
                torch.tensor([len(samples)]),
                [layer.name],
            )
            expected = states[layer.name].item(0).numpy().astype(dtype)
            np.testing.assert_array_equal(reader[key], expected)
            assert reader.records[key].num_samples == len(samples)
        assert (reader.directory / "hidden.scp").exists()


def test_one_forward_pass_an_utterance_and_none_the_second_time(
    exp: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many layers; a layer that is added later costs its own passes."""
    passes: List[Sequence[str]] = []
    original = Upstream.hidden_states

    def counting(self: Upstream, waveform: Any, lengths: Any, names: Any) -> Any:
        passes.append(names)
        return original(self, waveform, lengths, names)

    monkeypatch.setattr(Upstream, "hidden_states", counting)
    command = arguments(exp, data_dir, tmp_path / "out", "--layers")
    main([*command, "blstm[1-3]"])
    assert passes == [["blstm1", "blstm2", "blstm3"]] * 7
    before = contents(tmp_path / "out")
    main([*command, "blstm[1-3]"])
    assert len(passes) == 7
    assert contents(tmp_path / "out") == before
    main([*command, "blstm*"])
    assert passes[7:] == [["blstm4", "blstm5"]] * 7


def test_stopped_and_started_again(
    exp: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C inside the second chunk; then the same bytes as without it.

    Kills are tried in test_dump_hidden_jobs, at every step of writing in tests/store.
    """
    command = arguments(exp, data_dir, tmp_path / "out", "--layers", "blstm1 blstm5")
    main(command)
    whole = contents(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    original = Upstream.hidden_states
    calls = 0

    def stopping(self: Upstream, waveform: Any, lengths: Any, names: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return original(self, waveform, lengths, names)

    with monkeypatch.context() as patch:
        patch.setattr(Upstream, "hidden_states", stopping)
        with pytest.raises(KeyboardInterrupt):
            main(command)
    for name in ("blstm1", "blstm5"):
        assert list(StateReader(tmp_path / "out" / name)) == ["utt0", "utt1", "utt2"]
    main(command)
    assert contents(tmp_path / "out") == whole


def test_jobs_share_a_set(
    exp: Path,
    data_dir: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each has its keys; the last one writes hidden.scp."""
    caplog.set_level(logging.INFO)
    lines = (data_dir / "wav.scp").read_text().splitlines(keepends=True)
    command = arguments(exp, data_dir, tmp_path / "out", "--layers", "blstm3")
    for job, part in enumerate((lines[:4], lines[4:]), 1):
        assert not (tmp_path / "out" / "blstm3" / "hidden.scp").exists()
        (tmp_path / f"keys.{job}.scp").write_text("".join(part))
        main([*command, "--key_file", str(tmp_path / f"keys.{job}.scp")])
    assert "other jobs are still to write" in caplog.text
    assert "GiB to write for 1 layers in float32" in caplog.text
    scp = (tmp_path / "out" / "blstm3" / "hidden.scp").read_text().splitlines()
    assert [line.split()[0] for line in scp] == [f"utt{index}" for index in range(7)]


def test_another_upstream_is_refused_and_nothing_is_left(
    exp: Path, data_dir: Path, tmp_path: Path
) -> None:
    """Both are named; folders of further layers are not made."""
    other = write_exp(tmp_path / "asr_b", asr_config("blstm"), seed=1)
    main(arguments(exp, data_dir, tmp_path / "out", "--layers", "blstm5"))
    before = contents(tmp_path / "out")
    with pytest.raises(ProbeError, match="asr_a/.*asr_b/"):
        main(arguments(other, data_dir, tmp_path / "out"))
    assert contents(tmp_path / "out") == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["blstm5"]


def test_audio_that_has_changed(exp: Path, data_dir: Path, tmp_path: Path) -> None:
    """States of an earlier version of the set are not taken for the new one's."""
    command = arguments(exp, data_dir, tmp_path / "out", "--layers", "blstm5")
    main(command)
    soundfile.write(data_dir / "utt3.wav", np.zeros(9999), 16000)
    with pytest.raises(ProbeError, match="states of utt3 .* its audio now has 9999"):
        main(command)


def _fail(exp: Path, data_dir: Path, said: str, *more: str) -> None:
    output = data_dir.parent / "out"
    with pytest.raises(ProbeError, match=said):
        main(arguments(exp, data_dir, output, *more))
    assert not output.exists()


def test_unknown_layer(exp: Path, data_dir: Path) -> None:
    """The names there are, are listed."""
    _fail(exp, data_dir, "unknown layer 'cnn1'.*blstm1 blstm2", "--layers", "cnn1")


def test_missing_or_empty_set(exp: Path, data_dir: Path, tmp_path: Path) -> None:
    """Found before the model is loaded."""
    no_model = tmp_path / "no_model"
    _fail(no_model, data_dir, "no trained model in .*no_model")
    no_model.mkdir()
    (no_model / "config.yaml").touch()
    _fail(no_model, tmp_path / "no_set", "cannot read .*wav.scp")
    (data_dir / "wav.scp").write_text("")
    _fail(no_model, data_dir, "wav.scp is empty")


@pytest.mark.parametrize(
    "text, said",
    [
        ("utt9 somewhere\n", "1 utterances, utt9 among them, are not in"),
        ("", "keys.scp is empty"),
        ("utt1\nutt1\n", "utt1 is duplicated"),
    ],
)
def test_wrong_key_file(exp: Path, data_dir: Path, text: str, said: str) -> None:
    """Unknown, no, and repeated utterances."""
    keys = data_dir / "keys.scp"
    keys.write_text(text)
    _fail(exp, data_dir, said, "--key_file", str(keys))


@pytest.mark.parametrize(
    "rate, shape, said",
    [
        (8000, 8000, "utt5: sampling rate is 8000 Hz, the upstream needs 16000 Hz"),
        (16000, (8000, 2), "utt5: got 2 channels"),
        (16000, 0, "utt5: the file has no samples"),
        (None, None, "utt5: .*utt5.wav is missing"),
        (None, b"noise", "utt5: .*utt5.wav is no sound"),
    ],
)
def test_audio_that_does_not_fit(
    exp: Path, data_dir: Path, rate: Any, shape: Any, said: str
) -> None:
    """Found from the headers, before anything is written."""
    path = data_dir / "utt5.wav"
    if rate is not None:
        soundfile.write(path, np.zeros(shape), rate)
    elif shape is not None:
        path.write_bytes(shape)
    else:
        path.unlink()
    _fail(exp, data_dir, said)


def test_utterance_shorter_than_one_state(data_dir: Path, tmp_path: Path) -> None:
    """Its id is given, before anything is written."""
    # RNNP gives (frames + 1) // 3 states here: one frame is too little.
    config = asr_config("blstm", {"subsample": [1, 3, 1, 1, 1]})
    exp = write_exp(tmp_path / "asr_c", config)
    soundfile.write(data_dir / "utt5.wav", np.zeros(30), 16000)
    _fail(exp, data_dir, "utt5 has 30 samples, too few for one state of blstm2")


def test_commands_in_wav_scp(exp: Path, data_dir: Path) -> None:
    """As ESPnet's loader, this one runs no commands."""
    (data_dir / "wav.scp").write_text("utt1 sox a.wav -t wav - |\n")
    _fail(exp, data_dir, "utt1: .* holds a command, which is not run")


@pytest.mark.parametrize(
    "more",
    [["--chunk_size", "0"], ["--num_threads", "0"], ["--ngpu", "2"]],
)
def test_impossible_options(exp: Path, data_dir: Path, more: List[str]) -> None:
    """The value is in the message."""
    _fail(exp, data_dir, f"{more[0]} is {more[1]}|{more[0]} {more[1]}", *more)


def test_too_little_space(
    exp: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused before the first folder is made."""
    usage = shutil.disk_usage(data_dir)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    _fail(exp, data_dir, "GiB and 0.000 GiB are free")


def test_sound_in_arks_is_read_as_espnet_does(data_dir: Path) -> None:
    """flac.ark entries give the samples and, through the list, the lengths."""
    from omniio import kaldi

    samples = (1000 * np.random.default_rng(0).standard_normal(400)).astype(np.int16)
    scp, ark = str(data_dir / "wav.scp"), str(data_dir / "audio.ark")
    entries = {"a": (samples, 16000), "b": (samples[:300], 16000)}
    flac = {"format": "flac"}
    kaldi.save_ark(ark, entries, scp=scp, write_function="soundfile", write_kwargs=flac)
    waveforms = Waveforms(data_dir, 16000)
    assert waveforms.check(["a", "b"]) == {"a": 400, "b": 300}
    # One ark, and yet each utterance has a digest of its own.
    assert len({waveforms.digest([key]) for key in "ab"}) == 2
    (data_dir / "utt2num_samples").write_text("a 400\nb 301\n")
    assert waveforms.check(["a", "b"]) == {"a": 400, "b": 301}
    np.testing.assert_array_equal(waveforms["a"] * 32768, samples)
    with pytest.raises(ProbeError, match="a: sampling rate is 16000 Hz"):
        Waveforms(data_dir, 8000).check(["a", "b"])


def test_parser_has_a_description() -> None:
    """ESPnet's convention for commands."""
    assert get_parser().description


def test_a_second_set_in_one_folder_leaves_the_first_one_readable(
    exp: Path, data_dir: Path, tmp_path: Path
) -> None:
    """hidden.scp names all that is there."""
    out = tmp_path / "out"
    main(arguments(exp, data_dir, out, "--layers", "blstm1"))
    lines = (data_dir / "wav.scp").read_text().splitlines()
    other = tmp_path / "other"
    other.mkdir()
    path = lines[0].split()[1]
    (other / "wav.scp").write_text(f"another {path}\n")
    main(arguments(exp, other, out, "--layers", "blstm1"))
    named = (out / "blstm1" / "hidden.scp").read_text().splitlines()
    reader = StateReader(out / "blstm1")
    assert [line.split()[0] for line in named] == sorted(reader)
    assert len(list(reader.items())) == len(lines) + 1
