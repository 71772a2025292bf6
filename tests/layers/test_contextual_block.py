"""Joining the time blocks of a streaming encoder, for every way they can end."""

import pytest
import torch
from cases.blocks import CASES, reference
from tiny_models import noise_batch

CASE = next(case for case in CASES if case.name == "contextual_block_conformer")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    return CASE.build(tmp_path_factory.mktemp("contextual"))


# States: 8 fill one time block; from there on every remainder of a hop of 4.
@pytest.mark.parametrize("states", [1, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 29])
def test_states_are_joined_as_the_encoder_joins_its_output(upstream, states):
    samples = CASE.samples(4 * states + 3)
    waveform = noise_batch([samples])
    names = [f"block{k}" for k in (1, 2, 3)]
    found = upstream.hidden_states(waveform, torch.tensor([samples]), names)
    expected = reference(upstream, waveform)
    for name in names:
        assert found[name].lengths.tolist() == [states]
        torch.testing.assert_close(
            found[name].item(0), expected[name], atol=2e-5, rtol=1e-4
        )
