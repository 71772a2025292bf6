"""The figure of mels: which utterance, which pictures, one scale, what is marked."""

import json
import math
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np
import pytest
import yaml
from omniio import kaldi as kaldi_io

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.scores.claim_table import BASELINE, CLEAN, ROBUST, STOI, Key, Table
from espnet_probe.scores.contrasts import Cell
from espnet_probe.study.figures import StudyFigures, write_study_figures
from espnet_probe.study.mel_example import (
    MelExample,
    Panel,
    choose_condition,
    choose_utterance,
    noise_text,
    pick_layers,
    read_records,
)
from espnet_probe.study.mel_figure import band_places, draw_mels, noise_box
from espnet_probe.study.study import Model, Study

LAYERS = ("blstm1", "blstm2")
SETS = ("test", "test_snr10")
CONFIG = LogMelConfig()
Made = Callable[..., Tuple[Path, Path]]


def record(source: str, *files: str) -> Dict[str, Any]:
    """How an utterance was mixed."""
    return {"source": source, "files": list(files), "snr": 10.0}


def flat(level: float, frames: int = 40) -> np.ndarray:
    """A mel of one level."""
    return np.full((frames, CONFIG.n_mels), level, dtype=np.float32)


def make_example() -> MelExample:
    """Mels whose level says which they are; the noise is at one place."""
    noisy = flat(-4.0)
    noisy[20:30, 40:60] = 0.0
    shown = {
        (layer, training): Panel(flat(-5.0 - depth - 2 * number), {"L1": 0.5})
        for depth, layer in enumerate(LAYERS)
        for number, training in enumerate((BASELINE, ROBUST))
    }
    heard = Panel(noisy, {"STOI": 0.75})
    return MelExample(
        "a-1",
        "test_snr10",
        "music, 10 dB SNR",
        CONFIG,
        Panel(flat(-4.0), {}),
        heard,
        shown,
    )


def test_the_utterance_has_a_piano_if_there_is_one_and_a_middle_length() -> None:
    records = {
        "a": record("noise", "noise/saw.wav"),
        "b": record("music", "music/game.wav"),
        "c": record("music", "music/piano/piano-walk_3.wav"),
        "d": record("music", "music/piano/piano-walk_3.wav"),
        "e": record("babble", "speech/x.wav", "speech/y.wav"),
    }
    seconds = {"a": 3.0, "b": 3.0, "c": 9.0, "d": 2.5, "e": 3.0, "f": 3.0}
    for expected in ("d", "c", "b", "a", "e", "f"):
        assert choose_utterance(seconds, records) == expected
        assert choose_utterance(dict(reversed(seconds.items())), records) == expected
        del seconds[expected]
    with pytest.raises(ProbeError, match="no utterance"):
        choose_utterance({}, records)


def test_a_named_utterance_and_condition_are_taken_or_refused() -> None:
    assert choose_utterance({"a": 3.0, "b": 9.0}, {}, "b") == "b"
    with pytest.raises(ProbeError, match="--mel_utterance x: not reconstructed"):
        choose_utterance({"a": 3.0}, {}, "x")
    assert choose_condition(["snr20", "snr10", "snr0"], None) == "snr10"
    assert choose_condition(["snr20", "snr5", "snr-5"], None) == "snr-5"
    assert choose_condition(["snr20", "snr10"], "snr20") == "snr20"
    with pytest.raises(ProbeError, match="--mel_condition clean: not there"):
        choose_condition(["snr20"], "clean")


def test_the_noise_in_words() -> None:
    music = record("music", "music/piano/piano-walk_3.wav")
    assert noise_text(music, "snr10") == "music (piano-walk_3), 10 dB SNR"
    babble = record("babble", "a.wav", "b.wav", "c.wav")
    assert noise_text(babble, "snr10") == "babble of 3 voices, 10 dB SNR"
    assert noise_text(None, "snr-5") == "-5 dB SNR"
    silent = {**music, "snr": None}
    assert noise_text(silent, "snr10") == "no noise, since the speech is silent"


