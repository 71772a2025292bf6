"""Going on with a training: only with what it was begun with.

ESPnet's trainer loads a checkpoint and trains the epochs that are missing, whatever has
changed. With all epochs there it trains none, and leaves the new configuration beside
probes that were trained with the old one.
"""

import argparse
from pathlib import Path
from typing import Any

import yaml

from espnet_probe.errors import ProbeError

#: What decides how the probes turn out. The number of epochs is not among them: more of
#: them go on where the others ended.
SETTINGS = (
    "probe",
    "probe_conf",
    "layer_descriptions",
    "target",
    "states",
    "train_data_path_and_name_and_type",
    "optim",
    "optim_conf",
    "full_rate_width",
    "normalize_states",
    "shuffle_states",
    "scheduler",
    "scheduler_conf",
    "grad_clip",
    "grad_clip_type",
    "accum_grad",
    "use_amp",
    "batch_type",
    "batch_size",
    "batch_bins",
    "num_iters_per_epoch",
    "seed",
)

#: What a training of a version that did not have a setting yet did.
EARLIER = {"shuffle_states": False}


def check_resumable(args: argparse.Namespace) -> None:
    """Refuse to go on with a training that was begun with other settings.

    Args:
        args: The task's arguments, the layers' descriptions and the target among them.

    Raises:
        ProbeError: Naming the settings that differ, and what to do.
    """
    folder = Path(args.output_dir or ".")
    config = folder / "config.yaml"
    if not (args.resume and (folder / "checkpoint.pth").exists() and config.is_file()):
        return
    begun = yaml.safe_load(config.read_text(encoding="utf-8"))
    # As YAML gives it back: without tuples.
    wanted = yaml.safe_load(
        yaml.safe_dump({k: _plain(vars(args)[k]) for k in SETTINGS})
    )
    different = [
        f"{key} was {begun.get(key)}, is {value}"
        for key, value in wanted.items()
        if begun.get(key, EARLIER.get(key)) != value
    ]
    if different:
        raise ProbeError(
            f"{folder} holds a training with other settings: {'; '.join(different)}; "
            "remove the folder, or train into another (probe.sh: --probe_tag)"
        )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return (
        [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
    )
