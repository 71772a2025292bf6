"""Word and character error rates from pooled counts.

Conventions
-----------
Words are what whitespace separates; nothing is normalised here, so case and
punctuation count. Characters are those of the words joined by single spaces, the
spaces among them: as ESPnet counts them, whose scoring writes a space as a token of its
own. Errors are the substitutions, deletions and insertions of a minimum edit alignment
(jiwer). A rate is the sum of the errors over the sum of the reference's words or
characters, in percent; with many insertions it exceeds 100. An empty hypothesis is all
deletions; an empty reference has insertions only.

NIST's sclite, which ESPnet calls, weighs a substitution as 4/3 of an insertion or a
deletion when it aligns, and takes upper for lower case unless it is told otherwise: its
counts can be a little higher, or lower where only the case is wrong.

The interval is the bootstrap of Bisani and Ney [1]_ over utterances, or over speakers
where they are known, since one speaker's errors are not independent.

References
----------
.. [1] M. Bisani and H. Ney, "Bootstrap estimates for confidence intervals in ASR
   performance evaluation", ICASSP 2004.
"""

from dataclasses import dataclass
from typing import Mapping, Optional, Sequence

import jiwer
import numpy as np

from espnet_probe.errors import ProbeError, examples
from espnet_probe.scores.intervals import NUM_DRAWS, Interval, interval_of_ratio


@dataclass(frozen=True)
class EditCounts:
    """Counts of one utterance, or of several together, in words or in characters.

    Attributes:
        units: Words, or characters, of the reference.
        substitutions: Those replaced.
        deletions: Those that are missing in the hypothesis.
        insertions: Those of the hypothesis that nothing in the reference answers to.
    """

    units: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        """All three kinds of errors together."""
        return self.substitutions + self.deletions + self.insertions

    def __add__(self, other: "EditCounts") -> "EditCounts":
        """Pool two counts."""
        return EditCounts(
            self.units + other.units,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


def validate(references: Mapping[str, str], hypotheses: Mapping[str, str]) -> None:
    """Check that two sets of transcripts can be compared.

    Args:
        references: Utterance id to reference text.
        hypotheses: Utterance id to recognised text.

    Raises:
        ProbeError: If the ids differ, or the references hold no word.
    """
    missing = sorted(set(references) - set(hypotheses))
    extra = sorted(set(hypotheses) - set(references))
    if missing or extra:
        raise ProbeError(
            f"utterance ids differ: {len(missing)} without hypothesis"
            f"{examples(missing)}, {len(extra)} without reference{examples(extra)}; "
            "expected the same ids in both"
        )
    check_words(references)


def check_words(references: Mapping[str, str]) -> None:
    """Check that there is something to recognise.

    Args:
        references: Utterance id to reference text.

    Raises:
        ProbeError: If the references hold no word.
    """
    if not any(text.split() for text in references.values()):
        raise ProbeError(
            f"got {len(references)} references without a word: expected transcripts"
        )


def count_errors(reference: str, hypothesis: str) -> EditCounts:
    """Count the word errors of one utterance.

    Args:
        reference: Reference text.
        hypothesis: Recognised text.

    Returns:
        Its counts.
    """
    words, found = reference.split(), hypothesis.split()
    if not words or not found:
        return EditCounts(len(words), deletions=len(words), insertions=len(found))
    result = jiwer.process_words(" ".join(words), " ".join(found))
    return EditCounts(
        len(words), result.substitutions, result.deletions, result.insertions
    )


def count_character_errors(reference: str, hypothesis: str) -> EditCounts:
    """Count the character errors of one utterance, spaces between words included.

    Args:
        reference: Reference text.
        hypothesis: Recognised text.

    Returns:
        Its counts.
    """
    wanted, found = " ".join(reference.split()), " ".join(hypothesis.split())
    if not wanted or not found:
        return EditCounts(len(wanted), deletions=len(wanted), insertions=len(found))
    result = jiwer.process_characters(wanted, found)
    return EditCounts(
        len(wanted), result.substitutions, result.deletions, result.insertions
    )


def error_rate(counts: Sequence[EditCounts]) -> float:
    """Pool the counts of utterances into a word or character error rate.

    Args:
        counts: One per utterance.

    Returns:
        Percent.

    Raises:
        ProbeError: If the references are empty.
    """
    total = sum(counts, EditCounts())
    if total.units == 0:
        raise ProbeError("got no reference words: an error rate needs at least one")
    return 100.0 * total.errors / total.units


def error_rate_interval(
    counts: Sequence[EditCounts],
    groups: Optional[Sequence[str]] = None,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Interval:
    """Bootstrap a word or character error rate.

    Args:
        counts: One per utterance.
        groups: The speaker of each utterance; without, utterances are drawn.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Returns:
        The 95 % interval in percent, or none with the reason.
    """
    errors = np.array([100.0 * count.errors for count in counts])
    units = np.array([float(count.units) for count in counts])
    what = "utterances"
    if groups is not None:
        what = "speakers"
        names, index = np.unique(np.asarray(groups), return_inverse=True)
        errors = np.bincount(index, weights=errors, minlength=names.size)
        units = np.bincount(index, weights=units, minlength=names.size)
    return interval_of_ratio(errors, units, what, num_draws, seed)
