"""Word error rate from pooled counts.

Conventions
-----------
Words are what whitespace separates; nothing is normalised here, so case and
punctuation count. Errors are the substitutions, deletions and insertions of a minimum
edit alignment (jiwer). A rate is the sum of the errors over the sum of the reference
words, in percent; with many insertions it exceeds 100. An empty hypothesis is all
deletions; an empty reference has insertions only.

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

from espnet_probe.errors import ProbeError
from espnet_probe.scores.intervals import NUM_DRAWS, Interval, interval_of_ratio


@dataclass(frozen=True)
class WordCounts:
    """Counts of one utterance, or of several together.

    Attributes:
        words: Reference words.
        substitutions: Words replaced.
        deletions: Reference words that are missing in the hypothesis.
        insertions: Words of the hypothesis that no reference word answers to.
    """

    words: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        """All three kinds of errors together."""
        return self.substitutions + self.deletions + self.insertions

    def __add__(self, other: "WordCounts") -> "WordCounts":
        """Pool two counts."""
        return WordCounts(
            self.words + other.words,
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
            f"utterance ids differ: {len(missing)} without hypothesis "
            f"({', '.join(missing[:3])}), {len(extra)} without reference "
            f"({', '.join(extra[:3])}); expected the same ids in both"
        )
    if not any(text.split() for text in references.values()):
        raise ProbeError(
            f"got {len(references)} references without a word: expected transcripts"
        )


def count_errors(reference: str, hypothesis: str) -> WordCounts:
    """Count the word errors of one utterance.

    Args:
        reference: Reference text.
        hypothesis: Recognised text.

    Returns:
        Its counts.
    """
    words, found = reference.split(), hypothesis.split()
    if not words or not found:
        return WordCounts(len(words), deletions=len(words), insertions=len(found))
    result = jiwer.process_words(" ".join(words), " ".join(found))
    return WordCounts(
        len(words), result.substitutions, result.deletions, result.insertions
    )


def word_error_rate(counts: Sequence[WordCounts]) -> float:
    """Pool the counts of utterances into a word error rate.

    Args:
        counts: One per utterance.

    Returns:
        Percent.

    Raises:
        ProbeError: If there is no reference word.
    """
    total = sum(counts, WordCounts())
    if total.words == 0:
        raise ProbeError("got no reference words: a word error rate needs at least one")
    return 100.0 * total.errors / total.words


def word_error_rate_interval(
    counts: Sequence[WordCounts],
    groups: Optional[Sequence[str]] = None,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Interval:
    """Bootstrap the word error rate.

    Args:
        counts: One per utterance.
        groups: The speaker of each utterance; without, utterances are drawn.
        num_draws: Number of bootstrap samples.
        seed: Seed of the draws.

    Returns:
        The 95 % interval in percent, or none with the reason.
    """
    errors = np.array([100.0 * count.errors for count in counts])
    words = np.array([float(count.words) for count in counts])
    what = "utterances"
    if groups is not None:
        what = "speakers"
        names, index = np.unique(np.asarray(groups), return_inverse=True)
        errors = np.bincount(index, weights=errors, minlength=names.size)
        words = np.bincount(index, weights=words, minlength=names.size)
    return interval_of_ratio(errors, words, what, num_draws, seed)
