"""Settings in which models differ are told, with the models that have them."""

import json
from pathlib import Path
from typing import Dict

import yaml

from espnet_probe.study.settings import mel_note, training_note, vocoder_note

MEL = {"fs": 16000, "n_mels": 80, "hop_length": 200, "fmax": None}


def folders(root: Path) -> Dict[str, Path]:
    """Two models with two layers of one set, made with the same settings."""
    found = {}
    for title in ("m, baseline", "m, robust"):
        found[title] = root / title.split()[-1]
        for layer in ("cnn1", "blstm1"):
            vocode(found[title] / "test" / layer, 60)
        (found[title] / "test" / "mel.yaml").write_text(yaml.safe_dump(MEL))
    return found


def vocode(folder: Path, iterations: int) -> None:
    """Write what the vocoder says of the sounds of a layer."""
    folder.mkdir(parents=True, exist_ok=True)
    vocoder = {"iterations": iterations, "momentum": 0.99}
    content = {"seconds": iterations, "config": {"vocoder": vocoder, "format": "flac"}}
    (folder / "vocode.json").write_text(json.dumps(content))


def test_another_vocoder_is_told(tmp_path: Path) -> None:
    found = folders(tmp_path)
    assert vocoder_note(found, ["test"]) == ""
    vocode(found["m, robust"] / "test" / "blstm1", 32)
    said = vocoder_note(found, ["test"])
    # One layer of it was made anew, so that it has both.
    assert "iterations 60: m, baseline and m, robust" in said
    assert "iterations 32: m, robust" in said and "momentum" not in said
    # Sets that are not compared do not matter.
    assert vocoder_note(found, ["other"]) == ""
    for path in found["m, baseline"].rglob("vocode.json"):
        path.unlink()
    vocode(found["m, robust"] / "test" / "blstm1", 60)
    said = vocoder_note(found, ["test"])
    assert "(not known: m, baseline; known: m, robust)" in said


def test_other_mels_are_told(tmp_path: Path) -> None:
    found = folders(tmp_path)
    assert mel_note(found, ["test"]) == ""
    other = yaml.safe_dump({**MEL, "n_mels": 40, "fmax": 7600.0})
    (found["m, robust"] / "test" / "mel.yaml").write_text(other)
    said = mel_note(found, ["test"])
    assert "(fmax null, n_mels 80: m, baseline; fmax 7600.0, n_mels 40: m, rob" in said


def test_probes_of_other_sets_are_told(tmp_path: Path) -> None:
    found = {title: tmp_path / title for title in ("a", "b", "c")}
    for title, name in (("a", "train"), ("b", "train"), ("c", "train_noisy")):
        found[title].mkdir()
        entries = [
            [f"dump/hidden/{title}/{name}/cnn1/hidden.scp", "hidden_cnn1", "npy"],
            [f"dump/raw/{name}/wav.scp", "speech", "sound"],
        ]
        config = {"train_data_path_and_name_and_type": entries}
        (found[title] / "config.yaml").write_text(yaml.safe_dump(config))
    said = training_note(found)
    assert (
        "trained on differ (dump/raw/train: a and b; dump/raw/train_noisy: c)" in said
    )
    assert training_note({title: found[title] for title in ("a", "b")}) == ""
