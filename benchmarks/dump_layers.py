"""All layers from one forward pass, beside one pass per layer.

    OMP_NUM_THREADS=1 python benchmarks/dump_layers.py --upstream_exp EXP \\
        --data_dir dump/raw/SET [--layers GLOBS] [--utterances N] [--repeats N]

Both ways write the same states of the same utterances into temporary folders, in the
same run, one after the other; the CPU time of reading, forward pass and writing counts,
not the loading of the model. The best of the repeats is taken: the ratio then hardly
depends on the machine or its load. One pass per layer is what a tool has to do that
dumps one layer at a time, as ESPnet's dump_ssl_feature.py does.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Dict, List, Sequence

import torch

from espnet_probe.bin.dump_hidden import dump, open_writers
from espnet_probe.bin.waveforms import Waveforms
from espnet_probe.layers.layer import Layer
from espnet_probe.store import StateReader
from espnet_probe.upstream import Upstream
from espnet_probe.upstream.choice import add_upstream_options, load_upstream


def dump_once(
    upstream: Upstream,
    waveforms: Waveforms,
    keys: List[str],
    groups: Sequence[Sequence[Layer]],
    folder: Path,
) -> float:
    """Dump groups of layers, one pass a group, and return the CPU seconds."""
    start = time.process_time()
    for layers in groups:
        writers = open_writers(folder, upstream, layers, "float32")
        dump(upstream, waveforms, [keys], writers)
        for writer in writers.values():
            writer.finish(keys)
    return time.process_time() - start


def same_states(folders: Sequence[Path], layers: Sequence[Layer]) -> bool:
    """Tell whether two dumps hold the same numbers."""
    for layer in layers:
        first, second = (StateReader(folder / layer.name) for folder in folders)
        if list(first) != list(second):
            return False
        if not all((first[key] == second[key]).all() for key in first):
            return False
    return True


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_upstream_options(parser)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--layers", default="*")
    parser.add_argument("--utterances", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    upstream = load_upstream(args)
    waveforms = Waveforms(args.data_dir, upstream.fs)
    keys = waveforms.keys()[: args.utterances]
    seconds = sum(waveforms.check(keys).values()) / upstream.fs
    layers = upstream.select(args.layers)
    ways: Dict[str, List[List[Layer]]] = {
        "one pass for all layers": [layers],
        "one pass per layer": [[layer] for layer in layers],
    }

    best = dict.fromkeys(ways, float("inf"))
    for _ in range(args.repeats):
        with tempfile.TemporaryDirectory() as temporary:
            folders = [Path(temporary) / str(number) for number in range(len(ways))]
            for (name, groups), folder in zip(ways.items(), folders):
                spent = dump_once(upstream, waveforms, keys, groups, folder)
                best[name] = min(best[name], spent)
            if not same_states(folders, layers):
                raise SystemExit("the two ways give different states")

    reference = best["one pass for all layers"]
    print(
        f"{len(layers)} layers, {len(keys)} utterances, {seconds:.0f} s of audio, best "
        f"of {args.repeats}, one thread; the states are the same"
    )
    print(f"{'':26}{'CPU s / s':>10}{'ratio':>8}")
    for name, spent in best.items():
        print(f"{name:26}{spent / seconds:10.4f}{spent / reference:7.2f}x")


if __name__ == "__main__":
    main()
