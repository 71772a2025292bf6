"""States are scaled by their first batch, once, and the scale stays with the probe."""

import pytest
import torch

from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.probes.espnet_model import ESPnetProbeModel, ProbedLayer
from espnet_probe.probes.highway import HighwayProbe
from espnet_probe.probes.state_scaling import SMALLEST, StateScaling

MEL = LogMelConfig(n_mels=8, n_fft=512, win_length=400, hop_length=200)


def states(seed: int = 0, width: int = 6) -> torch.Tensor:
    """Two items of states, each value with a mean and a deviation of its own."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(2, 50, width, generator=generator)
    place = torch.arange(width)
    return values * (1 + place) + 10 * place


def test_valid_states_get_mean_zero_and_deviation_one() -> None:
    batch, lengths = states(), torch.tensor([50, 30])
    batch[1, 30:] = 1e6  # what lies behind the end must not count
    scaling = StateScaling(6)
    scaling.fit(batch, lengths)
    scaled = torch.cat([scaling(batch)[0], scaling(batch)[1, :30]])
    torch.testing.assert_close(scaled.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        scaled.std(0, unbiased=False), torch.ones(6), atol=1e-5, rtol=0
    )


def test_only_the_first_batch_counts() -> None:
    scaling, lengths = StateScaling(6), torch.tensor([50, 50])
    scaling.fit(states(0), lengths)
    before = scaling.mean.clone()
    scaling.fit(states(1), lengths)
    assert torch.equal(scaling.mean, before)


def test_values_that_hardly_change_are_not_blown_up() -> None:
    batch = states()
    batch[..., 0] = 3.0
    scaling = StateScaling(6)
    scaling.fit(batch, torch.tensor([50, 50]))
    whole = (batch - batch.mean((0, 1))).square().mean().sqrt()
    torch.testing.assert_close(scaling.scale[0], SMALLEST * whole)
    assert (scaling.scale[1:] > scaling.scale[0]).all()


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_a_batch_that_says_nothing_is_waited_out(value: float) -> None:
    scaling, lengths = StateScaling(6), torch.tensor([50, 50])
    scaling.fit(torch.full((2, 50, 6), value), lengths)
    scaling.fit(states(), torch.tensor([0, 0]))
    assert not scaling.fitted
    assert torch.equal(scaling(states()), states())
    scaling.fit(states(), lengths)
    assert scaling.fitted


def model(normalize: bool) -> ESPnetProbeModel:
    """A probe on one layer, whose states come from a dump."""
    return ESPnetProbeModel(
        [ProbedLayer("cnn1", 6, 1)],
        MEL,
        "00" * 32,
        None,
        HighwayProbe,
        {},
        normalize_states=normalize,
    )


def loss_of(probes: ESPnetProbeModel, factor: float) -> torch.Tensor:
    """The loss on noise whose states are multiplied by a factor."""
    speech = torch.randn(2, 49 * 200, generator=torch.Generator().manual_seed(5))
    data = {
        "hidden_cnn1": factor * states(),
        "hidden_cnn1_lengths": torch.tensor([50] * 2),
    }
    loss, _, _ = probes(speech, torch.tensor([49 * 200] * 2), **data)
    return loss


def test_the_scale_of_the_states_does_not_matter() -> None:
    small, large = loss_of(model(True), 1.0), loss_of(model(True), 1000.0)
    torch.testing.assert_close(small, large, rtol=1e-4, atol=0)
    # Without the scaling it does: the test could fail.
    assert (loss_of(model(False), 1000.0) - small).abs() > 1.0


def test_validation_does_not_fit() -> None:
    probes = model(True).eval()
    loss_of(probes, 1.0)
    assert not probes.scalings["cnn1"].fitted


def test_the_scale_is_in_the_state_dictionary() -> None:
    trained = model(True)
    expected = loss_of(trained, 7.0)
    loaded = model(True)
    loaded.load_state_dict(trained.state_dict())
    torch.testing.assert_close(loss_of(loaded.eval(), 7.0), expected)
    assert not any(key.startswith("scalings") for key in model(False).state_dict())
