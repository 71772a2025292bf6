"""What is said of claims beside their numbers."""

import pytest

from espnet_probe.scores.claim_table import EER, Comparison, Key, Part, Question
from espnet_probe.scores.claims import Claim
from espnet_probe.scores.contrasts import Contrast
from espnet_probe.scores.coverage import interval_note
from espnet_probe.study.claim_text import warnings


@pytest.mark.parametrize("speakers", [6, 15, 19, 20, 40])
def test_few_speakers_are_as_few_as_for_an_interval(speakers: int) -> None:
    """A study and a single report have one rule for what is too few."""
    key = Key("blstm", "robust", "clean", "blstm1", EER)
    found = Contrast(1.0, 0.5, 1.5, degrees=speakers - 1)
    one = Comparison(Question("blstm", "robust", [(1.0, key)], 1.0), "open", found)
    said = warnings([Claim(1, "A claim.", [Part("a part", [one])])])
    assert bool(said) == (interval_note(speakers) is not None) == (speakers < 20)
    assert not said or said[0].startswith(f"only {speakers} speakers (EER: {speakers})")
