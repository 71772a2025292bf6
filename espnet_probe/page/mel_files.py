"""Reading single mels from the arks of an experiment."""

from pathlib import Path
from typing import Collection, Dict, Optional

from espnet_probe.errors import ProbeError
from espnet_probe.report.mels import Mel
from espnet_probe.study.mels import read_index


class MelFiles:
    """Keeps the indices of ``feats.scp`` in memory, and no file open."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._indices: Dict[Path, Dict[str, str]] = {}

    def _index(self, folder: Path) -> Dict[str, str]:
        if folder not in self._indices:
            scp = folder / "feats.scp"
            self._indices[folder] = read_index(scp) if scp.is_file() else {}
        return self._indices[folder]

    def utterances(self, folder: Path) -> Collection[str]:
        """Return the ids of the mels of a layer or control.

        Args:
            folder: ``reconstruct_<tag>/<set>/<layer>``.
        """
        return self._index(folder).keys()

    def read(self, folder: Path, utterance: str) -> Optional[Mel]:
        """Read a mel.

        Args:
            folder: ``reconstruct_<tag>/<set>/<layer>``.
            utterance: Its id.

        Returns:
            ``(frames, n_mels)``; None if it is not in the list.

        Raises:
            ProbeError: If it is, and cannot be read.
        """
        from omniio import kaldi

        place = self._index(folder).get(utterance)
        if place is None:
            return None
        try:
            mel: Mel = kaldi.load_mat(place)
        except (OSError, ValueError, kaldi.ReadError) as error:
            said = " ".join(str(error).split())
            raise ProbeError(
                f"{folder.name}: the mel of {utterance} cannot be read ({said}); "
                "reconstruct again"
            ) from error
        return mel
