"""Tiny models packed by ESPnet's own pack, as a recipe's stage would."""

import contextlib
import os
from pathlib import Path
from typing import Any, Dict, Iterator

import numpy as np
from tiny_models import asr_config, write_exp


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder, as recipes do, then in the old one again."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def write_recipe(folder: Path) -> Path:
    """Write a recipe folder with a trained model in exp/asr_tiny; return the latter.

    The model has global statistics, in a file that its configuration names relatively.

    Args:
        folder: Made if it is not there.
    """
    stats = folder / "exp" / "asr_stats" / "train" / "feats_stats.npz"
    stats.parent.mkdir(parents=True)
    generator = np.random.default_rng(0)
    totals = {"sum": generator.normal(size=24), "sum_square": np.full(24, 30.0)}
    np.savez(stats, count=10, **totals)
    config: Dict[str, Any] = asr_config("blstm_plain", n_mels=8)
    config["normalize"] = "global_mvn"
    config["normalize_conf"] = {"stats_file": str(stats.relative_to(folder))}
    with inside(folder):
        write_exp(folder / "exp" / "asr_tiny", config)
    return folder / "exp" / "asr_tiny"


def pack_recipe(exp: Path, archive: Path) -> Path:
    """Pack the model of :func:`write_recipe` as asr.sh does; return the archive.

    Args:
        exp: The exp folder.
        archive: What to write; its suffix decides the kind.
    """
    from espnet2.bin.pack import main

    options = [
        f"--asr_train_config={exp}/config.yaml",
        f"--asr_model_file={exp}/valid.loss.ave.pth",
        f"--option={exp.parent}/asr_stats/train/feats_stats.npz",
        f"--outpath={archive}",
    ]
    with inside(exp.parent.parent):
        main(["asr", *options])
    return archive
