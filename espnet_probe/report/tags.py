"""The folders of reconstructions in a probe experiment."""

from pathlib import Path
from typing import Optional

from espnet_probe.errors import ProbeError

RECONSTRUCT = "reconstruct_"


def find_reconstruct(probe_exp: Path, tag: Optional[str]) -> Path:
    """Return the folder of reconstructions, with or without a given tag.

    Args:
        probe_exp: The probe experiment.
        tag: Its name with or without ``reconstruct_``; None if there is only one.

    Raises:
        ProbeError: If the experiment or the folder is not there, or several are
            and none was named.
    """
    if not probe_exp.is_dir():
        raise ProbeError(
            f"{probe_exp} is not a folder; expected a probe experiment "
            "such as exp/probe_<upstream>_<probe> (probe.sh stage 7)"
        )
    found = sorted(p.name for p in probe_exp.glob(f"{RECONSTRUCT}*") if p.is_dir())
    if tag is None:
        if len(found) == 1:
            return probe_exp / found[0]
        if not found:
            raise ProbeError(
                f"{probe_exp} has no folder {RECONSTRUCT}<tag>: reconstruct, vocode "
                "and score first (probe.sh stages 8-11)"
            )
        raise ProbeError(
            f"{probe_exp} has {len(found)} reconstructions ({', '.join(found)}); "
            "choose one with --inference_tag"
        )
    name = tag if tag.startswith(RECONSTRUCT) else f"{RECONSTRUCT}{tag}"
    if name not in found:
        have = ", ".join(found) or "none"
        raise ProbeError(f"{probe_exp} has no {name} (there: {have})")
    return probe_exp / name
