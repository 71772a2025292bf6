"""The same model from an exp folder, an archive and the zoo's caches, offline.

Where the downloaders keep their caches is read once per process, so a process of its
own loads from caches made here. Only the network is missing there.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any, Dict

import pytest
import torch
import yaml
from packed_models import pack_recipe, write_recipe

from espnet_probe.errors import ProbeError
from espnet_probe.upstream import Upstream
from espnet_probe.upstream.files import files_of_exp, files_of_tag

#: A name of Hugging Face, as the models of ESPnet have.
TAG = "espnet/tiny"
REVISION = "0123456789abcdef0123456789abcdef01234567"
URL = "https://zenodo.org/record/1/files/asr_tiny.zip?download=1"
#: Published, but not as a model that can be loaded; what their meta.yaml has.
TEXT = "espnet/text"
METAS = {
    "espnet/bundle": {"yaml_files": {"inference_config": "conf.yaml"}, "files": {}},
    "espnet/escape": {"yaml_files": {"asr_train_config": "../conf.yaml"}, "files": {}},
    "espnet/absolute": {
        "yaml_files": {"asr_train_config": "conf.yaml"},
        "files": {"asr_model_file": "/etc/hostname"},
    },
    "espnet/incomplete": {
        "yaml_files": {"asr_train_config": "conf.yaml"},
        "files": {"asr_model_file": "exp/gone.pth"},
    },
}

#: Prints for every tag what the model says with noise, or the error.
SCRIPT = """
import json, sys
import torch
from espnet_probe import Upstream
from espnet_probe.errors import ProbeError
from espnet_probe.upstream.files import pinned_tag
answers = {}
for tag in sys.argv[2:]:
    try:
        upstream = Upstream.from_pretrained(tag)
    except ProbeError as error:
        answers[tag] = str(error)
        continue
    noise = torch.randn(1, 4000, generator=torch.Generator().manual_seed(1))
    names = [layer.name for layer in upstream.layers]
    states = upstream.hidden_states(noise, torch.tensor([4000]), names)
    answers[tag] = {
        "pinned": pinned_tag(tag),
        "hash": upstream.hash,
        "task": upstream.task,
        "origin": upstream.origin,
        "states": {name: states[name].features.tolist() for name in names},
    }
open(sys.argv[1], "w").write(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def exp(tmp_path_factory) -> Path:
    return write_recipe(tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="module")
def archive(exp) -> Path:
    return pack_recipe(exp, exp.parent.parent / "asr_tiny.zip")


def hub_repository(hub: Path, name: str) -> Path:
    """Make an empty repository in a cache of huggingface_hub; return its snapshot."""
    folder = hub / f"models--{name.replace('/', '--')}"
    snapshot = folder / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(REVISION)
    return snapshot


def fill_snapshot(snapshot: Path, archive: Path) -> None:
    """Fill a snapshot as a download does: links into a store of blobs."""
    blobs = snapshot.parent.parent / "blobs"
    blobs.mkdir()
    with zipfile.ZipFile(archive) as opened:
        for number, name in enumerate(opened.namelist()):
            blob = blobs / f"{number:040x}"
            blob.write_bytes(opened.read(name))
            link = snapshot / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(blob, link.parent))


@pytest.fixture(scope="module")
def answers(archive, tmp_path_factory) -> Dict[str, Any]:
    from espnet_model_zoo.downloader import str_to_hash

    home = tmp_path_factory.mktemp("home")
    hub = home / "hf" / "hub"
    fill_snapshot(hub_repository(hub, TAG), archive)
    (hub_repository(hub, TEXT) / "README.md").write_text("no model\n")
    for name, meta in METAS.items():
        snapshot = hub_repository(hub, name)
        (snapshot / "meta.yaml").write_text(yaml.safe_dump(meta))
        (snapshot / "conf.yaml").write_text("encoder: rnn\n")
    escaped = hub / "models--espnet--escape" / "snapshots" / "conf.yaml"
    escaped.write_text("encoder: rnn\n")
    zoo = home / ".cache" / "espnet_model_zoo" / str_to_hash(URL)
    zoo.mkdir(parents=True)
    (zoo / "asr_tiny.zip").write_bytes(archive.read_bytes())
    (zoo / "url").write_text(URL)
    environment = {
        **os.environ,
        "HOME": str(home),
        "HF_HOME": str(home / "hf"),
        "HF_HUB_OFFLINE": "1",
        "ESPNET_PROBE_CACHE": str(home / "probe"),
    }
    environment.pop("HF_HUB_CACHE", None)
    # The last one is a server that is not there.
    absent = "https://localhost:9/asr.zip"
    tags = [TAG, f"{TAG}@{REVISION}", URL, TEXT, "espnet/absent", "a/b/c", absent]
    tags += METAS
    tags.append(_speechlm_release())
    result = home / "answers.json"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(result), *tags],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded: Dict[str, Any] = json.loads(result.read_text())
    assert [path.name for path in escaped.parent.glob("*.yaml")] == ["conf.yaml"]
    loaded["absent url"] = loaded.pop(absent)
    loaded["speechlm"] = loaded.pop(tags[-1])
    return loaded


