"""hear: from sound files and trained probes to a page, in one command."""

import json
import re
import shutil
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import soundfile
import yaml
from numpy.typing import NDArray
from probed_case import write_probes
from tiny_models import asr_config

from espnet_probe.bin.hear import folders, main
from espnet_probe.bin.recordings import name_recordings, read_recording
from espnet_probe.errors import ProbeError

LAYERS = ["blstm1", "blstm3"]
SOUNDS = "reconstruct_default/recordings"


def noise(samples: int, channels: int = 1) -> NDArray[np.float64]:
    draw = np.random.default_rng(samples).standard_normal((samples, channels))
    return np.asarray(0.1 * draw)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe's folder with a model, its probes, and recordings of other kinds."""
    root = tmp_path_factory.mktemp("recipe")
    settings = asr_config("blstm", None, 20)
    settings.update(token_type="char", bpemodel=None)
    settings["token_list"] = ["<blank>", "<unk>", "<space>", "b", "c", "<sos/eos>"]
    write_probes(root / "exp", LAYERS, settings)
    config = root / "exp" / "probe" / "config.yaml"
    # As recipes write it: seen from the recipe's folder.
    content = {**yaml.safe_load(config.read_text()), "upstream_exp": "exp/asr"}
    config.write_text(yaml.safe_dump(content))
    soundfile.write(root / "my voice (1).wav", noise(9000), 16000)
    soundfile.write(root / "stereo.ogg", noise(5000, 2), 8000)
    return root


def command(recipe: Path, output: Path) -> List[str]:
    recordings = [str(recipe / name) for name in ("my voice (1).wav", "stereo.ogg")]
    probes = str(recipe / "exp" / "probe")
    return [*recordings, "--probe_exp", probes, "--output_dir", str(output)]


