"""The probes and their loss."""

import pytest
import torch

from espnet_probe.probes.abs_probe import layer_seed
from espnet_probe.probes.highway import HighwayLayer, HighwayProbe, SharedHighwayProbe
from espnet_probe.probes.linear import LinearProbe
from espnet_probe.probes.loss import fit_frames, masked_l1

PROBES = [LinearProbe, HighwayProbe, SharedHighwayProbe]


@pytest.mark.parametrize("probe_class", PROBES)
def test_a_state_gives_stride_frames(probe_class):
    probe = probe_class(width=12, stride=4, n_mels=5)
    assert probe(torch.randn(2, 7, 12)).shape == (2, 28, 5)


@pytest.mark.parametrize("probe_class", PROBES)
def test_a_probe_sees_one_state_only(probe_class):
    probe = probe_class(width=12, stride=4, n_mels=5)
    states = torch.randn(1, 7, 12)
    changed = states.clone()
    changed[:, 3] += 1
    difference = (probe(states) - probe(changed)).abs().sum(dim=2)[0]
    assert (difference[12:16] > 0).all()
    assert difference[:12].sum() == difference[16:].sum() == 0


def test_highway_is_the_papers():
    probe = HighwayProbe(width=640, stride=2, n_mels=80)
    layers = list(probe.highway)
    assert len(layers) == 4
    assert len({id(layer.transform.weight) for layer in layers}) == 4
    assert all(layer.transform.in_features == 80 for layer in layers)
    expected = 640 * 160 + 160 + 4 * 2 * (80 * 80 + 80)
    assert sum(value.numel() for value in probe.parameters()) == expected


def test_highway_shared_has_the_weights_of_one_highway_layer():
    probe = SharedHighwayProbe(width=640, stride=2, n_mels=80)
    layers = [item for item in probe.modules() if isinstance(item, HighwayLayer)]
    assert len(layers) == 1
    assert layers[0].transform.in_features == 160
    expected = 640 * 160 + 160 + 2 * (160 * 160 + 160) + 160 * 160 + 160
    assert sum(value.numel() for value in probe.parameters()) == expected


def test_highway_shared_applies_its_layer_three_times():
    probe = SharedHighwayProbe(width=6, stride=2, n_mels=3)
    calls = []
    probe.highway.register_forward_hook(lambda *args: calls.append(1))
    probe(torch.randn(1, 2, 6))
    assert len(calls) == 3


def test_highway_layer_mixes_transform_and_carry():
    layer = HighwayLayer(3)
    inputs = torch.randn(4, 3)
    gate = torch.sigmoid(inputs @ layer.gate.weight.T + layer.gate.bias)
    transform = (inputs @ layer.transform.weight.T + layer.transform.bias).clamp(min=0)
    expected = gate * transform + (1 - gate) * inputs
    torch.testing.assert_close(layer(inputs), expected)


def test_loss_counts_valid_frames_only():
    target = torch.zeros(2, 4, 3)
    mel = torch.ones(2, 4, 3)
    mel[1, 2:] = float("inf")
    loss, per_item = masked_l1(mel, target, torch.tensor([4, 2]))
    assert float(loss) == 1.0
    assert per_item.tolist() == [1.0, 1.0]
    mel[0] = 4.0
    loss, per_item = masked_l1(mel, target, torch.tensor([4, 2]))
    assert float(loss) == pytest.approx((4 * 4 + 2 * 1) / 6)
    assert per_item.tolist() == [4.0, 1.0]


def test_frames_behind_an_end_get_no_gradient():
    mel = torch.ones(1, 4, 3, requires_grad=True)
    loss, _ = masked_l1(mel, torch.zeros(1, 4, 3), torch.tensor([2]))
    loss.backward()
    assert (mel.grad[0, 2:] == 0).all() and (mel.grad[0, :2] > 0).all()


@pytest.mark.parametrize("frames,expected", [(2, [0, 1]), (5, [0, 1, 2, 2, 2])])
def test_frames_are_cut_or_held(frames, expected):
    mel = torch.arange(3.0)[None, :, None]
    assert fit_frames(mel, frames)[0, :, 0].tolist() == expected


def test_the_seed_depends_on_layer_and_run():
    assert layer_seed(0, "cnn1") == layer_seed(0, "cnn1")
    assert len({layer_seed(s, n) for s in (0, 1) for n in ("cnn1", "cnn2")}) == 4
