import builtins

import keras_thin_resnet as judge
import numpy as np
import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.keras_weights import open_keras_weights
from espnet_probe.speakers.thin_resnet_weights import read_thin_resnet

BN = "conv3_b_3x3/bn"


def small(**sizes):
    return judge.random_weights(**{"dim": 8, "clusters": 3, "ghosts": 1, **sizes})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.h5"


def refusal(path, weights=None):
    if weights is not None:
        judge.write_h5(path, weights)
    with pytest.raises(ProbeError) as error:
        read_thin_resnet(path)
    message = str(error.value)
    assert "\n" not in message and str(path) in message
    return message


@pytest.mark.parametrize("whole_model", [False, True])
@pytest.mark.parametrize("text", [False, True])
def test_every_array_is_read_as_it_was_written(path, whole_model, text):
    weights = small()
    judge.write_h5(path, weights, whole_model, text)
    read = read_thin_resnet(path)
    assert (read.pooling, read.dim, read.clusters) == ("gvlad", 8, 3)
    assert (read.ghosts, read.speakers) == (1, 7)
    assert read.arrays.keys() == weights.keys()
    for layer, values in weights.items():
        assert list(read.arrays[layer]) == [name for name, _ in values]
        for name, array in values:
            np.testing.assert_array_equal(read.arrays[layer][name], array)


def test_the_order_of_layers_in_the_file_says_nothing(path):
    weights = small()
    judge.write_h5(path, dict(reversed(weights.items())))
    read = read_thin_resnet(path)
    np.testing.assert_array_equal(read.arrays["fc6"]["bias"], weights["fc6"][1][1])


def test_sizes_are_read_off_the_file(path):
    judge.write_h5(path, small(clusters=2, ghosts=0, speakers=None))
    read = read_thin_resnet(path)
    assert (read.pooling, read.clusters, read.ghosts, read.speakers) == (
        "vlad",
        2,
        0,
        0,
    )


def test_names_that_tensorflow_made_unique_and_lists_in_chunks(path):
    judge.write_h5(path, small())
    with judge.h5py.File(path, "a") as file:
        group = file[BN]
        names = [name.decode() for name in group.attrs["weight_names"]]
        for name in names:
            group.move(name, name.replace("/bn/", "/bn_1/").replace(":0", "_1:0"))
        unique = [n.replace("/bn/", "/bn_1/").replace(":0", "_1:0") for n in names]
        group.attrs["weight_names"] = np.array([name.encode() for name in unique])
        listed = file.attrs["layer_names"]
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = listed[:9], listed[9:]
    assert list(read_thin_resnet(path).arrays[BN])[2:] == [
        "moving_mean",
        "moving_variance",
    ]


def test_weights_in_another_order_are_refused(path):
    weights = small()
    gamma, beta, mean, variance = weights[BN]
    weights[BN] = [gamma, beta, variance, mean]
    message = refusal(path, weights)
    assert f"layer {BN}: got gamma (96,), beta (96,), moving_variance" in message


def test_swapped_statistics_show_in_a_negative_variance(path):
    weights = small()
    names = [name for name, _ in weights[BN]]
    gamma, beta, mean, variance = [array for _, array in weights[BN]]
    weights[BN] = list(zip(names, [gamma, beta, variance, mean]))
    assert f"layer {BN}: a moving_variance is negative" in refusal(path, weights)


def test_layers_missing_or_too_many_or_twice(path):
    weights = small()
    del weights["conv4_c_1x1_increase"]
    assert "no layer conv4_c_1x1_increase: expected" in refusal(path, weights)
    weights = small()
    weights["conv2_c_3x3"] = weights["conv2_b_3x3"]
    assert "unexpected layer conv2_c_3x3: expected" in refusal(path, weights)
    del weights["gvlad_pool"]
    assert "no layer gvlad_pool: expected" in refusal(path, weights)
    judge.write_h5(path, small())
    with judge.h5py.File(path, "a") as file:
        file.attrs["layer_names"] = [b"fc6", b"x_fc", b"fc6"]
    assert "layer fc6 is listed twice" in refusal(path)


@pytest.mark.parametrize(
    "layer, index, shape, told",
    [
        # The axes of torch, of another picture, and a dense layer turned around.
        ("conv5_a_3x3", 0, (256, 256, 3, 3), "expected kernel (3, 3, 256, 256)"),
        ("x_fc", 0, (1, 7, 512, 8), "expected kernel (7, 1, 512, 8), bias (8,)"),
        ("fc6", 0, (8, 24), "expected kernel (8, 8), bias (8,)"),
        ("fc6", 0, (7, 8), "expected a kernel with 8 rows for each of 1 to 4"),
        ("gvlad_pool", 0, (4, 9), "expected centers (4, 8)"),
        ("gvlad_pool", 0, (4,), "expected a centers of 2 dimensions"),
        ("prediction", 0, (8,), "expected kernel (8, 1)"),
        (BN, 3, (95,), "moving_variance (95,): expected gamma (96,), beta"),
    ],
)
def test_other_shapes_are_refused(path, layer, index, shape, told):
    weights = small()
    weights[layer][index] = (weights[layer][index][0], np.ones(shape, np.float32))
    message = refusal(path, weights)
    assert f"layer {layer}: got " in message and told in message


def test_numbers_that_are_none(path):
    weights = small()
    weights["fc6"][1][1][2] = np.nan
    assert "layer fc6, bias holds NaN or inf" in refusal(path, weights)
    weights["fc6"][1] = ("bias", np.ones(8, np.int32))
    assert "layer fc6, bias has type int32" in refusal(path, weights)


def test_files_of_another_kind(path):
    assert "no file" in refusal(path)
    path.write_bytes(b"no HDF5")
    assert "cannot read" in refusal(path)
    with judge.h5py.File(path, "w") as file:
        # The layout of Keras 3.
        file["layers/dense/vars/0"] = np.ones(3)
    assert "no attribute layer_names: expected a weights file of Keras 2" in refusal(
        path
    )
    judge.write_h5(path, small())
    with judge.h5py.File(path, "a") as file:
        file.attrs["backend"] = b"theano"
    assert "backend theano: expected tensorflow" in refusal(path)


def test_damaged_files(path):
    judge.write_h5(path, small())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cannot read" in refusal(path)


def test_links_to_other_files_are_not_followed(path, tmp_path):
    other = tmp_path / "other.h5"
    judge.write_h5(other, small())
    judge.write_h5(path, small())
    with judge.h5py.File(path, "a") as file:
        del file["fc6"]
        file["fc6"] = judge.h5py.ExternalLink(str(other), "fc6")
    assert "lists 'fc6', but does not hold it" in refusal(path)
    judge.write_h5(path, small())
    with judge.h5py.File(path, "a") as file:
        del file["fc6/fc6/bias:0"]
        (tmp_path / "raw").write_bytes(bytes(32))
        where = [(str(tmp_path / "raw"), 0, 32)]
        file["fc6/fc6"].create_dataset("bias:0", (8,), "f4", external=where)
    assert "'fc6/bias:0' is no array in this file" in refusal(path)


def test_without_h5py_a_message_says_what_to_install(path, monkeypatch):
    judge.write_h5(path, small())
    real = builtins.__import__

    def blocked(name, *args, **kwargs):
        if name == "h5py":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", blocked)
    with pytest.raises(ProbeError, match=r"pip install 'espnet_probe\[speakers\]'"):
        with open_keras_weights(path):
            pass
