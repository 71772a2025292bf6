"""What a listening test can be made of: the sounds of experiments, and who speaks."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from espnet_probe.bin import score_files
from espnet_probe.errors import ProbeError
from espnet_probe.layers.selection import select_names
from espnet_probe.listening.sheets import Place
from espnet_probe.report.files import find_file
from espnet_probe.report.results import CONTROLS, find_layers, read_layers
from espnet_probe.report.tags import find_reconstruct

NATURAL = "natural"
CLEAN = "clean"
_NOISY = re.compile(r".+_(snr-?\d+(?:\.\d+)?)")
#: What mels are made sound of must be the same for one oracle to stand for several.
MEL = "mel.yaml"


@dataclass(frozen=True)
class Source:
    """The sounds of one layer of one set.

    Attributes:
        place: Which they are.
        folder: With wav.scp and, after stage 10, embeddings.
        files: Audio file by utterance.
        also: Other experiments whose sounds these are as well.
    """

    place: Place
    folder: Path
    files: Mapping[str, str]
    also: List[str] = field(default_factory=list)


def condition_of(name: str) -> str:
    """Return the condition of a set, by its name: ``clean``, or such as ``snr10``."""
    found = _NOISY.fullmatch(name)
    return found[1] if found else CLEAN


def find_sources(
    experiments: Sequence[Path],
    tag: Optional[str],
    sets: Sequence[str],
    patterns: Sequence[str],
) -> List[Source]:
    """Find the sounds.

    Args:
        experiments: Probe experiments.
        tag: Which ``reconstruct_<tag>``; None if each has one.
        sets: The sets; if empty all of the first experiment that are no noisy copies.
        patterns: Names and globs of layers; ``natural`` and ``oracle`` count as such.

    Returns:
        By experiment, set and layer. The recordings, which all experiments share, are
        there once for each set; so is an oracle that is made of the same mels.

    Raises:
        ProbeError: If something that was named is not there, or has no sounds.
    """
    sources: List[Source] = []
    seen: Dict[Tuple[str, ...], Source] = {}
    offered: List[str] = []
    for exp in experiments:
        reconstruct = find_reconstruct(exp, tag)
        recipe = exp.resolve().parent.parent
        layers = [one.name for one in read_layers(find_layers(reconstruct, exp))]
        available = [*CONTROLS, *layers]
        offered += [name for name in available if name not in offered]
        known = [pattern for pattern in patterns if _has(available, pattern)]
        chosen = select_names(known, available) if known else []
        sets = sets or _clean_sets(reconstruct)
        for name in sets:
            for layer in chosen:
                folder = reconstruct / name / layer
                mels = reconstruct / MEL
                same: Tuple[str, ...] = (str(exp), name, layer)
                if layer == NATURAL:
                    same = (name, layer)
                elif layer in CONTROLS and mels.is_file():
                    same = (name, layer, mels.read_text(encoding="utf-8"))
                if same in seen:
                    seen[same].also.append(str(exp))
                else:
                    place = Place(str(exp), name, condition_of(name), layer)
                    seen[same] = Source(place, folder, _files(folder, recipe))
                    sources.append(seen[same])
    for pattern in patterns:
        select_names([pattern], offered)
    if not sources:
        raise ProbeError("--layers is empty: expected names or globs of layers")
    return sources


def _has(names: Sequence[str], pattern: str) -> bool:
    """Say whether a model has such a layer; another one may."""
    try:
        return bool(select_names([pattern], names))
    except ProbeError:
        return False


def _clean_sets(reconstruct: Path) -> List[str]:
    found = sorted(p.parent.parent.name for p in reconstruct.glob("*/natural/wav.scp"))
    if not found:
        raise ProbeError(
            f"{reconstruct} has no sets with sounds: reconstruct and vocode first "
            "(probe.sh stages 8 and 9)"
        )
    return [name for name in found if condition_of(name) == CLEAN] or found


def _files(folder: Path, recipe: Path) -> Dict[str, str]:
    path = folder / "wav.scp"
    if not path.is_file():
        raise ProbeError(
            f"no sounds at {path}: reconstruct and vocode this set first (probe.sh "
            "stages 8 and 9), or choose others with --set and --layers"
        )
    # Those of a moved experiment are looked for where it is now.
    found = score_files.read_full_table(path, "utterance id and audio file")
    return {
        utt: str(find_file(said, folder, recipe) or said) for utt, said in found.items()
    }


def common_utterances(sources: Sequence[Source]) -> Dict[str, List[str]]:
    """Return, by set, the utterances that all its layers have.

    Args:
        sources: The sounds.

    Raises:
        ProbeError: If a set has none.
    """
    found: Dict[str, List[str]] = {}
    for name in dict.fromkeys(one.place.set for one in sources):
        own = [set(one.files) for one in sources if one.place.set == name]
        found[name] = sorted(set.intersection(*own))
        if not found[name]:
            raise ProbeError(
                f"{name}: no utterance has a sound in all {len(own)} layers; is "
                "stage 9 of probe.sh complete?"
            )
    return found


@dataclass(frozen=True)
class Speech:
    """What is known of the utterances of a set.

    Attributes:
        utt2spk: Who speaks, of the utterances that can be used.
        genders: By speaker or utterance; empty if unknown.
        texts: What is said, as far as that is known.
    """

    utt2spk: Mapping[str, str]
    genders: Mapping[str, str]
    texts: Mapping[str, str]


def read_speech(
    name: str,
    utts: Sequence[str],
    dumpdir: Path,
    utt2spk: Optional[Path],
    gender: Optional[Path],
) -> Speech:
    """Read who speaks what in a set.

    Args:
        name: The set.
        utts: The utterances that there are sounds of.
        dumpdir: Folder of the sets, such as ``dump/raw``.
        utt2spk: File to take instead of the set's ``utt2reader`` or ``utt2spk``.
        gender: File to take instead of the set's ``spk2gender``.

    Raises:
        ProbeError: If an utterance has no speaker, or a file is broken.
    """
    folder = dumpdir / name
    if utt2spk is None:
        # As probe.sh: utt2reader, where LibriSpeech's speakers are readers' chapters.
        known = [folder / "utt2reader", folder / "utt2spk"]
        utt2spk = next((path for path in known if path.is_file()), known[-1])
    speakers = score_files.read_full_table(utt2spk, "utterance and speaker")
    lacking = [utt for utt in utts if utt not in speakers]
    if lacking:
        raise ProbeError(
            f"{utt2spk} lacks {len(lacking)} of the {len(utts)} utterances of {name}, "
            f"such as {lacking[0]}; give the right file with --utt2spk"
        )
    genders: Dict[str, str] = {}
    if gender is None and (folder / "spk2gender").is_file():
        gender = folder / "spk2gender"
    if gender is not None:
        genders = score_files.read_full_table(gender, "speaker and gender")
    texts: Dict[str, str] = {}
    if (folder / "text").is_file():
        texts = score_files.read_table(folder / "text", "utterance and text")
    return Speech({utt: speakers[utt] for utt in utts}, genders, texts)