@pytest.mark.parametrize("scores", ['{"bootstrap": {', '{"bootstrap": null}', "[]"])
def test_records_are_found_beside_scores_that_say_nothing(
    tmp_path: Path, scores: str
) -> None:
    folder = tmp_path / "exp" / "probe_a" / "reconstruct_a"
    path = folder / "test_snr10" / "natural" / "verification.json"
    path.parent.mkdir(parents=True)
    path.write_text(scores)
    assert read_records(folder, "test_snr10") == {}
    data = tmp_path / "data" / "test_snr10"
    data.mkdir(parents=True)
    (data / "noise.jsonl").write_text('{"utt_id": "a-1", "snr": 10}\n')
    assert list(read_records(folder, "test_snr10")) == ["a-1"]


@pytest.mark.parametrize(
    "line", ['{"utt_id": "a"', "[]", '{"utt_id": "a", "files": null}', '{"snr": "10"}']
)
def test_broken_records_are_refused(tmp_path: Path, line: str) -> None:
    data = tmp_path / "data" / "test_snr10"
    data.mkdir(parents=True)
    (data / "noise.jsonl").write_text(f"{line}\n")
    folder = tmp_path / "exp" / "probe_a" / "reconstruct_a"
    with pytest.raises(ProbeError, match="noise.jsonl cannot be read as records"):
        read_records(folder, "test_snr10")


def test_records_lie_where_the_scores_speakers_do(tmp_path: Path) -> None:
    folder = tmp_path / "exp" / "probe_a" / "reconstruct_a"
    path = folder / "test_snr10" / "natural" / "verification.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"bootstrap": {"speakers_from": "mine/test/utt2spk"}}')
    (tmp_path / "mine" / "test").mkdir(parents=True)
    (tmp_path / "mine" / "test" / "noise.jsonl").write_text('{"utt_id": "a-1"}\n')
    assert list(read_records(folder, "test_snr10")) == ["a-1"]


def test_layers_with_a_picture() -> None:
    paper = ("blstm1", "blstm3")
    assert pick_layers(["blstm1", "blstm2", "blstm3"], paper) == list(paper)
    assert pick_layers(["embed", "block1"], paper) == ["embed", "block1"]
    many = [f"block{i}" for i in range(12)]
    picked = pick_layers(many, paper)
    assert len(picked) == 6 and picked[0] == many[0] and picked[-1] == many[-1]
    assert picked == sorted(picked, key=many.index)


def test_each_picture_shows_its_mel_on_one_scale() -> None:
    example = make_example()
    figure = draw_mels(example, (BASELINE, ROBUST), LAYERS)
    pictures = {axes.get_title("left"): axes for axes in figure.axes if axes.images}
    assert list(pictures) == [
        *("clean reference", "noisy input"),
        *("blstm1, baseline", "blstm1, robust", "blstm2, baseline", "blstm2, robust"),
    ]
    decibels = 20 / math.log(10)
    for (layer, training), panel in example.reconstructions.items():
        image = pictures[f"{layer}, {training}"].images[0]
        # The loudest point of all is 0, so values are dB below it.
        assert np.allclose(image.get_array(), panel.mel.T * decibels)
        assert image.origin == "lower"
    scales = {axes.images[0].get_clim() for axes in pictures.values()}
    assert scales == {(-70.0, 0.0)}
    assert pictures["noisy input"].get_title("right") == "STOI 0.75"
    assert pictures["blstm1, robust"].get_title("right") == "L1 0.50"
    assert figure.get_suptitle() == "a-1 of test_snr10: music, 10 dB SNR"
    # 40 frames of 12.5 ms.
    left, right = pictures["noisy input"].get_xlim()
    assert math.isclose(right - left, 0.5)


