"""ESPnet's recipe tree: found in a user's checkout, or fetched and verified.

The recipes of this project link to ``asr.sh``, ``utils``, ``scripts`` and the like of
ESPnet's repository. The installed package does not hold them, the source distribution
of the same version does. It holds no symbolic links, though: links to files became
copies, those to folders are missing and are put back here.
"""

import hashlib
import importlib.metadata
import json
import logging
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import List

from espnet_probe.errors import ProbeError

#: Where all the shared parts are, relative to a tree.
TEMPLATE = Path("egs2/TEMPLATE/asr1")

#: What a tree must have for our recipes.
REQUIRED_FILES = (
    TEMPLATE / "asr.sh",
    TEMPLATE / "cmd.sh",
    TEMPLATE / "db.sh",
    TEMPLATE / "conf/slurm.conf",
    TEMPLATE / "pyscripts/audio/format_wav_scp.py",
    TEMPLATE / "scripts/audio/format_wav_scp.sh",
    TEMPLATE / "utils/parse_options.sh",
    TEMPLATE / "utils/run.pl",
    Path("tools/extra_path.sh"),
    Path("version.txt"),
)
REQUIRED_FOLDERS = (TEMPLATE / "steps",)

#: The folders that recipes share by links.
LINKED_FOLDERS = ("utils", "steps", "scripts", "pyscripts")

#: The link through which everything else reaches the tree in use.
LINK_NAME = "espnet"

#: Written into a fetched tree: where it comes from.
RECORD_NAME = "espnet_probe_source.json"

REMEDY = (
    "set ESPNET_ROOT to a checkout of ESPnet, or unset it to have the source "
    "distribution fetched"
)


def installed_version() -> str:
    """Return the version of the ESPnet that this Python imports.

    Raises:
        ProbeError: It has none.
    """
    try:
        return importlib.metadata.version("espnet")
    except importlib.metadata.PackageNotFoundError as error:
        raise ProbeError(
            f"{sys.executable} has no ESPnet: run 'make setup', or 'pip install -e .' "
            "in your own environment"
        ) from error


def check_tree(root: Path) -> str:
    """Check that a folder has what recipes need of ESPnet's repository.

    Args:
        root: The top of the tree.

    Returns:
        The version that the tree says it is.

    Raises:
        ProbeError: Something is missing.
    """
    missing = [str(p) for p in REQUIRED_FILES if not (root / p).is_file()]
    missing += [str(p) for p in REQUIRED_FOLDERS if not (root / p).is_dir()]
    if missing:
        raise ProbeError(
            f"{root} is no complete ESPnet tree, it lacks {', '.join(missing)}: "
            f"{REMEDY}"
        )
    return (root / "version.txt").read_text(encoding="utf-8").strip()


def restore_links(root: Path) -> int:
    """Put back the links to shared folders that a source distribution lacks.

    Args:
        root: The top of the tree.

    Returns:
        How many links were made. What is there already is left alone.
    """
    made = 0
    for recipe in sorted(root.glob("egs2/*/*/")):
        if not (recipe / "path.sh").is_file():
            continue
        for name in LINKED_FOLDERS:
            if not os.path.lexists(recipe / name):
                os.symlink(f"../../TEMPLATE/asr1/{name}", recipe / name)
                made += 1
    return made


