"""A small set of noise, and the command that dumps a model's states for it."""

from pathlib import Path
from typing import List

import numpy as np
import soundfile


def write_set(folder: Path) -> Path:
    """Write seven utterances of half a second to a second with their wav.scp."""
    random = np.random.default_rng(0)
    folder.mkdir()
    lines = []
    for index in range(7):
        path = folder / f"utt{index}.wav"
        samples = random.standard_normal(int(random.integers(8000, 16000)))
        soundfile.write(path, 0.1 * samples, 16000)
        lines.append(f"utt{index} {path}\n")
    (folder / "wav.scp").write_text("".join(lines))
    return folder


def arguments(exp: Path, data_dir: Path, output: Path, *more: str) -> List[str]:
    """Return the command line, with chunks of three."""
    chosen = ["--upstream_exp", str(exp), "--data_dir", str(data_dir)]
    return [*chosen, "--output_dir", str(output), "--chunk_size", "3", *more]
