"""The answers that came back: which files count, and why the others do not.

A file that cannot be used is named with its reason and left out. Nothing that lies in
the folder stops the others from being scored.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.listening.answer_format import (
    MAX_BYTES,
    SIDES,
    SOUNDS,
    Answer,
    Answers,
    canonical_text,
    read_answers,
)
from espnet_probe.listening.key_format import ATTENTION, Item, Key
from espnet_probe.listening.strict_json import printable, shown

#: How many names of items a message lists.
LISTED = 3


@dataclass(frozen=True)
class Refused:
    """A file that does not count.

    Attributes:
        file: Its name.
        reason: Why, in words.
    """

    file: str
    reason: str


@dataclass(frozen=True)
class Sheet:
    """A sheet that one listener answered.

    Attributes:
        file: The file's name.
        answers: What it holds.
        items: The key's items of this sheet by name.
    """

    file: str
    answers: Answers
    items: Mapping[str, Item]

    def pairs(self, *kinds: str) -> List[Tuple[Item, Answer]]:
        """Return items of some kinds with their answers, in the order of answering."""
        found = [(self.items[one.item], one) for one in self.answers.answers]
        return [(item, answer) for item, answer in found if item.kind in kinds]

    @property
    def num_attention(self) -> int:
        """How many attention checks it has."""
        return len(self.pairs(ATTENTION))

    @property
    def failed_attention(self) -> int:
        """How many of them were not answered rightly; equal ratings are not right."""
        return sum(wrongness(*pair) > 0 for pair in self.pairs(ATTENTION))


@dataclass(frozen=True)
class Collected:
    """All answers of a test.

    Attributes:
        sheets: Those that count.
        inattentive: Those left out for failed attention checks, otherwise whole.
        refused: The other files that do not count, with reasons.
    """

    sheets: Sequence[Sheet] = field(default_factory=list)
    inattentive: Sequence[Sheet] = field(default_factory=list)
    refused: Sequence[Refused] = field(default_factory=list)


def wrongness(item: Item, answer: Answer) -> float:
    """Return 0 for a right answer, 1 for a wrong one, 0.5 for equal ratings."""
    if answer.ratings is None:
        return 0.0 if answer.choice == item.answer else 1.0
    same, other = ratings_of(item, answer)
    return 0.5 if same == other else float(same < other)


def ratings_of(item: Item, answer: Answer) -> Tuple[int, int]:
    """Return the ratings of the same speaker and of the other one.

    Args:
        item: What was shown.
        answer: An answer with ratings.
    """
    assert answer.ratings is not None
    other = SIDES[1 - SIDES.index(item.answer)]
    return answer.ratings[item.answer], answer.ratings[other]


def find_files(paths: Sequence[Path]) -> List[Tuple[str, Path]]:
    """List the files of answers, with the names under which they are reported.

    Args:
        paths: Files, or folders of which every file counts, at any depth; names that
            start with a dot are left out.

    Raises:
        ProbeError: If a path is not there, or there is no file at all.
    """
    found: Dict[Path, str] = {}
    several = len(paths) > 1
    for path in paths:
        if path.is_dir():
            for one in sorted(path.rglob("*")):
                inside = one.relative_to(path)
                hidden = any(part.startswith(".") for part in inside.parts)
                if not hidden and one.is_file():
                    found[one] = str(one) if several else inside.as_posix()
        elif path.is_file():
            found[path] = str(path) if several else path.name
        else:
            raise ProbeError(f"--answers {path} is not there: give files or a folder")
    if not found:
        raise ProbeError(
            f"no file of answers in {', '.join(map(str, paths))}: put there the files "
            "that listeners gave back"
        )
    return [(printable(name), path) for path, name in found.items()]


def _read(path: Path) -> Answers:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ProbeError(
                f"{path.stat().st_size} bytes; expected an answers file, at most "
                f"{MAX_BYTES}"
            )
        with path.open("rb") as stream:
            return read_answers(stream.read(MAX_BYTES + 1))
    except OSError as error:
        raise ProbeError(f"cannot be read: {error.strerror or error}") from error


def check_sheet(answers: Answers, key: Key) -> Dict[str, Item]:
    """Check answers against the key.

    Args:
        answers: What a file holds.
        key: The key of the test.

    Returns:
        The key's items of the sheet by name.

    Raises:
        ProbeError: If they are of another test or an unknown sheet, not complete, of
            other items, or cannot have been given on the page.
    """
    if answers.test != key.test:
        raise ProbeError(
            f"of another test: {shown(answers.test)}, the key is of {shown(key.test)}"
        )
    if answers.sheet not in key.sheets:
        raise ProbeError(
            f"unknown sheet {answers.sheet}: the key has {len(key.sheets)} sheets"
        )
    if answers.scale != key.scale:
        raise ProbeError(
            f"answered on the scale {answers.scale}, the test has {key.scale}"
        )
    items = {item.item: item for item in key.sheets[answers.sheet]}
    given = [answer.item for answer in answers.answers]
    _check_items(given, items)
    lacking = [name for name in items if name not in given]
    if lacking or not answers.complete:
        said = "" if answers.complete else "; the file itself says so"
        raise ProbeError(
            f"incomplete: {len(given)} of {len(items)} items are answered{said}"
        )
    _check_times(answers)
    for number, answer in enumerate(answers.answers, start=1):
        unheard = [sound for sound in SOUNDS if not answer.plays[sound]]
        if unheard:
            raise ProbeError(
                f"answer {number}: {', '.join(unheard)} was never played, which the "
                "page does not allow"
            )
    return items


def _check_items(given: Sequence[str], items: Mapping[str, Item]) -> None:
    unknown = [name for name in given if name not in items]
    if unknown:
        raise ProbeError(
            f"{len(unknown)} items that are not of this sheet: "
            f"{', '.join(unknown[:LISTED])}"
        )
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise ProbeError(f"items answered twice: {', '.join(twice[:LISTED])}")


def _check_times(answers: Answers) -> None:
    if not answers.finished:
        raise ProbeError("complete, but with no time at which it was finished")
    begin, end = (
        datetime.fromisoformat(text) for text in (answers.started, answers.finished)
    )
    if end < begin:
        raise ProbeError(
            f"finished at {answers.finished}, before it was started at "
            f"{answers.started}"
        )


def _fingerprint(answers: Answers) -> str:
    """Return what two files of different people cannot have in common."""
    own = answers.document()
    kept = ("test", "sheet", "started", "finished", "answers")
    return canonical_text({name: own[name] for name in kept})


def collect(
    files: Sequence[Tuple[str, Path]],
    key: Key,
    max_failed_attention: int,
    simulated: bool = False,
) -> Collected:
    """Read all files and decide which of them count.

    Of several files of one listener and sheet that which was finished first counts:
    what is heard a second time is answered otherwise.

    Args:
        files: Names and paths.
        key: The key of the test.
        max_failed_attention: A sheet with more failed attention checks is left out.
        simulated: Whether answers of a simulated panel are scored, and people's left
            out; else the other way round.
    """
    found: List[Sheet] = []
    refused: List[Refused] = []
    for name, path in files:
        try:
            answers = _read(path)
            items = check_sheet(answers, key)
            _check_origin(answers, simulated)
            found.append(Sheet(name, answers, items))
        except ProbeError as error:
            refused.append(Refused(name, str(error)))
    unique = []
    for sheet, reason in _doubled(found):
        if reason:
            refused.append(Refused(sheet.file, reason))
        else:
            unique.append(sheet)
    place = {name: number for number, (name, _) in enumerate(files)}
    unique.sort(key=lambda sheet: place[sheet.file])
    refused.sort(key=lambda one: place[one.file])
    attentive = [s for s in unique if s.failed_attention <= max_failed_attention]
    others = [s for s in unique if s.failed_attention > max_failed_attention]
    return Collected(attentive, others, refused)


def _check_origin(answers: Answers, simulated: bool) -> None:
    if answers.simulated and not simulated:
        raise ProbeError(
            f"not by a person but simulated ({shown(answers.simulated)}); only "
            "--simulated scores such answers"
        )
    if simulated and not answers.simulated:
        raise ProbeError(
            "by a person: with --simulated only simulated answers are scored, never "
            "both together"
        )


def _doubled(sheets: Sequence[Sheet]) -> Iterator[Tuple[Sheet, str]]:
    """Give each sheet with the reason why it is one too many; empty if it is not."""
    listened: Dict[Tuple[str, int], str] = {}
    contents: Dict[str, str] = {}
    for sheet in sorted(sheets, key=lambda one: (_finished(one), one.file)):
        answers = sheet.answers
        content = _fingerprint(answers)
        person = answers.listener, answers.sheet
        if content in contents:
            yield sheet, f"doubled: the same content as {contents[content]}"
        elif person in listened:
            yield sheet, (
                f"doubled: listener {answers.listener} had answered sheet "
                f"{answers.sheet} before, in {listened[person]}"
            )
        else:
            listened[person] = contents[content] = sheet.file
            yield sheet, ""


def _finished(sheet: Sheet) -> datetime:
    return datetime.fromisoformat(sheet.answers.finished)