def unpack(archive: Path, version: str, destination: Path) -> None:
    """Unpack ESPnet's source distribution, complete it, check it, put it in place.

    Args:
        archive: The ``.tar.gz``.
        version: The version that it must be.
        destination: The folder to make. It appears only when all is done; what was
            there under this name is replaced.

    Raises:
        ProbeError: The archive is broken, holds paths that lead out of it, or is not
            the distribution of this version.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    with tempfile.TemporaryDirectory(
        dir=destination.parent, prefix=f".{destination.name}."
    ) as folder:
        try:
            with tarfile.open(archive) as tar:
                # "data" refuses absolute paths, paths and links that lead out of the
                # folder, and devices.
                tar.extractall(folder, filter="data")
        except (tarfile.TarError, EOFError, OSError) as error:
            raise ProbeError(
                f"cannot unpack {archive.name}: {error}; try again, or {REMEDY}"
            ) from error
        tree = Path(folder) / f"espnet-{version}"
        if not tree.is_dir():
            raise ProbeError(
                f"{archive.name} has no folder espnet-{version}, expected the source "
                f"distribution of that version: {REMEDY}"
            )
        found = check_tree(tree)
        if found != version:
            raise ProbeError(
                f"{archive.name} is ESPnet {found}, expected {version}: {REMEDY}"
            )
        made = restore_links(tree)
        record = {"archive": archive.name, "sha256": digest, "links_restored": made}
        (tree / RECORD_NAME).write_text(json.dumps(record, indent=2) + "\n")
        if destination.exists():
            shutil.rmtree(destination)
        os.replace(tree, destination)
    logging.info("%s: sha256 %s, %d links put back", destination, digest, made)


def download(version: str, folder: Path) -> Path:
    """Download ESPnet's source distribution with pip.

    pip checks the file against the SHA-256 that the package index publishes.

    Args:
        version: The version.
        folder: Where to put the file.

    Returns:
        The archive.

    Raises:
        ProbeError: pip failed, for instance because there is no network.
    """
    command = [sys.executable, "-m", "pip", "download", "--dest", str(folder)]
    # pip asks a source distribution for its metadata, and would first install the
    # tools for that into a new environment: the setuptools installed here can do it.
    command += ["--no-deps", "--no-build-isolation", "--no-binary", "espnet"]
    command += ["--disable-pip-version-check", "--progress-bar", "off"]
    command += ["--no-cache-dir", "--retries", "2", f"espnet=={version}"]
    lines: List[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.strip())
            if "Downloading" in line:
                print(line.rstrip(), file=sys.stderr)
    archives = sorted(folder.glob("espnet-*.tar.gz"))
    if process.returncode != 0 or len(archives) != 1:
        reasons = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
        reason = reasons[-1] if reasons else f"exit code {process.returncode}"
        raise ProbeError(
            f"cannot download the source distribution of ESPnet {version} "
            f"(pip: {reason}): connect to the network, or set ESPNET_ROOT to a checkout"
        )
    return archives[0]


def point_link(link: Path, target: Path) -> None:
    """Let a symbolic link point to a target, whatever it pointed to before.

    Args:
        link: The link; its folder exists.
        target: Relative to the link's folder, or absolute.

    Raises:
        ProbeError: Something that is not a link has this name.
    """
    if link.exists() and not link.is_symlink():
        raise ProbeError(f"{link} is not a link: move it away")
    if link.is_symlink() and Path(os.readlink(link)) == target:
        return
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    os.symlink(target, temporary)
    os.replace(temporary, link)


def is_complete(root: Path, version: str) -> bool:
    """Tell whether a folder is a complete tree of this version.

    Args:
        root: The folder, which need not exist.
        version: The version.
    """
    try:
        return check_tree(root) == version
    except ProbeError:
        return False


def provide_tree(tools: Path, checkout: str = "") -> Path:
    """Make ``<tools>/espnet`` a link to a complete ESPnet tree.

    Args:
        tools: The folder for the link and for a fetched tree.
        checkout: The user's checkout; if empty, the tree that the link already leads to
            is kept if it is one, else the installed version's is fetched.

    Returns:
        The link.

    Raises:
        ProbeError: The checkout is none, or there is no tree and none can be fetched.
    """
    link = tools / LINK_NAME
    version = installed_version()
    if checkout:
        root = Path(checkout).expanduser().resolve()
        found = check_tree(root)
        if found != version:
            logging.warning(
                "the checkout %s is ESPnet %s, but %s is installed: their scripts and "
                "options may differ",
                root,
                found,
                version,
            )
        tools.mkdir(parents=True, exist_ok=True)
        point_link(link, root)
        return link
    if is_complete(link, version):
        return link
    destination = tools / f"espnet-{version}"
    if not is_complete(destination, version):
        tools.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=tools, prefix=".download.") as folder:
            unpack(download(version, Path(folder)), version, destination)
    point_link(link, Path(destination.name))
    return link
