"""What a training leaves for TensorBoard, read back from its event files."""

import io
import wave
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_case import dump_states, train, write_recipe

from espnet_probe.errors import ProbeError
from espnet_probe.tasks.tensorboard import PIXELS, Diary, picture, tags

# A rate at which three epochs change what is seen.
FAST = ("--optim_conf", "lr=0.3")
SHOWN = (*FAST, "--use_tensorboard", "true", "--num_tensorboard_utterances", "2")
LAYERS = "blstm1 blstm5"
NAMES = ["recording", "blstm1", "blstm5"]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny upstream, eight utterances and their shapes."""
    return write_recipe(tmp_path_factory.mktemp("recipe"))


def events(folder: Path) -> EventAccumulator:
    keep = {"images": 0, "audio": 0, "scalars": 0, "tensors": 0}
    found = EventAccumulator(str(folder), size_guidance=keep)
    found.Reload()
    return found


def steps(found: Any, kind: str) -> Dict[str, List[int]]:
    """Return the epochs of every picture or sound."""
    read = {"images": found.Images, "audio": found.Audio}[kind]
    return {tag: [event.step for event in read(tag)] for tag in found.Tags()[kind]}


def expected(
    kind: str, epochs: List[int], utterances: Tuple[str, ...] = ("utt0", "utt1")
) -> Dict[str, List[int]]:
    return {
        tag: epochs if number else [1]
        for utt in utterances
        for number, tag in enumerate(tags(kind, utt, NAMES))
    }


def test_pictures_sounds_and_losses_can_be_read_back(
    recipe: Path, tmp_path: Path
) -> None:
    interval = ("--tensorboard_sound_interval", "2")
    state = train(recipe, tmp_path / "probe", LAYERS, *SHOWN, *interval, epochs=3)
    found = events(tmp_path / "probe/tensorboard/train")
    # Every epoch its pictures; sounds in the second and, as the last, in the third.
    assert steps(found, "images") == expected("mel", [1, 2, 3])
    assert steps(found, "audio") == expected("sound", [2, 3])

    frames, n_mels = 1 + 6000 // 200, 20
    last = found.Images("mel-utt0/01-blstm1")[-1]
    image = Image.open(io.BytesIO(last.encoded_image_string))
    assert image.size == (PIXELS * frames, PIXELS * n_mels)
    first = found.Images("mel-utt0/01-blstm1")[0]
    assert last.encoded_image_string != first.encoded_image_string

    for tag in ("sound-utt0/00-recording", "sound-utt0/02-blstm5"):
        sound = found.Audio(tag)[-1]
        with wave.open(io.BytesIO(sound.encoded_audio_string)) as file:
            assert (file.getframerate(), file.getnframes()) == (16000, 6000)
            samples = np.frombuffer(file.readframes(6000), dtype=np.int16)
        assert np.abs(samples).max() > 100

    # One name in both folders: TensorBoard draws them in one chart.
    saved = torch.load(tmp_path / "probe/checkpoint.pth", weights_only=True)
    for part in ("train", "valid"):
        scalars = events(tmp_path / "probe/tensorboard" / part)
        for layer in LAYERS.split():
            value = scalars.Scalars(f"loss_{layer}")[-1].value
            kept = saved["reporter"]["stats"][3][part][f"loss_{layer}"]
            assert value == pytest.approx(kept, rel=1e-5)

    # What is shown changes nothing in what is trained.
    plain = train(recipe, tmp_path / "plain", LAYERS, *FAST, epochs=3)
    assert all(torch.equal(value, plain[key]) for key, value in state.items())


def test_the_losses_of_a_layer_share_a_chart(recipe: Path, tmp_path: Path) -> None:
    from tensorboard.plugins.custom_scalar import layout_pb2

    train(recipe, tmp_path, LAYERS, *SHOWN, epochs=1)
    found = events(tmp_path / "tensorboard/train")
    (event,) = found.Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(event.tensor_proto.string_val[0])
    charts = {
        chart.title: list(chart.multiline.tag) for chart in layout.category[0].chart
    }
    assert charts == {
        "all layers": ["loss_blstm1$", "loss_blstm5$"],
        "loss of blstm1": ["loss_blstm1$"],
        "loss of blstm5": ["loss_blstm5$"],
    }


def test_a_training_that_goes_on_shows_nothing_twice(
    recipe: Path, tmp_path: Path
) -> None:
    train(recipe, tmp_path, LAYERS, *SHOWN, epochs=1)
    # As if it had been stopped in the second epoch, behind the pictures.
    kept = (tmp_path / "checkpoint.pth").read_bytes()
    go_on = (*SHOWN, "--resume", "true", "--tensorboard_sound_interval", "1")
    train(recipe, tmp_path, LAYERS, *go_on, epochs=2)
    (tmp_path / "checkpoint.pth").write_bytes(kept)
    train(recipe, tmp_path, LAYERS, *go_on, epochs=3)
    found = events(tmp_path / "tensorboard/train")
    assert steps(found, "images") == expected("mel", [1, 2, 3])
    assert steps(found, "audio") == expected("sound", [1, 2, 3])


def test_states_may_come_from_dumps(recipe: Path, tmp_path: Path) -> None:
    dump = dump_states(recipe, tmp_path / "dump")
    train(recipe, tmp_path / "probe", LAYERS, *SHOWN, epochs=1, dump=dump)
    found = events(tmp_path / "probe/tensorboard/train")
    assert steps(found, "images") == expected("mel", [1])


def test_none_are_shown_where_none_are_wanted(recipe: Path, tmp_path: Path) -> None:
    options = ("--use_tensorboard", "true", "--num_tensorboard_utterances", "0")
    train(recipe, tmp_path, "blstm1", *options, epochs=1)
    found = events(tmp_path / "tensorboard/train")
    assert found.Tags()["images"] == found.Tags()["audio"] == []
    assert "loss_blstm1" in found.Tags()["scalars"]


def test_a_negative_number_is_refused(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="expected 0 or more"):
        train(recipe, tmp_path, "blstm1", "--tensorboard_sound_interval", "-1")


def test_a_picture_has_low_bands_below_and_survives_values_that_are_none() -> None:
    mel = np.full((3, 4), -100.0, dtype=np.float32)
    mel[1, 0], mel[2] = 0.0, np.nan
    pixels = picture(mel, highest=0.0)
    assert pixels.shape == (4 * PIXELS, 3 * PIXELS, 3) and pixels.dtype == np.uint8
    bright = pixels.sum(axis=2)
    assert bright.argmax() // bright.shape[1] == 3 * PIXELS
    assert (bright[:, 2 * PIXELS :] == bright[0, 0]).all()


def test_a_training_from_the_start_heeds_no_older_diary(tmp_path: Path) -> None:
    Diary(tmp_path, resumes=False, epoch=1).write(7)
    assert Diary(tmp_path, resumes=False, epoch=1).last == 0
    assert Diary(tmp_path, resumes=False, epoch=8).last == 7
    assert Diary(tmp_path, resumes=True, epoch=1).last == 7
