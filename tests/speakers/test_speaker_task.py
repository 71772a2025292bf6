"""ESPnet's SpeakerTask trains the modules, as spk.sh calls it, and its programs embed.

The voices are harmonic tones: five of training, three unseen, each with a pitch and two
resonances of its own.
"""

import io
import math
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import soundfile
import torch
import yaml
from tiny_speakers import (
    GE2E,
    THIN_RESNET,
    build_speaker,
    speaker_config,
    write_speaker_exp,
)

from espnet_probe.bin.group_by_speaker import main as group_by_speaker
from espnet_probe.errors import ProbeError
from espnet_probe.registration import register_lazily

FS = 16000
TRAINING, UNSEEN = range(5), range(5, 8)
UTTERANCES = 4


def voice(speaker: int, utterance: int) -> np.ndarray:
    """Return 0.8 s of a voice."""
    generator = np.random.default_rng(100 * speaker + utterance)
    time = np.arange(int(0.8 * FS)) / FS
    pitch = 90 + 25 * speaker + generator.uniform(-4, 4)
    resonances = 400 + 90 * speaker, 2600 - 150 * speaker
    tone = np.zeros_like(time)
    for harmonic in range(1, 30):
        frequency = harmonic * pitch
        gain = sum(math.exp(-(((frequency - r) / 250) ** 2)) for r in resonances)
        phase = generator.uniform(0, 2 * math.pi)
        tone += gain * np.sin(2 * math.pi * frequency * time + phase)
    tone += 0.05 * generator.normal(size=time.size)
    return (0.03 * tone / np.sqrt(np.mean(tone**2))).astype(np.float32)


def write_set(folder: Path, speakers: range) -> List[str]:
    """Write wav.scp, utt2spk, spk2utt and category2utt; return the utterances."""
    folder.mkdir()
    wavs, utt2spk, spk2utt = [], [], []
    for speaker in speakers:
        names = [f"s{speaker}-{number}" for number in range(UTTERANCES)]
        for number, name in enumerate(names):
            path = folder / f"{name}.wav"
            soundfile.write(path, voice(speaker, number), FS)
            wavs.append(f"{name} {path}\n")
            utt2spk.append(f"{name} s{speaker}\n")
        spk2utt.append(f"s{speaker} {' '.join(names)}\n")
    (folder / "wav.scp").write_text("".join(wavs))
    (folder / "utt2spk").write_text("".join(utt2spk))
    for name in ("spk2utt", "category2utt"):
        (folder / name).write_text("".join(spk2utt))
    return [line.split()[0] for line in wavs]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training set, and a set of unseen voices with trials, as spk.sh leaves them."""
    # Its import takes longer than any of these tests.
    import espnet2.tasks.spk  # noqa: F401

    root = tmp_path_factory.mktemp("data")
    write_set(root / "train", TRAINING)
    names = write_set(root / "valid", UNSEEN)
    one, two, labels = [], [], []
    for first in names:
        for second in names:
            if first < second:
                trial = f"{first}*{second}"
                one.append(f"{trial} {root}/valid/{first}.wav\n")
                two.append(f"{trial} {root}/valid/{second}.wav\n")
                labels.append(f"{trial} {int(first[:2] == second[:2])}\n")
    (root / "valid/trial.scp").write_text("".join(one))
    (root / "valid/trial2.scp").write_text("".join(two))
    (root / "valid/trial_label").write_text("".join(labels))
    return root


def spk_train(data: Path, output: Path, config: Dict[str, Any], *words: str) -> None:
    """Call espnet2.bin.spk_train."""
    register_lazily()
    from espnet2.bin.spk_train import main

    options = {
        "preprocessor": "spk",
        "preprocessor_conf": speaker_config()["preprocessor_conf"],
        "optim": "adam",
        "optim_conf": {"lr": 0.003},
        "best_model_criterion": [["valid", "eer", "min"]],
        "num_att_plot": 0,
        "use_tensorboard": False,
        "use_matplotlib": False,
        "log_interval": 1000,
        "num_workers": 0,
        "ngpu": 0,
        "seed": 1,
        **config,
    }
    path = data / f"{output.name}.yaml"
    path.write_text(yaml.safe_dump(options))
    train, valid = data / "train", data / "valid"
    command = ["--config", str(path), "--output_dir", str(output), *words]
    command += ["--spk2utt", f"{train}/spk2utt", "--spk_num", str(len(TRAINING))]
    for name in (f"{train}/wav.scp,speech,sound",):
        command += ["--train_data_path_and_name_and_type", name]
    command += [
        "--valid_data_path_and_name_and_type",
        f"{valid}/trial.scp,speech,sound",
    ]
    main(command)


def collect_stats(data: Path, output: Path, config: Dict[str, Any]) -> None:
    """As spk.sh's stage 4."""
    words = ["--collect_stats", "true", "--use_preprocessor", "false"]
    words += ["--train_shape_file", str(data / "train/wav.scp")]
    words += ["--valid_shape_file", str(data / "valid/trial.scp")]
    spk_train(data, output, config, *words)


