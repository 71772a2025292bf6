"""Small studies as the stages leave them, for the claims to be checked on."""

import csv
import json
import zlib

import numpy as np
import yaml
from omniio import kaldi

from espnet_probe.bin.check_claims import main
from espnet_probe.scores.verification import eer

LAYERS = ("cnn1", "cnn4", "blstm1", "blstm5")
CONDITIONS = {"test": 0.0, "test_snr10": 0.5, "test_snr0": 1.0}
SPEAKERS = [f"spk{number:02d}" for number in range(24)]


def check(folder, *options):
    main([*options, "--output_dir", str(folder)])
    content = json.loads((folder / "claims.json").read_text())
    return content, {claim["number"]: claim for claim in content["claims"]}


def answers(claim, part):
    """Return the comparisons of a part by model and where they are."""
    return {
        (one["architecture"], one["where"]): one
        for one in claim["parts"][part]["comparisons"]
    }


def models(study):
    return ["--model", *(f"vgg_blstm:{name}={path}" for name, path in study.items())]


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_layer(folder, layer, blur, kept, noise):
    """Write the scores and mels of one layer in one condition.

    Args:
        folder: Of the set.
        layer: The layer.
        blur: 0 to 1: how much of the voice is gone.
        kept: Share of the noise that it costs.
        noise: The noise's level.
    """
    rng = np.random.default_rng(5)
    utts = [(spk, f"{spk}-{n}") for spk in SPEAKERS for n in range(6)]
    pairs = [(a, b) for i, a in enumerate(utts) for b in utts[i + 1 :]]
    same = [(a, b) for a, b in pairs if a[0] == b[0]]
    other = [(a, b) for a, b in pairs if a[0] != b[0]]
    chosen = same + [other[i] for i in rng.choice(len(other), 700, replace=False)]
    own = np.random.default_rng(zlib.crc32(f"{layer} {blur} {kept} {noise}".encode()))
    # Most of a trial's error is the same for all models and layers.
    noise_of_trial = rng.normal(size=len(chosen)) + 0.05 * own.normal(size=len(chosen))
    rows = [
        {
            "enrolment": a[1],
            "test": b[1],
            "label": "target" if a[0] == b[0] else "nontarget",
            "score": (4 - 4 * blur) * (a[0] == b[0]) + noise_of_trial[place],
        }
        for place, (a, b) in enumerate(chosen)
    ]
    write_csv(folder / layer / "verification.csv", rows)
    scores = np.array([row["score"] for row in rows])
    targets = np.array([row["label"] == "target" for row in rows])
    rate = eer(scores, targets)
    document = {
        "eer_percent": rate,
        "eer_percent_ci95": [rate - 5, rate + 5],
        "embedder": "ge2e",
        "num_trials": len(rows),
        "num_speakers": len(SPEAKERS),
        "bootstrap": {"speakers_from": "dump/raw/test/utt2spk"},
    }
    (folder / layer / "verification.json").write_text(json.dumps(document))
    jitter = 0.02 * own.normal(size=len(utts))
    stoi = [0.95 - 0.4 * blur - 0.2 * kept * noise + one for one in jitter]
    rows = [{"utt_id": u, "stoi": f"{s:.6f}"} for (_, u), s in zip(utts, stoi)]
    write_csv(folder / layer / "quality.csv", rows)
    entry = {"mean": float(np.mean(stoi)), "ci95": None, "count": len(utts)}
    (folder / layer / "quality.json").write_text(json.dumps({"stoi": entry}))


def write_mels(folder, layer, kept, noise):
    """Write mels: a tenth of the bands' pattern, and a share of the noise."""
    rng = np.random.default_rng(7)
    mels = {}
    for spk in SPEAKERS[:8]:
        clean, added = rng.normal(size=(2, 20, 10))
        share = kept + 0.05 * rng.normal()
        mels[f"{spk}-0"] = (clean + share * noise * added).astype(np.float32)
    (folder / layer).mkdir(parents=True, exist_ok=True)
    scp = str(folder / layer / "feats.scp")
    # As from the recipe's folder, which is not where the test runs.
    kaldi.save_ark(str(folder / layer / "feats.1.ark"), mels, scp=scp)
    lines = [
        f"{line.split()[0]} exp/elsewhere/feats.1.ark:{line.rpartition(':')[2]}"
        for line in (folder / layer / "feats.scp").read_text().splitlines()
    ]
    (folder / layer / "feats.scp").write_text("\n".join(lines) + "\n")


def write_model(root, training, wer=12.0, name="vgg"):
    """Write the experiments of one model as the stages leave them."""
    asr = f"exp/asr_{name}_{training}"
    decoding = root / asr / "decode_asr_asr_model_valid.loss.ave"
    score = decoding / "test" / "score_wer" / "wer.json"
    score.parent.mkdir(parents=True)
    score.write_text(json.dumps({"wer_percent": wer, "wer_percent_ci95": [9, 40]}))
    probe = root / "exp" / f"probe_{name}_{training}"
    probe.mkdir(parents=True)
    config = {"upstream_exp": asr, "upstream_model": "valid.loss.ave.pth"}
    (probe / "config.yaml").write_text(yaml.safe_dump({**config, "probe": "highway"}))
    tag = probe / "reconstruct_default"
    for name, noise in CONDITIONS.items():
        kept = 0.15 if training == "robust" else 0.85
        for layer, blur in zip(LAYERS, (0.05, 0.15, 0.5, 0.75)):
            if layer.startswith("blstm"):
                blur += 0.2 * noise * kept
            write_layer(tag / name, layer, blur, kept, noise)
        write_mels(tag / name, "oracle", 1.0, noise)
        write_mels(tag / name, "blstm1", kept, noise)
    entries = [{"name": layer, "width": 8, "stride": 1} for layer in LAYERS]
    (tag / "layers.json").write_text(json.dumps(entries))
    speakers = root / "dump" / "raw" / "test" / "utt2spk"
    speakers.parent.mkdir(parents=True, exist_ok=True)
    speakers.write_text("".join(f"{s}-{n} {s}\n" for s in SPEAKERS for n in range(6)))
    return probe
