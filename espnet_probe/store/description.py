"""``dump.yaml``: what the states in a folder are states of."""

from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, Sequence

import yaml

from espnet_probe import __version__
from espnet_probe.errors import ProbeError
from espnet_probe.store.locking import replace_text
from espnet_probe.store.record import BYTES_PER_NUMBER

#: The file that describes a layer's folder.
DESCRIPTION_FILE = "dump.yaml"

#: Counted up when a reader of older folders would misread newer ones.
FORMAT = 1

#: What may differ between two runs into one folder: where the model lies says
#: nothing about its weights, which the hash stands for.
_FREE = {"upstream_origin"}


def installed_versions(packages: Sequence[str] = ()) -> Dict[str, str]:
    """Return the versions of the packages that the states depend on.

    Args:
        packages: Import names of those that this model needs beside ESPnet and torch.
    """
    versions = {"espnet_probe": __version__}
    providers = metadata.packages_distributions() if packages else {}
    names = ["espnet", "torch"]
    names += [providers.get(package, [package])[0] for package in packages]
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "unknown"
    return versions


@dataclass(frozen=True)
class DumpDescription:
    """What all states in one folder have in common.

    Args:
        upstream_hash: The hash of the probed model's weights and configuration.
        upstream_origin: Where the model was loaded from, for people to read.
        layer: The layer's canonical name.
        position: Its place in the network: 0 for the first of the model's layers.
        tap: The module, or the place in it, that the states are taken from.
        width: Features per state.
        stride: Input frames per state.
        frame_shift: Seconds from one state to the next.
        fs: Sampling rate of the waveforms in Hz.
        dtype: ``float32`` or ``float16``.
        batch_independent: Whether the states of an utterance do not depend on
            what else is in its batch. Dumps are made one utterance at a time.
        target: Settings of the log-mel spectrogram that probes on these states
            recover, as :meth:`LogMelConfig.to_dict` gives them.
        versions: Package versions, see :func:`installed_versions`.
        format: Version of the folder's layout.

    Raises:
        ProbeError: If ``dtype`` is not one that can be stored, or ``width``,
            ``stride``, ``frame_shift`` or ``fs`` is not above 0.
    """

    upstream_hash: str
    upstream_origin: str
    layer: str
    position: int
    tap: str
    width: int
    stride: int
    frame_shift: float
    fs: int
    dtype: str
    batch_independent: bool
    target: Dict[str, Any] = field(default_factory=dict)
    versions: Dict[str, str] = field(default_factory=installed_versions)
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.dtype not in BYTES_PER_NUMBER:
            raise ProbeError(
                f"dtype is {self.dtype!r}, expected {' or '.join(BYTES_PER_NUMBER)}"
            )
        for name in ("width", "stride", "frame_shift", "fs"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ProbeError(f"{name} is {value!r}, expected a number above 0")
            if not value > 0:
                raise ProbeError(f"{name} is {value}, expected a number above 0")

    def write(self, directory: Path) -> None:
        """Write ``dump.yaml`` atomically; the caller holds the folder's lock."""
        text = yaml.safe_dump(asdict(self), sort_keys=False, allow_unicode=True)
        temporary = directory / f".{DESCRIPTION_FILE}.tmp"
        replace_text(directory / DESCRIPTION_FILE, text, temporary)

    @classmethod
    def read(cls, directory: Path) -> "DumpDescription":
        """Read a folder's ``dump.yaml``.

        Raises:
            ProbeError: If it is missing, is not what :meth:`write` writes, or
                has a layout that this version does not know.
        """
        path = directory / DESCRIPTION_FILE
        try:
            values: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ProbeError(
                f"cannot read {path} ({error.strerror}): expected the folder of one "
                "layer, as dump_hidden writes it"
            ) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ProbeError(f"{path} is no YAML: {error}") from error
        if not isinstance(values, dict):
            raise ProbeError(f"{path}: got no mapping; remove the folder, dump again")
        if values.get("format") != FORMAT:
            raise ProbeError(
                f"{path}: format is {values.get('format')!r}, this version of "
                f"espnet_probe reads {FORMAT}; dump again into a new folder"
            )
        wrong = sorted(set(cls.__dataclass_fields__).symmetric_difference(values))
        if wrong:
            raise ProbeError(f"{path}: missing or unexpected: {', '.join(wrong)}")
        try:
            return cls(**values)
        except ProbeError as error:
            raise ProbeError(f"{path}: {error}") from error


def check_same(directory: Path, wanted: DumpDescription) -> None:
    """Refuse to mix states of different origin in one folder.

    Args:
        directory: A folder with a ``dump.yaml``.
        wanted: What the caller is about to write into it, or expects of it.

    Raises:
        ProbeError: If another upstream, layer, number format or version made the
            folder; the message gives what differs, both ways.
    """
    found, expected = asdict(DumpDescription.read(directory)), asdict(wanted)
    different = [
        name for name in expected if found[name] != expected[name] and name not in _FREE
    ]
    if not different:
        return
    if "upstream_hash" in different:
        # The other differences follow from this one.
        said = (
            f"upstream {found['upstream_hash'][:12]} ({found['upstream_origin']}), "
            f"this run's is {expected['upstream_hash'][:12]} "
            f"({expected['upstream_origin']})"
        )
    else:
        said = "; ".join(
            f"{name} {_plain(found[name])}, this run's is {_plain(expected[name])}"
            for name in different
        )
    raise ProbeError(
        f"{directory / DESCRIPTION_FILE}: the states there were made with {said}; "
        "use another output folder or remove this one"
    )


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {value[name]}" for name in sorted(value))
    return str(value)
