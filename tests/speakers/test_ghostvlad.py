"""The pooling against loops over clusters and states, with and without padding."""

from typing import Optional

import numpy as np
import pytest
import torch

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.modules.ghostvlad import GhostVLAD, states_inside
from espnet_probe.speakers.modules.thin_resnet import ThinResNet34
from espnet_probe.speakers.modules.thin_resnet_projector import ThinResNetProjector


def by_hand(pooling: GhostVLAD, states: np.ndarray, count: Optional[int]) -> np.ndarray:
    """Pool one item, (width, states), of which ``count`` states are valid."""
    weights = {k: v.double().numpy() for k, v in pooling.state_dict().items()}
    centres = weights["centres"]
    residuals = np.zeros((pooling.clusters, pooling.embedding_size))
    for state in states.T[:count]:
        value = weights["embedding.weight"] @ state + weights["embedding.bias"]
        value = np.maximum(value, 0)
        if pooling.unit_length:
            value = value / np.linalg.norm(value)
        assigned = value if pooling.assign_embedding else state
        logits = weights["assignment.weight"] @ assigned + weights["assignment.bias"]
        shares = np.exp(logits) / np.exp(logits).sum()
        for cluster in range(pooling.clusters):
            residuals[cluster] += shares[cluster] * (value - centres[cluster])
    residuals /= np.linalg.norm(residuals, axis=1, keepdims=True)
    flat = residuals.ravel()
    return flat / np.linalg.norm(flat) if pooling.unit_length else flat


def random_pooling(**options: object) -> GhostVLAD:
    torch.manual_seed(3)
    pooling = GhostVLAD(10, **options)
    for parameter in pooling.parameters():
        torch.nn.init.normal_(parameter)
    return pooling.eval()


@pytest.mark.parametrize("ghosts", [0, 2])
@pytest.mark.parametrize("paper", [False, True])
def test_it_equals_loops(ghosts: int, paper: bool) -> None:
    pooling = random_pooling(
        clusters=3,
        ghosts=ghosts,
        embedding_size=6,
        assign_embedding=paper,
        unit_length=paper,
    )
    states = torch.randn(2, 10, 7)
    with torch.no_grad():
        pooled = pooling(states).numpy()
    assert pooled.shape == (2, 18) and pooling.output_size() == 18
    for item, row in zip(states.double().numpy(), pooled):
        np.testing.assert_allclose(row, by_hand(pooling, item, None), atol=1e-5)


def test_states_behind_an_end_do_not_count() -> None:
    pooling = random_pooling(clusters=3, ghosts=1, embedding_size=6)
    states = torch.randn(3, 10, 5)
    # 80 frames made 5 states: 1 to 16 frames are one, 17 to 32 are two.
    lengths = torch.tensor([80, 20, 1])
    with torch.no_grad():
        pooled = pooling(states, feat_lengths=lengths).numpy()
        states[1, :, 2:] = 1e6
        states[2, :, 1:] = float("inf")
        again = pooling(states, feat_lengths=lengths).numpy()
    for item, row, count in zip(states.double().numpy(), pooled, (5, 2, 1)):
        np.testing.assert_allclose(row, by_hand(pooling, item, count), atol=1e-5)
    np.testing.assert_allclose(again, pooled, atol=1e-5)


def test_without_padding_the_lengths_change_nothing() -> None:
    pooling = random_pooling(clusters=3, ghosts=1, embedding_size=6)
    states = torch.randn(2, 10, 5)
    with torch.no_grad():
        # ESPnet's mel front end gives its lengths as floats.
        same = pooling(states, feat_lengths=torch.tensor([80.0, 80.0]))
        assert torch.equal(same, pooling(states))


def test_no_state_that_belongs_to_an_item_is_left_out() -> None:
    """And at most one too many, for every pair of lengths of the thin ResNet."""
    encoder = ThinResNet34(34, channels=(1,) * 5, bottlenecks=(1,) * 4, blocks=(1,) * 4)
    for longest in range(2, 300, 7):
        states = encoder.output_length(longest)
        lengths = torch.arange(1, longest + 1)
        inside = states_inside(lengths, states)
        assert inside[-1] == states
        own = torch.tensor([max(1, encoder.output_length(n)) for n in lengths.tolist()])
        assert bool((inside >= own).all()) and bool((inside <= own + 1).all()), longest


def test_ghosts_take_states_and_give_nothing() -> None:
    pooling = random_pooling(clusters=2, ghosts=1, embedding_size=6)
    states = torch.randn(1, 10, 4)
    with torch.no_grad():
        before = pooling(states)
        pooling.centres[2] += 100
        assert torch.equal(pooling(states), before)
        # All states to the ghost: what is left has no direction, and is finite.
        pooling.assignment.bias[2] += 1e4
        assert torch.equal(pooling(states), torch.zeros(1, 12))


def test_a_gradient_reaches_every_weight() -> None:
    pooling = random_pooling(clusters=3, ghosts=2, embedding_size=6)
    weights = torch.randn(18)
    (pooling(torch.randn(2, 10, 4)) @ weights).sum().backward()
    for name, parameter in pooling.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.abs().sum() > 0), name
    # A ghost's centre counts for nothing, so nothing moves it.
    assert torch.equal(pooling.centres.grad[3:], torch.zeros(2, 6))


def test_impossible_settings_are_refused() -> None:
    for options in ({"clusters": 0}, {"ghosts": -1}, {"embedding_size": 0}):
        with pytest.raises(ProbeError, match="ghostvlad: expected clusters >= 1"):
            GhostVLAD(10, **options)


def test_the_sizes_of_the_published_model() -> None:
    pooling = GhostVLAD(512 * 7)
    assert pooling.output_size() == 8 * 512
    shapes = {name: tuple(value.shape) for name, value in pooling.state_dict().items()}
    assert shapes == {
        "centres": (10, 512),
        "embedding.weight": (512, 3584),
        "embedding.bias": (512,),
        "assignment.weight": (10, 3584),
        "assignment.bias": (10,),
    }


def test_the_projector_is_a_linear_and_a_relu() -> None:
    torch.manual_seed(0)
    projector = ThinResNetProjector(6, 4)
    plain = ThinResNetProjector(6, 4, relu=False)
    plain.load_state_dict(projector.state_dict())
    torch.nn.init.normal_(projector.linear.bias)
    plain.load_state_dict(projector.state_dict())
    pooled = torch.randn(5, 6)
    weight, bias = (value.double() for value in projector.state_dict().values())
    expected = pooled.double() @ weight.T + bias
    assert bool((expected < 0).any()) and projector.output_size() == 4
    torch.testing.assert_close(plain(pooled).double(), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        projector(pooled).double(), expected.clamp(min=0), atol=1e-5, rtol=0
    )
    with pytest.raises(ProbeError, match="output_size is 0"):
        ThinResNetProjector(6, 0)
