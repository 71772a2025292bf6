"""The one list of what the plugin adds to ESPnet's choices, and how it gets there.

ESPnet has no plugin mechanism: its tasks look a class up by name in tables that are
globals of their modules, such as ``espnet2.tasks.asr.frontend_choices``. The plugin
adds its classes to these tables, in every process that builds a model.

Importing ESPnet's tasks costs seconds, and ESPnet's scripts also start Python for
one-liners that need none of it. So :func:`register_lazily` imports nothing: it watches
for the import of the modules named in :data:`ADDITIONS` and completes each right after
it was loaded. :func:`register` does it at once, for code that is about to build a
model.
"""

import importlib
import sys
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, MutableMapping, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError


@dataclass(frozen=True)
class Addition:
    """One class under one name, for one table in one or several of ESPnet's modules.

    Attributes:
        name: What a user writes in a configuration; ESPnet wants lower case.
        module: Our module that defines the class.
        attribute: The class in that module.
        table: The global variable to add it to: a ``ClassChoices`` or a dict.
        hosts: ESPnet's modules that have this table.
    """

    name: str
    module: str
    attribute: str
    table: str
    hosts: Tuple[str, ...]

    def load(self) -> type:
        """Import and return the class."""
        loaded: type = getattr(importlib.import_module(self.module), self.attribute)
        return loaded


def _of_speakers(name: str, module: str, attribute: str, part: str) -> Addition:
    """Return an addition to the tables of ESPnet's speaker task."""
    return Addition(
        name=name,
        module=f"espnet_probe.speakers.modules.{module}",
        attribute=attribute,
        table=f"{part}_choices",
        hosts=("espnet2.tasks.spk",),
    )


#: Everything that the plugin adds.
ADDITIONS: Tuple[Addition, ...] = (
    Addition(
        name="delta_logmel",
        module="espnet_probe.features.delta_logmel",
        attribute="DeltaLogMel",
        table="frontend_choices",
        # The tasks that have the VGG and RNN encoders which this front end is for.
        hosts=(
            "espnet2.tasks.asr",
            "espnet2.tasks.asr_transducer",
            "espnet2.tasks.s2t",
            "espnet2.tasks.s2t_ctc",
            "espnet2.tasks.slu",
            "espnet2.tasks.st",
        ),
    ),
    Addition(
        name="layer_plateau",
        module="espnet_probe.tasks.layer_plateau",
        attribute="LayerPlateau",
        table="scheduler_classes",
        hosts=("espnet2.tasks.abs_task",),
    ),
    _of_speakers("spectrogram", "spectrogram", "Spectrogram", "frontend"),
    _of_speakers("thin_resnet34", "thin_resnet", "ThinResNet34", "encoder"),
    _of_speakers("ghostvlad", "ghostvlad", "GhostVLAD", "pooling"),
    _of_speakers(
        "thin_resnet", "thin_resnet_projector", "ThinResNetProjector", "projector"
    ),
    _of_speakers("amsoftmax", "amsoftmax", "AMSoftmax", "loss"),
    _of_speakers("linear_mel", "ge2e", "LinearMelFrontend", "frontend"),
    _of_speakers("ge2e_lstm", "ge2e", "GE2ELSTM", "encoder"),
    _of_speakers("last_state", "ge2e", "LastState", "pooling"),
    _of_speakers("ge2e", "ge2e_loss", "GE2ELoss", "loss"),
)

#: What :func:`register` imports if need be; the other hosts only when they are there.
DEFAULT_HOST = "espnet2.tasks.asr"


def add_class(table: Any, name: str, cls: type, where: str) -> None:
    """Add a class to one of ESPnet's tables; nothing happens if it is there already.

    Args:
        table: A ``ClassChoices``, or a mapping from names to classes.
        name: The name to add it under.
        cls: The class.
        where: What the table is called in an error message.

    Raises:
        ProbeError: The class is not of the kind the table holds (ESPnet checks that in
            the table's constructor only), or the name belongs to another class.
    """
    classes: MutableMapping[str, type] = getattr(table, "classes", table)
    base = getattr(table, "base_type", None)
    if base is not None and not issubclass(cls, base):
        raise ProbeError(
            f"{where} takes subclasses of {base.__name__}, got {cls.__qualname__}: "
            "correct its entry in espnet_probe/registration.py"
        )
    present = classes.get(name)
    if present is not None and present is not cls:
        raise ProbeError(
            f"{where} already has {name!r}: {present.__module__}."
            f"{present.__qualname__}, not {cls.__module__}.{cls.__qualname__}; rename "
            "one of them, or load one of the two plugins only"
        )
    classes[name] = cls


def complete(module: ModuleType) -> None:
    """Add to a loaded module of ESPnet what the list has for it.

    Args:
        module: The module, completely loaded.

    Raises:
        ProbeError: An addition does not fit, see :func:`add_class`; or this ESPnet's
            module lacks the table.
    """
    for addition in ADDITIONS:
        if module.__name__ not in addition.hosts:
            continue
        where = f"{module.__name__}.{addition.table}"
        table = getattr(module, addition.table, None)
        if table is None:
            raise ProbeError(
                f"this ESPnet has no {where}, which {addition.name!r} is added to: "
                "install a version that setup.py allows"
            )
        add_class(table, addition.name, addition.load(), where)


class _CompletingLoader(Loader):
    """Load a module with its own loader, then add the plugin's classes to it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        complete(module)

    def __getattr__(self, name: str) -> Any:
        # get_code, get_source, get_filename …: for runpy, inspect and tracebacks.
        return getattr(self._loader, name)


class _HostWatcher(MetaPathFinder):
    """Notice the import of a module that the list has additions for."""

    def find_spec(
        self,
        fullname: str,
        path: Optional[Sequence[str]],
        target: Optional[ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        if not any(fullname in addition.hosts for addition in ADDITIONS):
            return None
        for finder in sys.meta_path:
            if isinstance(finder, _HostWatcher):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _CompletingLoader(spec.loader)
                return spec
        return None


def register_lazily() -> None:
    """Complete ESPnet's modules as they are imported, from now on; those loaded, now.

    Costs nothing in a process that never imports ESPnet. May be called again.

    Raises:
        ProbeError: A module that is loaded already cannot take an addition. For the
            others the error comes out of their import.
    """
    if not any(isinstance(finder, _HostWatcher) for finder in sys.meta_path):
        sys.meta_path.insert(0, _HostWatcher())
    for host in sorted({host for addition in ADDITIONS for host in addition.hosts}):
        module = sys.modules.get(host)
        # While a module is still being loaded it is in sys.modules without its tables;
        # the watcher, or this function's next call, completes it.
        if module is not None and not _is_loading(module):
            complete(module)


def _is_loading(module: ModuleType) -> bool:
    # The mark that importlib itself uses while it executes a module.
    return bool(getattr(module.__spec__, "_initializing", False))


def register() -> None:
    """Add the plugin's classes to ESPnet's ASR task, and to other tasks on import.

    For library code that is about to build or load a model. May be called again.

    Raises:
        ProbeError: ESPnet's tables cannot take an addition, see :func:`add_class`.
    """
    register_lazily()
    importlib.import_module(DEFAULT_HOST)
