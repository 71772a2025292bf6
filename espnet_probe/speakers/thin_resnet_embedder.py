"""The thin ResNet-34 with GhostVLAD pooling as an embedder.

A model of ESPnet's speaker task with this package's modules: trained by a recipe, or
converted from the original authors' weights.

Reference: W. Xie, A. Nagrani, J. S. Chung, A. Zisserman, "Utterance-level aggregation
for speaker recognition in the wild", ICASSP 2019.
"""

import numpy as np
from numpy.typing import NDArray

from espnet_probe.speakers.espnet_embedder import ESPnetEmbedder


class ThinResNetEmbedder(ESPnetEmbedder):
    """Embeddings of length 1, of the whole utterance.

    That the model has this encoder is checked with its files, see ``spec.check_parts``.
    """

    name = "thin_resnet"

    def embed_levelled(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed a waveform that has the right rate, length and level.

        Args:
            waveform: ``(samples,)`` at ``sampling_rate``.

        Returns:
            ``(dim,)``, not negative, of length 1; zeros if the last ReLU leaves
            nothing.
        """
        embedding = super().embed_levelled(waveform)
        norm = float(np.linalg.norm(embedding))
        return embedding if norm == 0 else embedding / np.float32(norm)
