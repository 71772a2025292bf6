"""NetVLAD and GhostVLAD pooling as an ESPnet pooling.

Every state is softly assigned to clusters; for each cluster the residuals of the states
to its centre are summed. Ghost clusters take part in the assignment only: noise and
silence may go there, and do not count.

Sources: R. Arandjelovic et al., "NetVLAD: CNN architecture for weakly supervised place
recognition", CVPR 2016; Y. Zhong, R. Arandjelovic, A. Zisserman, "GhostVLAD for
set-based face recognition", ACCV 2018; used on speech by W. Xie et al., "Utterance-
level aggregation for speaker recognition in the wild", ICASSP 2019, where an
assignment has free weights and biases, and centres of its own.
"""

from typing import Optional

import torch
from espnet2.spk.pooling.abs_pooling import AbsPooling

from espnet_probe.errors import ProbeError

#: A cluster whose summed residuals are shorter is divided by this: the authors' floor.
LENGTH_FLOOR = 1e-6


def states_inside(lengths: torch.Tensor, states: int) -> torch.Tensor:
    """Return how many states of each item of a batch are not padding.

    A pooling is told the lengths in frames of the front end, not by how much the
    encoder subsampled them. The longest item fills the batch; the others have the same
    share of the states as of the frames, rounded up.

    Args:
        lengths: (batch,), valid frames.
        states: Number of states of the padded batch.

    Returns:
        (batch,), between 1 and ``states``.
    """
    frames = lengths.to(torch.long)
    longest = frames.max().clamp(min=1)
    shares = torch.div(frames * states + longest - 1, longest, rounding_mode="floor")
    return shares.clamp(min=1, max=states)


class GhostVLAD(AbsPooling):
    """ESPnet speaker pooling ``ghostvlad``; without ghosts it is NetVLAD.

    The states are mapped to ``embedding_size`` values (Linear and ReLU) that are
    aggregated; in parallel, a Linear map of the same states assigns them to clusters.
    On ``thin_resnet34`` these are the authors' two convolutions over the whole height.
    """

    def __init__(
        self,
        input_size: int,
        clusters: int = 8,
        ghosts: int = 2,
        embedding_size: int = 512,
        assign_embedding: bool = False,
        unit_length: bool = False,
    ) -> None:
        """Build the pooling.

        Args:
            input_size: Width of the encoder's states.
            clusters: Clusters that count.
            ghosts: Further clusters that do not.
            embedding_size: Width that is aggregated.
            assign_embedding: Whether the clusters are assigned from the embedding, not
                from the states.
            unit_length: Whether every state's embedding, and again the whole output,
                is brought to length 1. Both are so in the code of the paper that this
                project carries out, and in NetVLAD itself.

        Raises:
            ProbeError: If a number is too small.
        """
        super().__init__()
        if clusters < 1 or ghosts < 0 or embedding_size < 1:
            raise ProbeError(
                "ghostvlad: expected clusters >= 1, ghosts >= 0 and embedding_size >= "
                f"1, got {clusters}, {ghosts} and {embedding_size}"
            )
        self.clusters = clusters
        self.ghosts = ghosts
        self.embedding_size = embedding_size
        self.embedding = torch.nn.Linear(input_size, embedding_size)
        self.assign_embedding = assign_embedding
        self.unit_length = unit_length
        self.assignment = torch.nn.Linear(
            embedding_size if assign_embedding else input_size, clusters + ghosts
        )
        # The ghosts are the last rows, of the assignment too.
        self.centres = torch.nn.Parameter(
            torch.empty(clusters + ghosts, embedding_size)
        )
        for layer in (self.embedding, self.assignment):
            torch.nn.init.orthogonal_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
        torch.nn.init.orthogonal_(self.centres)

    def output_size(self) -> int:
        """Return the width of the output, clusters x embedding_size."""
        return self.clusters * self.embedding_size

    def forward(
        self, x: torch.Tensor, feat_lengths: Optional[torch.Tensor] = None
    ) -> torch.Tensor:
        """Pool the states of a batch.

        Args:
            x: (batch, input_size, states).
            feat_lengths: (batch,), valid frames of the front end, if they are known;
                states behind an item's end are left out, see :func:`states_inside`.

        Returns:
            (batch, clusters x embedding_size), cluster after cluster, each of length 1
            (or 0, where nothing was assigned); with ``unit_length`` all together.
        """
        states = x.transpose(1, 2)
        values = torch.relu(self.embedding(states))
        if self.unit_length:
            values = torch.nn.functional.normalize(values, dim=2)
        assigned = values if self.assign_embedding else states
        shares = torch.softmax(self.assignment(assigned), dim=2)
        if feat_lengths is not None:
            inside = states_inside(feat_lengths.to(x.device), states.size(1))
            steps = torch.arange(states.size(1), device=x.device)
            outside = steps[None, :, None] >= inside[:, None, None]
            shares = shares.masked_fill(outside, 0.0)
            values = values.masked_fill(outside, 0.0)
        shares = shares[:, :, : self.clusters]
        # The sum of a (x - c) over time is the sum of a x less the sum of a times c.
        sums = shares.transpose(1, 2) @ values
        weights = shares.sum(dim=1)[:, :, None]
        residuals = sums - weights * self.centres[: self.clusters]
        pooled = torch.nn.functional.normalize(residuals, dim=2, eps=LENGTH_FLOOR)
        pooled = pooled.flatten(1)
        return torch.nn.functional.normalize(pooled) if self.unit_length else pooled
