"""Additive-margin softmax as an ESPnet speaker loss.

ESPnet has the additive *angular* margin (the margin is added to the angle); here it is
taken off the cosine of the right speaker:

    loss = -log( exp(s (cos_y - m)) / (exp(s (cos_y - m)) + sum_{j != y} exp(s cos_j)) )

Source: F. Wang, J. Cheng, W. Liu, H. Liu, "Additive margin softmax for face
verification", IEEE Signal Processing Letters 25(7), 2018. The paper's scale is 30 and
its margin 0.35, which are also those of the thin ResNet (W. Xie et al., ICASSP 2019).
"""

from typing import Any, Optional, Tuple

import torch
from espnet2.spk.loss.abs_loss import AbsLoss

from espnet_probe.errors import ProbeError


class AMSoftmax(AbsLoss):
    """ESPnet speaker loss ``amsoftmax``; embeddings and classes count by the cosine."""

    def __init__(
        self,
        nout: int,
        nclasses: int,
        scale: float = 30.0,
        margin: float = 0.35,
        **kwargs: Any,
    ) -> None:
        """Build the loss.

        Args:
            nout: Width of an embedding.
            nclasses: Number of training speakers (``spk_num`` of the configuration).
            scale: Factor of the cosines before the softmax.
            margin: Taken off the cosine of the right speaker.
            kwargs: Refused; it is there because ESPnet's base class has it.

        Raises:
            ProbeError: If there are no speakers, an option is unknown, or scale or
                margin are of no use.
        """
        super().__init__(nout)
        if kwargs:
            raise ProbeError(
                f"amsoftmax: unknown options {sorted(kwargs)}: expected scale, margin"
            )
        if not nclasses or nclasses < 2:
            raise ProbeError(
                f"amsoftmax: got {nclasses} training speakers, expected at least 2: "
                "set spk_num, as spk.sh does"
            )
        if not (scale > 0 and margin >= 0):
            raise ProbeError(
                "amsoftmax: expected scale > 0 and margin >= 0, got "
                f"{scale} and {margin}"
            )
        self.scale = scale
        self.margin = margin
        self.weight = torch.nn.Parameter(torch.empty(nclasses, nout))
        torch.nn.init.orthogonal_(self.weight)

    def forward(
        self, x: torch.Tensor, label: Optional[torch.Tensor] = None
    ) -> Tuple[Optional[torch.Tensor], Optional[torch.Tensor], torch.Tensor]:
        """Compute the loss of a batch.

        Args:
            x: Embeddings, (batch, nout).
            label: Numbers of the speakers, (batch,) or of any shape with that many
                values; None where only the answers are wanted.

        Returns:
            loss: Mean over the batch, a scalar; None without labels.
            accuracy: Share of right answers, without the margin; None without labels.
            answers: (batch,), the nearest speaker of each embedding.
        """
        cosines = torch.nn.functional.linear(
            torch.nn.functional.normalize(x), torch.nn.functional.normalize(self.weight)
        )
        answers = cosines.argmax(dim=1)
        if label is None:
            return None, None, answers
        speakers = label.reshape(-1)
        accuracy = (answers == speakers).float().mean()
        right = torch.nn.functional.one_hot(speakers, cosines.size(1)).to(cosines)
        logits = self.scale * (cosines - self.margin * right)
        loss = torch.nn.functional.cross_entropy(logits, speakers)
        return loss, accuracy, answers
