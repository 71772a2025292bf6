"""Reconstruct the mel of a data set from each layer's hidden states.

Several jobs do a part each (``--key_file``, ``--job``); ``--merge true`` then joins
the parts and writes the control ``natural``. Without ``--job`` both are done.
"""

import argparse
import contextlib
import csv
import io
import json
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError
from espnet_probe.upstream.choice import add_upstream_options, find_choice

if TYPE_CHECKING:
    from espnet_probe.bin.waveforms import Waveforms
    from espnet_probe.probes.espnet_model import ESPnetProbeModel
    from espnet_probe.probes.inference import ProbeExp

#: Control: the target mel itself, vocoded like a reconstruction.
ORACLE = "oracle"
#: Control: the original recording.
NATURAL = "natural"
#: Columns of ``l1.csv``: the L1 is over all frames; ``held`` of them, at the end,
#: repeat the last one that a state stands for.
L1_COLUMNS = ["utt_id", "l1", "frames", "held"]


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    from espnet2.utils.types import str2bool

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--probe_exp", required=True, help="folder of trained probes")
    group = parser.add_argument_group("the upstream, if it has been moved")
    add_upstream_options(group)
    parser.add_argument("--data_dir", required=True, help="data folder with wav.scp")
    parser.add_argument(
        "--output_dir", required=True, help="gets a folder per layer and control"
    )
    parser.add_argument("--layers", default="*", help="names and globs")
    parser.add_argument(
        "--key_file", default=None, help="utterances of this job; by default all"
    )
    parser.add_argument("--job", type=int, default=None, help="number of this job")
    parser.add_argument(
        "--merge", type=str2bool, default=False, help="only join the jobs' parts"
    )
    parser.add_argument(
        "--oracle",
        type=str2bool,
        default=True,
        help="also write the control oracle; it is the same for all probes of a target",
    )
    parser.add_argument("--ngpu", type=int, default=0, help="0: CPU, 1: GPU")
    return parser


class Part:
    """What one job writes for one layer or control: an ark and its index.

    The index is written last, so that an ark without one is known as unfinished.
    """

    def __init__(self, folder: Path, job: int) -> None:
        """Open the ark under a temporary name.

        Args:
            folder: Folder of the layer.
            job: Number of the job.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.ark = folder / f"feats.{job}.ark"
        self.errors_file = folder / f"l1.{job}.csv"
        self._temporary = folder / f"feats.{job}.ark.tmp"
        self._file: IO[bytes] = self._temporary.open("wb")
        self._index: List[str] = []
        self._errors: List[Sequence[Any]] = []

    def add(
        self, key: str, mel: Any, error: Optional[float] = None, held: int = 0
    ) -> None:
        """Append an utterance.

        Args:
            key: Utterance id.
            mel: (frames, n_mels), float32 array.
            error: Its L1 to the target, over all frames; None for a control.
            held: Frames at its end that no state stands for.
        """
        from omniio import kaldi

        entry = io.StringIO()
        kaldi.save_ark(self._file, {key: mel}, scp=entry)
        offset = int(entry.getvalue().rpartition(":")[2])
        self._index.append(f"{key} {self.ark}:{offset}\n")
        if error is not None:
            self._errors.append((key, f"{error:.6f}", len(mel), held))

    def discard(self) -> None:
        """Remove what has been written, if it is not whole."""
        with contextlib.suppress(OSError):  # a full disk takes no last bytes either
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def close(self) -> None:
        """Rename the ark and write the index."""
        from espnet_probe.bin.score_files import write_csv, written_whole

        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._temporary, self.ark)
        if self._errors:
            write_csv(self.errors_file, L1_COLUMNS, self._errors)
        with written_whole(self.ark.with_suffix(".scp")) as part:
            part.write_text("".join(self._index), encoding="utf-8")


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: The arguments; by default those of the command line.

    Raises:
        ProbeError: If probes, upstream or data do not do.
    """
    args = get_parser().parse_args(cmd)

    from espnet_probe.bin.score_files import check_output
    from espnet_probe.bin.waveforms import Waveforms, chosen_keys
    from espnet_probe.probes.inference import ProbeExp

    find_choice(args)
    check_output(Path(args.output_dir))
    probes = ProbeExp(args.probe_exp)
    layers = probes.select(args.layers)
    fingerprint = probes.fingerprint(layers)
    output = Path(args.output_dir)
    names = [*layers, *([ORACLE] if args.oracle else [])]
    waveforms = Waveforms(Path(args.data_dir), probes.target.fs)
    if not args.merge:
        keys = chosen_keys(waveforms, Path(args.key_file) if args.key_file else None)
        job = args.job or 1
        marker = output / f"job.{job}.json"
        samples = waveforms.check(keys)
        audio = waveforms.digest(keys)
        content = {"fingerprint": fingerprint, "samples": samples, "audio": audio}
        files = part_files(output, names, job)
        if read_marker(marker) == content and all(path.is_file() for path in files):
            logging.info("job %d is done: %s", job, marker)
        else:
            # First of all: half of the new parts must not pass for the old ones.
            marker.unlink(missing_ok=True)
            reconstruct(args, probes, names, waveforms, samples)
            with marker_written(marker) as part:
                part.write_text(json.dumps(content), encoding="utf-8")
    if args.merge or args.job is None:
        merge(output, probes, names, fingerprint, waveforms, Path(args.data_dir))


