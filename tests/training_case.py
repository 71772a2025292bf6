"""A tiny upstream with a few utterances, and a training of probes on them."""

from pathlib import Path
from typing import Any, Dict, Optional, Sequence

import numpy as np
import soundfile
import torch
import yaml
from tiny_models import asr_config, write_exp


def write_recipe(root: Path) -> Path:
    """Write an upstream, eight utterances and their shapes; return the folder."""
    write_exp(root / "asr", asr_config("blstm", n_mels=20))
    data = root / "data"
    data.mkdir()
    generator = np.random.default_rng(0)
    scp, shapes = [], []
    for index in range(8):
        samples = 6000 + 700 * index
        # Noise with a slow envelope: something that a probe can learn.
        envelope = 1 + np.sin(np.arange(samples) / (300 + 40 * index))
        waveform = 0.05 * envelope * generator.standard_normal(samples)
        path = data / f"utt{index}.wav"
        soundfile.write(path, waveform, 16000)
        scp.append(f"utt{index} {path}\n")
        shapes.append(f"utt{index} {samples}\n")
    (data / "wav.scp").write_text("".join(scp))
    (data / "shape").write_text("".join(shapes))
    return root


def train(
    recipe: Path,
    output: Path,
    layers: str,
    *options: str,
    batch_size: int = 3,
    epochs: int = 2,
    dump: Optional[Path] = None,
) -> Dict[str, torch.Tensor]:
    """Run the task in this process; return the last epoch's state dictionary."""
    from espnet_probe.tasks.probe import ProbeTask

    data = recipe / "data"
    sources = [(data / "wav.scp", "speech", "sound")]
    if dump is not None:
        sources += [
            (dump / layer / "hidden.scp", f"hidden_{layer}", kind)
            for layer in layers.split()
            for kind in [_data_type(dump / layer)]
        ]
    command = ["--output_dir", str(output), "--layers", layers, "--seed", "3"]
    for part in ["train", "valid"]:
        for path, name, kind in sources:
            flag = f"--{part}_data_path_and_name_and_type"
            command += [flag, f"{path},{name},{kind}"]
        command += [f"--{part}_shape_file", str(data / "shape")]
    if dump is None:
        command += ["--upstream_exp", str(recipe / "asr")]
    else:
        command += ["--states", "dump"]
    command += ["--batch_type", "sorted", "--batch_size", str(batch_size)]
    command += ["--max_epoch", str(epochs), "--num_workers", "0", "--optim", "adam"]
    command += ["--optim_conf", "lr=0.002", "--use_matplotlib", "false"]
    command += ["--use_tensorboard", "false", *options]
    ProbeTask.main(cmd=command)
    saved: Any = torch.load(output / "checkpoint.pth", weights_only=True)
    state: Dict[str, torch.Tensor] = saved["model"]
    return state


def _data_type(folder: Path) -> str:
    description = yaml.safe_load((folder / "dump.yaml").read_text())
    return "npy" if description["dtype"] == "float16" else "kaldi_ark"


def dump_states(
    recipe: Path, output: Path, dtype: str = "float32", options: Sequence[str] = ()
) -> Path:
    """Dump the states of all layers; return the folder."""
    from espnet_probe.bin.dump_hidden import main

    named = ["--upstream_exp", str(recipe / "asr"), "--data_dir", str(recipe / "data")]
    main([*named, "--output_dir", str(output), "--dtype", dtype, *options])
    return output


def of_layer(state: Dict[str, torch.Tensor], layer: str) -> Dict[str, torch.Tensor]:
    """Return the weights of a layer's probe."""
    return {key: value for key, value in state.items() if f"probes.{layer}." in key}
