"""Dump hidden states: all chosen layers from one forward pass an utterance.

Every layer gets a folder below ``--output_dir``, in the format that
``docs/file_formats.md`` describes. A run that was killed is continued by the same
command. For several jobs give every one its part of the utterances::

    utils/split_scp.pl dump/raw/test/wav.scp keys.1.scp keys.2.scp
    ${cmd} JOB=1:2 dump.JOB.log python3 -m espnet_probe.bin.dump_hidden \\
        --key_file keys.JOB.scp ...

The job that finds all utterances of the set recorded writes ``hidden.scp``. Jobs with
the same utterances share them: each passes over what another one is writing, comes
back to it at the end, and writes it if the other one has died.
"""

import argparse
import logging
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, NoReturn, Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError
from espnet_probe.upstream.choice import add_upstream_options, needed_choice

if TYPE_CHECKING:
    from tqdm import tqdm

    from espnet_probe.bin.waveforms import Waveforms
    from espnet_probe.layers.layer import Layer
    from espnet_probe.store import StateWriter
    from espnet_probe.upstream import Upstream


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Dump the hidden states of a model's layers for a data set.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_upstream_options(parser)
    parser.add_argument(
        "--data_dir",
        type=Path,
        required=True,
        help="folder with wav.scp, and segments if there are any: mono sound files at "
        "the model's sampling rate",
    )
    parser.add_argument(
        "--output_dir",
        type=Path,
        required=True,
        help="where every layer gets its folder: dump/hidden/<upstream>/<set>",
    )
    parser.add_argument(
        "--layers", default="*", help='names or globs, such as "blstm* cnn1"'
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16"),
        default="float32",
        help="float32 gives Kaldi arks; float16 npy files of half the size, and a "
        "relative error of up to 0.0005",
    )
    parser.add_argument(
        "--key_file",
        type=Path,
        help="the utterances of this job (first column); all by default",
    )
    parser.add_argument(
        "--chunk_size",
        type=int,
        default=50,
        help="utterances that are recorded together; a killed run loses one chunk",
    )
    parser.add_argument("--ngpu", type=int, default=0, help="0 for CPU, 1 for a GPU")
    parser.add_argument(
        "--num_threads", type=int, default=1, help="threads of this job on the CPU"
    )
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: The arguments; those of the process by default.

    Raises:
        ProbeError: If an input is missing or does not fit, the disk is too
            small, or the output folder holds another model's states.
    """
    args = get_parser().parse_args(cmd)
    for name in ("chunk_size", "num_threads"):
        if getattr(args, name) < 1:
            raise ProbeError(f"--{name} is {getattr(args, name)}: expected at least 1")
    if args.ngpu not in (0, 1):
        raise ProbeError(f"--ngpu is {args.ngpu}: expected 0 or 1")
    choice = needed_choice(args)
    choice.check_there()
    import torch

    from espnet_probe.bin.waveforms import Waveforms, chosen_keys

    if args.ngpu and not torch.cuda.is_available():
        raise ProbeError("--ngpu 1, but torch finds no GPU: use --ngpu 0")
    # The folder first: loading the model takes longer than finding a wrong path.
    waveforms = Waveforms(args.data_dir)
    keys = chosen_keys(waveforms, args.key_file)
    torch.set_num_threads(args.num_threads)
    upstream = choice.load("cuda" if args.ngpu else "cpu")
    layers = upstream.select(args.layers)
    waveforms.fs = upstream.fs
    # Every file of the whole set is looked at, also those of other jobs: what the
    # disk has to hold is the sum, and no job starts that cannot be finished.
    num_samples = waveforms.check(waveforms.keys())
    upstream.check_lengths(num_samples)

    check_output(args.output_dir, num_samples, upstream.fs, layers, args.dtype)
    writers = open_writers(args.output_dir, upstream, layers, args.dtype)
    chunks = [
        keys[start : start + args.chunk_size]
        for start in range(0, len(keys), args.chunk_size)
    ]
    dump(upstream, waveforms, chunks, writers)
    for name, writer in writers.items():
        if writer.finish(waveforms.keys()):
            logging.info("%s: all %d utterances", writer.directory, len(num_samples))
        else:
            logging.info("%s: other jobs are still to write", writer.directory)


def check_output(
    output_dir: Path,
    num_samples: Dict[str, int],
    fs: int,
    layers: Sequence["Layer"],
    dtype: str,
) -> None:
    """Look at what is there, print what is missing, refuse what does not fit.

    Args:
        output_dir: Where the layers' folders lie or will lie.
        num_samples: Samples of every utterance of the set.
        fs: Sampling rate in Hz.
        layers: The layers that are dumped.
        dtype: Number format on disk.

    Raises:
        ProbeError: If less is free than needed, or states that are there were
            made from audio of another length.
    """
    from espnet_probe.store.disk import check_free_space, estimate_bytes
    from espnet_probe.store.record_file import read_records

    needed = 0
    for layer in layers:
        recorded = read_records(output_dir / layer.name)
        for key, record in recorded.items():
            if num_samples.get(key, record.num_samples) != record.num_samples:
                raise ProbeError(
                    f"{output_dir / layer.name}: the states of {key} were made from "
                    f"{record.num_samples} samples, its audio now has "
                    f"{num_samples[key]}: use another output folder or remove this one"
                )
        missing = {key: n for key, n in num_samples.items() if key not in recorded}
        shape = (layer.frame_shift, layer.width)
        needed += estimate_bytes(missing, fs, [shape], dtype)
    free = check_free_space(output_dir, needed)
    logging.info(
        "about %.3f GiB to write for %d layers in %s, %.3f GiB are free",
        needed / 1024**3,
        len(layers),
        dtype,
        free / 1024**3,
    )


def open_writers(
    output_dir: Path, upstream: "Upstream", layers: Sequence["Layer"], dtype: str
) -> Dict[str, "StateWriter"]:
    """Open every layer's folder.

    Args:
        output_dir: The folder above them.
        upstream: The model.
        layers: The layers.
        dtype: Number format on disk.

    Returns:
        The writers by layer name, in the order of the layers.

    Raises:
        ProbeError: If a folder holds other states.
    """
    from espnet_probe.store import DumpDescription, StateWriter
    from espnet_probe.store.description import (
        DESCRIPTION_FILE,
        check_same,
        installed_versions,
    )
    from espnet_probe.upstream.packages import packages_of

    descriptions = {
        layer.name: DumpDescription(
            upstream_hash=upstream.hash,
            upstream_origin=upstream.origin,
            layer=layer.name,
            position=upstream.layers.index(layer),
            tap=layer.tap,
            width=layer.width,
            stride=layer.stride,
            frame_shift=layer.frame_shift,
            fs=upstream.fs,
            dtype=dtype,
            batch_independent=layer.batch_independent,
            target=upstream.target.to_dict(),
            versions=installed_versions(packages_of(upstream.config)),
        )
        for layer in layers
    }
    # All of them before the first folder is made: a refusal leaves nothing behind.
    for name, description in descriptions.items():
        if (output_dir / name / DESCRIPTION_FILE).exists():
            check_same(output_dir / name, description)
    return {
        name: StateWriter(output_dir / name, description)
        for name, description in descriptions.items()
    }


def dump(
    upstream: "Upstream",
    waveforms: "Waveforms",
    chunks: Sequence[List[str]],
    writers: Dict[str, "StateWriter"],
) -> None:
    """Write what is missing, chunk after chunk.

    Args:
        upstream: The model.
        waveforms: Where the utterances are read from.
        chunks: Utterances to be recorded together.
        writers: The writers by layer name.
    """
    from tqdm import tqdm

    from espnet_probe.store import ShardBusy

    total = sum(len(chunk) for chunk in chunks)
    busy = []
    with tqdm(total=total, desc="dump", unit="utt", mininterval=1.0) as progress:
        for chunk in chunks:
            try:
                dump_chunk(upstream, waveforms, chunk, writers, progress, wait=False)
            except ShardBusy:
                busy.append(chunk)
        for chunk in busy:
            logging.info("waiting for the job that writes %s ...", chunk[0])
            dump_chunk(upstream, waveforms, chunk, writers, progress, wait=True)


def dump_chunk(
    upstream: "Upstream",
    waveforms: "Waveforms",
    chunk: Sequence[str],
    writers: Dict[str, "StateWriter"],
    progress: "tqdm[NoReturn]",
    wait: bool,
) -> None:
    """Write what is missing of a chunk, one utterance and one forward pass at a time.

    One at a time, because the states of some models depend on the batch.

    Args:
        upstream: The model.
        waveforms: Where the utterances are read from.
        chunk: Utterances to be recorded together.
        writers: The writers by layer name. All jobs have them in the network's
            order, so that no two wait for each other.
        progress: Counts the utterances.
        wait: Whether to wait while another job writes the same utterances.

    Raises:
        ShardBusy: If one does, and ``wait`` is false.
    """
    import torch

    with ExitStack() as stack:
        shards = {}
        for name, writer in writers.items():
            keys = [key for key in chunk if key not in writer.done]
            if keys:
                shard = stack.enter_context(writer.shard(keys, wait))
                if shard is not None:
                    shards[name] = shard
        for key in chunk:
            names = [name for name, shard in shards.items() if key in shard.keys]
            if names:
                waveform = torch.from_numpy(waveforms[key])
                lengths = torch.tensor([len(waveform)])
                states = upstream.hidden_states(waveform[None], lengths, names)
                for name in names:
                    features = states[name].item(0).cpu().numpy()
                    shards[name].add(key, features, len(waveform))
            progress.update()


if __name__ == "__main__":
    sys.exit(run(main))
