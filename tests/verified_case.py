"""An experiment with two embedders, recognition and controls, scored by our scores.

The waveforms are made up; the numbers are what the scores say of made-up trials and
texts, so that files agree with each other.
"""

import csv
import json
import shutil
from pathlib import Path
from typing import Any, Dict, Iterable, List, Sequence, Tuple

import numpy as np
import yaml
from experiment_case import make_experiment, mean_entry, write_json

from espnet_probe.bin.recognition_work import HEADER, summarise
from espnet_probe.scores.recognition import count_character_errors, count_errors
from espnet_probe.scores.trial_scores import summarise_trials
from espnet_probe.scores.trials import Trial

LAYERS = ("cnn1", "blstm1", "blstm5")
SPEAKERS = tuple(f"spk{number}" for number in range(8))
UTTS = tuple(f"{speaker}-{letter}" for speaker in SPEAKERS for letter in "abc")
SPEAKER_OF = {utt: utt.split("-")[0] for utt in UTTS}
#: By which name stage 10 writes the second embedder's files.
SECOND = "thin_resnet-tiny"
TRAINED_ON = {"ge2e": "other data than the paper's", SECOND: "8 speakers of train_mini"}
DRAWS = 100
TEXT = "zero one two three"
JUDGE = {
    "model": "exp/asr_judge",
    "hash": "0123456789abcdef",
    "decoding": {"beam_size": 5, "dtype": "float32"},
}


def all_trials() -> List[Trial]:
    """Every pair of one speaker, and some pairs of two."""
    pairs = [(a, b) for i, a in enumerate(UTTS) for b in UTTS[i + 1 :]]
    trials = [Trial(a, b, SPEAKER_OF[a] == SPEAKER_OF[b]) for a, b in pairs]
    others = [trial for trial in trials if not trial.target]
    return [trial for trial in trials if trial.target] + others[::4]


TRIALS = all_trials()


def write_table(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)


def write_verification(folder: Path, label: str, loss: float, suffix: str = "") -> None:
    """Write the files of one embedder: the more is lost, the nearer the two kinds."""
    targets = np.array([trial.target for trial in TRIALS])
    columns = []
    for number in range(2):
        random = np.random.default_rng(number)
        noise = 0.25 * random.normal(size=len(TRIALS))
        columns.append((1 - loss) * targets + noise)
    summary = summarise_trials(TRIALS, columns[0], SPEAKER_OF, DRAWS, 0)
    second = summarise_trials(TRIALS, columns[1], SPEAKER_OF, DRAWS, 0)
    summary["original_enrolment"] = second
    if folder.name != "natural":
        summary["cosine_to_reference"] = mean_entry(1 - loss, 0.02, len(UTTS))
    summary["embedder"] = label
    summary["embedder_model"] = {"embedder": label, "trained_on": TRAINED_ON[label]}
    summary["bootstrap"] = {
        "over": "speakers",
        "samples": DRAWS,
        "speakers_from": "dump/raw/test_clean/utt2spk",
    }
    write_json(folder / f"verification{suffix}.json", summary)
    head = ("enrolment", "test", "label", "score", "score_original_enrolment")
    rows = [
        (trial.enrolment, trial.test, trial.label, *scores)
        for trial, *scores in zip(TRIALS, *columns)
    ]
    write_table(folder / f"verification{suffix}.csv", head, rows)


def write_recognition(folder: Path, loss: float) -> None:
    """Write what a recogniser makes of a row: the more is lost, the more is wrong."""
    random = np.random.default_rng(3)
    heard = [
        " ".join(w for w in TEXT.split() if random.random() > 0.8 * loss) for _ in UTTS
    ]
    words = [count_errors(TEXT, one) for one in heard]
    chars = [count_character_errors(TEXT, one) for one in heard]
    summary = summarise(words, chars, [SPEAKER_OF[utt] for utt in UTTS], 0)
    write_json(
        folder / "recognition.json",
        {**summary, "utterances": len(UTTS), "judge": JUDGE},
    )
    rows = [
        (utt, *_counts(words[place]), *_counts(chars[place]), TEXT, heard[place])
        for place, utt in enumerate(UTTS)
    ]
    write_table(folder / "recognition.csv", HEADER, rows)


def _counts(one: Any) -> Tuple[int, ...]:
    return (one.units, one.errors, one.substitutions, one.deletions, one.insertions)


def write_means(folder: Path, loss: float, is_layer: bool) -> None:
    """Write STOI and, of a layer, L1 by utterance and as means."""
    random = np.random.default_rng(4)
    values = 1 - 0.6 * loss + 0.02 * random.normal(size=len(UTTS))
    write_table(folder / "quality.csv", ("utt_id", "stoi"), zip(UTTS, values))
    document = json.loads((folder / "quality.json").read_text(encoding="utf-8"))
    document["stoi"]["mean"] = float(values.mean())
    write_json(folder / "quality.json", document)
    if is_layer:
        write_table(folder / "l1.csv", ("utt_id", "l1"), zip(UTTS, 1.4 - values))
        entry = mean_entry(float(1.4 - values.mean()), 0.01)
        write_json(folder / "l1.json", {"l1": entry})


def write_row(folder: Path, loss: float, is_layer: bool = True) -> None:
    """Write all scores of a layer or control; ``loss`` is between 0 and 1."""
    write_verification(folder, "ge2e", loss)
    write_verification(folder, SECOND, 0.7 * loss, f"_{SECOND}")
    write_recognition(folder, loss)
    write_means(folder, loss, is_layer)


def make_verified(
    root: Path, layers: Sequence[str] = LAYERS, sets: Sequence[str] = ("test_clean",)
) -> Tuple[Path, Path]:
    """Write a whole experiment and return probe_exp, asr_exp."""
    probe_exp, asr_exp = make_experiment(root, layers=layers, sets=sets)
    for place, name in enumerate(sets):
        folder = probe_exp / "reconstruct_gl" / name
        write_row(folder / "natural", 0.05, is_layer=False)
        write_row(folder / "oracle", 0.1, is_layer=False)
        for depth, layer in enumerate(layers):
            write_row(folder / layer, 0.2 + 0.25 * depth + 0.1 * place)
        lines = "".join(f"{trial}\n" for trial in TRIALS)
        (folder / "trials").write_text(lines, encoding="utf-8")
        said = "".join(f"{utt} {speaker}\n" for utt, speaker in SPEAKER_OF.items())
        (root / "dump" / "raw" / name / "utt2spk").write_text(said, encoding="utf-8")
    return probe_exp, asr_exp


def make_controls(
    probe_exp: Path,
    layers: Sequence[str] = LAYERS,
    sets: Sequence[str] = ("test_clean",),
) -> Dict[str, Path]:
    """Write the controls of an experiment and return their folders by kind."""
    changes = {
        "random": {"upstream_hash": "0badcafe", "shuffle_states": False},
        "shuffled": {"shuffle_states": True},
    }
    found = {}
    for number, (kind, changed) in enumerate(changes.items()):
        control = probe_exp.with_name(f"{probe_exp.name}_{kind}")
        shutil.copytree(probe_exp, control, ignore=shutil.ignore_patterns("report"))
        config = yaml.safe_load((control / "config.yaml").read_text(encoding="utf-8"))
        text = yaml.safe_dump({**config, **changed})
        (control / "config.yaml").write_text(text, encoding="utf-8")
        for name in sets:
            for depth, layer in enumerate(layers):
                loss = 0.45 + 0.2 * number + 0.15 * depth
                write_row(control / "reconstruct_gl" / name / layer, loss)
        found[kind] = control
    return found
