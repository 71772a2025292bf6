"""Which utterances a page shows: the same in every model and condition."""

from typing import Collection, List, Sequence


def choose(ids: Sequence[str], number: int) -> List[str]:
    """Choose utterances evenly over the sorted ids.

    Ids begin with the speaker, so this gives different speakers, and the same
    utterances in every report.

    Args:
        ids: All that there are.
        number: How many at most.
    """
    ordered = sorted(ids)
    number = min(number, len(ordered))
    return [ordered[(2 * i + 1) * len(ordered) // (2 * number)] for i in range(number)]


def shared(present: Sequence[Collection[str]]) -> List[str]:
    """Return the utterances that all lists have; all of all lists where there is none.

    Args:
        present: Of each model, condition and row the ids; empty ones are passed over.
    """
    lists = [set(one) for one in present if one]
    if not lists:
        return []
    return sorted(set.intersection(*lists) or set.union(*lists))
