#!/usr/bin/env python3
"""Make a small English corpus with the voices of espeak-ng.

The voices are those of ``voices.tsv``: an accent (the language) and a variant
(formants, voicing, pitch range). No variant is in two sets. Every voice also has
a pitch and a rate of its own, and every utterance a small deviation from them.

The sentences follow one pattern, NUMBER MANNER COLOUR ANIMAL ACTION, as in
"seven hungry purple tigers dancing". Training utterances are spans of 1-4 words
of such a sentence, because CTC finds its first alignments on short utterances;
test utterances have 4 or 5 words, long enough for STOI, PESQ and verification.

espeak-ng is reached through ctypes: the wheel ``espeakng-loader`` (the extra
``voices``) brings the library and its data. It keeps a state from call to call
that changes the samples, and seeds its breath noise from the clock. So every
utterance is spoken by a fresh child process with a seed of its own: the same
arguments give the same bytes, however often the command has been interrupted.
"""

import argparse
import ctypes
import hashlib
import multiprocessing
import os
import random
import re
import sys
from functools import lru_cache, partial
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

import numpy as np
import soundfile
from scipy.signal import resample_poly
from tqdm import tqdm

from espnet_probe.bin.cli import run
from espnet_probe.errors import ProbeError

SENTENCE: Tuple[Tuple[str, ...], ...] = (
    ("SEVEN", "ELEVEN", "TWENTY", "FIFTEEN"),
    ("LITTLE", "GIANT", "HUNGRY", "ANGRY"),
    ("YELLOW", "PURPLE", "ORANGE", "SILVER"),
    ("MONKEYS", "RABBITS", "ELEPHANTS", "TIGERS"),
    ("DANCING", "WAITING", "SLEEPING", "JUMPING"),
)

#: Words in an utterance, and how often each number of words is drawn.
NUM_WORDS: Dict[str, Dict[int, int]] = {
    "train": {1: 3, 2: 4, 3: 2, 4: 1},
    "dev": {3: 1, 4: 1},
    "test": {4: 1, 5: 1},
}

#: Words per minute and pitch (0-99) of a voice, then the deviations of an utterance.
RATE, RATE_JITTER = (150, 190), 8
PITCH, PITCH_JITTER = (35, 65), 2

#: espeak-ng speaks at 22.05 kHz; 16 kHz is 320/441 of that.
ESPEAK_RATE, TARGET_RATE, UP, DOWN = 22050, 16000, 320, 441

#: Level of every utterance, RMS, 26 dB under full scale: the variants differ by 17 dB.
LEVEL = 10 ** (-26 / 20)

#: RMS of the noise under the utterance, -70 dB of full scale. The synthesiser's
#: pauses would otherwise be digital zeros, which no recording has.
NOISE_RMS = 10 ** (-70 / 20)

# From espeak-ng's speak_lib.h.
AUDIO_OUTPUT_SYNCHRONOUS = 2
PARAMETER_RATE, PARAMETER_PITCH = 1, 3
CHARS_UTF8 = 1

Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Voice(NamedTuple):
    """One line of voices.tsv."""

    set_name: str
    accent: str
    variant: str

    @property
    def speaker(self) -> str:
        """The name in the data folders, such as ``mr_serious``."""
        return re.sub(r"\W", "_", self.variant.lower())


class Utterance(NamedTuple):
    """What is said, and how."""

    utt: str
    voice: Voice
    words: Tuple[str, ...]
    rate: int
    pitch: int

    @property
    def file_name(self) -> str:
        """The audio's name; its digest keeps old audio from answering new settings."""
        digest = hashlib.sha256(repr(self).encode()).hexdigest()[:8]
        return f"{self.voice.set_name}/{self.utt}_{digest}.flac"


def read_voices(path: Path) -> List[Voice]:
    """Read the table of voices.

    Raises:
        ProbeError: If a line is malformed or a variant comes twice.
    """
    voices: List[Voice] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 3 or fields[0] not in NUM_WORDS:
            raise ProbeError(f"{path}: expected 'set<TAB>accent<TAB>variant': {line}")
        voice = Voice(*fields)
        if any(voice.speaker == other.speaker for other in voices):
            raise ProbeError(f"{path}: the variant {voice.variant} comes twice")
        voices.append(voice)
    return voices


