"""Which letters a recogniser writes, and the warning where transcripts have others."""

import logging

import pytest

from espnet_probe.bin.recognition_work import Transcripts, warn_of_letters
from espnet_probe.judge.letter_case import LOWER, UPPER, as_written_by, letter_case


@pytest.mark.parametrize(
    "tokens, case, text",
    [
        (["<blank>", "\u2581A", "B'", "<sos/eos>"], UPPER, "A \u00c4 B"),
        (["<unk>", "a", "<space>"], LOWER, "a \u00e4 b"),
        (["a", "B"], None, "a \u00c4 B"),
        (["<blank>", "\u4f60", "1"], None, "a \u00c4 B"),
        ("tokens.txt", None, "a \u00c4 B"),
        (None, None, "a \u00c4 B"),
    ],
)
def test_texts_are_brought_into_its_letters(tokens, case, text):
    assert letter_case(tokens) == case
    assert as_written_by(tokens)("a \u00c4 B") == text
    assert as_written_by(tokens)("<unk> a") in ("<unk> a", "<unk> A")


def said(*texts, clean=str):
    references = {f"utt{number}": text for number, text in enumerate(texts)}
    return Transcripts(list(references), references, None, clean)


def test_transcripts_that_no_answer_can_equal(caplog):
    with caplog.at_level(logging.WARNING):
        warn_of_letters(said("ONE", "two"), ["ONE", "TWO"])
    assert "writes capitals alone, and 1 of 2 transcripts" in caplog.text
    caplog.clear()
    warn_of_letters(said("ONE", "2", "A <unk>"), ["ONE", "TWO"])
    warn_of_letters(said("ONE", "two"), ["One"])
    # What is recognised is made small, too, before it is compared.
    warn_of_letters(said("one", "two", clean=str.lower), ["ONE"])
    assert caplog.text == ""
