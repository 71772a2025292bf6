"""Files of trials, and the speakers of their utterances."""

import logging
from pathlib import Path
from typing import Collection, Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.bin import score_files
from espnet_probe.errors import ProbeError
from espnet_probe.scores.trial_notation import (
    count_repeated,
    parse_trials,
    with_known_names,
)
from espnet_probe.scores.trials import Trial, check_labels, speakers_from_trials


def read_trials(path: Path, known: Optional[Collection[str]] = None) -> List[Trial]:
    """Read a file of trials, in Kaldi's, VoxCeleb's or ESPnet's notation.

    Args:
        path: The file.
        known: The utterances that there are, for files that name audio files.

    Raises:
        ProbeError: If it is missing, malformed or has trials of one kind only; the
            message has path and line.
    """
    if not path.is_file():
        raise ProbeError(
            f"no trials at {path}: make them with 'python -m "
            "espnet_probe.bin.make_trials'"
        )
    try:
        with path.open(encoding="utf-8") as lines:
            trials = parse_trials(lines)
    except (ProbeError, UnicodeDecodeError) as error:
        raise ProbeError(f"{path}: {error}") from error
    num_target = sum(trial.target for trial in trials)
    if num_target in (0, len(trials)):
        raise ProbeError(
            f"{path}: got {num_target} target and {len(trials) - num_target} "
            "non-target trials: an equal error rate needs both kinds"
        )
    repeated = count_repeated(trials)
    if repeated:
        logging.warning("%s: %d trials repeat a pair; kept", path, repeated)
    return trials if known is None else with_known_names(trials, known)


def utterances(trials: Sequence[Trial]) -> List[str]:
    """Return the utterances of trials, sorted."""
    return sorted({utt for trial in trials for utt in (trial.enrolment, trial.test)})


def read_speakers(
    utt2spk: Optional[Path], trials: Sequence[Trial]
) -> Tuple[Mapping[str, str], str]:
    """Return who speaks what, and where that is from.

    Args:
        utt2spk: 'utterance speaker' lines; None to take it from the target trials.
        trials: The trials, whose labels have to agree.

    Raises:
        ProbeError: If the file is broken, lacks an utterance, or contradicts a label.
    """
    speakers: Dict[str, str]
    if utt2spk is None:
        speakers, source = speakers_from_trials(trials), "target trials"
    else:
        speakers = score_files.read_full_table(utt2spk, "utterance and speaker")
        source = str(utt2spk)
    check_labels(trials, speakers)
    return speakers, source