def part_files(output: Path, names: Sequence[str], job: int) -> List[Path]:
    """Return the files that a job leaves.

    Args:
        output: Folder of the set.
        names: The layers, and the oracle if it is wanted.
        job: Number of the job.
    """
    parts = [f"{name}/feats.{job}" for name in names]
    files = [output / f"{part}.{kind}" for part in parts for kind in ("ark", "scp")]
    return files + [output / name / f"l1.{job}.csv" for name in names if name != ORACLE]


def read_marker(path: Path) -> Dict[str, Any]:
    """Read what a job that is done says of itself; empty if there is no such file.

    Args:
        path: The file.
    """
    if not path.is_file():
        return {}
    content: Dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def marker_written(path: Path) -> Any:
    """Return a context that writes a file whole; see :func:`written_whole`."""
    from espnet_probe.bin.score_files import written_whole

    return written_whole(path)


def reconstruct(
    args: argparse.Namespace,
    probes: "ProbeExp",
    names: Sequence[str],
    waveforms: "Waveforms",
    samples: Mapping[str, int],
) -> None:
    """Reconstruct the utterances of one job.

    Args:
        args: The command's arguments.
        probes: The trained probes.
        names: The layers to reconstruct from, and the oracle if it is wanted.
        waveforms: The data.
        samples: The job's utterances and their lengths.

    Raises:
        ProbeError: If an utterance does not do; this is checked before the start.
    """
    import torch
    from tqdm import tqdm

    device = "cuda" if args.ngpu else "cpu"
    layers = [name for name in names if name != ORACLE]
    model = probes.load(layers, find_choice(args), device)
    assert model.upstream is not None
    model.upstream.check_lengths(samples)
    output, job = Path(args.output_dir), args.job or 1
    parts = {name: Part(output / name, job) for name in names}
    try:
        for key in tqdm(samples, desc="reconstruct", unit="utt", mininterval=2):
            add_utterance(model, torch.from_numpy(waveforms[key]), key, parts)
        for part in parts.values():
            part.close()
    except OSError as error:
        raise ProbeError(
            f"cannot write to {output}: {error}; make room, then run the same again"
        ) from error
    finally:
        for part in parts.values():
            part.discard()


def add_utterance(
    model: "ESPnetProbeModel", waveform: Any, key: str, parts: Dict[str, Part]
) -> None:
    """Reconstruct one utterance and append it to each layer's part.

    Args:
        model: Upstream and probes.
        waveform: (samples,).
        key: Utterance id.
        parts: Layer or control to its part.

    Raises:
        ProbeError: If a reconstruction is not finite.
    """
    import torch

    from espnet_probe.probes.inference import reconstruct_utterance

    made = reconstruct_utterance(model, waveform, key)
    if ORACLE in parts:
        parts[ORACLE].add(key, made.target.numpy())
    for name, mel in made.mels.items():
        if not torch.isfinite(mel).all():
            raise ProbeError(
                f"utterance {key}: the reconstruction from {name} is not finite; check "
                "the recording, and this layer's loss in the training log"
            )
        parts[name].add(key, mel.numpy(), made.l1(name), made.held[name])


