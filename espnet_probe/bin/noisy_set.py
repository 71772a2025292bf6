"""The tables of a noisy set, made from those of the clean set."""

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

from espnet_probe.bin.score_files import read_full_table, read_table, written_whole
from espnet_probe.errors import ProbeError

#: Tables that have a line for each utterance, besides ``wav.scp``.
UTTERANCE_TABLES = ("utt2spk", "text", "utt2reader", "utt2lang")
#: Tables that have a line for each speaker, besides ``spk2utt``.
SPEAKER_TABLES = ("spk2gender",)


class CleanSet:
    """A Kaldi data folder of whole files, checked.

    Args:
        directory: The folder.
        suffix: What the ids of the noisy copies get at their end.

    Raises:
        ProbeError: If it has segments, if a table is missing or has other utterances,
            or if the ids of the copies would break the order by speaker.
    """

    def __init__(self, directory: Path, suffix: str) -> None:
        self.directory = directory
        self.suffix = suffix
        if (directory / "segments").is_file():
            raise ProbeError(
                f"{directory} has segments: expected one audio file an utterance: cut "
                "it first (stage 3 of probe.sh), and give the result as --data_dir"
            )
        self.sounds = read_full_table(directory / "wav.scp", "utterance and file")
        self.utts = sorted(self.sounds)
        self.tables: Dict[str, Dict[str, str]] = {}
        for name in UTTERANCE_TABLES:
            if name == "utt2spk" or (directory / name).is_file():
                table = read_table(directory / name, "utterance and value")
                missing = [utt for utt in self.utts if utt not in table]
                if missing:
                    raise ProbeError(
                        f"{directory / name} lacks {len(missing)} utterances of "
                        f"wav.scp, such as {missing[0]}: run utils/fix_data_dir.sh"
                    )
                self.tables[name] = table
        self._check_ids()

    def _check_ids(self) -> None:
        if not self.suffix:
            return
        speakers = self.tables["utt2spk"]
        both = {utt: speakers[utt] for utt in self.utts}
        for utt in self.utts:
            if utt + self.suffix in both:
                raise ProbeError(
                    f"{self.directory} has {utt} and {utt + self.suffix}: choose "
                    "another --suffix"
                )
            both[utt + self.suffix] = speakers[utt]
        ordered = [both[utt] for utt in sorted(both)]
        if ordered != sorted(ordered):
            raise ProbeError(
                f"{self.directory}: ids with '{self.suffix}' at their end do not sort "
                "by speaker: expected ids that begin with the speaker's"
            )

    def write_noisy(
        self, directory: Path, records: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write the folder of the noisy set; ``wav.scp`` comes last.

        Args:
            directory: The folder, where the sounds are already.
            records: What was mixed, for each utterance, with ``utt_id`` (of the noisy
                one), ``clean`` (its original) and ``wav`` (its file).
        """
        utts = {str(record["utt_id"]): str(record["clean"]) for record in records}
        utts = dict(sorted(utts.items()))
        for name, table in self.tables.items():
            _write_lines(
                directory / name, [f"{utt} {table[utts[utt]]}".rstrip() for utt in utts]
            )
        speakers: Dict[str, List[str]] = {}
        for utt, clean in utts.items():
            speakers.setdefault(self.tables["utt2spk"][clean], []).append(utt)
        _write_lines(
            directory / "spk2utt",
            [
                f"{speaker} {' '.join(speakers[speaker])}"
                for speaker in sorted(speakers)
            ],
        )
        for name in SPEAKER_TABLES:
            if (self.directory / name).is_file():
                table = read_table(self.directory / name, "speaker and value")
                lines = [f"{s} {table[s]}" for s in sorted(speakers) if s in table]
                _write_lines(directory / name, lines)
        ordered = sorted(records, key=lambda record: str(record["utt_id"]))
        _write_lines(
            directory / "noise.jsonl",
            [
                json.dumps({k: v for k, v in record.items() if k != "wav"})
                for record in ordered
            ],
        )
        _write_lines(
            directory / "wav.scp", [f"{r['utt_id']} {r['wav']}" for r in ordered]
        )


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    with written_whole(path) as part:
        part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
