"""How an embedder is named on command lines, and cheap checks of what is named.

A name alone (``ge2e``), or a name and a model: ``thin_resnet:exp/spk_x``,
``espnet:espnet/voxcelebs12_rawnet3``, ``speechbrain:pretrained/ecapa``.
Importing this loads neither torch nor ESPnet.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional

import yaml

from espnet_probe.errors import ProbeError

#: Name → what its model is called in messages; None where it takes none.
MODELS: Dict[str, Optional[str]] = {
    "ge2e": None,
    "thin_resnet": "EXP_DIR",
    "espnet": "EXP_DIR or ZOO_TAG",
    "speechbrain": "DIR or HUB_NAME",
}

#: Names whose model is a folder and nothing else.
FOLDERS_ONLY = frozenset({"thin_resnet"})

#: Weights that ESPnet's speaker training leaves, best first; its recipes use the first.
WEIGHTS = ("valid.eer.best.pth", "valid.eer.ave.pth")

#: The file that describes a SpeechBrain model.
HYPERPARAMS = "hyperparams.yaml"

#: What installs the packages that only some embedders need.
INSTALL = "pip install 'espnet_probe[speakers]'"


@dataclass(frozen=True)
class EmbedderSpec:
    """An embedder's name and its model.

    Attributes:
        name: A key of ``MODELS``.
        model: A folder, or the name of a published model; None where it takes none.
    """

    name: str
    model: Optional[str] = None

    def __str__(self) -> str:
        """Return the spec as it is written on command lines."""
        return self.name if self.model is None else f"{self.name}:{self.model}"

    @property
    def folder(self) -> Optional[Path]:
        """The model's folder, if there is one of that name."""
        if self.model is None or not Path(self.model).is_dir():
            return None
        return Path(self.model)

    @property
    def label(self) -> str:
        """The name of this embedder in the names of files and in tables.

        ``ge2e``, or the name and the last part of the model's.
        """
        if self.model is None:
            return self.name
        # abspath: "exp/x/", "exp/x/." and, inside of it, "." are the same model.
        path = os.path.abspath(self.model) if self.folder else self.model
        last = path.rstrip("/").rsplit("/", 1)[-1]
        return re.sub(r"[^A-Za-z0-9._-]", "_", f"{self.name}-{last}")


def choices() -> str:
    """Return how embedders are named, for messages and help."""
    return ", ".join(
        name if model is None else f"{name}:{model}" for name, model in MODELS.items()
    )


def parse_spec(text: str) -> EmbedderSpec:
    """Read the name of an embedder.

    Args:
        text: ``NAME`` or ``NAME:MODEL``.

    Raises:
        ProbeError: If there is none of that name, or the model is missing or too much.
    """
    name, colon, model = text.strip().partition(":")
    if name not in MODELS:
        raise ProbeError(f"unknown embedder '{text}': expected one of {choices()}")
    wanted = MODELS[name]
    if wanted is None and colon:
        raise ProbeError(f"the embedder {name} takes no model: got '{text}'")
    if wanted is not None and not model:
        raise ProbeError(
            f"the embedder {name} needs a model: expected {name}:{wanted}, got '{text}'"
        )
    return EmbedderSpec(name, model or None)


def check_spec(text: str) -> EmbedderSpec:
    """Check, before any work, what can be checked without loading the model.

    Args:
        text: ``NAME`` or ``NAME:MODEL``.

    Returns:
        The spec.

    Raises:
        ProbeError: If the name is wrong, a folder or its weights are missing, or a
            Python package is: then the message says what to install.
    """
    spec = parse_spec(text)
    if spec.name == "ge2e":
        from espnet_probe.speakers.ge2e_weights import find_weights

        find_weights()
    elif spec.folder is None:
        _refuse_missing_folder(spec)
    if spec.name == "speechbrain":
        for package in ("speechbrain", "hyperpyyaml"):
            need_package(package, f"the embedder {spec}")
        if spec.folder and not (spec.folder / HYPERPARAMS).is_file():
            raise ProbeError(
                f"no SpeechBrain model in {spec.folder}: expected {HYPERPARAMS} and "
                "the files that its pretrainer lists"
            )
    elif spec.folder:
        find_espnet_weights(spec.folder)
        check_parts(spec, read_parts(spec.folder / "config.yaml"))
    return spec


