"""Probes trained from live states, beside probes trained from dumps.

    OMP_NUM_THREADS=1 python benchmarks/live_or_dump.py --upstream_exp EXP \\
        --data_dir dump/raw/SET [--target_stats feats_stats.npz] [--layers GLOBS] \\
        [--utterances N] [--epochs N]

A padded batch of mixed lengths gives a VGG-RNN's states near an utterance's end other
values than the utterance alone (docs/hidden_states.md), and float16 rounds them. Both
are measured here as the relative difference in each layer's L1 at the end of otherwise
equal runs: same utterances, batches, order and seed. The L1 is of the utterances that
the probes were trained on, in evaluation: this compares states, not generalisation.
Batches are not sorted by length, so that they mix lengths.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Dict, List

import torch

from espnet_probe.bin.dump_hidden import main as dump_hidden
from espnet_probe.bin.list_layers import table
from espnet_probe.tasks.probe import ProbeTask
from espnet_probe.upstream import Upstream


def write_set(data_dir: Path, folder: Path, count: int) -> Path:
    """Write a data folder with every k-th utterance of a set; return it."""
    folder.mkdir()
    for name in ["wav.scp", "utt2num_samples"]:
        lines = (data_dir / name).read_text(encoding="utf-8").splitlines(True)
        step = max(1, len(lines) // count)
        (folder / name).write_text("".join(lines[::step][:count]), encoding="utf-8")
    return folder


def train(
    output: Path, data: Path, layers: List[str], epochs: int, source: List[str]
) -> Dict[str, float]:
    """Train probes and return each layer's last L1 on the same set."""
    command = ["--output_dir", str(output), "--layers", " ".join(layers), *source]
    for part in ["train", "valid"]:
        flag = f"--{part}_data_path_and_name_and_type"
        command += [flag, f"{data}/wav.scp,speech,sound"]
        command += [f"--{part}_shape_file", f"{data}/utt2num_samples"]
    command += ["--batch_type", "unsorted", "--batch_size", "16", "--optim", "adam"]
    command += ["--optim_conf", "lr=0.005", "--full_rate_width", "320"]
    # Down to nothing: at a constant rate the end of a run is noise, several percent of
    # the loss, whatever the states come from.
    command += ["--scheduler", "cosineannealinglr"]
    command += ["--scheduler_conf", f"T_max={epochs}"]
    command += ["--max_epoch", str(epochs)]
    command += ["--num_workers", "0", "--use_tensorboard", "false"]
    command += ["--use_matplotlib", "false", "--log_level", "ERROR"]
    ProbeTask.main(cmd=command)
    saved = torch.load(output / "checkpoint.pth", weights_only=True)["reporter"]
    stats = saved["stats"][epochs]["valid"]
    return {name: stats[f"loss_{name}"] for name in layers}


def dumped(upstream_exp: str, data: Path, folder: Path, dtype: str) -> List[str]:
    """Dump all layers and return the options that train from the dumps."""
    command = ["--upstream_exp", upstream_exp, "--data_dir", str(data)]
    dump_hidden([*command, "--output_dir", str(folder), "--dtype", dtype])
    kind = "npy" if dtype == "float16" else "kaldi_ark"
    options = ["--states", "dump"]
    for layer in Upstream.from_exp(upstream_exp).layers:
        entry = f"{folder}/{layer.name}/hidden.scp,hidden_{layer.name},{kind}"
        for part in ["train", "valid"]:
            options += [f"--{part}_data_path_and_name_and_type", entry]
    return options


def main() -> None:
    """Run the comparison and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upstream_exp", required=True)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--layers", default="*")
    parser.add_argument("--target_stats", default=None, help="as for probe_train")
    parser.add_argument("--utterances", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=40)
    args = parser.parse_args()
    torch.set_num_threads(1)
    upstream = Upstream.from_exp(args.upstream_exp)
    layers = [layer.name for layer in upstream.select(args.layers)]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        data = write_set(args.data_dir, root / "data", args.utterances)
        sources = {"live": ["--upstream_exp", args.upstream_exp]}
        for dtype in ["float32", "float16"]:
            sources[dtype] = dumped(args.upstream_exp, data, root / dtype, dtype)
        losses = {
            kind: train(
                root / f"probe_{kind}",
                data,
                layers,
                args.epochs,
                source + ["--target_stats", args.target_stats or "none"],
            )
            for kind, source in sources.items()
        }
    rows = [("layer", "L1 live", "dump float32", "difference", "float16", "difference")]
    for layer in layers:
        live = losses["live"][layer]
        cells = [layer, f"{live:.4f}"]
        for kind in ["float32", "float16"]:
            value = losses[kind][layer]
            cells += [f"{value:.4f}", f"{100 * (value / live - 1):+.2f} %"]
        rows.append(tuple(cells))
    print(table(rows))


if __name__ == "__main__":
    main()