def train(data: Path, stats: Path, output: Path, config: Dict[str, Any]) -> None:
    """As spk.sh's stage 5."""
    words = ["--use_preprocessor", "true", "--resume", "true"]
    for name in (
        f"--train_data_path_and_name_and_type={data}/train/utt2spk,spk_labels,text",
        f"--valid_data_path_and_name_and_type={data}/valid/trial2.scp,speech2,sound",
        f"--valid_data_path_and_name_and_type={data}/valid/trial_label,spk_labels,text",
        f"--train_shape_file={stats}/train/speech_shape",
        f"--valid_shape_file={stats}/valid/speech_shape",
    ):
        words.append(name)
    spk_train(data, output, config, *words)


def losses(output: Path) -> List[float]:
    states = torch.load(output / "checkpoint.pth", weights_only=True)["reporter"]
    stats = states["stats"]
    return [stats[epoch]["train"]["loss"] for epoch in sorted(stats)]


def test_the_thin_resnet_trains_and_embeds(data: Path, tmp_path: Path) -> None:
    config = {
        **THIN_RESNET,
        "iterator_type": "category",
        "valid_iterator_type": "sequence",
        "batch_type": "catbel",
        "valid_batch_type": "unsorted",
        "batch_size": 10,
        "num_iters_per_epoch": 2,
        "max_epoch": 2,
    }
    stats, exp = tmp_path / "stats", tmp_path / "exp"
    collect_stats(data, stats, config)
    shapes = (stats / "train/speech_shape").read_text().split("\n")
    assert shapes[0] == "s0-0 12800" and len(shapes) == 21
    train(data, stats, exp, config)
    assert len(losses(exp)) == 2 and all(math.isfinite(loss) for loss in losses(exp))

    from espnet2.bin.spk_inference import Speech2Embedding

    embed = Speech2Embedding(exp / "config.yaml", exp / "valid.eer.best.pth")
    trained = embed.spk_model.state_dict()
    saved = torch.load(exp / "valid.eer.best.pth", weights_only=True)
    assert saved.keys() == trained.keys()
    assert all(torch.equal(saved[name], trained[name]) for name in saved)
    # Two updates in each of two epochs, of which the better one is kept.
    assert int(saved["encoder.norm1.num_batches_tracked"]) in (2, 4)
    embedding = embed(voice(5, 0))
    assert embedding.shape == (1, 16) and bool((embedding >= 0).all())
    assert bool(torch.isfinite(embedding).all()) and bool(embedding.any())


def test_training_lowers_the_loss(data: Path, tmp_path: Path) -> None:
    config = {
        **THIN_RESNET,
        "loss_conf": {"margin": 0.1, "scale": 10},
        "iterator_type": "sequence",
        "batch_type": "unsorted",
        "batch_size": 20,
        "num_iters_per_epoch": 8,
        "max_epoch": 2,
    }
    collect_stats(data, tmp_path / "stats", config)
    train(data, tmp_path / "stats", tmp_path / "exp", config)
    first, last = losses(tmp_path / "exp")
    assert last < 0.9 * first


SMALL_GE2E = {
    **GE2E,
    "encoder_conf": {"hidden_size": 16, "num_layers": 2},
    "projector_conf": {"output_size": 8},
    "iterator_type": "sequence",
    "batch_type": "unsorted",
    "batch_size": 6,
    "max_epoch": 1,
    "num_iters_per_epoch": 2,
}


def test_ge2e_trains_on_ordered_batches(data: Path, tmp_path: Path) -> None:
    stats, exp = tmp_path / "stats", tmp_path / "exp"
    collect_stats(data, stats, SMALL_GE2E)
    shape_file = stats / "train" / "speech_shape"
    command = ["--shape_file", str(shape_file), "--output", str(shape_file)]
    command += ["--utt2spk", str(data / "train/utt2spk")]
    group_by_speaker([*command, "--speakers", "3", "--utterances", "2"])
    train(data, stats, exp, SMALL_GE2E)
    assert all(math.isfinite(loss) for loss in losses(exp))
    state = torch.load(exp / "valid.eer.best.pth", weights_only=True)
    assert state["loss.similarity_weight"].shape == (1,)


