"""probe_inference: what it leaves for each layer and control, jobs, and resuming."""

import json
import shutil
from pathlib import Path
from typing import Dict, List

import numpy as np
import pytest
import soundfile
import torch
import yaml
from numpy.typing import NDArray
from probed_case import write_probes
from tiny_models import asr_config, write_exp

from espnet_probe.bin.probe_inference import main
from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMel, LogMelConfig
from espnet_probe.probes.inference import ProbeExp, reconstruct_utterance

LAYERS = ["blstm1", "blstm3"]
SAMPLES = {"utt0": 4000, "utt1": 5111, "utt2": 4321, "utt3": 6000}


def write_data(folder: Path, samples: Dict[str, int], seed: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(seed)
    lines = []
    for utt, number in samples.items():
        path = folder / f"{utt}.wav"
        soundfile.write(path, 0.1 * generator.standard_normal(number), 16000)
        lines.append(f"{utt} {path}\n")
    (folder / "wav.scp").write_text("".join(lines))
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_probes(tmp_path_factory.mktemp("trained"), LAYERS)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data", SAMPLES)


def command(trained: Path, data: Path, output: Path) -> List[str]:
    words = ["--probe_exp", str(trained / "probe"), "--data_dir", str(data)]
    return [*words, "--output_dir", str(output)]


def mels(folder: Path) -> Dict[str, NDArray[np.float32]]:
    from omniio import kaldi

    lines = (folder / "feats.scp").read_text().splitlines()
    return {line.split()[0]: kaldi.load_mat(line.split()[1]) for line in lines}


def test_every_layer_and_control_gets_its_files(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "reconstruct_x" / "test"
    main(command(trained, data, output))
    described = json.loads((output.parent / "layers.json").read_text())
    assert [entry["name"] for entry in described] == LAYERS
    target = LogMelConfig.from_dict(yaml.safe_load((output / "mel.yaml").read_text()))
    assert target.n_mels == 20
    natural = (output / "natural" / "wav.scp").read_bytes()
    assert natural == (data / "wav.scp").read_bytes()
    # The originals are only pointed at: no layer has a sound of them.
    assert sorted(path.name for path in (output / "natural").iterdir()) == ["wav.scp"]
    model = ProbeExp(trained / "probe").load(LAYERS)
    made = {name: mels(output / name) for name in [*LAYERS, "oracle"]}
    errors: Dict[str, List[float]] = {name: [] for name in LAYERS}
    for utt, number in SAMPLES.items():
        waveform, _ = soundfile.read(data / f"{utt}.wav", dtype="float32")
        expected, _ = LogMel(target)(
            torch.from_numpy(waveform)[None], torch.tensor([number])
        )
        np.testing.assert_allclose(made["oracle"][utt], expected[0], atol=1e-4)
        recovered = reconstruct_utterance(model, torch.from_numpy(waveform)).mels
        for name in LAYERS:
            assert made[name][utt].shape == (1 + number // 200, 20)
            np.testing.assert_array_equal(made[name][utt], recovered[name])
            errors[name].append(np.abs(made[name][utt] - expected[0].numpy()).mean())
    for name in LAYERS:
        summary = json.loads((output / name / "l1.json").read_text())["l1"]
        assert summary["mean"] == pytest.approx(np.mean(errors[name]), abs=1e-4)
        assert summary["count"] == 4 and "too little data" in summary["reason"]
        table = (output / name / "l1.csv").read_text().splitlines()
        assert table[0] == "utt_id,l1,frames,held"
        # Their states stand for all frames: the length rule rounds up.
        frames = {utt: 1 + number // 200 for utt, number in SAMPLES.items()}
        for line, (utt, number) in zip(table[1:], frames.items(), strict=True):
            key, _, *counts = line.split(",")
            assert (key, *counts) == (utt, str(number), "0")
    assert not (output / "oracle" / "l1.json").exists()


def test_a_control_leaves_out_the_oracle(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "reconstruct_x" / "test"
    main([*command(trained, data, output), "--oracle", "false"])
    assert not (output / "oracle").exists()
    for name in LAYERS:
        assert mels(output / name).keys() == SAMPLES.keys()
    # What was left out is made when it is wanted.
    main(command(trained, data, output))
    assert mels(output / "oracle").keys() == SAMPLES.keys()


def run_jobs(trained: Path, data: Path, output: Path, number: int) -> None:
    """Reconstruct in several jobs and merge, as stage 8 does."""
    lines = (data / "wav.scp").read_text().splitlines(keepends=True)
    words = command(trained, data, output)
    for job in range(number):
        keys = output.parent / f"keys.{job + 1}.scp"
        keys.write_text("".join(lines[job::number]))
        main([*words, "--key_file", str(keys), "--job", str(job + 1)])
    main([*words, "--merge", "true"])


def test_any_number_of_jobs_gives_the_same(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    results = []
    for number in (1, 3):
        output = tmp_path / f"jobs{number}" / "test"
        output.parent.mkdir()
        run_jobs(trained, data, output, number)
        results.append(mels(output / "blstm3"))
        assert list(results[-1]) == list(SAMPLES)
    for utt, mel in results[0].items():
        np.testing.assert_array_equal(mel, results[1][utt])


def test_merging_too_early_names_what_is_missing(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("utt0\nutt3\n")
    words = command(trained, data, tmp_path / "test")
    main([*words, "--key_file", str(keys), "--job", "1"])
    with pytest.raises(ProbeError, match="2 of 4 utterances are not there.*utt1"):
        main([*words, "--merge", "true"])


def test_what_is_done_is_kept_and_what_is_damaged_made_again(
    trained: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "x" / "test"
    main(command(trained, data, output))
    before = (output / "blstm1" / "feats.1.ark").read_bytes()
    loads: List[int] = []
    load = ProbeExp.load
    monkeypatch.setattr(
        ProbeExp, "load", lambda *words: loads.append(1) or load(*words)
    )
    main(command(trained, data, output))
    assert loads == []
    for name in ("feats.1.ark", "feats.1.scp", "l1.1.csv"):
        (output / "blstm1" / name).unlink()
        main(command(trained, data, output))
        assert loads.pop() == 1
        assert (output / "blstm1" / "feats.1.ark").read_bytes() == before


def test_a_job_that_fails_is_not_taken_for_the_one_before(
    trained: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "x" / "test"
    main(command(trained, data, output))
    (output / "blstm1" / "feats.1.scp").unlink()

    def fail(*words: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("espnet_probe.bin.probe_inference.add_utterance", fail)
        with pytest.raises(KeyboardInterrupt):
            main(command(trained, data, output))
    assert not (output / "job.1.json").exists()
    main(command(trained, data, output))
    assert list(mels(output / "blstm1")) == list(SAMPLES)


@pytest.mark.parametrize("segments", [False, True])
def test_other_audio_of_the_same_length_is_reconstructed_anew(
    trained: Path, data: Path, tmp_path: Path, segments: bool
) -> None:
    """As another noise at the same SNR, or a new take: names and lengths stay."""
    if segments:
        lines = [f"{utt} {utt} 0 {number / 16000}\n" for utt, number in SAMPLES.items()]
        (data / "segments").write_text("".join(lines))
    output = tmp_path / "reconstruct_x" / "test"
    main(command(trained, data, output))
    before = mels(output / "blstm1"), mels(output / "oracle")
    write_data(data, SAMPLES, seed=1)
    main(command(trained, data, output))
    for old, name in zip(before, ("blstm1", "oracle")):
        new = mels(output / name)
        assert all(not np.array_equal(old[utt], new[utt]) for utt in SAMPLES)
    # Parts of the old audio do not count when jobs are joined.
    marker = output / "job.1.json"
    content = json.loads(marker.read_text())
    marker.write_text(json.dumps({**content, "audio": "0" * 64}))
    with pytest.raises(ProbeError, match="utterances are not there yet"):
        main([*command(trained, data, output), "--merge", "true"])


def test_a_job_that_fails_leaves_no_halves(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "reconstruct_x" / "test"
    sound = data / "utt2.wav"
    samples = soundfile.read(sound)[0]
    samples[7] = np.nan
    soundfile.write(sound, samples, 16000, subtype="FLOAT")
    with pytest.raises(ProbeError, match="utt2.wav has values that are no finite"):
        main(command(trained, data, output))
    assert [path for path in output.rglob("*") if path.is_file()] == []
    # A probe that learnt no numbers.
    broken = shutil.copytree(trained, tmp_path / "broken")
    path = broken / "probe" / "valid.loss_blstm3.best.pth"
    weights = torch.load(path, weights_only=True)
    for name in weights:
        if name.startswith("probes.blstm3"):
            weights[name] = weights[name] * float("nan")
    torch.save(weights, path)
    samples[7] = 0.0
    soundfile.write(sound, samples, 16000)
    with pytest.raises(ProbeError, match="utt0: the reconstruction .* is not finite"):
        main(command(broken, data, output))
    assert [path for path in output.rglob("*") if path.is_file()] == []
    # The header of this one is right, its samples end early.
    soundfile.write(tmp_path / "whole.flac", np.random.rand(9000) - 0.5, 16000)
    whole = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "half.flac").write_bytes(whole[: len(whole) // 2])
    scp = data / "wav.scp"
    scp.write_text(scp.read_text().replace(str(sound), str(tmp_path / "half.flac")))
    with pytest.raises(ProbeError, match="utt2: cannot read .*half.flac"):
        main(command(trained, data, output))
    assert [path for path in output.rglob("*") if path.is_file()] == []


def test_an_output_that_cannot_be_written_is_refused_at_once(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("kept")
    for output in ("file", "file/test"):
        with pytest.raises(ProbeError, match="is no folder; give another"):
            main(command(trained, data, tmp_path / output))
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_one_line(trained: Path, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "reconstruct_x" / "test"
    part = output / "oracle" / "feats.1.ark.tmp"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(ProbeError, match="cannot write to .* make room"):
        main(command(trained, data, output))
    assert [path for path in output.rglob("*") if path.is_file()] == []


def test_parts_of_audio_that_has_changed_do_not_count(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "x" / "test"
    output.parent.mkdir()
    run_jobs(trained, data, output, 3)
    # The same names, other audio, and fewer jobs: parts 2 and 3 are of the old audio.
    write_data(data, {utt: 2 * n for utt, n in SAMPLES.items()}, seed=1)
    run_jobs(trained, data, output, 1)
    for utt, mel in mels(output / "blstm1").items():
        assert len(mel) == 1 + 2 * SAMPLES[utt] // 200


def test_mistakes_are_one_line(trained: Path, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "test"
    words = command(trained, data, output)
    with pytest.raises(ProbeError, match="unknown layer 'cnn1': .* blstm1 blstm3"):
        main([*words, "--layers", "cnn1"])
    with pytest.raises(ProbeError, match="no trained probes in"):
        main([*words, "--probe_exp", str(tmp_path)])
    soundfile.write(data / "utt2.wav", np.zeros(3000), 8000)
    with pytest.raises(ProbeError, match="utt2: sampling rate is 8000 Hz"):
        main(words)
    other = write_exp(tmp_path / "other", asr_config("blstm", None, 20), seed=7)
    write_data(data, SAMPLES)
    with pytest.raises(ProbeError, match="another upstream"):
        main([*words, "--upstream_exp", str(other)])
    probe = shutil.copytree(trained / "probe", tmp_path / "probe")
    (probe / "valid.loss_blstm3.best.pth").unlink()
    with pytest.raises(ProbeError, match="no trained probe for blstm3"):
        main([*words, "--probe_exp", str(probe)])
