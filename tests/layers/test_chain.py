"""Parts of a model joined to a chain."""

import pytest
import torch
from cases import blocks
from tiny_models import noise_batch

from espnet_probe.errors import ProbeError
from espnet_probe.layers.capture import Capture
from espnet_probe.layers.chain import Chain


@pytest.fixture
def upstream(tmp_path):
    return next(case for case in blocks.CASES if case.name == "conformer").build(
        tmp_path
    )


def test_lengths_and_strides_are_in_samples(upstream):
    chain = upstream.chain
    strides = {tap.name: tap.stride for tap in chain.taps()}
    # 200 samples a frame, 4 frames a state.
    assert set(strides.values()) == {800}
    assert chain.lengths("block1", torch.tensor([100, 1300, 15250])).tolist() == [
        -1,
        1,
        18,
    ]


def test_frames_are_the_front_ends_whatever_follows(upstream):
    front, encoder = upstream.chain.parts
    behind = Chain([front, encoder, ("behind_", encoder[1])])
    assert behind.frame_stride == upstream.chain.frame_stride == 200
    strides = {tap.name: tap.stride for tap in behind.taps()}
    assert (strides["block1"], strides["behind_block1"]) == (800, 3200)


def test_an_utterance_that_a_part_does_not_hear_to_its_end_is_refused(upstream):
    upstream.chain.parts[-1][1].longest_input = 40
    fits = 39 * 200 + 199
    upstream.encode(noise_batch([fits])[0], 16000)
    with pytest.raises(ProbeError, match="0.5 s, more than this model hears"):
        upstream.encode(noise_batch([fits + 1])[0], 16000)


def test_no_hook_is_left_when_attaching_fails(upstream):
    encoder = upstream.model.encoder
    encoder.encoders[1].self_attn = None
    with pytest.raises(AttributeError):
        with Capture(upstream.chain, ["block1", "block2-attention"]):
            raise AssertionError("the context was entered")
    assert not any(
        module._forward_hooks or module._forward_pre_hooks
        for module in upstream.model.modules()
    )
