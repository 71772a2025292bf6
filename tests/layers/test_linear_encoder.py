"""ESPnet's LinearEncoder, which only its s2st task uses, called directly."""

import pytest
import torch
from espnet2.asr.encoder.linear_encoder import LinearEncoder

from espnet_probe.layers.capture import Capture
from espnet_probe.layers.chain import Chain
from espnet_probe.layers.families import find_family
from espnet_probe.layers.families.linear import LinearFamily


def layers_of(encoder, frames):
    """Return the layers' names and states for one utterance, and the output."""
    family = find_family(encoder.eval(), frames.size(2))
    assert isinstance(family, LinearFamily)
    names = [tap.name for tap in family.taps()]
    shifts = dict.fromkeys(names, 0.01)
    with torch.no_grad(), Capture(Chain([("", family)]), names, shifts) as states:
        output, lengths, _ = encoder(frames, torch.tensor([frames.size(1)]))
    return family, states, output, lengths


@pytest.mark.parametrize(
    "input_layer, frames, expected",
    [("linear", 77, 77), ("conv2d", 77, 18), ("conv2d2", 77, 36), ("conv2d6", 77, 12)],
)
def test_embed_and_final_are_the_input_layer_and_the_norm(
    input_layer, frames, expected
):
    encoder = LinearEncoder(20, output_size=16, input_layer=input_layer)
    encoder.after_norm.weight.data.uniform_(0.5, 1.5)
    inputs = torch.randn(1, frames, 20)
    family, states, output, lengths = layers_of(encoder, inputs)
    assert list(states) == ["embed", "final"]
    assert torch.equal(states["final"].features, output)
    assert states["embed"].lengths.tolist() == lengths.tolist() == [expected]
    torch.testing.assert_close(
        encoder.after_norm(states["embed"].features), states["final"].features
    )
    assert not torch.equal(states["embed"].features, states["final"].features)
    assert {tap.width for tap in family.taps()} == {16}


def test_without_an_input_layer_the_output_is_the_only_layer():
    encoder = LinearEncoder(
        20, output_size=20, input_layer=None, normalize_before=False
    )
    inputs = torch.randn(1, 5, 20)
    _, states, _, _ = layers_of(encoder, inputs)
    assert list(states) == ["final"]
    assert torch.equal(states["final"].features, inputs)


def test_frames_too_few_for_the_convolutions_give_no_state():
    encoder = LinearEncoder(20, output_size=16, input_layer="conv2d")
    family = find_family(encoder, 20)
    assert family is not None
    assert int(family.lengths("final", torch.tensor([6]))[0]) < 1
    assert int(family.lengths("final", torch.tensor([7]))[0]) == 1
