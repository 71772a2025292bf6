"""The log-mel spectrograms that a feats.scp of ESPnet lists."""

from pathlib import Path
from typing import Dict, List

import numpy as np
from numpy.typing import NDArray
from omniio import kaldi

from espnet_probe.bin.score_files import read_full_table
from espnet_probe.errors import ProbeError


class Feats:
    """The log-mel spectrograms that a ``feats.scp`` lists, read one by one.

    Args:
        path: The file; its second column names entries of Kaldi arks.

    Raises:
        ProbeError: If it is missing, empty or malformed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: Dict[str, str] = read_full_table(
            path, "utterance and feats.ark:N"
        )

    def keys(self) -> List[str]:
        """Return the utterances in the order of the file."""
        return list(self._entries)

    def __getitem__(self, utt: str) -> NDArray[np.float32]:
        """Read an utterance's array, float32.

        Raises:
            ProbeError: If it cannot be read or is not an array.
        """
        entry = self._entries[utt]
        try:
            values = kaldi.load_mat(entry)
        except (OSError, ValueError, RuntimeError) as error:
            raise ProbeError(
                f"utterance {utt}: cannot read {entry} ({self.path}): {error}"
            ) from error
        if not isinstance(values, np.ndarray):
            raise ProbeError(f"utterance {utt}: {entry} ({self.path}) is no matrix")
        return np.asarray(values, dtype=np.float32)
