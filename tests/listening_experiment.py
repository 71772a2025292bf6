"""A small vocoded experiment for listening tests: short tones of several speakers."""

import json
from pathlib import Path
from typing import Dict, List, Sequence

import numpy as np
import soundfile

FS = 16000
LAYERS = ("cnn1", "blstm1")


def utterances(speakers: int, each: int) -> List[str]:
    """Return the names of utterances, the speaker's name first."""
    return [f"spk{s}-{u}" for s in range(speakers) for u in range(each)]


def write_table(path: Path, rows: Dict[str, str]) -> None:
    """Write lines of a name and a value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} {value}\n" for name, value in rows.items()]
    path.write_text("".join(lines), encoding="utf-8")


def make_vocoded(
    root: Path,
    speakers: int = 6,
    each: int = 4,
    sets: Sequence[str] = ("test",),
    layers: Sequence[str] = LAYERS,
    name: str = "probe_a",
    seconds: float = 0.12,
) -> Path:
    """Write an experiment and its sets; return its folder.

    Each sound has a length, loudness and pitch of its own. Speakers with an even
    number are women; what is said follows from the number of the utterance.
    """
    exp = root / "exp" / name
    utts = utterances(speakers, each)
    rng = np.random.default_rng(len(name))
    for one in sets:
        for place, layer in enumerate(("natural", "oracle", *layers)):
            folder = exp / "reconstruct_gl" / one / layer
            (folder / "wav").mkdir(parents=True)
            files = {}
            for number, utt in enumerate(utts):
                samples = int(FS * seconds * (1 + 0.3 * rng.random()))
                pitch = 100 + 20 * number + 3 * place
                wave = np.sin(2 * np.pi * pitch * np.arange(samples) / FS)
                wave = wave * 10 ** rng.uniform(-2, -0.3)
                files[utt] = str(folder / "wav" / f"{utt}.flac")
                soundfile.write(files[utt], wave, FS)
            write_table(folder / "wav.scp", files)
        dump = root / "dump" / "raw" / one
        write_table(dump / "utt2spk", {utt: utt.split("-")[0] for utt in utts})
        write_table(dump / "text", {utt: f"WORD {utt.split('-')[1]}" for utt in utts})
        write_table(
            dump / "spk2gender", {f"spk{s}": "mf"[s % 2] for s in range(speakers)}
        )
    entries = [{"name": layer, "width": 4, "stride": 1} for layer in layers]
    (exp / "reconstruct_gl" / "layers.json").write_text(json.dumps(entries))
    (exp / "reconstruct_gl" / "mel.yaml").write_text("fs: 16000\n")
    return exp