def merge(
    output: Path,
    probes: "ProbeExp",
    names: Sequence[str],
    fingerprint: str,
    waveforms: "Waveforms",
    data_dir: Path,
) -> None:
    """Join the parts of all jobs and write what describes them.

    Args:
        output: Folder of the set.
        probes: The trained probes.
        names: The layers, and the oracle if it is wanted.
        fingerprint: Of the probes; parts of other ones are not taken.
        waveforms: The data.
        data_dir: Their folder.

    Raises:
        ProbeError: If an utterance is in no part.
    """
    import yaml

    from espnet_probe.bin.score_files import written_whole

    jobs = []
    samples = waveforms.check(waveforms.keys())
    for marker in sorted(output.glob("job.*.json")):
        content = read_marker(marker)
        found = content.get("samples", {})
        # Of other probes, or of audio that has changed since: of a run with more jobs.
        stale = content["fingerprint"] != fingerprint or not found
        stale = stale or any(samples.get(key, n) != n for key, n in found.items())
        if not stale and found.keys() <= samples.keys():
            stale = content.get("audio") != waveforms.digest(list(found))
        if stale:
            marker.unlink()
        else:
            jobs.append(int(marker.name.split(".")[1]))
    for name in names:
        merge_layer(output / name, jobs, waveforms.keys())
    natural = output / NATURAL
    natural.mkdir(parents=True, exist_ok=True)
    with written_whole(natural / "wav.scp") as part:
        shutil.copyfile(data_dir / "wav.scp", part)
    for folder in [output, output.parent]:
        with written_whole(folder / "mel.yaml") as part:
            part.write_text(yaml.safe_dump(probes.target.to_dict()), encoding="utf-8")
    chosen = [entry for entry in probes.descriptions if entry["name"] in names]
    with written_whole(output.parent / "layers.json") as part:
        part.write_text(json.dumps(chosen, indent=2) + "\n", encoding="utf-8")
    logging.info("%s: %d layers, %d jobs joined", output, len(chosen), len(jobs))


def merge_layer(folder: Path, jobs: Sequence[int], keys: Sequence[str]) -> None:
    """Write ``feats.scp`` of a layer or control, and the summary of its L1.

    Args:
        folder: Its folder.
        jobs: The jobs whose parts count.
        keys: All utterances of the set, in order.

    Raises:
        ProbeError: If an utterance is in no part.
    """
    from espnet_probe.bin.score_files import (
        read_full_table,
        versions,
        write_csv,
        write_json,
        written_whole,
    )
    from espnet_probe.scores.intervals import interval_of_mean

    index: Dict[str, str] = {}
    errors: Dict[str, Dict[str, str]] = {}
    for job in jobs:
        index.update(read_full_table(folder / f"feats.{job}.scp", "utterance and ark"))
        table = folder / f"l1.{job}.csv"
        if table.is_file():
            with table.open(encoding="utf-8", newline="") as file:
                errors.update({row["utt_id"]: row for row in csv.DictReader(file)})
    missing = [key for key in keys if key not in index]
    if missing:
        raise ProbeError(
            f"{folder}: {len(missing)} of {len(keys)} utterances are not there yet, "
            f"{missing[0]} among them; run the missing jobs first"
        )
    if errors:
        # A part of an earlier version has no column of held frames.
        rows = [[errors[key].get(name, "") for name in L1_COLUMNS] for key in keys]
        write_csv(folder / "l1.csv", L1_COLUMNS, rows)
        values = [float(errors[key]["l1"]) for key in keys]
        interval = interval_of_mean(values)
        summary: Dict[str, Any] = {
            "mean": sum(values) / len(values),
            "ci95": interval.as_list(),
            "count": len(values),
        }
        if interval.reason:
            summary["reason"] = interval.reason
        write_json(
            folder / "l1.json",
            {
                "l1": summary,
                "unit": "natural-log mel",
                "config": {"mean_over": "utterances", "frames": "all, held ones too"},
                "versions": versions("torch", "espnet"),
            },
        )
    with written_whole(folder / "feats.scp") as part:
        lines = [f"{key} {index[key]}\n" for key in keys]
        part.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run(main))
