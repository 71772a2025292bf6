"""The generalized end-to-end loss, in its softmax form, as an ESPnet speaker loss.

A batch holds several utterances of each of several speakers. Every utterance is
compared with the centroid of every speaker of the batch; that of its own speaker leaves
out the utterance itself:

    S_(ji,k) = w cos(e_ji, c_k) + b,        c_j without e_ji where k = j
    L = mean over ji of ( -S_(ji,j) + log sum_k exp(S_(ji,k)) )

Source: L. Wan, Q. Wang, A. Papir, I. Lopez Moreno, "Generalized end-to-end loss for
speaker verification", ICASSP 2018, equations 5, 6, 8 and 9; w starts at 10, b at -5,
w stays positive, the gradients of both are scaled by 0.01. The paper adds up where this
takes the mean, which does not depend on the size of the batch.

Nothing in ESPnet's speaker task makes such batches by itself: see
:mod:`espnet_probe.speakers.speaker_groups`.
"""

from typing import Any, Optional, Tuple

import torch
from espnet2.spk.loss.abs_loss import AbsLoss

from espnet_probe.errors import ProbeError

#: Smallest scale of the similarities.
SMALLEST_WEIGHT = 1e-6

#: A batch is refused where less of it than this share has a mate of its speaker.
SMALLEST_SHARE = 0.5


class GE2ELoss(AbsLoss):
    """ESPnet speaker loss ``ge2e``.

    A speaker may have any number of utterances in a batch. One alone has no centroid
    without itself: it is compared with nothing, but others are compared with it.
    """

    def __init__(
        self,
        nout: int,
        nclasses: Optional[int] = None,
        gradient_scale: float = 0.01,
        **kwargs: Any,
    ) -> None:
        """Build the loss.

        Args:
            nout: Width of an embedding.
            nclasses: Number of training speakers; the loss does not need it.
            gradient_scale: Factor of the gradients of the scale and the bias.
            kwargs: Refused; it is there because ESPnet's base class has it.

        Raises:
            ProbeError: If an option is unknown.
        """
        super().__init__(nout)
        if kwargs:
            raise ProbeError(
                f"ge2e: unknown options {sorted(kwargs)}: expected gradient_scale"
            )
        self.gradient_scale = gradient_scale
        self.similarity_weight = torch.nn.Parameter(torch.tensor([10.0]))
        self.similarity_bias = torch.nn.Parameter(torch.tensor([-5.0]))

    def similarities(
        self, x: torch.Tensor, speakers: torch.Tensor, count: int
    ) -> torch.Tensor:
        """Compare every utterance with every speaker's centroid.

        Args:
            x: Embeddings, (batch, nout).
            speakers: (batch,), numbers from 0 to ``count - 1``.
            count: Number of speakers of the batch.

        Returns:
            (batch, count), scaled and shifted.
        """
        unit = torch.nn.functional.normalize(x)
        own = torch.nn.functional.one_hot(speakers, count).to(unit.dtype)
        sums = own.t() @ unit
        # The cosine takes no notice of the length, so sums do for means.
        with_itself = unit @ torch.nn.functional.normalize(sums).t()
        others = torch.nn.functional.normalize(sums[speakers] - unit)
        without_itself = (unit * others).sum(dim=1, keepdim=True)
        cosines = torch.where(own.bool(), without_itself, with_itself)
        weight = self._scaled(self.similarity_weight).clamp(min=SMALLEST_WEIGHT)
        return weight * cosines + self._scaled(self.similarity_bias)

    def _scaled(self, parameter: torch.Tensor) -> torch.Tensor:
        # The value is the parameter's; its gradient comes through the first term only.
        scale = self.gradient_scale
        return scale * parameter + (1 - scale) * parameter.detach()

    def forward(
        self, x: torch.Tensor, label: Optional[torch.Tensor] = None
    ) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Compute the loss of a batch.

        Args:
            x: Embeddings, (batch, nout).
            label: Numbers of the speakers, (batch,) or of any shape with that many
                values.

        Returns:
            loss: Mean over the utterances that have a mate, a scalar.
            accuracy: Share of these that are nearest to their own speaker.
            answers: (batch,), the nearest speaker of the batch of each utterance.

        Raises:
            ProbeError: If there are no labels, only one speaker, or less than half of
                the utterances have another one of their speaker in the batch.
        """
        if label is None:
            raise ProbeError(
                "ge2e has no classes to answer with: it expects the speakers' labels"
            )
        numbers, speakers, counts = torch.unique(
            label.reshape(-1), return_inverse=True, return_counts=True
        )
        paired = counts[speakers] > 1
        count, pairs = numbers.numel(), int(paired.sum())
        if count < 2 or pairs < SMALLEST_SHARE * speakers.numel():
            raise ProbeError(
                f"ge2e: got a batch of {speakers.numel()} utterances of {count} "
                f"speakers, {pairs} of them with another one of their speaker: "
                "expected several utterances of each of several speakers; order the "
                "training set with 'python -m espnet_probe.bin.group_by_speaker' and "
                "set batch_type: unsorted"
            )
        scores = self.similarities(x, speakers, count)
        nearest = scores.argmax(dim=1)
        accuracy = (nearest == speakers)[paired].float().mean()
        loss = torch.nn.functional.cross_entropy(scores[paired], speakers[paired])
        return loss, accuracy, numbers[nearest]
