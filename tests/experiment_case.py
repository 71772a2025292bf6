"""A small experiment as the stages leave it, with made-up numbers and noise."""

import json
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import soundfile
import yaml
from omniio import kaldi as kaldi_io

LAYERS = ("cnn1", "cnn2", "blstm1", "blstm3", "blstm5")
FS = 16000


def layer_entries(names: Sequence[str]) -> List[Dict[str, Any]]:
    """Return the entries of ``layers.json``."""
    return [
        {
            "name": name,
            "width": 64 * (place + 1),
            "stride": 2 ** (place // 2),
            "frame_shift": 0.0125 * 2 ** (place // 2),
            "tap": f"encoder.{place} after ReLU",
            "batch_independent": place != 1,
        }
        for place, name in enumerate(names)
    ]


def mean_entry(mean: float, half: float, count: int = 98) -> Dict[str, Any]:
    """Return one metric of ``quality.json``."""
    ci95 = [mean - half, mean + half]
    return {"mean": mean, "ci95": ci95, "count": count, "excluded": 2}


def write_json(path: Path, content: Any) -> None:
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_scores(folder: Path, stoi: float, eer: float, is_layer: bool) -> None:
    """Write the JSON files of one layer or control."""
    about = {"config": {"seed": 1}, "versions": {"numpy": "2.0"}}
    quality = {
        "stoi": mean_entry(stoi, 0.01123),
        "estoi": mean_entry(stoi - 0.1, 0.0123),
        "pesq_wb": mean_entry(1 + 3 * stoi, 0.0567, 97),
        "utterances": 100,
        **about,
    }
    write_json(folder / "quality.json", quality)
    verification = {
        "eer_percent": eer,
        "eer_percent_ci95": [eer - 3.3, eer + 3.4],
        "eer_espnet_percent": eer + 0.6,
        "num_trials": 400,
        "num_target": 200,
        "num_nontarget": 200,
        "num_utterances": 100,
        "num_speakers": 20,
        "embedder": "ge2e",
        "bootstrap": {"samples": 1000, "unit": "speaker"},
        **about,
    }
    if folder.name != "natural":
        verification["cosine_to_reference"] = mean_entry(stoi - 0.05, 0.01)
    write_json(folder / "verification.json", verification)
    if is_layer:
        l1 = {"l1": mean_entry(1 - stoi, 0.00789), "unit": "natural-log mel", **about}
        write_json(folder / "l1.json", l1)


def write_sounds(folder: Path, utterances: Sequence[str], noise: float) -> None:
    """Write ``wav.scp`` with its files, and ``feats.scp``."""
    (folder / "wav").mkdir(parents=True, exist_ok=True)
    lines, mels = [], {}
    for place, utterance in enumerate(utterances):
        random = np.random.default_rng(place)
        time = np.arange(int(FS * (0.5 + 0.1 * place))) / FS
        pitch = 110 * (1 + place) * (1 + 0.2 * np.sin(9 * time))
        wave = 0.2 * np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / FS))
        wave *= np.abs(np.sin(5 * time))
        wave += noise * random.standard_normal(len(time))
        path = folder / "wav" / f"{place}.flac"
        soundfile.write(path, np.clip(wave, -1, 1), FS)
        lines.append(f"{utterance} {path}\n")
        bands = np.linspace(0, 6, 80)[None, :]
        steps = np.linspace(0, 9, 1 + len(time) // 200)[:, None]
        mel = -3 + 2 * np.sin(bands * (1 + place) + steps) + noise * bands
        mels[utterance] = mel.astype(np.float32)
    (folder / "wav.scp").write_text("".join(lines), encoding="utf-8")
    kaldi_io.save_ark(str(folder / "feats.ark"), mels, scp=str(folder / "feats.scp"))


def make_experiment(
    root: Path,
    layers: Sequence[str] = LAYERS,
    sets: Sequence[str] = ("test_clean",),
    utterances: Sequence[str] = ("spk1-a", "spk1-b", "spk2-a", "spk3-a", "spk4-a"),
    text: str = "zero one two",
) -> Tuple[Path, Path]:
    """Write a recipe's ``exp`` and ``dump`` folders and return probe_exp, asr_exp."""
    probe_exp, asr_exp = (
        root / "exp" / "probe_blstm_highway",
        root / "exp" / "asr_blstm",
    )
    probe_exp.mkdir(parents=True)
    config = {"upstream_exp": "exp/asr_blstm", "upstream_hash": "f00dfeed"}
    (probe_exp / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (probe_exp / "run.sh").write_text("./probe.sh --stage 7\n", encoding="utf-8")
    write_json(probe_exp / "layers.json", layer_entries(layers))
    reconstruct = probe_exp / "reconstruct_gl"
    write_json(reconstruct / "layers.json", layer_entries(layers))
    times = ""
    for name in sets:
        rows = ["natural", "oracle", *layers]
        for place, row in enumerate(rows):
            folder = reconstruct / name / row
            is_layer = place > 1
            stoi, eer = 1.0 - 0.0801 * place, 2.13 + 5.07 * place
            write_scores(folder, stoi, eer, is_layer)
            write_sounds(folder, utterances, 0.03 * place)
        spoken = "".join(f"{utterance} {text}\n" for utterance in utterances)
        for path in (root / "dump" / "raw" / name, asr_exp / "decode_ctc" / name):
            path.mkdir(parents=True)
            (path / "text").write_text(spoken, encoding="utf-8")
        wer = {
            "wer_percent": 12.34,
            "wer_percent_ci95": [10.1, 14.2],
            "words": 300,
            "errors": 37,
            "substitutions": 20,
            "deletions": 10,
            "insertions": 7,
            "utterances": 100,
            "versions": {"jiwer": "4.0"},
        }
        write_json(asr_exp / "decode_ctc" / name / "score_wer" / "wer.json", wer)
    (asr_exp / "config.yaml").write_text("encoder: rnn\n", encoding="utf-8")
    for stage, what, seconds, exp in (
        ("11", "train the recogniser", 300.2, asr_exp),
        ("7", "train the probes", 81.25, probe_exp),
        ("7", "train the probes", 2.0, probe_exp),
    ):
        line = {"stage": stage, "name": what, "seconds": seconds, "exp": str(exp)}
        times += json.dumps(line) + "\n"
    (root / "exp" / "stage_times.jsonl").write_text(times, encoding="utf-8")
    return probe_exp, asr_exp
