"""Which noise files serve training, and which the test: never the same file.

The split depends on the names of the files alone. It has no seed, so that a training
set and a test set made by different commands, with different seeds, share no noise.
"""

import hashlib
import re
from typing import Dict, List, Sequence, Tuple

from espnet_probe.errors import ProbeError

#: How much of the files is held out for the test.
TEST_SHARE = 0.25

#: ``rain-3-140774-b.wav``: take b of a recording, in the names of ESC-50; and
#: ``bwv846_b.wav``: part b of a piece. The names of MUSAN (``music-fma-0001.wav``) end
#: in numbers: each is a recording of its own.
_TAKE = re.compile(r"[-_][A-Za-z]$")


def recording(file: str) -> str:
    """Return the recording that a file is a part of.

    Files whose names differ in a last "-a", "-b" or "_a", "_b" only are takes of one
    recording, as in ESC-50 (Piczak, ACM MM 2015), or parts of one piece. All others
    are recordings of their own; numbers at the end do not count, since that is how
    corpora count their files.

    Args:
        file: Path of the file.
    """
    folder, slash, name = file.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    return folder + slash + _TAKE.sub("", stem if dot else suffix)


def split_files(files: Sequence[str], fewest: int = 1) -> Tuple[List[str], List[str]]:
    """Split noise files into those for training and those for the test.

    Recordings are ranked by a hash of their names; the first ones, with
    :data:`TEST_SHARE` of the files, are for the test. The takes of a recording stay
    together.

    Args:
        files: Paths relative to the corpus, so that it may lie anywhere; in any order.
        fewest: How many files each side needs.

    Returns:
        Files for training, files for the test, both sorted, without a file in common.

    Raises:
        ProbeError: If there are too few files for two sides.
    """
    groups: Dict[str, List[str]] = {}
    for file in sorted(set(files)):
        groups.setdefault(recording(file), []).append(file)
    wanted = max(fewest, round(TEST_SHARE * len(set(files))))
    training: List[str] = []
    test: List[str] = []
    for name in sorted(groups, key=_rank):
        side = test if len(test) < wanted else training
        side += groups[name]
    if min(len(training), len(test)) < fewest:
        raise ProbeError(
            f"got {len(set(files))} files of {len(groups)} recordings: expected enough "
            f"for at least {fewest} in training and {fewest} others in the test"
        )
    return sorted(training), sorted(test)


def _rank(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
