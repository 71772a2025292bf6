"""The loss against its formula, term by term, and its gradient against differences."""

import math

import pytest
import torch

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.modules.amsoftmax import AMSoftmax


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return (a @ b / (a.norm() * b.norm())).item()


def by_hand(loss: AMSoftmax, x: torch.Tensor, labels: list) -> float:
    total = 0.0
    for row, label in zip(x, labels):
        cosines = [cosine(row, weight) for weight in loss.weight]
        right = math.exp(loss.scale * (cosines[label] - loss.margin))
        others = [
            math.exp(loss.scale * value)
            for speaker, value in enumerate(cosines)
            if speaker != label
        ]
        total -= math.log(right / (right + sum(others)))
    return total / len(labels)


@pytest.mark.parametrize("scale, margin", [(30.0, 0.35), (10.0, 0.0), (1.0, 0.2)])
def test_it_equals_the_formula(scale: float, margin: float) -> None:
    torch.manual_seed(0)
    loss = AMSoftmax(6, 4, scale=scale, margin=margin).double()
    torch.nn.init.normal_(loss.weight)
    x = torch.randn(5, 6, dtype=torch.float64)
    labels = [0, 3, 3, 1, 2]
    value, accuracy, answers = loss(x, torch.tensor(labels))
    assert value.item() == pytest.approx(by_hand(loss, x, labels), rel=1e-9)
    nearest = [max(range(4), key=lambda k: cosine(row, loss.weight[k])) for row in x]
    assert answers.tolist() == nearest
    right = sum(a == b for a, b in zip(nearest, labels)) / 5
    assert float(accuracy) == pytest.approx(right)


def test_the_defaults_are_those_of_the_thin_resnet() -> None:
    loss = AMSoftmax(6, 4)
    assert (loss.scale, loss.margin) == (30.0, 0.35)
    assert {name: tuple(p.shape) for name, p in loss.named_parameters()} == {
        "weight": (4, 6)
    }


def test_its_gradient_is_that_of_its_values() -> None:
    torch.manual_seed(1)
    loss = AMSoftmax(5, 3, scale=3.0).double()
    x = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 1])

    def value(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(loss, {"weight": weight}, (x, labels))[0]

    assert torch.autograd.gradcheck(value, (x, loss.weight))


def test_the_margin_costs_only_the_right_speaker() -> None:
    """Perfect embeddings: cosine 1 to the own class, 0 to the two others."""
    loss = AMSoftmax(3, 3).double()
    loss.weight.data = torch.eye(3).double()
    value, accuracy, _ = loss(5 * loss.weight.data, torch.arange(3))
    expected = math.log(1 + 2 * math.exp(-30 * (1 - 0.35)))
    assert value.item() == pytest.approx(expected, rel=1e-6)
    assert float(accuracy) == 1


def test_length_of_embeddings_and_weights_does_not_matter() -> None:
    torch.manual_seed(2)
    loss = AMSoftmax(6, 4)
    x, labels = torch.randn(5, 6), torch.tensor([0, 1, 2, 3, 0])
    before = loss(x, labels)[0]
    loss.weight.data *= 7
    torch.testing.assert_close(loss(0.01 * x, labels)[0], before)


def test_labels_of_any_shape_and_none() -> None:
    loss = AMSoftmax(6, 4)
    x = torch.randn(1, 6)
    # A batch of one comes from ESPnet's model without its dimension.
    for label in (torch.tensor(2), torch.tensor([2]), torch.tensor([[2]])):
        assert loss(x, label)[0].shape == ()
    value, accuracy, answers = loss(x)
    assert value is None and accuracy is None and answers.shape == (1,)


def test_a_zero_embedding_has_a_finite_gradient() -> None:
    """The projector's ReLU may leave nothing."""
    loss = AMSoftmax(6, 4)
    x = torch.zeros(2, 6, requires_grad=True)
    loss(x, torch.tensor([0, 1]))[0].backward()
    assert bool(torch.isfinite(x.grad).all())
    assert bool(torch.isfinite(loss.weight.grad).all())


@pytest.mark.parametrize(
    "options, message",
    [
        ({"nclasses": None}, "got None training speakers"),
        ({"nclasses": 1}, "expected at least 2"),
        ({"scale": 0}, "scale > 0"),
        ({"margin": -0.1}, "margin >= 0"),
        ({"s": 30}, r"unknown options \['s'\]"),
    ],
)
def test_impossible_settings_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ProbeError, match=message):
        AMSoftmax(**{"nout": 6, "nclasses": 4, **options})
