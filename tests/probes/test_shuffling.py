"""States shuffled in time: each once, no padding, and nothing of the order left."""

from typing import Any, Dict, List

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


def speech_like(level_range: float = 0.0) -> Dict[str, Any]:
    """Return six utterances that rise and fall in loudness, each in its own time.

    Args:
        level_range: Decibels between the softest and the loudest.
    """
    lengths = [8000, 7500, 7000, 6500, 6000, 5500]
    batch = noise_batch(lengths, seed=1)
    time = torch.arange(batch.size(1)) / 16000
    for row, speech in enumerate(batch):
        speech *= 1.1 + torch.sin(2 * torch.pi * (3 + 0.5 * row) * time + row)
        speech *= 10 ** (level_range * (row - 5) / 5 / 20)
    ids = [f"utt{row}" for row in range(len(lengths))]
    return {"speech": batch, "speech_lengths": torch.tensor(lengths), "utt_id": ids}


def train_on_target(batch: Dict[str, Any], shuffled: bool) -> ESPnetProbeModel:
    """Train a linear probe with the target itself as states; add them to the batch."""
    model = ESPnetProbeModel(
        layers=[ProbedLayer("same", 8, 1)],
        target=LogMelConfig(fs=16000, n_mels=8),
        upstream_hash="00" * 32,
        upstream=None,
        probe_class=LinearProbe,
        probe_conf={},
        normalize_states=True,
        shuffle_states=shuffled,
    )
    mels, frames = model.log_mel(batch["speech"], batch["speech_lengths"])
    batch.update(hidden_same=mels, hidden_same_lengths=frames)
    optimizer = torch.optim.Adam(model.probes.parameters(), lr=0.1)
    for model.epoch in range(1, 121):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * (1 - model.epoch / 121)
        loss, _, _ = model(**batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval().requires_grad_(False)


def test_what_is_learnt_without_the_order_is_the_average() -> None:
    batch = speech_like()
    losses = {
        shuffled: float(train_on_target(batch, shuffled)(**batch)[0])
        for shuffled in (False, True)
    }
    frames = batch["hidden_same_lengths"].tolist()
    every = torch.cat([mel[:n] for mel, n in zip(batch["hidden_same"], frames)])
    constant = float((every - every.median(dim=0).values).abs().mean())
    assert losses[False] < 0.1 * constant
    assert losses[True] == pytest.approx(constant, rel=0.05)


def test_in_their_own_order_the_states_would_draw_the_course_all_the_same() -> None:
    """Why states are shuffled when probes are applied, too."""
    batch = speech_like(level_range=12.0)
    model = train_on_target(batch, shuffled=True)
    likeness: Dict[bool, List[float]] = {False: [], True: []}
    for shuffled, found in likeness.items():
        model.shuffle_states = shuffled
        states = model.states_of(batch["speech"], batch["speech_lengths"], batch)
        mels = model.reconstruct("same", states["same"].features, 41)
        for row, count in enumerate(batch["hidden_same_lengths"].tolist()):
            # Loudness over time, of what came out and of what was asked for.
            course = torch.stack([mels[row, :count].mean(1), target(batch, row)])
            found.append(float(torch.corrcoef(course)[0, 1]))
    assert min(likeness[False]) > 0.8
    assert abs(sum(likeness[True]) / 6) < 0.2


def target(batch: Dict[str, Any], row: int) -> torch.Tensor:
    """Return the loudness of an utterance over time."""
    mels: torch.Tensor = batch["hidden_same"]
    return mels[row, : int(batch["hidden_same_lengths"][row])].mean(1)