def plan(voice: Voice, count: int, seed: int) -> List[Utterance]:
    """Decide what a voice says; nothing depends on the other voices."""
    own = random.Random(f"{seed}-{voice.speaker}")
    rate, pitch = own.randint(*RATE), own.randint(*PITCH)
    sizes = NUM_WORDS[voice.set_name]
    utterances = []
    for index in range(count):
        utt = f"{voice.speaker}-{index:03d}"
        rng = random.Random(f"{seed}-{utt}")
        size = rng.choices(list(sizes), list(sizes.values()))[0]
        start = rng.randint(0, len(SENTENCE) - size)
        words = tuple(rng.choice(slot) for slot in SENTENCE[start : start + size])
        utterances.append(
            Utterance(
                utt,
                voice,
                words,
                rate + rng.randint(-RATE_JITTER, RATE_JITTER),
                pitch + rng.randint(-PITCH_JITTER, PITCH_JITTER),
            )
        )
    return utterances


@lru_cache(maxsize=None)
def load_espeak(espeak_data: Optional[Path] = None) -> ctypes.CDLL:
    """Load and start espeak-ng, once; forked children inherit it.

    Args:
        espeak_data: The folder ``espeak-ng-data`` to take the voices from; the
            wheel's own by default.

    Raises:
        ProbeError: If the wheel is absent or the library does not start.
    """
    try:
        import espeakng_loader
    except ImportError as error:
        raise ProbeError(
            "espeakng-loader is not installed: pip install 'espnet_probe[voices]'"
        ) from error
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeak_data or Path(espeakng_loader.get_data_path())
    parent = str(data.absolute().parent)
    rate = library.espeak_Initialize(
        AUDIO_OUTPUT_SYNCHRONOUS, 0, os.fsencode(parent), 0
    )
    if rate != ESPEAK_RATE:
        raise ProbeError(f"espeak-ng: expected {ESPEAK_RATE} Hz, it answered {rate}")
    return library


def check_variants(voices: Iterable[Voice], espeak_data: Optional[Path] = None) -> None:
    """Check that the variants exist: espeak-ng passes over an unknown one in silence.

    Raises:
        ProbeError: Listing those that do not.
    """
    import espeakng_loader

    folder = espeak_data or Path(espeakng_loader.get_data_path())
    folder = folder / "voices" / "!v"
    unknown = {v.variant for v in voices if not (folder / v.variant).is_file()}
    if unknown:
        raise ProbeError(
            f"espeak-ng has no voice variant {', '.join(sorted(unknown))}: "
            "correct voices.tsv"
        )


def synthesise(utterance: Utterance, espeak_data: Optional[Path] = None) -> np.ndarray:
    """Speak one utterance and return it at 16 kHz.

    Raises:
        ProbeError: If espeak-ng does not know the voice or says nothing.
    """
    library = load_espeak(espeak_data)
    parts: List[np.ndarray] = []

    def receive(wav: "ctypes._Pointer[ctypes.c_short]", count: int, _: int) -> int:
        if wav and count > 0:
            parts.append(np.ctypeslib.as_array(wav, (count,)).copy())
        return 0

    callback = Callback(receive)
    library.espeak_SetSynthCallback(callback)
    name = f"{utterance.voice.accent}+{utterance.voice.variant}"
    if library.espeak_SetVoiceByName(name.encode()) != 0:
        raise ProbeError(f"espeak-ng does not speak {name}: correct voices.tsv")
    rng = random.Random(f"samples-{utterance.utt}")
    library.espeak_ng_SetRandSeed(ctypes.c_long(rng.getrandbits(31)))
    library.espeak_SetParameter(PARAMETER_RATE, utterance.rate, 0)
    library.espeak_SetParameter(PARAMETER_PITCH, utterance.pitch, 0)
    text = " ".join(utterance.words).lower().encode()
    library.espeak_Synth(text, len(text) + 1, 0, 0, 0, CHARS_UTF8, None, None)
    if not parts or not np.any(parts[0]):
        raise ProbeError(f"espeak-ng said nothing for {utterance.utt} ({name})")
    speech = resample_poly(np.concatenate(parts) / 2**15, UP, DOWN)
    speech *= LEVEL / np.sqrt(np.mean(speech**2))
    noise = np.random.default_rng(rng.getrandbits(64)).standard_normal(len(speech))
    speech += NOISE_RMS * noise
    return np.asarray(np.clip(speech, -1.0, 1.0 - 2**-15))


