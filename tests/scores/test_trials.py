import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.scores.trial_notation import parse_trials
from espnet_probe.scores.trials import Trial, check_labels, speakers_from_trials


def test_text_form():
    assert str(Trial("a", "b", False)) == "a b nontarget"
    assert str(Trial("b", "a", True)) == "b a target"


def test_speakers_from_trials():
    trials = parse_trials(
        ["a b target", "c b target", "d e target", "a d nontarget", "f a nontarget"]
    )
    found = speakers_from_trials(trials)
    assert found == {"a": "a", "b": "a", "c": "a", "d": "d", "e": "d", "f": "f"}
    check_labels(trials, found)
    with pytest.raises(ProbeError, match="utterance f of the trials has no speaker"):
        check_labels(trials, {utt: s for utt, s in found.items() if utt != "f"})
