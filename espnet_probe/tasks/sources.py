"""Where a probe run gets its hidden states from: the live upstream, or dumps."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.layers.selection import select_names
from espnet_probe.probes.espnet_model import ProbedLayer
from espnet_probe.store import DumpDescription, StateReader
from espnet_probe.upstream import Upstream
from espnet_probe.upstream.choice import ONE_OF, find_choice

#: Prefix of the data names under which dumped states arrive.
HIDDEN = "hidden_"


@dataclass(frozen=True)
class StateSource:
    """Everything a probe model must know of its upstream.

    Attributes:
        layers: The layers to probe, in network order.
        target: Settings of the mel to recover.
        upstream_hash: SHA-256 of the upstream, in hexadecimal.
        upstream: The model itself; None when states come from dumps.
        descriptions: The layers as ``layers.json`` has them.
    """

    layers: Sequence[ProbedLayer]
    target: LogMelConfig
    upstream_hash: str
    upstream: Optional[Upstream]
    descriptions: Sequence[Dict[str, Any]]


def live_source(args: argparse.Namespace) -> StateSource:
    """Load the upstream.

    Args:
        args: Uses the options that name the upstream, and ``layers``.

    Raises:
        ProbeError: If no upstream is given, it cannot be loaded, or a layer's name
            is unknown.
    """
    choice = find_choice(args)
    if choice is None:
        raise ProbeError(f"--states live needs the probed model: give {ONE_OF}")
    upstream = choice.load()
    layers = upstream.select(args.layers)
    return StateSource(
        layers=[ProbedLayer(layer.name, layer.width, layer.stride) for layer in layers],
        target=upstream.target,
        upstream_hash=upstream.hash,
        upstream=upstream,
        descriptions=[layer.to_dict() for layer in layers],
    )


def dumped_layers(data: Sequence[Tuple[str, str, str]]) -> Dict[str, Path]:
    """Return the dump folder of each layer among the training data.

    Args:
        data: ESPnet's (path, name, type) triples; a dump's path is its
            ``hidden.scp`` and its name ``hidden_<layer>``.
    """
    return {
        name.removeprefix(HIDDEN): Path(path).parent
        for path, name, _ in data
        if name.startswith(HIDDEN)
    }


def read_dump(layer: str, folder: Path) -> DumpDescription:
    """Read what the dump of a layer says of itself.

    Args:
        layer: The layer that the data call it.
        folder: Its folder.

    Raises:
        ProbeError: If it cannot be read, is damaged, or is the dump of another layer.
    """
    # Opening it looks at every shard: a damaged one is found before training.
    description = StateReader(folder).description
    if description.layer != layer:
        raise ProbeError(
            f"the data call {folder} {HIDDEN}{layer}, but it holds the states of "
            f"{description.layer}"
        )
    return description


def dump_source(args: argparse.Namespace) -> StateSource:
    """Read what the dumps say of their upstream; no model is loaded.

    Args:
        args: Uses the data of training and validation, and ``layers``.

    Raises:
        ProbeError: If there are no dumps, a layer is not among them, or they come
            from different upstreams.
    """
    train = dumped_layers(args.train_data_path_and_name_and_type)
    valid = dumped_layers(args.valid_data_path_and_name_and_type)
    if not train:
        raise ProbeError(
            "--states dump needs the dumps as training data: give "
            "DIR/<layer>/hidden.scp,hidden_<layer>,kaldi_ark for every layer"
        )
    if train.keys() != valid.keys():
        raise ProbeError(
            f"training data have dumps of {' '.join(sorted(train))}, validation data "
            f"of {' '.join(sorted(valid)) or 'no layer'}: give both of every layer"
        )
    dumps = [read_dump(layer, folder) for layer, folder in train.items()]
    check_same(dumps + [read_dump(layer, folder) for layer, folder in valid.items()])
    dumps.sort(key=lambda dump: dump.position)
    names = select_names(args.layers, [dump.layer for dump in dumps])
    chosen = [dump for dump in dumps if dump.layer in names]
    return StateSource(
        layers=[ProbedLayer(dump.layer, dump.width, dump.stride) for dump in chosen],
        target=LogMelConfig.from_dict(chosen[0].target),
        upstream_hash=chosen[0].upstream_hash,
        upstream=None,
        descriptions=[
            {
                "name": dump.layer,
                "width": dump.width,
                "stride": dump.stride,
                "frame_shift": dump.frame_shift,
                "tap": dump.tap,
                "batch_independent": dump.batch_independent,
            }
            for dump in chosen
        ],
    )


def check_same(dumps: Sequence[DumpDescription]) -> None:
    """Refuse dumps that do not come from one upstream.

    Args:
        dumps: What they say of themselves.

    Raises:
        ProbeError: Naming two layers that differ.
    """
    first = dumps[0]
    for other in dumps[1:]:
        for key in ("upstream_hash", "target"):
            ours, theirs = getattr(first, key), getattr(other, key)
            if ours != theirs:
                raise ProbeError(
                    f"the dumps of {first.layer} and {other.layer} have different "
                    f"{key}: {ours} and {theirs}; dump both from one model"
                )
