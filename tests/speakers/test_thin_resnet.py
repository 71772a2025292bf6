"""The encoder against the table of its layers, and against a network built by hand."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.modules.thin_resnet import Bottleneck, ThinResNet34

SMALL = {
    "channels": (4, 6, 8, 10, 12),
    "bottlenecks": (3, 4, 5, 6),
    "blocks": (1, 1, 2, 1),
}


@pytest.fixture(scope="module")
def full() -> ThinResNet34:
    torch.manual_seed(0)
    return ThinResNet34(257).eval()


def test_every_layer_has_the_size_of_the_table(full: ThinResNet34) -> None:
    with torch.no_grad():
        pictures = full.pictures(torch.randn(1, 256, 257))
    assert {name: tuple(value.shape[1:]) for name, value in pictures.items()} == {
        "conv1": (64, 128, 128),
        "conv2": (96, 128, 128),
        "conv3": (128, 64, 64),
        "conv4": (256, 32, 32),
        "conv5": (512, 16, 16),
        "pool": (512, 7, 16),
    }
    assert full.output_size() == 512 * 7
    # 250 frames are not divisible: pooling drops a frame, strides keep one more.
    assert full.output_length(250) == 16


def test_the_number_of_weights_is_that_of_the_table(full: ThinResNet34) -> None:
    """Counted from the table: convolutions without bias, two numbers per channel of
    each normalisation."""
    count = 7 * 7 * 64 + 2 * 64
    width = 64
    sections = [(48, 96, 2), (96, 128, 3), (128, 256, 3), (256, 512, 3)]
    for inner, outer, blocks in sections:
        count += width * outer + 2 * outer
        for _ in range(blocks):
            count += width * inner + 9 * inner**2 + inner * outer
            count += 2 * (2 * inner + outer)
            width = outer
    assert sum(parameter.numel() for parameter in full.parameters()) == count
    assert count == 3690240


def test_it_has_the_published_network_s_34_layers(full: ThinResNet34) -> None:
    kernels = [
        tuple(module.kernel_size)
        for name, module in full.named_modules()
        if isinstance(module, torch.nn.Conv2d) and "project" not in name
    ]
    assert len(kernels) == 1 + 3 * 11
    norms = [m for m in full.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {1e-3}


@pytest.mark.parametrize("last_time_stride", [1, 2])
@pytest.mark.parametrize("late_stride", [False, True])
def test_output_length_is_what_comes_out(
    last_time_stride: int, late_stride: bool
) -> None:
    encoder = ThinResNet34(
        80, last_time_stride=last_time_stride, late_stride=late_stride, **SMALL
    ).eval()
    assert encoder.output_size() == 12 * 2
    with torch.no_grad():
        for frames in (2, 3, 15, 16, 17, 18, 31, 33, 64, 97):
            states = encoder(torch.randn(2, frames, 80))
            expected = (2, 24, encoder.output_length(frames))
            assert tuple(states.shape) == expected, frames


def test_the_paper_s_table_ends_at_a_thirty_second() -> None:
    encoder = ThinResNet34(257, last_time_stride=2, **SMALL).eval()
    with torch.no_grad():
        assert encoder.pictures(torch.randn(1, 256, 257))["pool"].shape[2:] == (7, 8)


def _conv(picture: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    """(in, height, time) with (out, in, k, k): zeros around, then every stride-th."""
    margin = weight.shape[-1] // 2
    padded = np.pad(picture, ((0, 0), (margin, margin), (margin, margin)))
    rows = [
        sum(correlate2d(plane, kernel, "valid") for plane, kernel in zip(padded, out))
        for out in weight
    ]
    return np.stack(rows)[:, ::stride, ::stride]


def _norm(picture: np.ndarray, norm: torch.nn.Module) -> np.ndarray:
    state = {name: value.double().numpy() for name, value in norm.state_dict().items()}
    scale = state["weight"] / np.sqrt(state["running_var"] + 1e-3)
    shift = state["bias"] - scale * state["running_mean"]
    return picture * scale[:, None, None] + shift[:, None, None]


def _weight(module: torch.nn.Module) -> np.ndarray:
    return module.weight.detach().double().numpy()


def _block(picture: np.ndarray, block: Bottleneck, stride: int) -> np.ndarray:
    inner = np.maximum(
        _norm(_conv(picture, _weight(block.reduce), stride), block.reduce_norm), 0
    )
    inner = np.maximum(_norm(_conv(inner, _weight(block.conv), 1), block.conv_norm), 0)
    inner = _norm(_conv(inner, _weight(block.increase), 1), block.increase_norm)
    around = picture
    if block.project is not None:
        around = _norm(
            _conv(picture, _weight(block.project), stride), block.project_norm
        )
    return np.maximum(inner + around, 0)


def test_it_equals_a_network_of_numpy() -> None:
    torch.manual_seed(1)
    encoder = ThinResNet34(49, **SMALL)
    for norm in encoder.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
            torch.nn.init.normal_(norm.bias)
            torch.nn.init.normal_(norm.running_mean)
            torch.nn.init.uniform_(norm.running_var, 0.5, 1.5)
    feats = torch.randn(1, 37, 49)
    with torch.no_grad():
        states = encoder.eval()(feats)[0].double().numpy()
    # Frequency is the height, time the width.
    picture = feats[0].double().numpy().T[None]
    picture = np.maximum(
        _norm(_conv(picture, _weight(encoder.conv1), 1), encoder.norm1), 0
    )
    picture = picture[:, :48, :36].reshape(4, 24, 2, 18, 2).max(axis=(2, 4))
    for number in (2, 3, 4, 5):
        for place, block in enumerate(encoder.get_submodule(f"conv{number}")):
            stride = 2 if number > 2 and place == 0 else 1
            picture = _block(picture, block, stride)
    assert picture.shape == (12, 3, 3)
    expected = picture.max(axis=1).reshape(12, 3)
    np.testing.assert_allclose(states, expected, rtol=1e-4, atol=1e-5)


def test_every_normalisation_has_the_settings() -> None:
    for options, expected in (
        ({}, (1e-3, 0.01)),
        ({"norm_eps": 1e-5, "norm_momentum": 0.1}, (1e-5, 0.1)),
    ):
        encoder = ThinResNet34(80, **SMALL, **options)
        norms = [m for m in encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        # One behind every convolution.
        assert len(norms) == sum(
            isinstance(module, torch.nn.Conv2d) for module in encoder.modules()
        )
        assert {(norm.eps, norm.momentum) for norm in norms} == {expected}


def test_a_late_stride_moves_to_the_kernel_of_three() -> None:
    early = Bottleneck(4, 3, 6, 2, True, late_stride=False)
    late = Bottleneck(4, 3, 6, 2, True, late_stride=True)
    assert (early.reduce.stride, early.conv.stride) == ((2, 2), (1, 1))
    assert (late.reduce.stride, late.conv.stride) == ((1, 1), (2, 2))
    late.load_state_dict(early.state_dict())
    picture = torch.randn(2, 4, 9, 7)
    assert early(picture).shape == late(picture).shape == (2, 6, 5, 4)
    assert not torch.allclose(early(picture), late(picture))


def test_a_gradient_reaches_every_weight() -> None:
    encoder = ThinResNet34(80, **SMALL)
    encoder(torch.randn(2, 64, 80)).square().sum().backward()
    still = [
        name
        for name, weight in encoder.named_parameters()
        if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert still == []


@pytest.mark.parametrize(
    "options, message",
    [
        ({"channels": (4, 6, 8)}, "5 positive numbers of channels"),
        ({"blocks": (1, 1, 0, 1)}, "got .*0"),
        ({"bottlenecks": (3, 4, 5, 2.5)}, "4 of bottlenecks"),
        ({"last_time_stride": 3}, "last_time_stride is 3"),
        ({"input_size": 33}, "height of 2"),
    ],
)
def test_impossible_settings_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ProbeError, match=message):
        ThinResNet34(**{"input_size": 257, **SMALL, **options})


def test_34_values_are_enough_and_one_frame_is_not() -> None:
    encoder = ThinResNet34(34, **SMALL).eval()
    with pytest.raises(ProbeError, match="got 1 frames, expected at least 2"):
        encoder(torch.randn(1, 1, 34))
    assert encoder(torch.randn(1, 2, 34)).shape == (1, 12, 1)


def test_the_running_statistics_follow_as_fast_as_they_are_told() -> None:
    torch.manual_seed(0)
    feats = 3.0 * torch.randn(4, 40, 40)
    lags = {}
    for momentum in (0.01, 0.5):
        torch.manual_seed(1)
        network = ThinResNet34(40, **SMALL, norm_momentum=momentum)
        wanted = network.conv1(feats.transpose(1, 2).unsqueeze(1)).var()
        for _ in range(5):
            network(feats)
        lags[momentum] = float((network.norm1.running_var.mean() - wanted).abs())
    assert lags[0.5] < 0.2 * lags[0.01]


def test_zero_residuals_leave_the_way_round_only() -> None:
    network = ThinResNet34(40, **SMALL, zero_residuals=True).eval()
    block = network.get_submodule("conv3")[0]
    picture = torch.randn(2, SMALL["channels"][1], 9, 8)
    with torch.no_grad():
        expected = torch.relu(block.project_norm(block.project(picture)))
        assert torch.equal(block(picture), expected)
        # It learns all the same: what the block adds has a gradient.
    network(torch.randn(2, 20, 40)).sum().backward()
    assert float(block.increase_norm.weight.grad.abs().sum()) > 0