def _speechlm_release() -> str:
    from espnet2.bin.speechlm_inference import RELEASES

    return str(next(iter(RELEASES)))


def states_of(upstream: Upstream) -> Dict[str, torch.Tensor]:
    noise = torch.randn(1, 4000, generator=torch.Generator().manual_seed(1))
    names = [layer.name for layer in upstream.layers]
    states = upstream.hidden_states(noise, torch.tensor([4000]), names)
    return {name: states[name].features for name in names}


def test_packed_and_not_packed_are_the_same_model(
    exp, archive, answers, tmp_path, monkeypatch
):
    monkeypatch.setenv("ESPNET_PROBE_CACHE", str(tmp_path))
    here = Upstream.from_exp(exp)
    packed = Upstream.from_zip(archive)
    assert here.task == packed.task == "asr"
    assert packed.hash == here.hash
    assert packed.origin == str(archive)
    assert here.origin == str(exp / "valid.loss.ave.pth")
    known, states = states_of(here), states_of(packed)
    assert len(known) == 3 and list(states) == list(known)
    assert all(torch.equal(states[name], known[name]) for name in known)
    for tag in (TAG, f"{TAG}@{REVISION}", URL):
        answer = answers[tag]
        assert answer["hash"] == here.hash
        assert answer["origin"] == tag and answer["task"] == "asr"
        # A cached archive from another place is not looked for again.
        pinned = URL if tag == URL else f"{TAG}@{REVISION}"
        assert answer["pinned"] == pinned
        for name in known:
            assert torch.equal(torch.tensor(answer["states"][name]), known[name])


@pytest.mark.parametrize(
    "tag, beginning",
    [
        ("espnet/absent", "espnet/absent is not in a cache of this machine and cannot"),
        ("absent url", "https://localhost:9/asr.zip is not in a cache"),
        (TEXT, f"{TEXT} was not published with ESPnet's pack"),
        ("a/b/c", "there is no model a/b/c"),
        ("speechlm", "espnet/"),
        ("espnet/bundle", "espnet/bundle cannot be probed: .* espnet3"),
        ("espnet/escape", "espnet/escape is refused: its meta.yaml has asr_train_conf"),
        ("espnet/absolute", "espnet/absolute is refused: .* /etc/hostname, outside"),
        ("espnet/incomplete", "meta.yaml of espnet/incomplete names gone.pth, which"),
    ],
)
def test_tags_that_cannot_be_loaded_give_one_line(answers, tag, beginning):
    message = answers[tag]
    assert re.match(beginning, message) and "\n" not in message
    assert tag != "speechlm" or "is a SpeechLM release" in message


def test_the_user_may_name_the_task(exp, archive, tmp_path, monkeypatch):
    monkeypatch.setenv("ESPNET_PROBE_CACHE", str(tmp_path))
    assert Upstream.from_exp(exp, task="asr").task == "asr"
    for load in (Upstream.from_exp, Upstream.from_zip):
        where = exp if load == Upstream.from_exp else archive
        with pytest.raises(ProbeError, match="expected one of asr, s2t"):
            load(where, task="tts")
        # A transducer's parts are built from other options.
        with pytest.raises(ProbeError, match="as one of its task asr_transducer"):
            load(where, task="asr_transducer")


def test_weights_that_are_chosen_and_weights_that_are_not_there(exp):
    assert files_of_exp(exp).weights.name == "valid.loss.ave.pth"
    assert files_of_exp(exp).task is None
    with pytest.raises(ProbeError, match="looked for 3epoch.pth; there are valid"):
        files_of_exp(exp, "3epoch.pth")
    with pytest.raises(ProbeError, match="no trained model in .*expected config.yaml"):
        files_of_exp(exp.parent)


def test_weights_that_are_missing_in_the_file(exp, tmp_path):
    shutil.copytree(exp.parent.parent, tmp_path / "recipe")
    path = tmp_path / "recipe" / "exp" / "asr_tiny" / "valid.loss.ave.pth"
    weights = torch.load(path, weights_only=True)
    del weights["ctc.ctc_lo.bias"]
    torch.save(weights, path)
    with pytest.raises(
        ProbeError, match=r"missing \['ctc.ctc_lo.bias'\], unexpected n"
    ):
        Upstream.from_exp(path.parent)


def test_a_tag_that_is_a_path(exp, archive):
    with pytest.raises(ProbeError, match="is a folder here: name it with"):
        files_of_tag(str(exp))
    with pytest.raises(ProbeError, match="is a file here: name it with"):
        files_of_tag(str(archive))


def test_without_the_zoo(monkeypatch):
    monkeypatch.setitem(sys.modules, "espnet_model_zoo", None)
    monkeypatch.setitem(sys.modules, "espnet_model_zoo.downloader", None)
    with pytest.raises(ProbeError, match="pip install espnet_model_zoo") as caught:
        files_of_tag(TAG)
    assert "\n" not in str(caught.value)
