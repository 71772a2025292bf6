"""Parts of a block: put together by hand, they give the block's own output."""

import pytest
import torch
from cases.blocks import CASES
from tiny_models import noise_batch


def residual_sum(block, x, part):
    """A Transformer block with the norms before: two residual branches."""
    return x + part("attention") + part("feedforward")


def conformer(block, x, part):
    scale = block.ff_scale
    if block.feed_forward_macaron is not None:
        x = x + scale * part("feedforward_macaron")
    x = x + part("attention") + part("convolution")
    return block.norm_final(x + scale * part("feedforward"))


def branchformer(block, x, part):
    both = torch.cat([part("attention"), part("cgmlp")], dim=-1)
    return block.norm_final(x + block.merge_proj(both))


def e_branchformer(block, x, part):
    x = x + block.ff_scale * part("feedforward_macaron")
    both = torch.cat([part("attention"), part("cgmlp")], dim=-1)
    local = block.depthwise_conv_fusion(both.transpose(1, 2)).transpose(1, 2)
    x = x + block.merge_proj(both + local)
    return block.norm_final(x + block.ff_scale * part("feedforward"))


COMPOSED = {
    "transformer": residual_sum,
    "conformer": conformer,
    "multiconv_conformer": conformer,
    "branchformer": branchformer,
    "e_branchformer": e_branchformer,
    "contextual_block_conformer": conformer,
}


@pytest.mark.parametrize("name", COMPOSED)
def test_a_block_is_the_sum_of_its_parts(name, tmp_path):
    case = next(case for case in CASES if case.name == name)
    upstream = case.build(tmp_path)
    waveform = noise_batch([case.samples(101)])
    with upstream.capture("* block*-*") as states:
        upstream.encode(waveform[0], 16000)
    before = states["embed"].features
    for number, block in enumerate(upstream.model.encoder.encoders, start=1):

        def part(name, number=number):
            return states[f"block{number}-{name}"].features

        # The streaming encoder adds its positions behind the input layer.
        if not (name.startswith("contextual") and number == 1):
            with torch.no_grad():
                expected = COMPOSED[name](block, before, part)
            torch.testing.assert_close(
                states[f"block{number}"].features, expected, atol=2e-5, rtol=1e-4
            )
        before = states[f"block{number}"].features