def test_ge2e_refuses_batches_of_one_utterance_a_speaker(
    data: Path, tmp_path: Path
) -> None:
    config = {**SMALL_GE2E, "iterator_type": "category", "batch_type": "catbel"}
    config.update(batch_size=5, valid_iterator_type="sequence")
    config["valid_batch_type"] = "unsorted"
    collect_stats(data, tmp_path / "stats", config)
    with pytest.raises(ProbeError, match="batch of 5 utterances of 5 speakers, 0 of"):
        train(data, tmp_path / "stats", tmp_path / "exp", config)


def test_upstream_loads_what_was_trained(tmp_path: Path) -> None:
    from espnet_probe.upstream import Upstream

    upstream = Upstream.from_exp(write_speaker_exp(tmp_path / "exp"))
    final = upstream.select(["final"])[0]
    assert (upstream.task, final.width, final.stride) == ("spk", 16 * 7, 16)
    waveform = torch.from_numpy(voice(0, 0))
    states = upstream.encode(waveform, FS)
    assert tuple(states.features.shape) == (1, 5, 16 * 7)
    # What is appended for embeddings is no part of the utterance that is probed.
    options = {"frontend_conf": {"append_reversed": True}}
    twice = Upstream.from_exp(write_speaker_exp(tmp_path / "twice", **options))
    assert twice.select(["final"])[0].frame_shift == final.frame_shift == 0.16
    assert torch.equal(twice.encode(waveform, FS).features, states.features)


def test_the_variant_of_the_probed_paper_is_a_configuration() -> None:
    """80 log-mels, NetVLAD with 8 clusters, no ghosts, 256 values an embedding."""
    model = build_speaker(
        speaker_config(
            frontend_conf={
                "n_fft": 2048,
                "win_length": 800,
                "hop_length": 200,
                "n_mels": 80,
                "pre_emphasis": 0.97,
                "standardised": False,
            },
            encoder_conf={"late_stride": True, "last_time_stride": 2, "norm_eps": 1e-5},
            pooling_conf={"ghosts": 0, "assign_embedding": True, "unit_length": True},
            projector_conf={"output_size": 256, "relu": False},
            loss="softmax",
        )
    )
    with torch.no_grad():
        # 256 frames are 3.2 s; two rows of the height are left, eight states.
        features, lengths = model.extract_feats(torch.randn(1, 255 * 200 + 100))
        states = model.encode_frame(features)
        pooled = model.pooling(states, feat_lengths=lengths)
        embedding = model.project_spk_embd(pooled)
    assert tuple(features.shape) == (1, 256, 80)
    assert tuple(states.shape) == (1, 512 * 2, 8)
    assert tuple(pooled.shape) == (1, 8 * 512)
    assert float(pooled.norm()) == pytest.approx(1, rel=1e-4)
    assert tuple(embedding.shape) == (1, 256) and bool((embedding < 0).any())


def test_a_spawned_child_knows_the_parts(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import multiprocessing\n"
        "def known():\n"
        "    from espnet2.tasks.spk import SpeakerTask\n"
        "    words = '--encoder thin_resnet34 --frontend spectrogram --pooling '\n"
        "    words += 'ghostvlad --projector thin_resnet --loss amsoftmax'\n"
        "    args = SpeakerTask.get_parser().parse_args(words.split())\n"
        "    return args.encoder, args.loss\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(*pool.apply(known))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "espnet_probe.run", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "thin_resnet34 amsoftmax\n", done.stderr


def test_spk_train_prints_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    register_lazily()
    from espnet2.tasks.spk import SpeakerTask

    # ESPnet prints the defaults that the process's own arguments lead to.
    words = ["--print_config", "--encoder", "thin_resnet34", "--loss", "amsoftmax"]
    monkeypatch.setattr(sys, "argv", ["spk_train", *words])
    printed = io.StringIO()
    SpeakerTask.print_config(file=printed)
    config = yaml.safe_load(printed.getvalue())
    assert config["encoder_conf"]["channels"] == [64, 96, 128, 256, 512]
    assert config["loss_conf"] == {"margin": 0.35, "scale": 30.0}