def test_the_box_marks_the_noise_in_every_picture() -> None:
    example = make_example()
    box = noise_box(example.clean.mel, example.noisy.mel, -8.0)
    assert box == (20, 40, 10, 20)
    # What lies below the darkest colour is not seen and does not count.
    loud = example.noisy.mel.copy()
    quiet = flat(-50.0)
    loud[:10] = -20.0
    quiet[20:30, 40:60] = -4.0
    assert noise_box(quiet, loud, -8.0).frame >= 10
    figure = draw_mels(example, (BASELINE, ROBUST), LAYERS)
    for axes in figure.axes[:6]:
        (patch,) = axes.patches
        assert np.allclose(patch.get_xy(), (19.5 * 0.0125, 39.5))
        assert math.isclose(patch.get_width(), 10 * 0.0125)


def test_frequencies_stand_at_their_bands() -> None:
    # Slaney's scale is linear below 1 kHz; 8 kHz are 45.25 mel, 1 kHz are 15.
    places = band_places(CONFIG, (0.5, 1.0, 4.0))
    top = 15 + math.log(8) / (math.log(6.4) / 27)
    mels = (7.5, 15.0, 15 + math.log(4) / (math.log(6.4) / 27))
    assert np.allclose(places, [mel / top * 81 - 1 for mel in mels], atol=0.3)


def test_a_model_that_is_not_trained_enough_is_marked() -> None:
    figure = draw_mels(make_example(), (BASELINE, ROBUST), LAYERS, [BASELINE])
    titles = [axes.get_title("left") for axes in figure.axes]
    assert "blstm2, baseline †" in titles and "blstm2, robust" in titles
    assert figure.get_suptitle().splitlines()[1:] == ["† not trained enough"]


def test_one_training_leaves_its_column_and_hides_the_other() -> None:
    figure = draw_mels(make_example(), (ROBUST,), LAYERS)
    shown = [axes.get_title("left") for axes in figure.axes if axes.images]
    assert shown[2:] == ["blstm1, robust", "blstm2, robust"]
    assert sum(not axes.get_visible() for axes in figure.axes) == 2


def write_mels(folder: Path, mels: Dict[str, np.ndarray]) -> None:
    """Write an ark as stage 8 does."""
    scp = str(folder / "feats.scp")
    kaldi_io.save_ark(str(folder / "feats.ark"), mels, scp=scp)


@pytest.fixture
def models(make_experiment: Made, tmp_path: Path) -> List[Model]:
    """Two trainings; half of the noise is in the robust one's reconstructions."""
    found = []
    utts = ("a-1", "a-2", "b-1")
    noise = np.random.default_rng(0).uniform(0, 2, (40, CONFIG.n_mels))
    for training, kept in ((BASELINE, 1.0), (ROBUST, 0.5)):
        exp, _ = make_experiment(tmp_path / training, layers=LAYERS, sets=SETS)
        for name in SETS:
            added = noise if name == SETS[1] else 0 * noise
            folder = exp / "reconstruct_gl" / name
            (folder / "mel.yaml").write_text(yaml.safe_dump(CONFIG.to_dict()))
            for row, share in (("oracle", 1.0), *((layer, kept) for layer in LAYERS)):
                mel = (flat(-4.0) + share * added).astype(np.float32)
                write_mels(folder / row, dict.fromkeys(utts, mel))
                lines = "".join(f"{utt},0.{i}25,40,0\n" for i, utt in enumerate(utts))
                (folder / row / "l1.csv").write_text(f"utt_id,l1,frames,held\n{lines}")
        found.append(Model("blstm", training, exp))
    dump = tmp_path / BASELINE / "dump" / "raw" / SETS[1]
    records = [
        {"utt_id": "a-1", **record("noise", "saw.wav")},
        {"utt_id": "a-2", **record("music", "piano_1.wav")},
    ]
    lines = "".join(json.dumps(one) + "\n" for one in records)
    (dump / "noise.jsonl").write_text(lines)
    return found


