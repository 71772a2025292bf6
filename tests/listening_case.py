"""A listening test in memory: a key with its triplets, and answers to its sheets."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Sequence, Set

import numpy as np
from matplotlib.text import Text

from espnet_probe.listening.answer_format import Answer, Answers
from espnet_probe.listening.key_format import ATTENTION, REPEAT, TRIAL, Clip, Item, Key
from espnet_probe.report.figures import LIGHT
from espnet_probe.report.human import read_human
from espnet_probe.report.human_figure import draw_test

LAYERS = ("cnn1", "blstm1", "blstm3", "blstm5")
#: Mean difference of an embedder's scores per layer: speakers fade with depth.
GAPS = {"natural": 0.6, "cnn1": 0.5, "blstm1": 0.25, "blstm3": 0.1, "blstm5": 0.0}


def make_key(
    num_sheets: int = 2,
    per_layer: int = 4,
    layers: Sequence[str] = LAYERS,
    scale: str = "ab",
    num_attention: int = 2,
    exp: str = "exp/probe_a",
    seed: int = 0,
) -> Key:
    """Return a key whose sheets have as many triplets of each layer."""
    rng = np.random.default_rng(seed)
    sheets: Dict[int, List[Item]] = {}
    number = 0
    for sheet in range(1, num_sheets + 1):
        items: List[Item] = []
        for layer in [*layers] * per_layer + ["natural"] * num_attention:
            number += 1
            one, other = rng.choice(12, 2, replace=False)
            answer = "A" if rng.random() < 0.5 else "B"
            clips = {
                "a": Clip(f"spk{one}-{number}-a", f"spk{one}"),
                "b": Clip(f"spk{other}-{number}-b", f"spk{other}"),
            }
            x = clips[answer.lower()].speaker
            gap = GAPS[layer] + 0.1 * float(rng.normal())
            right, wrong = 0.4 + gap, 0.4
            pair = (right, wrong) if answer == "A" else (wrong, right)
            items.append(
                Item(
                    item=f"i{number:04d}",
                    kind=ATTENTION if layer == "natural" else TRIAL,
                    repeats=None,
                    exp=exp,
                    layer=layer,
                    set="test",
                    condition="clean",
                    x=Clip(f"{x}-{number}-x", x),
                    answer=answer,
                    scores={"ge2e": {"xa": pair[0], "xb": pair[1]}},
                    **clips,
                )
            )
        number += 1
        first = items[0]
        scores = {
            name: {"xa": pair["xb"], "xb": pair["xa"]}
            for name, pair in first.scores.items()
            if pair is not None
        }
        # Heard again with its sides exchanged.
        swapped = replace(
            first,
            item=f"i{number:04d}",
            kind=REPEAT,
            repeats=first.item,
            a=first.b,
            b=first.a,
            answer="B" if first.answer == "A" else "A",
            scores=scores,
        )
        sheets[sheet] = [*items, swapped]
    settings: Dict[str, Any] = {"scale": scale, "layers": list(layers)}
    return Key("t3st", "2026-01-01", seed, sheets, {}, settings)


def answer_sheet(
    key: Key, sheet: int = 1, listener: str = "anna", wrong: Sequence[str] = ()
) -> Answers:
    """Return a whole sheet answered rightly but for the named items."""
    answers = []
    for item in key.sheets[sheet]:
        other = "B" if item.answer == "A" else "A"
        choice = other if item.item in wrong else item.answer
        answers.append(Answer(item.item, choice, None, {"A": 1, "B": 1, "X": 2}, 5000))
    return Answers(
        test=key.test,
        sheet=sheet,
        listener=listener,
        started="2026-01-01T10:00:00.000Z",
        finished="2026-01-01T10:10:00.000Z",
        complete=True,
        scale="ab",
        level_check="confirmed",
        answers=answers,
        agent="Firefox",
    )


def write_answers(folder: Path, *sheets: Answers) -> Path:
    """Write each sheet to a file and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(sheets):
        (folder / f"answers_{number}.json").write_text(one.text(), encoding="utf-8")
    return folder


def write_key(key: Key, folder: Path) -> Path:
    """Write the key and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    key.write(folder / "key.json")
    return folder / "key.json"


def document_of(answers: Answers) -> Dict[str, Any]:
    """Return a file's content, with its check, to be changed."""
    found: Dict[str, Any] = json.loads(answers.text())
    return found


def words_of_figure(path: Path) -> Set[str]:
    """Return the texts in the figure of a listening test that was scored."""
    human, problem = read_human(path)
    assert human is not None, problem
    figure = draw_test(human, LIGHT)
    assert figure is not None
    return {text.get_text() for text in figure.findobj(Text)}
