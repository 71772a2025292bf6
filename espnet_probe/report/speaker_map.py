"""Who speaks the utterances of a set, from the recipe's own files."""

import json
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Tuple

#: The person first: where both are there, utt2spk is finer than that.
MAPS = ("utt2reader", "utt2spk")
#: Where a recipe keeps its sets; what the stages use comes first.
DATA = ("dump/raw", "data")


def read_map(path: Path) -> Dict[str, str]:
    """Read a file of Kaldi's form ``utterance speaker``, one line each.

    Args:
        path: The file; lines of another form are passed over.
    """
    pairs = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def find_map(
    path: str, recipe: Path, needed: Iterable[str]
) -> Optional[Dict[str, str]]:
    """Return the speakers that a file names, if they are those of all utterances.

    Args:
        path: As a result file names it, from the folder that the stages ran in.
        recipe: The recipe's folder.
        needed: The utterances.
    """
    for place in (Path(path), recipe / path):
        if place.is_file():
            found = read_map(place)
            if set(needed) <= set(found):
                return found
    return None


def speakers_of(
    folder: Path, recipe: Path, needed: Iterable[str]
) -> Tuple[Optional[Dict[str, str]], str]:
    """Find out who speaks the utterances of a set.

    The file that speaker verification was scored with counts (``speakers_from`` in
    ``verification.json``); where there is none, ``utt2reader`` or ``utt2spk`` in
    ``dump/raw/<set>`` or ``data/<set>``.

    Args:
        folder: The results of the set, ``reconstruct_<tag>/<set>``.
        recipe: The recipe's folder.
        needed: The utterances.

    Returns:
        Speaker by utterance, and an empty text; or None, and the reason in words.
    """
    utts = set(needed)
    paths = scored_with(folder)
    paths += [f"{data}/{folder.name}/{name}" for data in DATA for name in MAPS]
    for path in paths:
        found = find_map(path, recipe, utts)
        if found is not None:
            return {utt: found[utt] for utt in utts}, ""
    return None, f"no speakers of all utterances in {', '.join(dict.fromkeys(paths))}"


def scored_with(folder: Path) -> List[str]:
    """Return the files that the scores of a set took the speakers from.

    Args:
        folder: The results of the set, ``reconstruct_<tag>/<set>``. Scores that cannot
            be read are passed over.

    Returns:
        Paths as the scores name them, from the folder that the stages ran in.
    """
    found = []
    for path in sorted(folder.glob("*/verification.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue  # Whoever reads the scores says so.
        bootstrap = content.get("bootstrap") if isinstance(content, dict) else None
        said = bootstrap.get("speakers_from") if isinstance(bootstrap, dict) else None
        if isinstance(said, str) and said != "target trials":
            found.append(said)
    return list(dict.fromkeys(found))
