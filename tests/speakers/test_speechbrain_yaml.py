import pytest
import torch

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.speechbrain_yaml import load_hyperparams

pytest.importorskip("speechbrain")


def load(folder, text, **overrides):
    path = folder / "hyperparams.yaml"
    path.write_text(text, encoding="utf-8")
    return load_hyperparams(path, overrides)


def test_networks_values_and_references_are_built(tmp_path):
    built = load(
        tmp_path,
        "seed: 3\n"
        "__set_seed: !apply:torch.manual_seed [!ref <seed>]\n"
        "place: nowhere\n"
        "n_mels: 20\n"
        "sizes: (3, 5)\n"
        "double: !ref <n_mels> * 2\n"
        "path: !ref <place>/x.ckpt\n"
        "features: !new:speechbrain.lobes.features.Fbank\n"
        "    n_mels: !ref <n_mels>\n"
        "same: [!ref <features>]\n"
        "activation: !name:torch.nn.LeakyReLU\n"
        "linear: !new:speechbrain.nnet.linear.Linear {input_size: 3, n_neurons: 4}\n",
        place="here",
        absent=1,
    )
    assert "__set_seed" not in built
    assert built["double"] == 40 and built["path"] == "here/x.ckpt"
    assert built["sizes"] == (3, 5)
    assert type(built["features"]).__name__ == "Fbank"
    assert built["same"][0] is built["features"]
    assert built["activation"].__name__ == "LeakyReLU"
    assert built["linear"].w.weight.shape == (4, 3)


def test_the_other_published_encoders_are_built(tmp_path):
    """x-vector and ResNet, with the tags of their files on the hub."""
    built = load(
        tmp_path,
        "xvector: !new:speechbrain.lobes.models.Xvector.Xvector\n"
        "    in_channels: 8\n"
        "    activation: !name:torch.nn.LeakyReLU\n"
        "    tdnn_blocks: 2\n"
        "    tdnn_channels: [8, 16]\n"
        "    tdnn_kernel_sizes: [5, 1]\n"
        "    tdnn_dilations: [1, 1]\n"
        "    lin_neurons: 4\n"
        "classifier: !new:speechbrain.lobes.models.Xvector.Classifier\n"
        "    input_shape: [null, null, 4]\n"
        "    activation: !name:torch.nn.LeakyReLU\n"
        "    lin_blocks: 1\n"
        "    lin_neurons: 4\n"
        "    out_neurons: 3\n"
        "resnet: !new:speechbrain.lobes.models.ResNet.ResNet\n"
        "    input_size: 8\n"
        "    channels: [8, 8, 8, 8]\n"
        "    strides: [1, 2, 2, 2]\n"
        "    block_sizes: [1, 1, 1, 1]\n"
        "    lin_neurons: 4\n"
        "normalizer: !new:speechbrain.dataio.preprocess.AudioNormalizer\n"
        "    sample_rate: 8000\n",
    )
    features = torch.randn(1, 50, 8)
    for name in ("xvector", "resnet"):
        assert built[name].eval()(features).flatten().shape == (4,)
    assert built["normalizer"].sample_rate == 8000


# Each of these would touch the file MARK if it ran. The first are what HyperPyYAML is
# made to do, then what its parts do by accident.
ATTACKS = [
    "x: !apply:os.system ['touch MARK']",
    "x: !new:subprocess.Popen [['touch', 'MARK']]",
    "x: !applyref:os.system ['touch MARK']",
    "x: !name:os.system",
    "x: !module:antigravity",
    "x: !!python/object/apply:os.system ['touch MARK']",
    "x: !!python/name:os.system ''",
    "x: !<!apply:os.system> ['touch MARK']",
    "x: !%61pply:os.system ['touch MARK']",
    "x: !%61pplyref:os.system ['touch MARK']",
    "%TAG !e! !apply:\n---\nx: !e!os.system ['touch MARK']",
    "%TAG !e! tag:yaml.org,2002:python/\n---\nx: !e!name:os.system ''",
    "a: {b: [!apply:os.system ['touch MARK']]}",
    "? !apply:os.system ['touch MARK']\n: 1",
    "? [!applyref:os.system ['touch MARK']]\n: 1",
    "a: &a [!applyref:os.system ['touch MARK']]\nb: *a",
    # An attribute of an allowed module.
    "x: !apply:speechbrain.lobes.models.ECAPA_TDNN.torch.hub.load [a, b]",
    "x: !new:speechbrain.lobes.models.ECAPA_TDNN.torch.nn.Linear [1, 2]",
    "x: !name:speechbrain.nnet.linear.logging.os.system",
    "x: !new:speechbrain.nnet.linear.nn.Linear [1, 2]",
    "x: !name:torch.nn.init.torch",
    "x: !name:torch.hub.load",
    "x: !new:speechbrain.utils.data_utils.FuncPipeline []",
    "x: !new:custom.Model {}",
    # References to attributes become calls of getattr.
    "n: !new:torch.nn.ReLU {}\nx: !ref <n.__class__>",
    # Tuples are read by a loader that builds anything.
    "x: (!!python/object/apply:os.system ['touch MARK'])",
    "x: !tuple (!!python/object/apply:os.system ['touch MARK'])",
    "x: '(!!python/object/apply:os.system [\"touch MARK\"])'",
    "y: '!!python/object/apply:os.system [touch MARK]'\nx: !ref (<y>)",
    "y: ['!!python/object/apply:os.system [touch MARK]']\nx: !ref (<y[0]>)",
    "'(!!python/object/apply:os.system [touch MARK])': 1",
]


@pytest.mark.parametrize("text", ATTACKS)
def test_what_could_run_code_is_refused(tmp_path, text, monkeypatch):
    mark = tmp_path / "mark"
    (tmp_path / "custom.py").write_text(f"open({str(mark)!r}, 'w')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProbeError, match=r"refused|cannot build|expected a mapping"):
        load(tmp_path, text.replace("MARK", str(mark)) + "\n")
    assert not mark.exists()


def test_the_message_names_the_tag_and_the_file(tmp_path):
    with pytest.raises(ProbeError) as caught:
        load(tmp_path, "x: !apply:os.system ['true']\n")
    assert "!apply:os.system" in str(caught.value)
    assert "hyperparams.yaml is refused" in str(caught.value)


def test_other_files_are_not_included(tmp_path):
    (tmp_path / "more.yaml").write_text("a: 1\n", encoding="utf-8")
    with pytest.raises(ProbeError, match="!include:more.yaml"):
        load(tmp_path, "x: !include:more.yaml\n")


def test_the_attacks_would_work_on_an_open_loader(tmp_path):
    """What the first and the tuple's attack do where nothing is checked."""
    hyperpyyaml = pytest.importorskip("hyperpyyaml")
    for number in (0, 25):
        mark = tmp_path / f"mark{number}"
        hyperpyyaml.load_hyperpyyaml(ATTACKS[number].replace("MARK", str(mark)))
        assert mark.exists(), ATTACKS[number]
