"""The noise files of a MUSAN-like folder: listed, split, checked, read in pieces."""

import functools
import hashlib
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from espnet_probe.bin.score_files import audio_shape
from espnet_probe.errors import ProbeError
from espnet_probe.noise import mixing
from espnet_probe.noise.choice import SOURCES, check_files
from espnet_probe.noise.split import split_files

#: What counts as a noise file; corpora hold lists and licences beside them.
SUFFIXES = (".wav", ".flac")


@dataclass(frozen=True)
class NoiseFiles:
    """The noise files for one purpose.

    Attributes:
        root: The MUSAN folder.
        names: The files of each source, relative to ``root``, sorted.
        shapes: Sampling rate in Hz and number of samples of each file.
    """

    root: Path
    names: Dict[str, List[str]]
    shapes: Dict[str, Tuple[int, int]]

    @functools.cached_property
    def digest(self) -> str:
        """What identifies the names, rates and lengths; not the samples."""
        text = json.dumps([self.names, self.shapes], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def read(
        self, name: str, place: float, num_samples: int, fs: int
    ) -> Tuple[NDArray[np.float64], int]:
        """Read as much of a file as is needed.

        Args:
            name: The file, relative to ``root``.
            place: Where the cut begins; see :func:`.mixing.offset`.
            num_samples: How many samples are needed, at the rate ``fs``.
            fs: Sampling rate in Hz; a file of another rate is resampled.

        Returns:
            (num_samples,), repeated if the file is shorter; and the first sample of
            the cut, counted in the file's own rate.

        Raises:
            ProbeError: If the file cannot be read any more.
        """
        own_fs, available = self.shapes[name]
        needed = math.ceil(num_samples * own_fs / fs)
        start = mixing.offset(available, needed, place)
        try:
            noise, _ = soundfile.read(
                self.root / name, min(needed, available), start, dtype="float64"
            )
        except (OSError, soundfile.SoundFileError) as error:
            raise ProbeError(
                f"cannot read {self.root / name}: {error}; is the file whole?"
            ) from error
        if own_fs != fs:
            from scipy.signal import resample_poly

            common = math.gcd(own_fs, fs)
            noise = resample_poly(noise, fs // common, own_fs // common)
        return mixing.fit(noise, num_samples), start


def find_noise(musan: Path, sources: Sequence[str], kind: str) -> NoiseFiles:
    """List the noise files for training or for the test, and look at their headers.

    Args:
        musan: Folder with ``music``, ``noise`` and ``speech``, or those of them that
            the sources need.
        sources: Names of :data:`~espnet_probe.noise.choice.SOURCES`.
        kind: "train" or "test": the two have no file in common.

    Raises:
        ProbeError: If a folder is missing or has too few files, or a file is no audio
            of one channel.
    """
    if not musan.is_dir():
        raise ProbeError(f"no folder {musan}: expected MUSAN's music, noise and speech")
    names: Dict[str, List[str]] = {}
    shapes: Dict[str, Tuple[int, int]] = {}
    for source in dict.fromkeys(sources):
        folder = SOURCES[source].folder
        if not (musan / folder).is_dir():
            raise ProbeError(
                f"{musan} has no folder '{folder}', which {source} is made of: correct "
                f"--musan, or leave {source} out of --sources"
            )
        try:
            sides = split_files(_audio_files(musan, folder), SOURCES[source].fewest)
        except ProbeError as error:
            raise ProbeError(f"{musan / folder}: {error}") from error
        names[source] = sides[0 if kind == "train" else 1]
        for name in names[source]:
            shapes[name] = audio_shape(f"noise file {name}", str(musan / name))
            if not shapes[name][1]:
                raise ProbeError(f"noise file {musan / name} has no samples: remove it")
    check_files(names)
    return NoiseFiles(musan, names, shapes)


def _audio_files(root: Path, folder: str) -> List[str]:
    found = []
    # os.walk, not rglob: a corpus may be put together from links to folders.
    for directory, _, files in os.walk(root / folder, followlinks=True):
        for file in files:
            if file.lower().endswith(SUFFIXES) and not file.startswith("."):
                found.append((Path(directory) / file).relative_to(root).as_posix())
    return found
