"""Modules that no family knows: what is found of them, and what is refused."""

import logging

import pytest
import torch

from espnet_probe.errors import ProbeError
from espnet_probe.layers.capture import Capture
from espnet_probe.layers.generic import TRIAL_SAMPLES, GenericFamily

HOP = 160


class Encoder(torch.nn.Module):
    """Frames by a convolution, then whatever a test puts into ``parts``."""

    def __init__(self, **parts):
        super().__init__()
        torch.manual_seed(0)
        self.frames = torch.nn.Conv1d(1, 8, HOP, HOP)
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, waveform):
        x = self.frames(waveform[:, None]).transpose(1, 2)
        for name, part in self.named_children():
            if name != "frames":
                x = self.through(part, x)
        return x

    def through(self, part, x):
        if isinstance(part, torch.nn.ModuleList):
            for layer in part:
                x = layer(x)
            return x
        return part(x)


def look_at(module):
    module.eval()
    with torch.no_grad():
        return GenericFamily(module, 1, module, TRIAL_SAMPLES)


def names(family):
    return [tap.name for tap in family.taps()]


def linear():
    return torch.nn.Linear(8, 8)


def test_blocks_in_a_list_are_found_by_a_plain_star():
    family = look_at(
        Encoder(layers=torch.nn.ModuleList([linear(), linear()]), norm=linear())
    )
    assert names(family) == ["frames", "layers0", "layers1", "norm", "final"]
    assert [tap.stride for tap in family.taps()] == [HOP] * 5


def test_numbers_do_not_run_together():
    inner = torch.nn.ModuleList([torch.nn.Sequential(linear(), torch.nn.Tanh())])
    family = look_at(Encoder(stage1=inner))
    assert names(family)[1:-1] == ["stage1-0-0", "stage1-0-1", "stage1-0"]


def test_time_may_come_before_the_batch():
    class TimeFirst(Encoder):
        def through(self, part, x):
            return part(x.transpose(0, 1))[0].transpose(0, 1)

    module = TimeFirst(lstm=torch.nn.LSTM(8, 6))
    family = look_at(module)
    taps = {tap.name: (tap.width, tap.stride) for tap in family.taps()}
    assert taps["lstm"] == (6, HOP)
    waveform = torch.randn(1, 20 * HOP)
    with torch.no_grad(), Capture(family, ["lstm", "final"]) as states:
        output = module(waveform)
    assert torch.equal(states["lstm"].features, output)


def test_what_is_left_out_is_said(caplog):
    class Shared(Encoder):
        def through(self, part, x):
            return part(part(x))

    with caplog.at_level(logging.WARNING):
        family = look_at(Shared(twice=linear()))
    assert names(family) == ["frames", "final"]
    assert "left out: twice" in caplog.text


def test_random_states_are_refused():
    class Noisy(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.dropout(x, 0.5, training=True)

    with pytest.raises(ProbeError, match="two passes .* at noisy: .* random"):
        look_at(Encoder(before=linear(), noisy=Noisy()))


def test_a_child_called_as_the_output_has_another_name():
    family = look_at(Encoder(final=linear(), last=linear()))
    assert names(family) == ["frames", "final-module", "last", "final"]


def test_an_output_of_no_whole_stride_stands_for_nothing_that_follows():
    class Seventh(Encoder):
        def through(self, part, x):
            # 7 states of 4 frames each, then every second: no whole number of steps.
            return part(x).repeat_interleave(3, dim=1)[:, ::2]

    family = look_at(Seventh(inner=linear()))
    assert "final" not in names(family)
    with pytest.raises(ProbeError, match="does not stand for a whole number"):
        family.output_stride()


def test_a_module_without_time_is_refused():
    class Mean(Encoder):
        def forward(self, waveform):
            return waveform.mean(dim=1, keepdim=True)

    with pytest.raises(ProbeError, match="is not known, and trial runs found no part"):
        look_at(Mean())
