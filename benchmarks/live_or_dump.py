"""Probes trained from live states, beside probes trained from dumps.

    OMP_NUM_THREADS=1 python benchmarks/live_or_dump.py --upstream_exp EXP \\
        --data_dir dump/raw/SET --valid_dir dump/raw/ANOTHER \\
        [--target_stats feats_stats.npz] [--layers GLOBS] [--utterances N] [--epochs N]

A padded batch of mixed lengths gives a VGG-RNN's states near an utterance's end other
values than the utterance alone (docs/hidden_states.md), and float16 rounds them. Both
are measured here, on utterances that are not trained on, as the relative difference in
each layer's L1 at the end of otherwise equal runs: same utterances, batches, order and
seed. Batches are not sorted by length, so that they mix lengths. Two L1 are given:

- validation: what the training reports; each run validates as it trains, the live one
  in padded batches;
- alone: of each layer's best epoch, one utterance at a time with live states, as
  reconstructions are made; here only what was trained on differs.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Dict, List

import torch

from espnet_probe.bin.dump_hidden import main as dump_hidden
from espnet_probe.bin.waveforms import Waveforms
from espnet_probe.probes.inference import ProbeExp, reconstruct_utterance
from espnet_probe.report.tables import markdown_table
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


def keys_of(data: Path) -> List[str]:
    """Return the utterances of a data folder."""
    lines = (data / "wav.scp").read_text(encoding="utf-8").splitlines()
    return [line.split()[0] for line in lines]


def train(
    output: Path, sets: Dict[str, Path], layers: List[str], epochs: int, *source: str
) -> Dict[str, float]:
    """Train probes and return each layer's last L1 on the validation set."""
    command = ["--output_dir", str(output), "--layers", " ".join(layers), *source]
    for part, data in sets.items():
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


def dumped(
    upstream_exp: str, sets: Dict[str, Path], layers: List[str], root: Path, dtype: str
) -> List[str]:
    """Dump the layers and return the options that train from the dumps."""
    kind = "npy" if dtype == "float16" else "kaldi_ark"
    options = ["--states", "dump"]
    for part, data in sets.items():
        folder = root / f"{dtype}_{part}"
        command = ["--upstream_exp", upstream_exp, "--data_dir", str(data)]
        command += ["--layers", " ".join(layers), "--dtype", dtype]
        dump_hidden([*command, "--output_dir", str(folder)])
        for layer in layers:
            entry = f"{folder}/{layer}/hidden.scp,hidden_{layer},{kind}"
            options += [f"--{part}_data_path_and_name_and_type", entry]
    return options


def alone(
    probe_exp: Path, upstream_exp: str, data: Path, layers: List[str]
) -> Dict[str, float]:
    """Return the mean L1 over utterances that are reconstructed one at a time."""
    model = ProbeExp(probe_exp).load(layers, upstream_exp)
    assert model.upstream is not None
    waveforms = Waveforms(data, model.upstream.fs)
    keys = keys_of(data)
    sums = dict.fromkeys(layers, 0.0)
    for key in keys:
        made = reconstruct_utterance(model, torch.from_numpy(waveforms[key]))
        for name in layers:
            sums[name] += made.l1(name)
    return {name: total / len(keys) for name, total in sums.items()}


def compare(title: str, layers: List[str], losses: Dict[str, Dict[str, float]]) -> None:
    """Print one L1 of all runs, and how far it is from the live run's."""
    head = ["layer", "L1 live"]
    head += ["L1 dump float32", "difference", "L1 dump float16", "difference"]
    rows = []
    for layer in layers:
        live = losses["live"][layer]
        cells = [layer, f"{live:.4f}"]
        for kind in ["float32", "float16"]:
            value = losses[kind][layer]
            cells += [f"{value:.4f}", f"{100 * (value / live - 1):+.2f} %"]
        rows.append(cells)
    print(f"{title}\n\n{markdown_table(head, rows)}")


def main() -> None:
    """Run the comparison and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upstream_exp", required=True)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--valid_dir", type=Path, required=True)
    parser.add_argument("--layers", default="*")
    parser.add_argument("--target_stats", default=None, help="as for probe_train")
    parser.add_argument("--utterances", type=int, default=100)
    parser.add_argument("--valid_utterances", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=40)
    args = parser.parse_args()
    torch.set_num_threads(1)
    upstream = Upstream.from_exp(args.upstream_exp)
    layers = [layer.name for layer in upstream.select(args.layers)]
    validation: Dict[str, Dict[str, float]] = {}
    reconstruction: Dict[str, Dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        sets = {
            "train": write_set(args.data_dir, root / "train", args.utterances),
            "valid": write_set(args.valid_dir, root / "valid", args.valid_utterances),
        }
        both = set(keys_of(sets["train"])) & set(keys_of(sets["valid"]))
        if both:
            parser.error(f"trained on and held out: {len(both)}, {min(both)} for one")
        sources = {"live": ["--upstream_exp", args.upstream_exp]}
        for dtype in ["float32", "float16"]:
            sources[dtype] = dumped(args.upstream_exp, sets, layers, root, dtype)
        for kind, source in sources.items():
            folder, stats = root / f"probe_{kind}", args.target_stats or "none"
            options = [*source, "--target_stats", stats]
            validation[kind] = train(folder, sets, layers, args.epochs, *options)
            reconstruction[kind] = alone(
                folder, args.upstream_exp, sets["valid"], layers
            )
    compare("validation", layers, validation)
    compare("alone", layers, reconstruction)


if __name__ == "__main__":
    main()
