import os

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.registry import EMBEDDERS, build_embedder
from espnet_probe.speakers.spec import (
    MODELS,
    check_spec,
    find_espnet_weights,
    parse_spec,
)


@pytest.mark.parametrize(
    "text, label",
    [
        ("ge2e", "ge2e"),
        ("thin_resnet:exp/spk_a", "thin_resnet-spk_a"),
        ("thin_resnet:exp/spk_a/", "thin_resnet-spk_a"),
        ("espnet:espnet/voxcelebs12_rawnet3", "espnet-voxcelebs12_rawnet3"),
        ("espnet:a/b@v1", "espnet-b_v1"),
        ("espnet:https://example.org/x/model.zip?a=1", "espnet-model.zip_a_1"),
        ("speechbrain:speechbrain/spkrec ä", "speechbrain-spkrec__"),
    ],
)
def test_specs_and_their_labels(text, label):
    spec = parse_spec(text)
    assert spec.label == label
    assert str(spec) == text


def test_a_folder_is_labelled_by_its_own_name(tmp_path, monkeypatch):
    folder = tmp_path / "exp" / "spk_x"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    for model in (".", "./", str(folder), "../spk_x/.", "../../exp/spk_x"):
        spec = parse_spec(f"thin_resnet:{model}")
        assert spec.label == "thin_resnet-spk_x", model
        assert spec.folder is not None


@pytest.mark.parametrize(
    "text, message",
    [
        ("x", "unknown embedder 'x': expected one of ge2e, thin_resnet:EXP_DIR"),
        ("", "unknown embedder ''"),
        ("ge2e:weights.pt", "ge2e takes no model"),
        ("espnet", "needs a model: expected espnet:EXP_DIR or ZOO_TAG"),
        ("speechbrain:", "needs a model: expected speechbrain:DIR or HUB_NAME"),
        ("thin_resnet:nobody/nothing", "no folder nobody/nothing"),
        ("espnet:./nothing", "no folder ./nothing"),
        ("espnet:exp/nothing", "no folder exp/nothing"),
    ],
)
def test_wrong_specs_are_refused(text, message):
    with pytest.raises(ProbeError, match=message):
        check_spec(text)
    with pytest.raises(ProbeError, match=message):
        build_embedder(text)


def test_every_name_has_its_embedder():
    assert list(EMBEDDERS) == list(MODELS)


def test_weights_of_a_training(tmp_path):
    with pytest.raises(ProbeError, match="expected config.yaml and valid.eer.best.pth"):
        find_espnet_weights(tmp_path)
    (tmp_path / "config.yaml").write_text("{}")
    (tmp_path / "3epoch.pth").touch()
    with pytest.raises(ProbeError, match="there are 3epoch.pth; train further"):
        find_espnet_weights(tmp_path)
    for number, name in enumerate(["valid.loss", "valid.acc", "train.loss"]):
        path = tmp_path / f"{name}.best.pth"
        path.touch()
        os.utime(path, (0, [10, 30, 20][number]))
    assert find_espnet_weights(tmp_path).name == "valid.acc.best.pth"
    (tmp_path / "valid.eer.ave.pth").touch()
    assert find_espnet_weights(tmp_path).name == "valid.eer.ave.pth"
    (tmp_path / "valid.eer.best.pth").touch()
    assert find_espnet_weights(tmp_path).name == "valid.eer.best.pth"


@pytest.mark.parametrize("text", ["[1]", "a: [", "\xff"])
def test_a_broken_configuration_is_told(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text, encoding="latin-1")
    (tmp_path / "valid.eer.best.pth").touch()
    with pytest.raises(ProbeError, match="config.yaml"):
        check_spec(f"espnet:{tmp_path}")
