"""Two models on a clean set and its noisy copy, with mels that keep known noise."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import yaml
from experiment_case import make_experiment
from omniio import kaldi

LAYERS = ("cnn1", "blstm1")
SETS = ("test", "test_snr10")
UTTS = tuple(f"spk{number}-{letter}" for number in range(3) for letter in "ab")
#: How much of the noise the layers' reconstructions keep.
KEPT = {"cnn1": 0.75, "blstm1": 0.25}
TEXT = "zero <b>one</b> & two"


def write_mels(folder: Path, mels: Dict[str, Any]) -> None:
    """Write an ark and its index."""
    folder.mkdir(parents=True, exist_ok=True)
    ark, scp = folder / "feats.ark", folder / "feats.scp"
    kaldi.save_ark(str(ark), mels, scp=str(scp))


def write_noise(reconstruct: Path, utts: Sequence[str], sets: Sequence[str]) -> None:
    """Give the mels of a clean set and its copy a noise that layers keep a part of."""
    for place, name in enumerate(sets):
        targets, layers = {}, {layer: {} for layer in KEPT}
        for number, utt in enumerate(utts):
            random = np.random.default_rng(number)
            # As the sounds of experiment_case are long.
            frames = 1 + int(16000 * (0.5 + 0.1 * number)) // 200
            speech, noise, blur = random.normal(size=(3, frames, 80))
            heard = speech + place * noise
            targets[utt] = heard.astype(np.float32)
            for layer, share in KEPT.items():
                kept = speech + 0.1 * blur + place * share * noise
                layers[layer][utt] = kept.astype(np.float32)
        write_mels(reconstruct / name / "oracle", targets)
        for layer, mels in layers.items():
            write_mels(reconstruct / name / layer, mels)
        text = yaml.safe_dump({"fs": 16000, "hop_length": 200, "n_mels": 80})
        (reconstruct / name / "mel.yaml").write_text(text)


def write_units(folder: Path, utts: Sequence[str], recognised: str) -> None:
    """Write the scores of single utterances, and what was recognised."""
    tables: List[Tuple[str, Sequence[str], Sequence[Any]]] = [
        ("quality", ("utt_id", "stoi", "estoi", "pesq_wb"), (0.5, 0.25, "")),
        ("l1", ("utt_id", "l1"), (0.125,)),
        (
            "recognition",
            ("utt_id", "words", "errors", "reference", "recognised"),
            (4, 1, TEXT, recognised),
        ),
    ]
    for name, head, values in tables:
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerows([head, *([utt, *values] for utt in utts)])


def make_two(
    root: Path, sets: Sequence[str] = SETS, utts: Sequence[str] = UTTS
) -> List[Path]:
    """Write two probe experiments of one recipe; return their folders."""
    first, _ = make_experiment(root, LAYERS, sets, utts, TEXT)
    reconstruct = first / "reconstruct_gl"
    write_noise(reconstruct, utts, sets)
    for name in sets:
        spoken = "".join(f"{utt} {utt.split('-')[0]}\n" for utt in utts)
        (root / "dump" / "raw" / name / "utt2spk").write_text(spoken)
        for row in ("natural", "oracle", *LAYERS):
            write_units(reconstruct / name / row, utts, f"heard <i>{row}</i>")
    other = first.with_name("probe_vgg_highway")
    shutil.copytree(first, other)
    return [first, other]


def read_data(page: Path) -> Dict[str, Any]:
    """Return the data that a page's scripts read."""
    text = page.read_text(encoding="utf-8")
    start = text.index('id="report-data"')
    start = text.index(">", start) + 1
    found: Dict[str, Any] = json.loads(text[start : text.index("</script", start)])
    return found


def addresses(data: Any) -> List[str]:
    """Return all addresses of files in a page's data."""
    if isinstance(data, dict):
        own = [
            data[name]
            for name in ("audio", "mel", "lost", "noise", "left", "file")
            if isinstance(data.get(name), str)
        ]
        return own + [one for value in data.values() for one in addresses(value)]
    if isinstance(data, list):
        return [one for value in data for one in addresses(value)]
    return []