def page_data(output: Path) -> Dict[str, Any]:
    page = (output / "report" / "index.html").read_text(encoding="utf-8")
    found = re.search(r'id="report-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: Dict[str, Any] = json.loads(found[1])
    return data


def test_recordings_of_any_kind_are_heard_and_seen(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "heard"
    main(command(recipe, output))
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"page: {output}/report/index.html" and len(said) == 2
    utterances = page_data(output)["utterances"]
    assert [one["name"] for one in utterances] == ["my-voice-1", "stereo"]
    for one in utterances:
        heard = [sound["layer"] or sound["role"] for sound in one["sounds"]]
        assert sorted(heard) == ["blstm1", "blstm3", "natural", "oracle"]
        assert all(sound["audio"] and sound["mel"] for sound in one["sounds"])
    # What is at the model's rate is taken as it is, the other resampled.
    data = output / "probe" / "data" / "recordings"
    own, _ = soundfile.read(recipe / "my voice (1).wav")
    taken, rate = soundfile.read(data / "wav" / "my-voice-1.wav")
    assert rate == 16000 and np.array_equal(own, taken)
    lengths = dict(line.split() for line in (data / "utt2num_samples").open())
    assert lengths == {"my-voice-1": "9000", "stereo": "10000"}
    # A second call makes nothing anew.
    sounds = sorted((output / "probe" / SOUNDS).glob("*/wav/*.flac"))
    before = [sound.stat().st_mtime_ns for sound in sounds]
    assert len(before) == 6
    main(command(recipe, output))
    assert [sound.stat().st_mtime_ns for sound in sounds] == before


def test_what_is_said_is_recognised_in_each_layer(recipe: Path, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("my-voice-1 bcb\nstereo c b\nanother b\n")
    main([*command(recipe, tmp_path / "heard"), "--text", str(text)])
    for one, words in zip(page_data(tmp_path / "heard")["utterances"], ("bcb", "c b")):
        assert one["text"] == words
        for sound in one["sounds"]:
            assert sound["text"] is not None
            assert sound["errors"]["words"] == len(words.split())


def test_a_new_take_of_the_same_name_and_length_is_heard(
    recipe: Path, tmp_path: Path
) -> None:
    take, output = tmp_path / "take.wav", tmp_path / "heard"
    probes = ["--probe_exp", str(recipe / "exp" / "probe"), "--preset", "fast"]
    words = [str(take), *probes, "--layers", "blstm3", "--output_dir", str(output)]
    sounds = output / "probe" / "reconstruct_fast" / "recordings"
    heard = []
    for number in range(2):
        draw = noise(12000 + number)[number:]
        soundfile.write(take, draw / (1 + 5 * number), 16000)
        main(words)
        natural, _ = soundfile.read(output / "probe/data/recordings/wav/take.wav")
        layer, _ = soundfile.read(next((sounds / "blstm3" / "wav").glob("take.*")))
        scores = json.loads((sounds / "blstm3" / "quality.json").read_text())
        heard.append((float(np.abs(natural).max()), layer, scores["stoi"]["mean"]))
    assert heard[0][0] > 4 * heard[1][0]
    assert not np.array_equal(heard[0][1], heard[1][1])
    assert heard[0][2] != heard[1][2]


def test_what_is_said_may_be_in_other_letters(recipe: Path, tmp_path: Path) -> None:
    """The model has small letters alone."""
    text = tmp_path / "text"
    text.write_text("my-voice-1 BcB\nstereo C B\n")
    main([*command(recipe, tmp_path / "heard"), "--text", str(text)])
    texts = [one["text"] for one in page_data(tmp_path / "heard")["utterances"]]
    assert texts == ["bcb", "c b"]


def test_models_of_other_letters_are_judged_by_their_own(
    recipe: Path, tmp_path: Path
) -> None:
    settings = asr_config("blstm", None, 20)
    settings.update(token_type="char", bpemodel=None)
    settings["token_list"] = ["<blank>", "<unk>", "<space>", "B", "C", "<sos/eos>"]
    (tmp_path / "exp").mkdir()
    write_probes(tmp_path / "exp", ["blstm2"], settings)
    text = tmp_path / "text"
    text.write_text("my-voice-1 bCb\nstereo C b\n")
    words = command(recipe, tmp_path / "heard")
    words.insert(-2, str(tmp_path / "exp" / "probe"))
    main([*words, "--text", str(text)])
    utterance = page_data(tmp_path / "heard")["utterances"][0]
    assert utterance["text"] == "bcb"
    said = {sound["layer"]: sound["said"] for sound in utterance["sounds"]}
    assert (said["blstm1"], said["blstm2"]) == (None, "BCB")


def test_the_page_is_of_the_last_call_alone(recipe: Path, tmp_path: Path) -> None:
    output = tmp_path / "heard"
    text = tmp_path / "text"
    text.write_text("my-voice-1 bcb\nstereo c b\n")
    main([*command(recipe, output), "--text", str(text)])
    probes = ["--probe_exp", str(recipe / "exp" / "probe")]
    # Another recording of that name, another layer and vocoder, and nothing is said.
    other = tmp_path / "stereo.wav"
    soundfile.write(other, noise(7000), 16000)
    less = ["--layers", "blstm3", "--preset", "fast", "--output_dir", str(output)]
    main([str(other), *probes, *less])
    (one,) = page_data(output)["utterances"]
    assert (one["name"], one["seconds"], one["text"]) == ("stereo", 0.438, None)
    heard = {sound["layer"] or sound["role"]: sound for sound in one["sounds"]}
    assert list(heard) == ["natural", "oracle", "blstm3"]
    sound, rate = soundfile.read(output / "report" / heard["blstm3"]["audio"])
    assert (len(sound), rate) == (7000, 16000)
    # Back to the first vocoder: its folder knows what was said in another recording.
    main([str(other), *probes, "--output_dir", str(output)])
    (one,) = page_data(output)["utterances"]
    assert [sound["text"] for sound in one["sounds"]] == [None] * 4


def test_the_model_beside_the_probes_is_taken(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = command(recipe, tmp_path / "heard")
    (tmp_path / "exp" / "asr").mkdir(parents=True)  # Another recipe's.
    monkeypatch.chdir(tmp_path)
    main(words)


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    names = [Path("a/report"), Path("b/report"), Path("probe")]
    found = folders(tmp_path, names)
    assert [path.name for path in found] == ["report-2", "report-3", "probe"]


def test_a_model_that_is_gone_is_told_of(recipe: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(recipe / "exp" / "probe", tmp_path / "exp" / "probe")
    words = [str(recipe / "stereo.ogg"), "--probe_exp", str(moved)]
    with pytest.raises(ProbeError, match="config.yaml: if the model has been moved"):
        main([*words, "--output_dir", str(tmp_path / "heard")])


def test_the_command_is_on_the_page(recipe: Path, tmp_path: Path) -> None:
    words = [*command(recipe, tmp_path / "heard"), "--layers", "blstm3"]
    main(words)
    page = (tmp_path / "heard" / "report" / "index.html").read_text(encoding="utf-8")
    assert "python -m espnet_probe.bin.hear" in page
    # Nobody asked who speaks.
    assert "EER (%): nothing can be said" not in page
    assert not (tmp_path / "heard" / "report" / "figures").exists()


def test_several_models_have_one_page(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "exp").mkdir()
    write_probes(tmp_path / "exp", ["blstm2"])
    words = command(recipe, tmp_path / "heard")
    words.insert(-2, str(tmp_path / "exp" / "probe"))
    main(words)
    data = page_data(tmp_path / "heard")
    assert [len(model["layers"]) for model in data["models"]] == [2, 1]
    layers = {sound["layer"] for sound in data["utterances"][0]["sounds"]}
    assert layers == {None, "blstm1", "blstm2", "blstm3"}
    assert {path.name for path in (tmp_path / "heard").iterdir()} == {
        *("heard.txt", "probe", "probe-2", "report")
    }
    with pytest.raises(ProbeError, match="name one model: give one --probe_exp"):
        main([*words, "--upstream_exp", str(tmp_path / "exp" / "asr")])


def test_mistakes_are_found_before_work_starts(recipe: Path, tmp_path: Path) -> None:
    words = command(recipe, tmp_path / "heard")
    with pytest.raises(ProbeError, match="there is no recording nothing.wav"):
        main(["nothing.wav", *words])
    with pytest.raises(ProbeError, match="stereo.ogg is given twice"):
        main([str(recipe / "stereo.ogg"), *words])
    text = tmp_path / "text"
    text.write_text("stereo c b\n")
    with pytest.raises(ProbeError, match="has no line of my-voice-1"):
        main([*words, "--text", str(text)])
    # Nothing of anybody's is written over.
    with pytest.raises(ProbeError, match="holds other files: expected a new or empty"):
        main(command(recipe, recipe))
    with pytest.raises(ProbeError, match="unknown layer 'block1'"):
        main([*words, "--layers", "block1"])
    with pytest.raises(ProbeError, match="--max_seconds -1: expected more than 0"):
        main([*words, "--max_seconds", "-1"])
    with pytest.raises(ProbeError, match="--upstream_init random goes with a model"):
        main([*words, "--upstream_init", "random"])
    with pytest.raises(ProbeError, match="no trained model in nowhere"):
        main([*words, "--upstream_exp", "nowhere"])
    assert not (tmp_path / "heard").exists()


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.wav").write_text("no sound")
    with pytest.raises(ProbeError, match="cannot read .*words.wav as sound"):
        read_recording(tmp_path / "words.wav", 16000, 60)
    soundfile.write(tmp_path / "long.wav", noise(16000), 16000)
    with pytest.raises(ProbeError, match="has 1.0 s: expected at most 0.5 s; cut it"):
        read_recording(tmp_path / "long.wav", 16000, 0.5)
    soundfile.write(tmp_path / "empty.wav", noise(0), 16000)
    with pytest.raises(ProbeError, match="empty.wav has no sound in it"):
        read_recording(tmp_path / "empty.wav", 16000, 60)
    soundfile.write(tmp_path / "nan.wav", [0.0, np.nan], 16000, subtype="FLOAT")
    with pytest.raises(ProbeError, match="nan.wav has values that are no finite"):
        read_recording(tmp_path / "nan.wav", 16000, 60)


def test_what_is_too_loud_for_a_file_is_turned_down(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, [0.5, -2.0, 1.0], 16000, subtype="FLOAT")
    wave = read_recording(path, 16000, 60)
    assert np.allclose(wave, [0.25, -1.0, 0.5], atol=1e-4) and np.abs(wave).max() < 1


def test_long_names_stay_files(tmp_path: Path) -> None:
    names = [f"{'ä' * 120}.wav", f"{'b' * 199}..wav", f"{'c' * 80}.wav"]
    for name in names:
        (tmp_path / name).touch()
    found = list(name_recordings([tmp_path / name for name in names]))
    assert found == ["ä" * 100, "b" * 199, "c" * 80]


def test_names_are_fit_for_tables_and_not_twice_the_same(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for name in ("x y.wav", "...flac"):
            (tmp_path / folder / name).touch()
    files = sorted(tmp_path.glob("*/*"))
    assert list(name_recordings(files)) == ["recording", "x-y", "recording-2", "x-y-2"]
