"""The command that makes noisy sets: folders, SNRs in the files, resume, refusals."""

import json
import shutil
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from espnet_probe.bin.mix_noise import main
from espnet_probe.bin.noise_files import find_noise
from espnet_probe.errors import ProbeError
from espnet_probe.noise import mixing

FS = 8000
UTTS = ("ann-1", "ann-10", "ann-2", "bob-1", "bob-2")


def write_sound(path: Path, seconds: float, seed: int, fs: int = FS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.05 * np.random.default_rng(seed).standard_normal(int(seconds * fs))
    soundfile.write(path, samples, fs, subtype="PCM_16")


@pytest.fixture(autouse=True)
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data/test and musan, which the test runs in."""
    monkeypatch.chdir(tmp_path)
    tables: Dict[str, List[str]] = {n: [] for n in ("wav.scp", "text", "utt2spk")}
    tables["utt2reader"] = []
    for index, utt in enumerate(UTTS):
        write_sound(Path("audio") / f"{utt}.flac", 0.5 + 0.1 * index, index)
        tables["wav.scp"].append(f"{utt} audio/{utt}.flac")
        tables["text"].append(f"{utt} one two" if index else utt)
        tables["utt2spk"].append(f"{utt} {utt.split('-')[0]}")
        tables["utt2reader"].append(f"{utt} reader-{utt.split('-')[0]}")
    Path("data/test").mkdir(parents=True)
    for name, lines in tables.items():
        Path("data/test", name).write_text("".join(f"{line}\n" for line in lines))
    for index in range(8):
        write_sound(Path(f"musan/music/a/music-{index}.wav"), 0.2, 100 + index)
        # Another rate, and longer than the speech.
        write_sound(Path(f"musan/noise/noise-{index}.flac"), 3, 200 + index, 16000)
        write_sound(Path(f"musan/speech/b/c/speech-{index}.wav"), 2, 300 + index)
    Path("musan/music/LICENSE").write_text("free")
    return tmp_path


def mix(*options: str, output: str = "data/out", kind: str = "test") -> None:
    given = ["--data_dir", "data/test", "--output_dir", output, "--musan", "musan"]
    if kind == "test" and "--snr" not in options:
        given += ["--snr", "10"]
    main([*given, "--kind", kind, *options])


def lines(path: str) -> List[str]:
    return Path(path).read_text().splitlines()


def records(folder: str) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in lines(f"{folder}/noise.jsonl")]


def content(folder: str) -> Dict[str, bytes]:
    """All files of a noisy set, with paths as if it were data/out."""
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {
        str(p.relative_to(folder)): p.read_bytes().replace(folder.encode(), b"data/out")
        for p in files
    }


def snr_in_file(clean: Path, noisy: Path, scale: float) -> float:
    """The ratio of the parts of a file, whose noise is what the speech leaves."""
    speech: NDArray[np.float64] = scale * soundfile.read(clean)[0]
    return mixing.snr_of(speech, soundfile.read(noisy)[0] - speech)


@pytest.mark.parametrize("snr", [20.0, 10.0, 0.0])
def test_a_test_set_has_the_snr_and_the_ids_of_the_clean_set(snr: float) -> None:
    mix("--snr", str(snr))
    assert lines("data/out/wav.scp") == [f"{u} data/out/wav/{u}.flac" for u in UTTS]
    for name in ("text", "utt2spk", "utt2reader"):
        assert lines(f"data/out/{name}") == lines(f"data/test/{name}")
    assert lines("data/out/spk2utt") == ["ann ann-1 ann-10 ann-2", "bob bob-1 bob-2"]
    for utt, record in zip(UTTS, records("data/out")):
        clean, noisy = Path(f"audio/{utt}.flac"), Path(f"data/out/wav/{utt}.flac")
        assert record["utt_id"] == record["clean"] == utt and record["snr"] == snr
        assert soundfile.info(noisy).frames == soundfile.info(clean).frames
        assert soundfile.info(noisy).samplerate == FS
        assert soundfile.info(noisy).subtype == "PCM_16"
        assert abs(snr_in_file(clean, noisy, record["scale"]) - snr) < 0.01


@pytest.mark.parametrize("kind", ["test", "train"])
def test_wav_files_hold_the_same_samples_and_records(kind: str) -> None:
    samples, _ = soundfile.read("audio/ann-1.flac")
    soundfile.write("audio/ann-1.flac", 0.99 * samples / np.abs(samples).max(), FS)
    mix(kind=kind)
    mix("--audio_format", "wav", kind=kind, output="data/wavs")
    assert records("data/wavs") == records("data/out")
    for first, second in zip(lines("data/out/wav.scp"), lines("data/wavs/wav.scp")):
        (utt, flac), (same, wav) = first.split(), second.split()
        assert utt == same and wav == f"data/wavs/wav/{utt}.wav"
        info = soundfile.info(wav)
        assert (info.format, info.subtype) == ("WAV", "PCM_16")
        expected, _ = soundfile.read(flac, dtype="int16")
        np.testing.assert_array_equal(soundfile.read(wav, dtype="int16")[0], expected)
    if kind == "test":
        assert records("data/wavs")[0]["scale"] < 1
    # Resumed, and the same bytes of any number of jobs.
    expected_bytes = content("data/wavs")
    sounds = sorted(Path("data/wavs/wav").iterdir())
    before = [path.stat().st_mtime_ns for path in sounds]
    sounds[1].write_bytes(b"RIFF")
    given = ("--audio_format", "wav")
    for job in ("2/2", "1/2"):
        mix("--job", job, *given, kind=kind, output="data/wavs")
    mix("--merge", *given, kind=kind, output="data/wavs")
    assert content("data/wavs") == expected_bytes
    kept = [path.stat().st_mtime_ns == time for path, time in zip(sounds, before)]
    assert kept == [True, False, True, True, True]
    # The other format is another set of files.
    with pytest.raises(ProbeError, match=r"\.flac is missing"):
        mix("--merge", kind=kind, output="data/wavs")


def test_a_record_that_no_wav_file_holds_is_refused_before_work_starts() -> None:
    for index in range(8):
        file = Path(f"musan/speech/b/c/speech-{index}.wav")
        folder = file.parents[1] / ("d" * 200)
        folder.mkdir(exist_ok=True)
        file.rename(folder / f"{'e' * 200}-{index}.wav")
    with pytest.raises(ProbeError, match="or use --audio_format flac"):
        mix("--audio_format", "wav", kind="train")
    assert not Path("data/out").exists()
    mix("--sources", "babble", kind="train")
    mix("--sources", "babble", "--merge", kind="train")
    assert max(len(record["files"]) for record in records("data/out")) > 3


def test_real_speech_and_noise(shared_data: Path) -> None:
    speech = sorted((shared_data / "LibriSpeech" / "test-clean").rglob("*.flac"))[::25]
    Path("data/real").mkdir()
    for name in ("wav.scp", "utt2spk"):
        table = [f"{f.stem} {f if name == 'wav.scp' else f.stem}\n" for f in speech]
        Path("data/real", name).write_text("".join(table))
    for kind, given in (("test", ["--snr", "0"]), ("train", ["--suffix=-n"])):
        common = ["--data_dir", "data/real", "--output_dir", f"data/{kind}"]
        main([*common, "--kind", kind, "--musan", f"{shared_data}/musan", *given])
        found = records(f"data/{kind}")
        assert len(found) == len(speech) >= 4
        for file, record in zip(speech, found):
            noisy = Path(f"data/{kind}/wav/{record['utt_id']}.flac")
            reached = snr_in_file(file, noisy, record["scale"])
            assert abs(reached - record["snr"]) < 0.01


def test_a_training_copy_has_ids_of_its_own_and_drawn_snrs() -> None:
    mix(kind="train")
    utts = sorted(f"{utt}-noisy" for utt in UTTS)
    assert [line.split()[0] for line in lines("data/out/wav.scp")] == utts
    assert [record["utt_id"] for record in records("data/out")] == utts
    assert [record["clean"] for record in records("data/out")] == [u[:-6] for u in utts]
    assert lines("data/out/utt2spk") == [f"{u} {u.split('-')[0]}" for u in utts]
    assert lines("data/out/text")[0] == "ann-1-noisy"
    assert lines("data/out/text")[1:] == [f"{u} one two" for u in utts[1:]]
    assert len({record["snr"] for record in records("data/out")}) == len(utts)


def test_training_and_test_share_no_noise() -> None:
    for seed in range(4):
        mix("--seed", str(seed), kind="train", output=f"data/train{seed}")
        mix("--seed", str(seed), output=f"data/test{seed}")
    used = [
        {f for s in range(4) for r in records(f"data/{kind}{s}") for f in r["files"]}
        for kind in ("train", "test")
    ]
    assert used[0] and used[1] and not used[0] & used[1]
    sources = ("music", "noise", "babble")
    files = [find_noise(Path("musan"), sources, k).shapes for k in ("train", "test")]
    assert not files[0].keys() & files[1].keys() and len({**files[0], **files[1]}) == 24


def test_the_same_bytes_for_any_number_of_jobs_and_any_order() -> None:
    mix(kind="train")
    expected = content("data/out")
    mix("--nj", "2", kind="train", output="data/two")
    assert content("data/two") == expected
    for job in ("3/3", "1/3", "2/3"):
        mix("--job", job, kind="train", output="data/jobs")
        assert not Path("data/jobs/wav.scp").exists()
    mix("--merge", kind="train", output="data/jobs")
    assert content("data/jobs") == expected
    reversed_scp = "".join(f"{line}\n" for line in lines("data/test/wav.scp")[::-1])
    Path("data/test/wav.scp").write_text(reversed_scp)
    mix(kind="train", output="data/reversed")
    assert content("data/reversed") == expected
    mix("--seed", "1", kind="train", output="data/other")
    assert content("data/other") != expected


def test_what_is_there_is_kept_and_what_is_stale_made_again() -> None:
    mix()
    expected = content("data/out")
    sounds = sorted(Path("data/out/wav").iterdir())
    times = [path.stat().st_mtime_ns for path in sounds]
    sounds[1].unlink()
    sounds[2].write_bytes(sounds[2].read_bytes()[:100])
    mix()
    assert content("data/out") == expected
    kept = [p.stat().st_mtime_ns == t for p, t in zip(sounds, times)]
    assert kept == [True, False, False, True, True]
    # Speech that has changed, with the same name and length.
    write_sound(Path("audio/bob-1.flac"), 0.8, 99)
    mix()
    changed = {k for k, v in content("data/out").items() if v != expected[k]}
    assert changed == {"wav/bob-1.flac", "noise.jsonl"}
    # Another SNR.
    mix("--snr", "0")
    assert {record["snr"] for record in records("data/out")} == {0.0}


def test_merge_refuses_what_is_not_whole() -> None:
    mix("--job", "1/2")
    with pytest.raises(ProbeError, match="run all jobs with the same options"):
        mix("--merge")
    mix("--job", "2/2")
    with pytest.raises(ProbeError, match="run all jobs with the same options"):
        mix("--merge", "--snr", "5")
    assert not Path("data/out/wav.scp").exists()
    mix("--merge")
    assert len(lines("data/out/wav.scp")) == len(UTTS)


def test_sets_at_two_snrs_differ_in_the_snr_only() -> None:
    mix("--snr", "20", output="data/a")
    mix("--snr", "0", output="data/b")
    for first, second in zip(records("data/a"), records("data/b")):
        assert first["files"] == second["files"]
        assert first["offsets"] == second["offsets"]


def test_long_noise_is_cut_at_random_places() -> None:
    mix("--sources", "noise", kind="train")
    found = records("data/out")
    assert {record["source"] for record in found} == {"noise"}
    starts = [record["offsets"][0] for record in found]
    assert len(set(starts)) == len(starts) and max(starts) < 3 * 16000
    for record in found:
        # The noise that is in the file, once more from the record.
        speech, _ = soundfile.read(f"audio/{record['clean']}.flac")
        noisy, _ = soundfile.read(f"data/out/wav/{record['utt_id']}.flac")
        noise, fs = soundfile.read(f"musan/{record['files'][0]}")
        cut = noise[record["offsets"][0] :][: 2 * len(speech)]
        assert fs == 2 * FS and len(cut) == 2 * len(speech)
        heard = noisy / record["scale"] - speech
        # Below the new Nyquist frequency, both are the same.
        bins = slice(1, len(speech) // 3)
        spectra = np.fft.rfft(heard)[bins], np.fft.rfft(cut)[bins]
        match = abs(np.vdot(*spectra)) / np.prod([np.linalg.norm(s) for s in spectra])
        assert match > 0.99


def test_speech_that_is_silent_gets_no_noise_and_is_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    soundfile.write("audio/ann-2.flac", np.zeros(FS), FS)
    mix()
    record = records("data/out")[2]
    assert record["snr"] is None and record["gain"] == 0
    assert not soundfile.read("data/out/wav/ann-2.flac")[0].any()
    assert "1 without noise, being silent" in capsys.readouterr().out


def test_noise_with_pauses_is_cut_where_it_sounds() -> None:
    for index in range(8):
        path = Path(f"musan/noise/noise-{index}.flac")
        samples = soundfile.read(path)[0]
        samples[:36000] = 0
        soundfile.write(path, samples, 16000)
    mix("--sources", "noise")
    for utt, record in zip(UTTS, records("data/out")):
        noisy = Path(f"data/out/wav/{utt}.flac")
        reached = snr_in_file(Path(f"audio/{utt}.flac"), noisy, record["scale"])
        assert abs(reached - 10) < 0.01


def test_noise_that_is_silent_everywhere_is_refused() -> None:
    for index in range(8):
        soundfile.write(f"musan/noise/noise-{index}.flac", np.zeros(FS), FS)
    with pytest.raises(ProbeError, match="ann-1: 10 choices of noise were all silent"):
        mix("--sources", "noise")


def test_what_would_clip_is_scaled_and_recorded() -> None:
    samples, _ = soundfile.read("audio/ann-1.flac")
    soundfile.write("audio/ann-1.flac", 0.99 * samples / np.abs(samples).max(), FS)
    mix("--snr", "0")
    record = records("data/out")[0]
    assert record["scale"] < 1
    clean, noisy = Path("audio/ann-1.flac"), Path("data/out/wav/ann-1.flac")
    assert abs(snr_in_file(clean, noisy, record["scale"])) < 0.01
    assert np.abs(soundfile.read(noisy)[0]).max() == pytest.approx(1, abs=1e-4)


def stereo(path: str) -> None:
    soundfile.write(path, np.zeros((FS, 2)), FS)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--kind", "train", "--snr", "3"], "SNRs for training are drawn"),
        (["--snr", "nan"], "expected dB between -60 and 60"),
        (["--nj", "0"], "expected at least 1"),
        (["--merge", "--job", "1/2"], "--merge comes after all jobs"),
        (["--job", "3/2"], "expected I/N"),
        (["--output_dir", "data/../data/test"], "--output_dir is the clean set"),
        (["--musan", "nowhere"], "no folder nowhere"),
        (["--musan", "musan/music"], "has no folder 'music'"),
        (["--data_dir", "data/none"], "no file data/none/wav.scp"),
        (["--output_dir", "data/test/text"], "data/test/text is no folder"),
        (["--output_dir", "data/test/text/x"], "data/test/text is no folder"),
    ],
)
def test_mistakes_in_options(options: List[str], message: str) -> None:
    with pytest.raises(ProbeError, match=message):
        mix(*options)
    assert not Path("data/out").exists()


def test_a_test_set_needs_an_snr() -> None:
    common = ["--data_dir", "data/test", "--output_dir", "data/out", "--kind", "test"]
    with pytest.raises(ProbeError, match="--kind test needs --snr"):
        main([*common, "--musan", "musan"])


def test_mistakes_in_data() -> None:
    def refused(message: str, kind: str = "test") -> None:
        with pytest.raises(ProbeError, match=message) as caught:
            mix(kind=kind)
        assert "\n" not in str(caught.value)
        assert not Path("data/out").exists()

    Path("data/test/segments").write_text("ann-1 rec 0 1\n")
    refused("data/test has segments")
    Path("data/test/segments").unlink()

    scp = Path("data/test/wav.scp").read_text()
    Path("data/test/wav.scp").write_text(scp.replace("audio/bob-1.flac", "cat x |"))
    refused("bob-1: 'cat x |' is a pipe")
    Path("data/test/wav.scp").write_text(scp + "bob-3 audio/bob-2.flac\n")
    refused("data/test/utt2spk lacks 1 utterances of wav.scp, such as bob-3")
    Path("data/test/wav.scp").write_text(scp)

    speakers = Path("data/test/utt2spk").read_text()
    Path("data/test/utt2spk").write_text("ann-1 ann\nann-10 bob\nann-2 ann\n")
    refused("lacks 2 utterances")
    Path("data/test/utt2spk").write_text(speakers.replace("ann-10 ann", "ann-10 bob"))
    refused("do not sort by speaker", kind="train")
    Path("data/test/utt2spk").write_text(speakers)

    shutil.copy("audio/bob-2.flac", "kept.flac")
    stereo("audio/bob-2.flac")
    refused("bob-2: audio/bob-2.flac has 2 channels")
    Path("audio/bob-2.flac").write_bytes(b"no sound")
    refused("bob-2: cannot read")
    shutil.copy("kept.flac", "audio/bob-2.flac")
    soundfile.write("audio/empty.wav", np.zeros(0), FS)
    Path("data/test/wav.scp").write_text(scp.replace("bob-2.flac", "empty.wav"))
    refused("bob-2: audio/empty.wav has no samples")
    Path("data/test/wav.scp").write_text(scp)

    for index in range(8):
        stereo(f"musan/music/a/music-{index}.wav")
    refused(r"noise file music/a/music-\d.wav: .* has 2 channels")
    shutil.rmtree("musan/music")
    refused("musan has no folder 'music'.*leave music out of --sources")
    mix("--sources", "noise", "babble")
    shutil.rmtree("data/out")
    shutil.rmtree("musan/speech")
    Path("musan/music").mkdir()
    refused("musan/music: got 0 files")


def test_samples_that_cannot_be_read_are_found_in_mixing() -> None:
    file = Path("audio/bob-1.flac")
    whole = file.read_bytes()
    # The header is right.
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ProbeError, match="bob-1: cannot read .* is it whole"):
        mix()
    assert not Path("data/out/wav.scp").exists()
    file.write_bytes(whole)
    samples, _ = soundfile.read(file)
    samples[9] = np.nan
    soundfile.write("audio/nan.wav", samples, FS, subtype="FLOAT")
    scp = Path("data/test/wav.scp")
    scp.write_text(scp.read_text().replace("bob-1.flac", "nan.wav"))
    with pytest.raises(ProbeError, match="bob-1 .* not finite numbers; make the file"):
        mix()
    # What is there is whole; the set is not.
    assert not Path("data/out/wav.scp").exists()
    for path in Path("data/out/wav").iterdir():
        assert soundfile.info(path).frames == len(soundfile.read(path)[0])


def test_ids_that_exist_already_are_refused() -> None:
    with pytest.raises(ProbeError, match="has ann-1 and ann-10: choose another"):
        mix("--suffix", "0", kind="train")
    with pytest.raises(ProbeError, match="expected text without white space"):
        mix("--suffix", "a b", kind="train")


@pytest.mark.parametrize("snr", ["20", "0"])
def test_the_snr_in_files_of_unusual_speech_and_noise(snr: str) -> None:
    rng = np.random.default_rng(1)
    voice = soundfile.read("audio/ann-1.flac")[0]
    unusual = {
        "ann-1": voice + 0.3,
        "ann-10": np.concatenate([np.zeros(10 * FS), 4 * voice, np.zeros(5 * FS)]),
        "ann-2": voice[:12],
        "bob-1": 12 * voice,
    }
    for utt, samples in unusual.items():
        soundfile.write(f"audio/{utt}.flac", samples, FS, subtype="PCM_24")
    # Music of some milliseconds, noise with an offset, voices with long pauses.
    for index in range(8):
        short = 0.1 * rng.standard_normal(2 + 9 * index)
        soundfile.write(f"musan/music/a/music-{index}.wav", short, FS)
        offset = 0.7 + 0.05 * rng.standard_normal(30000)
        soundfile.write(f"musan/noise/noise-{index}.flac", offset, 16000)
        level = np.where(np.arange(FS) % 2000 < 200, 0.1, 0.001)
        pauses = level * rng.standard_normal(FS)
        soundfile.write(f"musan/speech/b/c/speech-{index}.wav", pauses, FS)
    for source in ("music", "noise", "babble"):
        mix("--snr", snr, "--sources", source, output=f"data/{source}")
        for record in records(f"data/{source}"):
            utt = record["utt_id"]
            clean, noisy = Path(f"audio/{utt}.flac"), f"data/{source}/wav/{utt}.flac"
            reached = snr_in_file(clean, Path(noisy), record["scale"])
            # The rounding to 16 bits is noise too; twelve samples do not average it.
            within = 0.01 if utt != "ann-2" else 0.1
            assert abs(reached - float(snr)) < within, (source, record)
            assert np.abs(soundfile.read(noisy)[0]).max() <= 32767 / 32768
        assert [r["scale"] < 1 for r in records(f"data/{source}")] == [
            *(False, False, False, True, False)
        ]
