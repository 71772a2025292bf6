"""One number of a report: its interval, its counts and the file it comes from."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Optional, Tuple

Interval = Tuple[float, float]


@dataclass(frozen=True)
class Metric:
    """How one column of the table is called, read and printed.

    Attributes:
        key: The name in the result files and in :attr:`Row.values`.
        title: The heading, with the unit.
        digits: Decimals that are shown.
        higher_is_better: Whether a larger value means more of the speech is left;
            for error rates and distances it does not.
    """

    key: str
    title: str
    digits: int
    higher_is_better: bool


L1 = Metric("l1", "L1 (natural-log mel)", 3, False)
STOI = Metric("stoi", "STOI", 3, True)
ESTOI = Metric("estoi", "ESTOI", 3, True)
PESQ = Metric("pesq_wb", "PESQ-wb (MOS)", 2, True)
COSINE = Metric("cosine_to_reference", "cosine to natural", 3, True)
EER = Metric("eer_percent", "EER (%)", 1, False)
EER_ESPNET = Metric("eer_espnet_percent", "EER, ESPnet (%)", 1, False)
MIN_DCF_005 = Metric("min_dcf_p005", "minDCF (p 0.05)", 3, False)
MIN_DCF_001 = Metric("min_dcf_p001", "minDCF (p 0.01)", 3, False)
D_PRIME = Metric("d_prime", "d-prime", 2, True)
WER = Metric("wer_percent", "WER (%)", 1, False)
CER = Metric("cer_percent", "CER (%)", 1, False)

LAYER_METRICS = (L1, STOI, ESTOI, PESQ, COSINE, EER, EER_ESPNET)

#: How the reason begins where a score cannot exist, such as the L1 of a recording.
NOT_DEFINED = "not defined"


@dataclass(frozen=True)
class Value:
    """A number of a result file, or the reason why there is none.

    Attributes:
        mean: The number; None where it is missing.
        ci95: Its 95 % interval (low, high); None where there is none.
        counts: What it was computed from, by name, for example utterances.
        source: The file it was read from; None if there is no such file.
        reason: Why the number or its interval is missing, in words.
    """

    mean: Optional[float]
    ci95: Optional[Interval] = None
    counts: Mapping[str, int] = field(default_factory=dict)
    source: Optional[Path] = None
    reason: str = ""

    @property
    def count_text(self) -> str:
        """The counts as one phrase, such as ``98 utterances, 2 excluded``."""
        return ", ".join(f"{number} {name}" for name, number in self.counts.items())

    @property
    def count_short(self) -> str:
        """The counts that matter most, for a cell of a table."""
        parts = []
        for name in ("trials", "speakers"):
            if name in self.counts:
                parts.append(f"{self.counts[name]} {name}")
        if not parts and "utterances" in self.counts:
            parts.append(f"{self.counts['utterances']} utt.")
        if self.counts.get("excluded"):
            parts.append(f"{self.counts['excluded']} excluded")
        return ", ".join(parts)


def missing(reason: str, source: Optional[Path] = None) -> Value:
    """Return a value that is not there, with the reason in words."""
    return Value(mean=None, source=source, reason=reason)


def finite(number: Any) -> Optional[float]:
    """Return ``number`` as a float, or None if it is no finite number."""
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return None
    return float(number) if math.isfinite(number) else None


def interval(pair: Any) -> Optional[Interval]:
    """Return ``[low, high]`` as a tuple, or None if it is no such pair."""
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        return None
    low, high = finite(pair[0]), finite(pair[1])
    if low is None or high is None or low > high:
        return None
    return low, high


def mean_text(value: Value, metric: Metric) -> str:
    """Print the number alone; ``-`` if it is missing."""
    return "-" if value.mean is None else f"{value.mean:.{metric.digits}f}"


def interval_text(value: Value, metric: Metric) -> str:
    """Print the interval as ``[low, high]``; empty if there is none."""
    if value.mean is None or value.ci95 is None:
        return ""
    low, high = value.ci95
    return f"[{low:.{metric.digits}f}, {high:.{metric.digits}f}]"


def full_text(value: Value, metric: Metric) -> str:
    """Print the number and its interval; ``-`` if it is missing."""
    return f"{mean_text(value, metric)} {interval_text(value, metric)}".strip()


def printable(text: str) -> str:
    """Replace what a terminal would obey instead of print, and XML cannot hold."""
    return "".join(c if c.isprintable() else "?" for c in text)
