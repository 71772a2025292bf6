"""Hidden states brought to a common scale before a probe sees them.

What layers put out differs by orders of magnitude: the values of a recogniser's
convolutions can be a hundred times those of its LSTM layers. One learning rate does not
fit both, and a probe on large values ends with bands that do not move any more. So each
value is centred and scaled by what it is in the first training batch, once and for all,
as in data-dependent initialisation (Salimans and Kingma, "Weight normalization", NIPS
2016, section 3). A probe begins with a linear map, which could undo it: what it can
learn stays the same, only the way there is easier.
"""

import torch

#: Smallest divisor, as a share of the whole layer's: values that hardly change in the
#: first batch are not blown up.
SMALLEST = 0.1


class StateScaling(torch.nn.Module):
    """(states - mean) / scale, with both fixed by the first batch."""

    def __init__(self, width: int) -> None:
        """Initialise; until :meth:`fit` states are passed on as they are.

        Args:
            width: Number of values in one state.
        """
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        # A number, because ESPnet's averaging of checkpoints divides booleans.
        self.register_buffer("fitted", torch.zeros((), dtype=torch.long))
        self.mean: torch.Tensor
        self.scale: torch.Tensor
        self.fitted: torch.Tensor

    @torch.no_grad()
    def fit(self, states: torch.Tensor, lengths: torch.Tensor) -> None:
        """Take mean and scale from a batch, if none were taken before.

        Args:
            states: (batch, time, width).
            lengths: (batch,), valid states; what lies behind does not count.
        """
        if self.fitted:
            return
        steps = torch.arange(states.size(1), device=states.device)
        valid = steps[None, :] < lengths.to(states.device)[:, None]
        values = states[valid].to(self.mean.device, self.mean.dtype)
        mean = values.mean(dim=0)
        variance = (values - mean).square().mean(dim=0)
        smallest = SMALLEST * variance.mean().sqrt()
        if not (values.numel() and smallest > 0 and torch.isfinite(smallest)):
            # Silence, or a broken batch: one of the next will do.
            return
        self.mean.copy_(mean)
        self.scale.copy_(torch.maximum(variance.sqrt(), smallest))
        self.fitted.fill_(1)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return the scaled states.

        Args:
            states: (batch, time, width).
        """
        return (states - self.mean) / self.scale
