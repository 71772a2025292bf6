"""The noise that is left in reconstructions, from the mels that stage 8 wrote."""

from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.scores.residual_noise import noise_kept

#: The control that holds the probes' targets: the mels of the input itself.
ORACLE = "oracle"


def read_index(scp: Path) -> Dict[str, str]:
    """Read an index by utterance; an ark beside it is found wherever both have moved.

    Args:
        scp: ``feats.scp`` as the reconstruction wrote it.
    """
    entries = {}
    for line in scp.read_text(encoding="utf-8").splitlines():
        utt, _, place = line.partition(" ")
        ark, _, offset = place.strip().rpartition(":")
        beside = scp.parent / Path(ark).name
        entries[utt] = f"{beside if beside.is_file() else ark}:{offset}"
    return entries


def noise_left(clean: Path, noisy: Path, layer: str) -> Tuple[Dict[str, float], str]:
    """Compute the share of the noise that one layer's reconstructions show.

    Args:
        clean: The results of the clean set, ``reconstruct_<tag>/<set>``.
        noisy: Those of its noisy copy, with the same utterance ids.
        layer: The layer.

    Returns:
        The share by utterance (see ``scores.residual_noise``), and the reason why
        there is none or not all, in words. None is returned if a mel cannot be read:
        the mean of what is left may be another one.
    """
    from omniio import kaldi

    # In the order of noise_kept's arguments.
    scps = [
        folder / name / "feats.scp"
        for name in (ORACLE, layer)
        for folder in (clean, noisy)
    ]
    missing = [str(scp) for scp in scps if not scp.is_file()]
    if missing:
        return {}, f"no file {missing[0]}"
    indices = [read_index(scp) for scp in scps]
    common = sorted(set.intersection(*(set(index) for index in indices)))
    files: Dict[str, Any] = {}
    units: Dict[str, float] = {}
    try:
        for utt in common:
            mels = []
            for index in indices:
                mel: NDArray[np.float32] = kaldi.load_mat(index[utt], fd_dict=files)
                mels.append(mel)
            kept = noise_kept(*mels)
            if kept is not None:
                units[utt] = kept
    except ProbeError as error:
        return {}, f"{utt}: {error}"
    except (OSError, ValueError, kaldi.ReadError) as error:
        said = " ".join(str(error).split())
        return {}, f"{utt}: a mel cannot be read ({said}); reconstruct again"
    finally:
        for file in files.values():
            file.close()
    lost = len(set().union(*(set(index) for index in indices))) - len(units)
    return units, f"{lost} utterances left out" if lost else ""