def draw(models: Sequence[Model], folder: Path, *wanted: str) -> StudyFigures:
    """Draw the study of the models."""
    cells = {
        Key("blstm", one.training, condition, layer, STOI): Cell(0.5, (0.4, 0.6))
        for one in models
        for condition in (CLEAN, "snr10")
        for layer in LAYERS
    }
    study = Study(Table(cells, {"blstm": LAYERS}), [], [], SETS[0])
    return write_study_figures(study, models, folder, None, False, *wanted)


def test_the_figure_is_of_the_mels_that_the_models_left(
    models: List[Model], tmp_path: Path
) -> None:
    drawn = draw(models, tmp_path / "figures")
    path = drawn.paths["blstm", "mels"]
    assert path == tmp_path / "figures" / "blstm_mels.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    text = drawn.markdown(("blstm", "mels"), tmp_path)
    assert "](figures/blstm_mels.png)" in text
    assert "a-2 of test" in text and "piano" in text and "10 dB SNR" in text
    before = path.read_bytes()
    again = draw(models, tmp_path / "figures").paths["blstm", "mels"].read_bytes()
    assert again == before
    other = draw(models, tmp_path / "figures", "b-1")
    assert "b-1 of test" in other.captions["blstm", "mels"]
    assert path.read_bytes() != before


def test_the_scores_beside_a_picture_are_those_of_its_model(
    models: List[Model],
) -> None:
    from espnet_probe.study.mel_example import read_example

    folders = {one.training: one.probe_exp / "reconstruct_gl" for one in models}
    example = read_example(folders, SETS, LAYERS, "a-2", "music")
    kept = {
        training: example.reconstructions["blstm2", training].scores["noise kept"]
        for training in (BASELINE, ROBUST)
    }
    assert math.isclose(kept[BASELINE], 1.0, abs_tol=1e-6)
    assert math.isclose(kept[ROBUST], 0.5, abs_tol=1e-6)
    assert example.reconstructions["blstm1", ROBUST].scores["L1"] == 0.125
    assert np.ptp(example.clean.mel) == 0 < np.ptp(example.noisy.mel)


def test_what_is_not_there_is_a_note_or_an_error(
    models: List[Model], tmp_path: Path
) -> None:
    with pytest.raises(ProbeError, match="--mel_utterance x: not reconstructed"):
        draw(models, tmp_path, "x")
    (models[1].probe_exp / "reconstruct_gl" / SETS[1] / "blstm1" / "feats.scp").unlink()
    drawn = draw(models, tmp_path)
    assert ("blstm", "mels") not in drawn.paths
    of_mels = "no mel-spectrograms: no utterance of test_snr10 has its mels of "
    embedders = "no figure of the embedders: "
    assert drawn.notes == [
        f"{embedders}no EER was scored",
        f"{of_mels}blstm, robust",
    ]
    assert drawn.markdown(("blstm", "mels"), tmp_path) == ""
    # Each has some, but of other utterances.
    for path in models[1].probe_exp.glob("reconstruct_gl/test*/*"):
        if path.is_dir():
            write_mels(path, {"c-1": flat(-4.0)})
    assert draw(models, tmp_path).notes[1] == f"{of_mels}all models, each has some"
    for path in models[0].probe_exp.rglob("feats.scp"):
        path.unlink()
    assert draw(models[:1], tmp_path).notes == [
        f"{embedders}no robust model was given",
        f"{of_mels}blstm, baseline",
    ]


def test_mels_without_their_settings_are_a_note(
    models: List[Model], tmp_path: Path
) -> None:
    for one in models:
        for path in one.probe_exp.rglob("mel.yaml"):
            path.unlink()
    notes = draw(models, tmp_path).notes
    assert any("no mel-spectrograms" in note and "mel.yaml" in note for note in notes)
    with pytest.raises(ProbeError, match="mel.yaml"):
        draw(models, tmp_path, "b-1")
