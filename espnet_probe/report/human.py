"""What ``listening.json`` says: the human error rates, layer by layer."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.report.documents import checked, read_counts, read_document
from espnet_probe.report.values import Metric, Value, finite, missing

FORMAT = "espnet_probe.listening_results"
#: Where the scores of a listening test lie in a probe experiment.
FILE = Path("listening") / "listening.json"
HUMAN = Metric("error_percent", "human error (%)", 1, False)
PAIRS = Metric("eer_percent", "EER of the pairs (%)", 1, False)
#: What an interval over both listeners and triplets is said to be over.
BOTH = "listeners and triplets"
#: What is no layer of the model, but can be listened to as well.
CONTROLS = ("natural", "oracle")
COUNTS = {name: name for name in ("answers", "listeners", "triplets")}


@dataclass(frozen=True)
class HumanRate:
    """The answers to triplets of one layer.

    Attributes:
        exp: The experiment, as it was named when the test was made.
        folder: Where it was then; None if the file is of a version that did not say.
        set: Such as ``test_snr10``.
        condition: Such as ``snr10``.
        layer: The layer.
        error: The human error rate.
        over: What its interval is over; empty without one.
        kappa: Agreement of the listeners; None if not known.
        embedders: By name, the error on the same triplets and the equal error rate
            of their pairs.
    """

    exp: str
    set: str
    condition: str
    layer: str
    error: Value
    over: str = ""
    kappa: Optional[float] = None
    embedders: Mapping[str, Tuple[Value, Value]] = field(default_factory=dict)
    folder: Optional[Path] = None

    def may_be_of(self, name: str) -> bool:
        """Say whether this may be of an experiment that has been moved.

        Args:
            name: Its folder's name.
        """
        if self.folder is not None and self.folder.exists():
            return False
        return (self.folder or Path(self.exp)).name == name


@dataclass(frozen=True)
class Human:
    """A listening test's results.

    Attributes:
        path: The file.
        rates: Per layer, in the file's order.
        simulated: What answered in place of people; empty if people did.
        facts: What a reader has to know, a sentence each.
    """

    path: Path
    rates: Sequence[HumanRate]
    simulated: Sequence[str] = ()
    facts: Sequence[str] = ()

    @property
    def embedders(self) -> List[str]:
        """The names of all embedders."""
        return list(dict.fromkeys(n for one in self.rates for n in one.embedders))

    @property
    def warning(self) -> str:
        """Say loudly that no person answered; empty if people did."""
        if not self.simulated:
            return ""
        who = "; ".join(self.simulated)
        return f"SIMULATED listeners, no person answered: {who}"

    def of(
        self, probe_exp: Path, subset: Optional[str] = None, by_name: bool = True
    ) -> List[HumanRate]:
        """Return the rates of one experiment.

        Args:
            probe_exp: Its folder.
            subset: A set; None for all.
            by_name: If the test knows no experiment there, take one of that name that
                is not where it was, if there is one alone.
        """
        own = probe_exp.resolve()
        found = [one for one in self.rates if one.folder == own]
        if not found and by_name:
            found = [one for one in self.rates if one.may_be_of(own.name)]
            if len({(one.folder, one.exp) for one in found}) > 1:
                found = []
        return [one for one in found if subset in (None, one.set)]


def read_human(path: Path) -> Tuple[Optional[Human], str]:
    """Read the results of a listening test.

    Args:
        path: ``listening.json``.

    Returns:
        The results and an empty string, or None and the reason in words.
    """
    document, problem = read_document(path)
    if document is None:
        return None, problem
    if document.get("format") != FORMAT:
        return None, f"{path} is no {FORMAT}: score the listening test again"
    try:
        rates = [_rate(one, path) for one in document["rates"]]
        simulated = [str(one) for one in document["simulated"]]
        return Human(path, rates, simulated, _facts(document)), ""
    except (KeyError, TypeError, AttributeError):
        return None, f"{path} is of another version: score the listening test again"


def _value(entry: Mapping[str, Any], metric: Metric, path: Path) -> Value:
    key = metric.key
    reason = str(entry.get(f"{key}_reason") or entry.get("reason") or "")
    counts = read_counts(entry, COUNTS)
    return checked(entry.get(key), entry.get(f"{key}_ci95"), counts, path, reason)


def _rate(entry: Mapping[str, Any], path: Path) -> HumanRate:
    embedders: Dict[str, Tuple[Value, Value]] = {}
    for name, own in entry["embedders"].items():
        pair = _value(own, HUMAN, path), _value(own, PAIRS, path)
        embedders[str(name)] = pair
    return HumanRate(
        exp=str(entry["exp"]),
        set=str(entry["set"]),
        condition=str(entry["condition"]),
        layer=str(entry["layer"]),
        error=_value(entry, HUMAN, path),
        over=str(entry["over"]),
        kappa=finite(entry["agreement"]["kappa"]),
        embedders=embedders,
        folder=Path(entry["folder"]) if entry.get("folder") else None,
    )


def _facts(document: Mapping[str, Any]) -> List[str]:
    attention, files = document["attention"], document["files"]
    consistency, agreement = document["consistency"], document["agreement"]
    facts = [
        f"{document['listeners']} listeners answered {document['sheets']} sheets, "
        f"{document['answers']} answers to triplets."
    ]
    if attention["checks"]:
        facts.append(
            f"Of {attention['checks']} attention checks {attention['failed']} failed; "
            f"{attention['sheets_left_out']} sheets were left out for it."
        )
    else:
        facts.append("The sheets have no attention checks.")
    if files["refused"]:
        facts.append(f"{len(files['refused'])} files of answers could not be used.")
    if consistency["repeats"]:
        facts.append(
            f"Items heard twice were answered alike in {consistency['same']} of "
            f"{consistency['repeats']} cases."
        )
    kappa = finite(agreement["kappa"])
    if kappa is not None:
        facts.append(
            f"Listeners' agreement over all layers: kappa {kappa:.2f}, "
            f"{agreement['triplets']} triplets heard by several."
        )
    return facts


def no_value() -> Value:
    """Return the value of what was not part of the test."""
    return missing("not in the listening test")
