"""Where a probe run gets its hidden states from: the live upstream, or dumps."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import yaml

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.layers.selection import select_names
from espnet_probe.probes.espnet_model import ProbedLayer
from espnet_probe.upstream import Upstream

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
        args: Uses ``upstream_exp``, ``upstream_model`` and ``layers``.

    Raises:
        ProbeError: If no upstream is given, it cannot be loaded, or a layer's name
            is unknown.
    """
    if not args.upstream_exp:
        raise ProbeError(
            "--states live needs the probed model: give --upstream_exp DIR"
        )
    upstream = Upstream.from_exp(args.upstream_exp, args.upstream_model)
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


def read_description(folder: Path) -> Dict[str, Any]:
    """Read the ``dump.yaml`` of a dump folder.

    Args:
        folder: Folder of one layer's dump.

    Raises:
        ProbeError: If the file is missing or lacks an entry.
    """
    path = folder / "dump.yaml"
    try:
        description = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProbeError(
            f"no description of the dump: {path} cannot be read ({error.strerror}); "
            "make the dump with espnet_probe.bin.dump_hidden"
        ) from error
    needed = ["layer", "width", "stride", "frame_shift", "upstream_hash", "target"]
    missing = [key for key in needed if key not in (description or {})]
    if missing:
        raise ProbeError(f"{path} lacks {' '.join(missing)}: make the dump again")
    return dict(description)


def dump_source(args: argparse.Namespace) -> StateSource:
    """Read what the dumps say of their upstream; no model is loaded.

    Args:
        args: Uses ``train_data_path_and_name_and_type``, ``layers``.

    Raises:
        ProbeError: If there are no dumps, a layer is not among them, or they come
            from different upstreams.
    """
    folders = dumped_layers(args.train_data_path_and_name_and_type)
    if not folders:
        raise ProbeError(
            "--states dump needs the dumps as training data: give "
            "DIR/<layer>/hidden.scp,hidden_<layer>,kaldi_ark for every layer"
        )
    for folder in dumped_layers(args.valid_data_path_and_name_and_type).values():
        folders.setdefault(folder.name, folder)
    descriptions: List[Dict[str, Any]] = [
        read_description(folders[name]) for name in folders
    ]
    check_same(descriptions, "upstream_hash")
    check_same(descriptions, "target")
    # The order in which the data were named is the order of the network.
    names = select_names(args.layers, list(folders))
    chosen = [entry for entry in descriptions if entry["layer"] in names]
    return StateSource(
        layers=[
            ProbedLayer(entry["layer"], int(entry["width"]), int(entry["stride"]))
            for entry in chosen
        ],
        target=LogMelConfig.from_dict(chosen[0]["target"]),
        upstream_hash=str(chosen[0]["upstream_hash"]),
        upstream=None,
        descriptions=[
            {
                "name": entry["layer"],
                "width": entry["width"],
                "stride": entry["stride"],
                "frame_shift": entry["frame_shift"],
                "tap": entry.get("tap", ""),
                "batch_independent": entry.get("batch_independent", True),
            }
            for entry in chosen
        ],
    )


def check_same(descriptions: Sequence[Dict[str, Any]], key: str) -> None:
    """Refuse dumps that differ in something that all must share.

    Args:
        descriptions: Contents of their ``dump.yaml``.
        key: The entry to compare.

    Raises:
        ProbeError: Naming two layers that differ.
    """
    first = descriptions[0]
    for other in descriptions[1:]:
        if other[key] != first[key]:
            raise ProbeError(
                f"the dumps of {first['layer']} and {other['layer']} have different "
                f"{key}: {first[key]} and {other[key]}; dump both from one model"
            )
