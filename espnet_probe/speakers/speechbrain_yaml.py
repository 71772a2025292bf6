"""What a SpeechBrain model's hyperparams.yaml may build: an allow-list.

SpeechBrain describes a model in HyperPyYAML, in which a file can name any Python
function and have it called. A model from someone else must not run code, so the file is
read by a loader that knows plain values, references, and classes of neural networks of
SpeechBrain and PyTorch; anything else is refused by its name.
"""

import importlib
import re
from io import StringIO
from pathlib import Path
from typing import Any, Dict, Iterator, Set

import torch

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.spec import INSTALL

#: Modules whose networks (subclasses of ``torch.nn.Module``) may be built. Not all of
#: ``speechbrain.lobes.models``: some fetch and load further models in their own way.
NETWORKS = frozenset(
    {
        "speechbrain.lobes.features",
        "speechbrain.lobes.models.ECAPA_TDNN",
        "speechbrain.lobes.models.ResNet",
        "speechbrain.lobes.models.Xvector",
        "speechbrain.processing.features",
        "torch.nn",
    }
)

#: Packages of such modules.
NETWORK_PACKAGES = ("speechbrain.nnet.",)

#: Further classes: names of classes on disk, and what loads weights.
OTHERS = frozenset(
    {
        "speechbrain.dataio.encoder.CategoricalEncoder",
        "speechbrain.dataio.preprocess.AudioNormalizer",
        "speechbrain.utils.parameter_transfer.Pretrainer",
    }
)

#: Functions that may be called: files that come from a training set its seed.
SEEDS = frozenset(
    {"!apply:torch.manual_seed", "!apply:speechbrain.utils.seed_everything"}
)

#: Tags of plain YAML and of references within the file.
PLAIN = frozenset({"!ref", "!copy", "!tuple", "!PLACEHOLDER"})
_YAML = "tag:yaml.org,2002:"
_PLAIN_YAML = frozenset(
    _YAML + kind
    for kind in "null bool int float str seq map set omap timestamp binary".split()
)

#: Tuples are read by a loader that constructs anything: numbers and words only.
_TUPLE = re.compile(r"^\([\w\s.,+-]*\)$", re.ASCII)


def load_hyperparams(path: Path, overrides: Dict[str, Any]) -> Dict[str, Any]:
    """Read a file of hyperparameters and build what it describes.

    Args:
        path: The file.
        overrides: Values to replace, for keys at the top that the file has.

    Returns:
        Key → value or network, with random weights.

    Raises:
        ProbeError: If it names what may not be built (before anything is), or is no
            such file.
    """
    try:
        import ruamel.yaml
        from hyperpyyaml import load_hyperpyyaml
        from ruamel.yaml.loader import SafeLoader
    except ImportError as error:
        raise ProbeError(
            f"{path} needs the Python package {error.name}: {INSTALL}"
        ) from error

    class CheckedLoader(SafeLoader):
        """Construct what the allow-list has, checked at each single node."""

        def construct_object(self, node: Any, deep: bool = True) -> Any:
            check_tag(str(node.tag or ""), path)
            if isinstance(node.value, str):
                check_scalar(str(node.tag), node.value, path)
            return super().construct_object(node, deep=True)

    try:
        text = path.read_text(encoding="utf-8")
        tree = ruamel.yaml.YAML().load(text)
        if not isinstance(tree, dict):
            raise ProbeError(f"{path}: expected a mapping from keys to values")
        # Functions of !applyref and files of !include are reached before the loader
        # is: by the same tree, so what is not in it is not called.
        for tag, value in _nodes(tree, set()):
            check_tag(tag, path)
            check_scalar(tag, value, path)
        overrides = {key: value for key, value in overrides.items() if key in tree}
        # A stream without a name: nothing beside the file is looked at.
        built: Dict[str, Any] = load_hyperpyyaml(
            StringIO(text), overrides, loader=CheckedLoader
        )
    except ProbeError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise ProbeError(
            f"cannot build the model of {path}: {type(error).__name__}: {said}"
        ) from error
    return built


def _nodes(node: Any, seen: Set[int]) -> Iterator[Any]:
    """Give tag and text ("" where it has none) of all nodes of a tree."""
    if id(node) in seen:
        return
    seen.add(id(node))
    tag = getattr(getattr(node, "tag", None), "value", None) or ""
    value = node if isinstance(node, str) else getattr(node, "value", "")
    yield str(tag), value if isinstance(value, str) else ""
    if isinstance(node, dict):
        for key, item in node.items():
            yield from _nodes(key, seen)
            yield from _nodes(item, seen)
    elif isinstance(node, (list, tuple, set)):
        for item in node:
            yield from _nodes(item, seen)


def check_tag(tag: str, path: Path) -> None:
    """Refuse a tag that could do more than build a network.

    Args:
        tag: Such as ``!new:speechbrain.lobes.features.Fbank``; "" for none.
        path: The file, for the message.

    Raises:
        ProbeError: Naming the tag.
    """
    if not tag or tag in PLAIN or tag in _PLAIN_YAML or tag in SEEDS or tag == "!":
        return
    kind, _, name = tag.partition(":")
    if kind in ("!new", "!name") and _may_be_built(name):
        return
    raise ProbeError(
        f"{path} is refused: it asks for {tag}, and a model's file may build nothing "
        "but networks of speechbrain and torch (see docs/speakers.md); it could run "
        "code otherwise"
    )


def _may_be_built(name: str) -> bool:
    """Tell whether a name is that of an allowed class, and of no attribute beyond."""
    if name in OTHERS:
        return True
    module_name, _, attribute = name.rpartition(".")
    if module_name not in NETWORKS and not module_name.startswith(NETWORK_PACKAGES):
        return False
    if not attribute.isidentifier() or attribute.startswith("_"):
        return False
    try:
        module = importlib.import_module(module_name)
    # No such module, or one that needs what is not installed and says so in its way.
    except Exception:
        return False
    found = getattr(module, attribute, None)
    return (
        isinstance(found, type)
        and issubclass(found, torch.nn.Module)
        # Not what a module of SpeechBrain has imported from elsewhere.
        and (found.__module__ + ".").startswith(module_name + ".")
    )


def check_scalar(tag: str, value: str, path: Path) -> None:
    """Refuse a tuple that is more than numbers and words.

    Args:
        tag: The scalar's tag.
        value: Its text.
        path: The file, for the message.

    Raises:
        ProbeError: If it holds anything that a loader could take for a tag.
    """
    text = value.strip()
    if (tag == "!tuple" or text.startswith("(")) and not _TUPLE.match(text):
        raise ProbeError(
            f"{path} is refused: {text[:80]} is no tuple of numbers and words"
        )