def _refuse_missing_folder(spec: EmbedderSpec) -> None:
    """Refuse what must be a folder, or looks like one, and is none."""
    model = spec.model or ""
    if spec.name in FOLDERS_ONLY:
        raise ProbeError(
            f"no folder {model}: expected {spec.name}:{MODELS[spec.name]} of a trained "
            "or converted model"
        )
    if spec.name == "espnet" and Path(model).is_file():
        # An archive that ESPnet's pack made.
        return
    # No published model has such a name.
    if model.startswith((".", "/", "~", "exp/", "egs/")):
        raise ProbeError(
            f"no folder {model}: expected {spec.name}:{MODELS[spec.name]}, an existing "
            "folder or else the name of a published model"
        )


def find_espnet_weights(folder: Path) -> Path:
    """Find the weights of a speaker model in the folder that a training left.

    Args:
        folder: An ESPnet exp folder.

    Returns:
        The first of ``WEIGHTS`` that is there, else the newest ``*.best.pth``.

    Raises:
        ProbeError: If ``config.yaml`` or the weights are missing.
    """
    if not (folder / "config.yaml").is_file():
        raise ProbeError(
            f"no ESPnet speaker model in {folder}: expected config.yaml and "
            f"{WEIGHTS[0]}, as a training leaves them"
        )
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    best = [path for path in folder.glob("*.best.pth") if path.is_file()]
    if best:
        return max(best, key=lambda path: (path.stat().st_mtime, path.name))
    present = ", ".join(sorted(path.name for path in folder.glob("*.pth")))
    raise ProbeError(
        f"no weights in {folder}: looked for {', '.join(WEIGHTS)} or any *.best.pth; "
        f"there are {present or 'no .pth files'}; train further, or link the file that "
        f"is meant to {WEIGHTS[0]}"
    )


def read_parts(path: Path) -> Dict[str, Any]:
    """Read a model's configuration.

    Args:
        path: The ``config.yaml`` of a training.

    Returns:
        Option → value.

    Raises:
        ProbeError: If it is no mapping in YAML.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())[:300]
        raise ProbeError(f"cannot read {path}: {text}") from error
    if not isinstance(config, dict):
        raise ProbeError(f"{path} is not of a training: expected options and values")
    return config


def check_parts(spec: EmbedderSpec, config: Dict[str, Any]) -> None:
    """Check that a configuration is of the kind of model that the embedder takes.

    Args:
        spec: The embedder.
        config: The model's configuration.

    Raises:
        ProbeError: If it is of another of ESPnet's tasks, has another encoder, or a
            part needs a package that is not installed.
    """
    from espnet_probe.upstream.packages import check_packages
    from espnet_probe.upstream.task_kinds import TASKS

    if not TASKS["spk"].matches(config):
        raise ProbeError(
            f"{spec} is no speaker model: its config.yaml lacks an encoder, a pooling, "
            "a projector or spk_num, as ESPnet's task spk writes them"
        )
    encoder = config.get("encoder")
    if spec.name == "thin_resnet" and encoder != "thin_resnet34":
        raise ProbeError(
            f"{spec} has the encoder {encoder}: expected thin_resnet34; name it "
            f"espnet:{spec.model}"
        )
    check_packages(config, "spk")


def need_package(package: str, who: str) -> None:
    """Refuse to go on without an optional package.

    Args:
        package: Its import name.
        who: What needs it.

    Raises:
        ProbeError: If it is not installed; the message says how to install it.
    """
    from espnet_probe.upstream.packages import is_installed

    if not is_installed(package):
        raise ProbeError(f"{who} needs the Python package {package}: {INSTALL}")
