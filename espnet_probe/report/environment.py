"""With what a report was made: versions, machine, date, and the project's commit."""

import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Dict, Optional

import espnet_probe


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def git_commit(folder: Path) -> Optional[str]:
    """Return the commit of the checkout that ``folder`` belongs to.

    Args:
        folder: A package's folder, with an ``__init__.py``.

    Returns:
        None without git, outside a checkout, and where the package merely lies
        in somebody's checkout (an environment in a project) untracked.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        return git("rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return None


def machine() -> str:
    """Return processor, cores that may be used, and GPUs, which times depend on."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        found = [line.partition(":")[2] for line in lines if line.startswith("model n")]
        name = " ".join(found[0].split()) if found else name
    except OSError:
        pass  # another system than Linux
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    said = f"{name or 'processor unknown'}, {cores} cores, "
    if shutil.which("nvidia-smi") is None:
        return f"{said}no GPU"
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return f"{said}no GPU"
    return said + (", ".join(done.stdout.split("\n")[:-1]) or "no GPU")


def environment(date: str) -> Dict[str, str]:
    """Return what stands under "Environments", in the order of ESPnet's RESULTS.md.

    Args:
        date: When the report is made, in words.
    """
    found = {
        "date": date,
        "machine": machine(),
        "python version": " ".join(sys.version.split()),
        "espnet version": f"espnet {_version('espnet')}",
        "pytorch version": f"pytorch {_version('torch')}",
        "espnet_probe version": f"espnet_probe {espnet_probe.__version__}",
    }
    commit = git_commit(Path(espnet_probe.__file__).parent)
    if commit is not None:
        found["Git hash"] = commit
    return found
