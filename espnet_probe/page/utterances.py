"""The utterances of a page: sounds, pictures and texts of every model and condition."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from tqdm import tqdm

from espnet_probe.errors import ProbeError
from espnet_probe.features.log_mel import LogMelConfig
from espnet_probe.page import pictures, sounds
from espnet_probe.page.assets import AUDIO, PICTURES, Assets
from espnet_probe.page.choice import choose, shared
from espnet_probe.page.conditions import Condition
from espnet_probe.page.drafts import NATURAL, NOISY, ORACLE, Draft, drafts_of
from espnet_probe.page.experiments import Experiment
from espnet_probe.page.mel_files import MelFiles
from espnet_probe.page.unit_tables import UnitTables, rounded
from espnet_probe.report.mels import RANGE_DB, Mel, colour_limits, sound_mel
from espnet_probe.report.speaker_map import speakers_of
from espnet_probe.scores.residual_noise import noise_kept
from espnet_probe.study.mel_example import read_config

Entry = Dict[str, Any]
#: What the recordings are, or what probes aimed at: their colours are everybody's.
AIMS = (NATURAL, NOISY, ORACLE)


@dataclass(frozen=True)
class Choice:
    """What is shown of the utterances.

    Attributes:
        number: How many of each clean set, with its noisy copies.
        audio_format: A key of :data:`espnet_probe.page.sounds.FORMATS`.
        dumpdir: Where the sets' ``text`` files are.
    """

    number: int = 8
    audio_format: str = "flac"
    dumpdir: Path = Path("dump/raw")


class UtteranceMaker:
    """Makes the entries of utterances and writes their files.

    Attributes:
        notes: What is missing as a whole, in words.
    """

    def __init__(self, assets: Assets, files: MelFiles, choice: Choice) -> None:
        """Take what all utterances need.

        Args:
            assets: Takes sounds and pictures.
            files: Reads the mels.
            choice: What is shown.
        """
        self.assets = assets
        self.files = files
        self.choice = choice
        self.tables = UnitTables()
        self.notes: List[str] = []
        self._unheard: List[str] = []
        self._scps: Dict[Path, sounds.Scp] = {}
        self._configs: Dict[Path, Optional[LogMelConfig]] = {}
        self._bands = 0

    def make(
        self, experiments: Sequence[Experiment], conditions: Sequence[Condition]
    ) -> List[Entry]:
        """Return the utterances of all sets.

        Args:
            experiments: The models.
            conditions: What they heard.
        """
        if self.choice.number < 1:
            self.notes.append("no sounds: none were asked for")
            return []
        bases: Dict[str, List[Condition]] = {}
        for condition in conditions:
            bases.setdefault(condition.base, []).append(condition)
        work: List[Tuple[str, List[Condition]]] = []
        said: Dict[str, Tuple[Mapping[str, str], Mapping[str, str]]] = {}
        for base, own in bases.items():
            drafts = drafts_of(experiments, own)
            ids = self._choose(drafts)
            if not ids:
                self.notes.append(f"{base}: no sounds, no row has a wav.scp")
                continue
            said[base] = self._texts(base, experiments), self._speakers(drafts, ids)
            work += [(utterance, own) for utterance in ids]
        entries: List[Entry] = []
        for utterance, own in tqdm(work, desc="utterances", unit="utt"):
            texts, speakers = said[own[0].base]
            drafts = drafts_of(experiments, own)
            entry = self._utterance(len(entries), utterance, drafts)
            entry["conditions"] = [condition.id for condition in own]
            entry["text"] = texts.get(utterance, entry["text"])
            entry["speaker"] = speakers.get(utterance)
            for sound in entry["sounds"]:
                # Only what a model was compared with otherwise.
                if sound["said"] == entry["text"]:
                    sound["said"] = None
            entries.append(entry)
        self.notes += self.tables.notes
        if self._unheard:
            first, number = self._unheard[0], len(self._unheard)
            self.notes.append(f"sounds that are not there: {number}, such as {first}")
        for base, own in bases.items():
            of_base = [e for e in entries if e["conditions"] == [c.id for c in own]]
            if of_base and all(entry["text"] is None for entry in of_base):
                self.notes.append(f"{base}: no transcripts of the utterances found")
        return entries

    def picture_entry(self) -> Entry:
        """Return what the page has to know of the pictures that were made."""
        return {
            "height": self._bands,
            "low": -RANGE_DB,
            "high": 0.0,
            "lost_low": -pictures.LOST_DB,
            "lost_high": pictures.LOST_DB,
            "mel_colours": pictures.colours(pictures.MEL_MAP, pictures.MEL_COLOURS),
            "lost_colours": pictures.colours(pictures.LOST_MAP, pictures.LOST_COLOURS),
        }

    def _scp(self, draft: Draft) -> sounds.Scp:
        path = draft.row.folder / "wav.scp"
        if path not in self._scps:
            self._scps[path] = sounds.Scp(path, draft.experiment.recipe)
            self._say(self._scps[path].problem)
        return self._scps[path]

    def _say(self, problem: str) -> None:
        if problem and problem not in self.notes:
            self.notes.append(problem)

    def _choose(self, drafts: Sequence[Draft]) -> List[str]:
        """Choose utterances that every sound is there of, else every layer's."""
        every = [set(self._scp(draft).entries) for draft in drafts]
        filled = [ids for ids in every if ids]
        if not filled or not set.intersection(*filled):
            # Control experiments may have been reconstructed of other utterances.
            every = [ids for ids, one in zip(every, drafts) if not one.row.control]
        return choose(shared(every), self.choice.number)

    def _texts(self, base: str, experiments: Sequence[Experiment]) -> Mapping[str, str]:
        dump = self.choice.dumpdir / base / "text"
        for path in (dump, *(one.recipe / dump for one in experiments)):
            if path.is_file():
                texts, problem = sounds.read_list(path)
                self._say(problem)
                return texts
        return {}

    def _speakers(self, drafts: Sequence[Draft], ids: Sequence[str]) -> Dict[str, str]:
        first = drafts[0]
        found, _ = speakers_of(first.row.folder.parent, first.experiment.recipe, ids)
        return found or {}

    def _utterance(self, number: int, utterance: str, drafts: List[Draft]) -> Entry:
        name = f"u{number}"
        active: Optional[sounds.Mask] = None
        seconds, reference = None, None
        for draft in drafts:
            try:
                path = self._scp(draft).find(utterance)
                wave, rate = sounds.read_wave(path)
            except (OSError, RuntimeError) as error:
                # soundfile's own errors are RuntimeErrors.
                logging.warning("%s of %s: %s", utterance, draft.row.name, error)
                draft.problems.append(f"no sound: {error}")
                self._unheard.append(f"{draft.row.name} of {utterance}: {error}")
                self._fill(draft, name, utterance, None, None)
                continue
            if active is None:
                # The clean recording comes first; without it the first sound there is.
                active = sounds.active_frames(wave, rate)
                seconds = len(wave) / rate
            content, suffix = sounds.encode(path, wave, rate, self.choice.audio_format)
            stem = f"{name}/{draft.place}"
            address = self.assets.add(content, AUDIO, stem, suffix)
            self._fill(
                draft, name, utterance, address, sounds.level(wave, rate, active)
            )
            if draft.role == ORACLE:
                draft.mel = self._mel_of_sound(draft, wave, rate)
        for draft in drafts:
            self._read_mel(draft, utterance)
            reference = reference or self.tables.reference(draft.row.folder, utterance)
        low, high = self._draw(name, utterance, drafts)
        for draft in drafts:
            draft.entry["note"] = "; ".join(draft.problems)
        return {
            "id": name,
            "name": utterance,
            "text": reference,
            "speaker": None,
            "seconds": rounded(seconds, 3),
            "mel_low": rounded(low),
            "mel_high": rounded(high),
            "sounds": _without_copies([draft.entry for draft in drafts], drafts),
        }

    def _fill(
        self,
        draft: Draft,
        name: str,
        utterance: str,
        address: Optional[str],
        levels: Optional[Tuple[float, float]],
    ) -> None:
        text, errors = self.tables.recognised(draft.row.folder, utterance)
        level, peak = levels or (None, None)
        draft.entry.update(
            id=f"{name}-{draft.place}",
            condition=draft.condition.id,
            role=draft.role,
            model=None if draft.shared else draft.experiment.id,
            layer=draft.layer,
            audio=address,
            level=rounded(level),
            peak=rounded(peak),
            mel=None,
            lost=None,
            noise=None,
            left=None,
            noise_kept=None,
            text=text,
            said=self.tables.reference(draft.row.folder, utterance),
            errors=errors,
            scores=self.tables.scores(draft.row.folder, utterance),
        )

    def _config(self, draft: Draft) -> Optional[LogMelConfig]:
        """Return the settings of a model's mels; None if they are not of this kind."""
        folder = draft.row.folder.parent
        if folder not in self._configs:
            self._configs[folder] = None
            for place in (folder, folder.parent):
                try:
                    self._configs[folder] = read_config(place)
                    break
                except ProbeError:
                    continue
        return self._configs[folder]

    def _mel_of_sound(
        self, draft: Draft, wave: sounds.Wave, rate: int
    ) -> Optional[Mel]:
        config = self._config(draft)
        if config is None or config.fs != rate:
            return None
        return sound_mel(wave, config)

    def _read_mel(self, draft: Draft, utterance: str) -> None:
        """Read the mel of a layer, or of what the model heard."""
        folder = draft.target if draft.shared else draft.row.folder
        try:
            if draft.role != ORACLE and folder is not None:
                draft.mel = self.files.read(folder, utterance)
        except ProbeError as error:
            draft.problems.append(str(error))
        if draft.mel is None:
            draft.problems.append("no mel-spectrogram")

    def _target(self, draft: Draft, utterance: str) -> Optional[Mel]:
        try:
            if draft.target is None:
                return None
            return self.files.read(draft.target, utterance)
        except ProbeError:
            return None  # Said already of the sound that it is the picture of.

    def _draw(
        self, name: str, utterance: str, drafts: Sequence[Draft]
    ) -> Tuple[Optional[float], Optional[float]]:
        """Draw all pictures of an utterance on one scale; return it, in dB."""
        there = {d.place: d.mel for d in drafts if d.mel is not None}
        if not there:
            return None, None
        heard = [d.mel for d in drafts if d.mel is not None and d.role in AIMS]
        low, high = colour_limits(heard or there.values())
        self._bands = max([self._bands, *(mel.shape[1] for mel in there.values())])
        by_place = {_place(draft, draft.condition.id): draft for draft in drafts}
        for draft in drafts:
            if draft.mel is None:
                continue
            stem = f"{name}/{draft.place}"
            picture = pictures.mel_picture(draft.mel, low, high)
            draft.entry["mel"] = self.assets.add(picture, PICTURES, stem, ".png")
            target = self._target(draft, utterance)
            if target is None:
                continue
            if not draft.shared:
                draft.entry["lost"] = self._difference(
                    target, draft.mel, f"{stem}-lost"
                )
            clean = by_place.get(_place(draft, draft.condition.clean or ""))
            if draft.condition.clean is None or draft.role == ORACLE:
                continue
            self._draw_noise(draft, clean, by_place, target, utterance, stem)
        return low * pictures.DB, high * pictures.DB

    def _draw_noise(
        self,
        draft: Draft,
        clean: Optional[Draft],
        by_place: Mapping[Tuple[Any, ...], Draft],
        target: Mel,
        utterance: str,
        stem: str,
    ) -> None:
        """Draw the noise in the input, and what a reconstruction keeps of it."""
        quiet = self._clean_target(draft, by_place, utterance)
        if quiet is None:
            return
        entry = draft.entry
        entry["noise"] = self._difference(target, quiet, f"{stem}-noise")
        if draft.shared or clean is None or clean.mel is None or draft.mel is None:
            return
        entry["left"] = self._difference(draft.mel, clean.mel, f"{stem}-left")
        try:
            kept = noise_kept(quiet, target, clean.mel, draft.mel)
        except ProbeError as error:
            draft.problems.append(str(error))
            return
        entry["noise_kept"] = rounded(kept, 4)

    def _clean_target(
        self, draft: Draft, by_place: Mapping[Tuple[Any, ...], Draft], utterance: str
    ) -> Optional[Mel]:
        """Return the mel of the clean recording, as the model of a sound has it."""
        key = (ORACLE, draft.experiment.id, None, draft.condition.clean)
        oracle = by_place.get(key)
        return None if oracle is None else self._target(oracle, utterance)

    def _difference(self, one: Mel, other: Mel, stem: str) -> Optional[str]:
        if one.shape != other.shape:
            return None
        picture = pictures.difference_picture(one - other)
        return self.assets.add(picture, PICTURES, stem, ".png")


def _place(draft: Draft, condition: str) -> Tuple[Any, ...]:
    """Return what a sound and its clean counterpart have in common."""
    role = NATURAL if draft.role == NOISY else draft.role
    model = None if draft.shared else draft.experiment.id
    return role, model, draft.layer, condition


def _without_copies(entries: List[Entry], drafts: Sequence[Draft]) -> List[Entry]:
    """Let the oracle of a condition stand once, where all models have the same."""
    found: List[Entry] = []
    models = {draft.experiment.id for draft in drafts}
    for entry in entries:
        if entry["role"] != ORACLE or entry["audio"] is None or len(models) < 2:
            found.append(entry)
            continue
        same = [
            one
            for one in entries
            if one["role"] == ORACLE and one["condition"] == entry["condition"]
        ]
        alike = len(same) == len(models) and len({one["audio"] for one in same}) == 1
        if not alike:
            found.append(entry)
        elif entry is same[0]:
            found.append({**entry, "model": None})
    return found
