"""One noisy utterance as a study's models reconstruct it: which one, and its mels."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

import yaml

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.report.mels import Mel
from espnet_probe.report.speaker_map import scored_with
from espnet_probe.report.unit_scores import read_units
from espnet_probe.report.values import finite
from espnet_probe.scores.residual_noise import noise_kept
from espnet_probe.study.mels import ORACLE, read_index

#: Seconds: of several utterances that would do, the one nearest to it is shown.
LENGTH = 3.0
#: Rows of pictures at most, where the layers are not those of the paper.
MAX_LAYERS = 6
#: The noise that is easiest to see and hear, first; the paper shows a piano.
PREFERRED = "piano"

Record = Mapping[str, Any]


class Panel(NamedTuple):
    """A picture and the numbers beside it.

    Attributes:
        mel: ``(frames, n_mels)``, natural-log mel.
        scores: By name, in the order in which they are shown.
    """

    mel: Mel
    scores: Mapping[str, float]


@dataclass(frozen=True)
class MelExample:
    """What the figure of one architecture shows.

    Attributes:
        utterance: Its id.
        name: The noisy set.
        noise: The noise in words, such as ``music (piano-walk_3), 10 dB SNR``.
        config: The settings of the mels.
        clean: The mel of the clean recording.
        noisy: The mel of the noisy one, with its STOI.
        reconstructions: By layer and training.
    """

    utterance: str
    name: str
    noise: str
    config: LogMelConfig
    clean: Panel
    noisy: Panel
    reconstructions: Mapping[Tuple[str, str], Panel] = field(default_factory=dict)


def read_records(reconstruct: Path, name: str) -> Dict[str, Record]:
    """Read how the utterances of a noisy set were mixed, by utterance.

    ``noise.jsonl`` is looked for where the recipe has the set: in ``dump/raw`` and
    ``data``, and in the folder whose speakers the scores name.

    Args:
        reconstruct: A model's ``reconstruct_<tag>``.
        name: The set.

    Returns:
        The records; none if there is no such file.

    Raises:
        ProbeError: If the file holds something else.
    """
    recipe = reconstruct.resolve().parents[2]
    folders = [recipe / "dump" / "raw" / name, recipe / "data" / name]
    for said in scored_with(reconstruct / name):
        folders += [recipe / Path(said).parent, Path(said).parent]
    path = next((one / "noise.jsonl" for one in folders if _has_records(one)), None)
    if path is None:
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        records = [_record(line) for line in lines if line.strip()]
        return {str(record["utt_id"]): record for record in records}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProbeError(
            f"{path} cannot be read as records of noise ({error}); mix it again"
        ) from error


def _record(line: str) -> Record:
    record: Record = json.loads(line)
    snr = record.get("snr")
    if not isinstance(record.get("files", []), list):
        raise TypeError(f"files is {record['files']!r}, expected a list")
    if snr is not None and finite(snr) is None:
        raise TypeError(f"snr is {snr!r}, expected a number or null")
    return record


def _has_records(folder: Path) -> bool:
    return (folder / "noise.jsonl").is_file()


def noise_text(record: Optional[Record], condition: str) -> str:
    """Say in words what was mixed into an utterance.

    Args:
        record: Its record; None if it is not known.
        condition: Such as ``snr10``, for want of a record.
    """
    if record is None:
        return f"{condition[3:]} dB SNR"
    files = [Path(str(one)).stem for one in record.get("files", [])]
    source = str(record.get("source", "noise"))
    if source == "babble":
        what = f"babble of {len(files)} voices"
    else:
        what = f"{source} ({', '.join(files)})" if files else source
    snr = record.get("snr", condition[3:])
    if snr is None:
        return "no noise, since the speech is silent"
    return f"{what}, {float(snr):g} dB SNR"


def choose_condition(conditions: Sequence[str], wanted: Optional[str]) -> str:
    """Choose the noisy condition: 10 dB if it is there, else the loudest noise.

    Args:
        conditions: Those that there are, noisy ones only.
        wanted: The one to take.

    Raises:
        ProbeError: If the wanted one is not there.
    """
    if wanted is not None and wanted not in conditions:
        have = ", ".join(conditions) or "none"
        raise ProbeError(f"--mel_condition {wanted}: not there; expected one of {have}")
    if wanted is not None:
        return wanted
    if "snr10" in conditions:
        return "snr10"
    return min(conditions, key=lambda one: float(one[3:]))


def choose_utterance(
    seconds: Mapping[str, float],
    records: Mapping[str, Record],
    wanted: Optional[str] = None,
) -> str:
    """Choose the utterance to show: the same for all models and in every report.

    One with a piano in its noise if there is one, else with music, else with noise,
    else any; among these the one whose length is nearest to :data:`LENGTH`.

    Args:
        seconds: The lengths of the utterances that all models have.
        records: How they were mixed; may lack some.
        wanted: The one to take.

    Raises:
        ProbeError: If the wanted one is not there, or there is none at all.
    """
    if not seconds:
        raise ProbeError("no utterance was reconstructed by all models")
    if wanted is not None:
        if wanted not in seconds:
            raise ProbeError(
                f"--mel_utterance {wanted}: not reconstructed by all models; expected "
                f"one of {len(seconds)}, such as {min(seconds)}"
            )
        return wanted

    def rank(utt: str) -> Tuple[int, float, str]:
        record = records.get(utt, {})
        names = " ".join(str(one) for one in record.get("files", [])).lower()
        kinds = ("music", "noise")
        source = record.get("source")
        place = 1 + (kinds.index(source) if source in kinds else len(kinds))
        near = abs(seconds[utt] - LENGTH)
        return (0 if PREFERRED in names else place, near, utt)

    return min(seconds, key=rank)


def common_utterances(
    folders: Sequence[Tuple[Path, Sequence[str]]], sets: Sequence[str]
) -> Set[str]:
    """Return the utterances of which every model has every mel.

    Args:
        folders: Of each model its ``reconstruct_<tag>`` and its layers.
        sets: The clean set and the noisy one; of the clean set only the input counts.
    """
    scps = [
        folder / name / ORACLE / "feats.scp" for folder, _ in folders for name in sets
    ]
    scps += [
        folder / sets[-1] / layer / "feats.scp"
        for folder, layers in folders
        for layer in layers
    ]
    if not scps or not all(scp.is_file() for scp in scps):
        return set()
    return set.intersection(*(set(read_index(scp)) for scp in scps))


def read_config(folder: Path) -> LogMelConfig:
    """Read ``mel.yaml``, the settings of the mels of a set.

    Args:
        folder: ``reconstruct_<tag>/<set>``.

    Raises:
        ProbeError: If it is missing or broken.
    """
    path = folder / "mel.yaml"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        return LogMelConfig.from_dict(values)
    except (OSError, TypeError, yaml.YAMLError) as error:
        raise ProbeError(
            f"{path} cannot be read ({error}); reconstruct again (stage 8)"
        ) from error


def read_frames(folder: Path) -> Dict[str, int]:
    """Read the frames of each utterance from a layer's ``l1.csv``.

    Args:
        folder: ``reconstruct_<tag>/<set>/<layer>``.
    """
    return {utt: int(n) for utt, n in _column(folder / "l1.csv", "frames").items()}


def _column(path: Path, name: str) -> Dict[str, float]:
    """Read a column of numbers by utterance; empty if there is no such table."""
    return read_units(path, name) if path.is_file() else {}


def read_mel(folder: Path, utterance: str) -> Optional[Mel]:
    """Read the mel of an utterance from a layer's or control's folder.

    Args:
        folder: ``reconstruct_<tag>/<set>/<layer>``.
        utterance: Its id.

    Returns:
        ``(frames, n_mels)``; None if it is not there.

    Raises:
        ProbeError: If the ark cannot be read.
    """
    from omniio import kaldi

    scp = folder / "feats.scp"
    place = read_index(scp).get(utterance) if scp.is_file() else None
    if place is None:
        return None
    try:
        mel: Mel = kaldi.load_mat(place)
    except (OSError, ValueError, kaldi.ReadError) as error:
        raise ProbeError(
            f"{scp}: {utterance}: a mel cannot be read ({error}); reconstruct again"
        ) from error
    return mel


def pick_layers(layers: Sequence[str], paper: Sequence[str]) -> List[str]:
    """Return the layers that get a picture: the paper's, or some evenly apart.

    Args:
        layers: All, in network order.
        paper: Those of the paper, for this kind of network.
    """
    if set(paper) <= set(layers):
        return [layer for layer in layers if layer in paper]
    if len(layers) <= MAX_LAYERS:
        return list(layers)
    last = len(layers) - 1
    places = [round(i * last / (MAX_LAYERS - 1)) for i in range(MAX_LAYERS)]
    return [layers[place] for place in places]


def read_example(
    folders: Mapping[str, Path],
    sets: Tuple[str, str],
    layers: Sequence[str],
    utterance: str,
    noise: str,
) -> MelExample:
    """Read the mels of one utterance from all models of an architecture.

    Args:
        folders: ``reconstruct_<tag>`` by training.
        sets: The clean set and the noisy one.
        layers: The layers to show.
        utterance: Its id.
        noise: What is said of the noise.

    Raises:
        ProbeError: If a mel is missing or cannot be read, or mels do not fit.
    """
    clean_set, noisy_set = sets
    first = next(iter(folders.values()))
    inputs = [read_mel(first / name / ORACLE, utterance) for name in sets]
    clean, noisy = (_needed(mel, first, utterance) for mel in inputs)
    shown: Dict[Tuple[str, str], Panel] = {}
    for training, folder in folders.items():
        for layer in layers:
            row = folder / noisy_set / layer
            mel = _needed(read_mel(row, utterance), row, utterance)
            scores = _scores(row, utterance)
            quiet = read_mel(folder / clean_set / layer, utterance)
            if quiet is not None:
                kept = noise_kept(clean, noisy, quiet, mel)
                if kept is not None:
                    scores["noise kept"] = kept
            shown[layer, training] = Panel(mel, scores)
    heard = _scores(first / noisy_set / "natural", utterance)
    config = read_config(first / noisy_set)
    return MelExample(
        utterance,
        noisy_set,
        noise,
        config,
        Panel(clean, {}),
        Panel(noisy, heard),
        shown,
    )


def _needed(mel: Optional[Mel], folder: Path, utterance: str) -> Mel:
    if mel is None:
        raise ProbeError(f"{folder}: no mel of {utterance}; reconstruct it (stage 8)")
    return mel


def _scores(folder: Path, utterance: str) -> Dict[str, float]:
    found = {}
    for name, table, column in (("L1", "l1", "l1"), ("STOI", "quality", "stoi")):
        value = _column(folder / f"{table}.csv", column).get(utterance)
        if value is not None:
            found[name] = value
    return found