def make_audio(
    audio_dir: Path, espeak_data: Optional[Path], utterance: Utterance
) -> str:
    """Write one utterance as 16-bit FLAC, under a temporary name first.

    Returns:
        An error message, or nothing.
    """
    try:
        samples = synthesise(utterance, espeak_data)
    except ProbeError as error:
        return str(error)
    path = audio_dir / utterance.file_name
    temporary = path.with_name(f".{path.name}.tmp")
    soundfile.write(temporary, samples, TARGET_RATE, "PCM_16", format="FLAC")
    os.replace(temporary, path)
    return ""


def make_all(
    utterances: List[Utterance],
    audio_dir: Path,
    nj: int,
    espeak_data: Optional[Path] = None,
) -> None:
    """Speak what is not there yet, each utterance in a child of its own.

    Raises:
        ProbeError: If an utterance could not be spoken.
    """
    missing = [u for u in utterances if not (audio_dir / u.file_name).exists()]
    if not missing:
        return
    for name in {utterance.voice.set_name for utterance in missing}:
        (audio_dir / name).mkdir(parents=True, exist_ok=True)
    load_espeak(espeak_data)
    check_variants((utterance.voice for utterance in missing), espeak_data)
    context = multiprocessing.get_context("fork")
    with context.Pool(nj, maxtasksperchild=1) as pool:
        job = partial(make_audio, audio_dir, espeak_data)
        answers = pool.imap_unordered(job, missing, chunksize=1)
        for answer in tqdm(answers, desc="voices", total=len(missing)):
            if answer:
                raise ProbeError(answer)


def write_tables(folder: Path, audio_dir: Path, utterances: List[Utterance]) -> None:
    """Write wav.scp, text, utt2spk and utt2reader, sorted in C order."""
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(utterances, key=lambda utterance: utterance.utt)
    tables = {
        "wav.scp": [f"{u.utt} {audio_dir / u.file_name}" for u in ordered],
        "text": [f"{u.utt} {' '.join(u.words)}" for u in ordered],
        "utt2spk": [f"{u.utt} {u.voice.speaker}" for u in ordered],
        "utt2reader": [f"{u.utt} {u.voice.speaker}" for u in ordered],
    }
    for name, lines in tables.items():
        temporary = folder / f".{name}.tmp"
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
        os.replace(temporary, folder / name)


def get_parser() -> argparse.ArgumentParser:
    """Return the command's argument parser."""
    parser = argparse.ArgumentParser(
        description="Make data folders of utterances spoken by espeak-ng voices.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    here = Path(__file__).resolve().parent
    parser.add_argument(
        "--voices", type=Path, default=here / "voices.tsv", help="table of voices"
    )
    parser.add_argument("--data_dir", type=Path, default=Path("data"), help="output")
    parser.add_argument(
        "--audio_dir", type=Path, default=Path("data/audio"), help="output, audio"
    )
    parser.add_argument("--suffix", default="", help="what the sets' names end with")
    for name, count in (("train", 40), ("dev", 16), ("test", 6)):
        parser.add_argument(
            f"--{name}_utts", type=int, default=count, help=f"a {name} voice says"
        )
    parser.add_argument("--nj", type=int, default=2, help="parallel processes")
    parser.add_argument("--seed", type=int, default=0, help="seed")
    return parser


def main() -> None:
    """Run the command."""
    args = get_parser().parse_args()
    utterances: Dict[str, List[Utterance]] = {name: [] for name in NUM_WORDS}
    for voice in read_voices(args.voices):
        count = getattr(args, f"{voice.set_name}_utts")
        utterances[voice.set_name] += plan(voice, count, args.seed)
    everything = [u for group in utterances.values() for u in group]
    make_all(everything, args.audio_dir, args.nj)
    for name, group in utterances.items():
        write_tables(args.data_dir / f"{name}{args.suffix}", args.audio_dir, group)


if __name__ == "__main__":
    sys.exit(run(lambda _: main()))
