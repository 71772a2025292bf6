"""States shuffled in time: each once, no padding, and nothing of the order left."""

from typing import Dict

import pytest
import torch
from tiny_models import noise_batch

from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.layers.layer import HiddenStates
from espnet_probe.probes.espnet_model import ESPnetProbeModel, ProbedLayer
from espnet_probe.probes.linear import LinearProbe
from espnet_probe.probes.shuffling import permutation, shuffle


def test_an_order_has_each_position_once_and_its_own_reasons() -> None:
    order = permutation(50, "utt1", seed=3, epoch=2)
    assert sorted(order.tolist()) == list(range(50))
    assert torch.equal(order, permutation(50, "utt1", seed=3, epoch=2))
    for other in (
        permutation(50, "utt2", seed=3, epoch=2),
        permutation(50, "utt1", seed=4, epoch=2),
        permutation(50, "utt1", seed=3, epoch=3),
        torch.arange(50),
    ):
        assert not torch.equal(order, other)
    assert permutation(1, "utt1", seed=3).tolist() == [0]


def test_no_other_random_numbers_are_used_up() -> None:
    torch.manual_seed(0)
    before = torch.rand(3)
    torch.manual_seed(0)
    permutation(50, "utt1", seed=3)
    assert torch.equal(torch.rand(3), before)


def test_an_utterance_keeps_its_states_and_its_padding() -> None:
    features = torch.arange(2 * 9 * 3, dtype=torch.float).reshape(2, 9, 3)
    features[1, 5:] = 0
    states = HiddenStates(features, torch.tensor([9, 5]), 0.02)
    found = shuffle(states, ["a", "b"], seed=0)
    assert torch.equal(found.lengths, states.lengths) and found.frame_shift == 0.02
    for index, key in enumerate(["a", "b"]):
        own, was = found.item(index), states.item(index)
        assert not torch.equal(own, was)
        assert torch.equal(own[own[:, 0].argsort()], was)
        # Alone as beside a longer one.
        alone = HiddenStates(was[None], states.lengths[index, None])
        assert torch.equal(shuffle(alone, [key], seed=0).features[0], own)
    assert (found.features[1, 5:] == 0).all()
    # What was given is not changed.
    assert torch.equal(states.features[0, :, 0], torch.arange(0.0, 27.0, 3))


def test_as_many_ids_as_utterances() -> None:
    states = HiddenStates(torch.zeros(2, 4, 1), torch.tensor([4, 4]))
    with pytest.raises(ValueError):
        shuffle(states, ["a"], seed=0)


def speech_like(seed: int) -> Dict[str, torch.Tensor]:
    """Six utterances whose level goes up and down, each in its own time."""
    lengths = [8000, 7500, 7000, 6500, 6000, 5500]
    batch = noise_batch(lengths, seed)
    time = torch.arange(batch.size(1)) / 16000
    for row, speech in enumerate(batch):
        speech *= 1.1 + torch.sin(2 * torch.pi * (3 + 0.5 * row) * time + row)
    return {"speech": batch, "speech_lengths": torch.tensor(lengths)}


def test_what_is_learnt_without_the_order_is_the_average() -> None:
    """With the target itself as states, a probe learns it all, or only its average."""
    config = LogMelConfig(fs=16000, n_mels=8)
    losses: Dict[bool, float] = {}
    for shuffled in (False, True):
        model = ESPnetProbeModel(
            layers=[ProbedLayer("same", 8, 1)],
            target=config,
            upstream_hash="00" * 32,
            upstream=None,
            probe_class=LinearProbe,
            probe_conf={},
            normalize_states=True,
            shuffle_states=shuffled,
        )
        batch = speech_like(seed=1)
        mels, frames = model.log_mel(batch["speech"], batch["speech_lengths"])
        batch.update(hidden_same=mels, hidden_same_lengths=frames)
        ids = [f"utt{row}" for row in range(len(mels))]
        optimizer = torch.optim.Adam(model.probes.parameters(), lr=0.1)
        for model.epoch in range(1, 121):
            for group in optimizer.param_groups:
                group["lr"] = 0.1 * (1 - model.epoch / 121)
            loss, _, _ = model(**batch, utt_id=ids)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        losses[shuffled] = float(model(**batch, utt_id=ids)[0].detach())
    inside = [mel[: int(count)] for mel, count in zip(mels, frames)]
    every = torch.cat(inside)
    constant = float((every - every.median(dim=0).values).abs().mean())
    assert losses[False] < 0.1 * constant
    assert losses[True] == pytest.approx(constant, rel=0.05)
