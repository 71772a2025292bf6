"""Two models on a clean and a noisy set: the same trials, the clean originals.

The commands are those of stages 2, 10 and 11 of ``probe.sh``, on real speech and noise.
In the place of reconstructions there are low-pass filtered sounds.
"""

from itertools import product
from pathlib import Path
from typing import Dict, List

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from espnet_probe.bin import make_trials, mix_noise, score_quality, score_verification
from espnet_probe.bin.score_files import read_table
from espnet_probe.errors import ProbeError
from espnet_probe.speakers import spec
from espnet_probe.speakers.abs_embedder import AbsEmbedder
from espnet_probe.speakers.registry import EMBEDDERS
from espnet_probe.study.shared_trials import check_trials

FS = 16000
NUM_PAIRS = 40
#: Cut-off frequencies in Hz of what stands for the layers of each model.
MODELS: Dict[str, Dict[str, int]] = {
    "blstm": {"blstm1": 4000, "blstm5": 500},
    "vgg_blstm": {"blstm1": 3000, "blstm5": 800},
}
SETS = ("test", "test_snr10")


class Bands(AbsEmbedder):
    """The energy in 24 bands."""

    name = "bands"
    sampling_rate = FS
    min_samples = 400

    def embed_levelled(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (24,) of (samples,)."""
        energy = np.abs(np.fft.rfft(waveform)) ** 2
        bands = np.array_split(energy, 24)
        return np.array([np.log(band.sum() + 1e-9) for band in bands], np.float32)


def folder(model: str, dset: str) -> Path:
    return Path(f"exp/probe_{model}/reconstruct_default/{dset}")


def score(model: str, dset: str, seed: str = "0") -> None:
    """Draw the trials and score all sounds of a set, as stage 10 does."""
    here, speakers = folder(model, dset), f"data/{dset}/utt2spk"
    make_trials.main(
        ["--utt2spk", speakers, "--num_pairs", str(NUM_PAIRS), "--at_most"]
        + ["--seed", seed, "--output", str(here / "trials")]
    )
    common = ["--trials", str(here / "trials"), "--utt2spk", speakers]
    common += ["--embedder", "bands", "--seed", "0", "--num_bootstrap", "100"]
    natural = str(here / "natural")
    score_verification.main(
        [*common, "--wav_scp", f"{natural}/wav.scp", "--output_dir", natural]
    )
    layers = [str(here / layer) for layer in MODELS[model]]
    score_verification.main(
        [*common, "--ref_embeddings", f"{natural}/embeddings.npz"]
        + ["--wav_scp", *(f"{layer}/wav.scp" for layer in layers)]
        + ["--output_dir", *layers]
    )


@pytest.fixture
def study(
    tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> List[str]:
    """A recipe's folder, which the test runs in; returns the utterances."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(EMBEDDERS, "bands", lambda _: Bands())
    monkeypatch.setitem(spec.MODELS, "bands", None)
    readers: Dict[str, List[Path]] = {}
    for file in sorted((shared_data / "LibriSpeech" / "test-clean").rglob("*.flac")):
        readers.setdefault(file.name.split("-")[0], []).append(file)
    chosen = [file for files in list(readers.values())[:5] for file in files[:3]]
    Path("data/test").mkdir(parents=True)
    Path("audio").mkdir()
    tables: Dict[str, str] = {"wav.scp": "", "utt2spk": ""}
    for file in sorted(chosen, key=lambda file: file.stem):
        samples, fs = soundfile.read(file, frames=2 * FS)
        assert fs == FS
        soundfile.write(f"audio/{file.stem}.flac", samples, FS)
        tables["wav.scp"] += f"{file.stem} audio/{file.stem}.flac\n"
        tables["utt2spk"] += f"{file.stem} {file.stem.split('-')[0]}\n"
    for name, text in tables.items():
        Path("data/test", name).write_text(text)
    mix_noise.main(
        ["--data_dir", "data/test", "--output_dir", "data/test_snr10", "--snr", "10"]
        + ["--kind", "test", "--musan", f"{shared_data}/musan"]
    )
    for (model, layers), dset in product(MODELS.items(), SETS):
        sounds = read_table(Path(f"data/{dset}/wav.scp"), "utterance and file")
        here = folder(model, dset)
        (here / "natural").mkdir(parents=True)
        (here / "natural/wav.scp").write_bytes(
            Path(f"data/{dset}/wav.scp").read_bytes()
        )
        for layer, cut_off in layers.items():
            (here / layer).mkdir()
            low_pass = butter(4, cut_off, fs=FS, output="sos")
            lines = []
            for utt, path in sounds.items():
                made = here / layer / f"{utt}.wav"
                soundfile.write(made, sosfilt(low_pass, soundfile.read(path)[0]), FS)
                lines.append(f"{utt} {made}\n")
            (here / layer / "wav.scp").write_text("".join(lines))
    return [file.stem for file in chosen]


def test_layers_conditions_and_models_share_their_trials(study: List[str]) -> None:
    for model, dset in product(MODELS, SETS):
        score(model, dset)
    lists = {
        (folder(model, dset) / "trials").read_bytes()
        for model, dset in product(MODELS, SETS)
    }
    assert len(lists) == 1 and lists.pop().count(b"\n") == 15 * 2
    folders = [folder(model, "test").parent for model in MODELS]
    layers = list(MODELS["blstm"])
    assert check_trials(folders, SETS, layers) == (
        "the same trials for all layers, conditions and models, 30 (compared: 4 lists "
        "of trials, 12 tables of scores)"
    )
    # The scores are the cells' own, the pairs are not.
    tables = sorted(Path("exp").glob("*/*/*/*/verification.csv"))
    columns = [np.loadtxt(t, str, delimiter=",", skiprows=1) for t in tables]
    assert len(tables) == 12 == len({table.read_bytes() for table in tables}) + 2
    for column in columns:
        np.testing.assert_array_equal(column[:, :3], columns[0][:, :3])
    score("vgg_blstm", "test_snr10", seed="1")
    with pytest.raises(ProbeError, match="score all with the same speakers"):
        check_trials(folders, SETS, layers)


def test_noisy_sounds_are_compared_with_the_clean_original(study: List[str]) -> None:
    stoi: Dict[str, NDArray[np.float64]] = {}
    for dset in SETS:
        here = folder("blstm", dset)
        names = ("natural", "blstm1", "blstm5")
        score_quality.main(
            ["--ref_scp", "data/test/wav.scp", "--measures", "stoi"]
            + ["--hyp_scp", *(str(here / name / "wav.scp") for name in names)]
            + ["--output_dir", *(str(here / name) for name in names)]
        )
        for name in names:
            table = np.loadtxt(
                here / name / "quality.csv", str, delimiter=",", skiprows=1
            )
            assert sorted(table[:, 0]) == sorted(study)
            stoi[f"{dset} {name}"] = table[:, 1].astype(float)
    # Only the clean set's own recordings are what they are compared with.
    assert stoi["test natural"].min() > 0.9999
    assert 0.3 < stoi["test_snr10 natural"].min()
    assert stoi["test_snr10 natural"].max() < 0.999
    for name in ("natural", "blstm1"):
        assert stoi[f"test_snr10 {name}"].mean() < stoi[f"test {name}"].mean()
