"""The numbers that the paper printed, to stand beside one's own.

C.-Y. Li, P.-C. Yuan, H.-Y. Lee, "What does a network layer hear? Analyzing hidden
representations of end-to-end ASR through speech synthesis", ICASSP 2020,
arXiv:1911.01102. The equal error rates are of its thin ResNet-34, so they cannot be
compared with those of another embedder but in their course over the layers.
"""

import csv
from importlib import resources
from typing import Dict, Iterable, List, NamedTuple

PAPER = "Li, Yuan, Lee, ICASSP 2020, arXiv:1911.01102"
#: The embedder of the paper's equal error rates.
PAPER_EMBEDDER = "ThinResNet"

#: The states that the paper probes, in network order.
PAPER_LAYERS = {
    "vgg_blstm": ("cnn1", "cnn2", "cnn4", "blstm1", "blstm3", "blstm5"),
    "blstm": ("blstm1", "blstm2", "blstm3", "blstm4", "blstm5"),
}


class EerCell(NamedTuple):
    """Where a number of the paper's Table 2 stands.

    Attributes:
        model: ``vgg_blstm`` or ``blstm``.
        training: ``baseline`` or ``robust``.
        condition: ``clean``, ``snr20``, ``snr10`` or ``snr0``.
        layer: Such as ``cnn1``.
    """

    model: str
    training: str
    condition: str
    layer: str


class WerCell(NamedTuple):
    """Where a number of the paper's Table 1 stands.

    Attributes:
        model: ``vgg_blstm`` or ``blstm``.
        training: ``baseline`` or ``robust``.
        name: The set, ``dev_clean`` or ``test_clean``.
    """

    model: str
    training: str
    name: str


def table_rows(lines: Iterable[str]) -> List[Dict[str, str]]:
    """Read a CSV table with a head, in which lines that begin with ``#`` are remarks.

    Args:
        lines: Of the file.
    """
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def _rows(name: str) -> List[Dict[str, str]]:
    text = resources.files("espnet_probe.study").joinpath(name)
    return table_rows(text.read_text(encoding="utf-8").splitlines())


def paper_eer() -> Dict[EerCell, float]:
    """Return the paper's equal error rates in percent, in the order of its table."""
    return {
        EerCell(row["model"], row["training"], row["condition"], row["layer"]): float(
            row["eer_percent"]
        )
        for row in _rows("paper_eer.csv")
    }


def paper_wer() -> Dict[WerCell, float]:
    """Return the paper's word error rates in percent."""
    return {
        WerCell(row["model"], row["training"], row["set"]): float(row["wer_percent"])
        for row in _rows("paper_wer.csv")
    }
