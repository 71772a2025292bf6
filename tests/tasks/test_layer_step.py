"""One step of the optimiser, layer by layer; and the plateau rule."""

from types import SimpleNamespace

import pytest
import torch

from espnet_probe.tasks.layer_plateau import LayerPlateau
from espnet_probe.tasks.probe_trainer import StepCounts, layer_step

OPTIONS = SimpleNamespace(grad_clip=1.0, grad_clip_type=2.0)


def optimizer_of(**values):
    groups = [
        {"params": [torch.nn.Parameter(torch.tensor(value))], "layer": name}
        for name, value in values.items()
    ]
    return torch.optim.SGD(groups, lr=1.0, momentum=0.9)


def parameter(optimizer, index):
    return optimizer.param_groups[index]["params"][0]


def test_each_layer_is_clipped_by_itself():
    optimizer = optimizer_of(small=[0.0, 0.0], large=[0.0, 0.0])
    parameter(optimizer, 0).grad = torch.tensor([0.3, 0.4])
    parameter(optimizer, 1).grad = torch.tensor([30.0, 40.0])
    stats = layer_step(optimizer, None, OPTIONS, StepCounts())
    torch.testing.assert_close(parameter(optimizer, 0).data, torch.tensor([-0.3, -0.4]))
    torch.testing.assert_close(parameter(optimizer, 1).data, torch.tensor([-0.6, -0.8]))
    assert stats["grad_norm_large"] == pytest.approx(50)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_layer_without_a_finite_gradient_is_left_out_and_counted(bad):
    optimizer = optimizer_of(good=[0.0], broken=[0.0])
    counts = StepCounts()
    for gradient in [0.5, bad]:
        parameter(optimizer, 0).grad = torch.tensor([0.5])
        parameter(optimizer, 1).grad = torch.tensor([gradient])
        stats = layer_step(optimizer, None, OPTIONS, counts)
    # Momentum 0.9: 0.5, then 0.5 + 0.45.
    torch.testing.assert_close(parameter(optimizer, 0).data, torch.tensor([-1.45]))
    torch.testing.assert_close(parameter(optimizer, 1).data, torch.tensor([-0.5]))
    assert stats["left_out_broken"] == 1 and stats["left_out_good"] == 0
    assert counts.left_out == {"broken": 1} and counts.steps == 2
    assert not counts.none_made


def test_no_step_of_any_layer_is_told():
    optimizer = optimizer_of(first=[0.0], second=[0.0])
    counts = StepCounts()
    for index in range(2):
        parameter(optimizer, index).grad = torch.tensor([float("nan")])
    layer_step(optimizer, None, OPTIONS, counts)
    assert counts.none_made


def test_the_rate_falls_for_the_layer_that_stands_still():
    optimizer = optimizer_of(falling=[0.0], still=[0.0])
    rule = LayerPlateau(optimizer, factor=0.5, patience=1, threshold=0.01, min_lr=0.2)
    model = SimpleNamespace(validation_losses={})
    rule.watch(model)
    for epoch in range(8):
        model.validation_losses = {"falling": 0.9**epoch, "still": 1.0}
        rule.step()
    assert optimizer.param_groups[0]["lr"] == 1.0
    # Halved after epochs 3, 5 and 7 without improvement, but not below 0.2.
    assert optimizer.param_groups[1]["lr"] == 0.2


def test_the_rule_goes_on_where_it_was():
    optimizer = optimizer_of(layer=[0.0])
    rule = LayerPlateau(optimizer)
    rule.watch(SimpleNamespace(validation_losses={"layer": 1.0}))
    rule.step()
    rule.step()
    other = LayerPlateau(optimizer)
    other.load_state_dict(rule.state_dict())
    assert other.best == {"layer": 1.0} and other.waited == {"layer": 1}


@pytest.mark.parametrize(
    "width,full,factor",
    [(2560, 320, 8**-0.5), (320, 320, 1.0), (80, 320, 1.0), (2560, None, 1.0)],
)
def test_wide_layers_get_a_lower_rate_if_asked(width, full, factor):
    from espnet_probe.tasks.probe import width_factor

    assert width_factor(width, full) == pytest.approx(factor)
