#!/usr/bin/env python3
"""Make the speakers of this recipe with espeak-ng: many to learn from, others to test.

- train: the 29 training voices of ``../../probe1/local/voices_study.tsv``, and voices
  that are drawn here: variants with formants, pitch and voicing of their own, which
  no release of espeak-ng has;
- dev: the 5 development voices of that table, and more drawn ones;
- test: the 40 test voices of that table with the sentences of that recipe, to the
  byte. No drawn voice is in it, and no voice of it in train or dev;
- test_words: the same 40 voices with random words, as train and dev have them. Here
  what is said does not help.

Training voices say random words, so that what tells them apart is not what they say.
The programs of ``../../probe1/local/make_voices.py`` speak; the same arguments give the
same bytes, and a run that was interrupted goes on.
"""

import argparse
import random
import shutil
import sys
from pathlib import Path
from typing import Dict, List, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "probe1" / "local"))

from make_voices import (  # noqa: E402
    PITCH_JITTER,
    RATE,
    RATE_JITTER,
    Utterance,
    Voice,
    make_all,
    plan,
    read_voices,
    write_tables,
)

from espnet_probe.bin.cli import run  # noqa: E402
from espnet_probe.errors import ProbeError  # noqa: E402

SETS = ("train", "dev", "test", "test_words")
ACCENTS = ("en-us", "en", "en-gb-scotland", "en-029", "en-gb-x-rp")

#: Words of all sets but test, whose sentences have others.
WORDS = (
    "ABOUT AFTER AGAIN ALWAYS ANSWER APPLE AUTUMN BASKET BEFORE BETTER BOTTLE "
    "BRIDGE BROTHER BUTTER CASTLE CHAIR CHEESE CHURCH CIRCLE CLOUD COFFEE COPPER "
    "COTTON COUSIN DAUGHTER DESERT DOCTOR DOOR DRAGON EARLY EIGHT ENGINE EVENING "
    "FATHER FEATHER FINGER FISH FLOWER FOREST FRIDAY GARDEN GENTLE GHOST GLASS "
    "GREEN HAMMER HARBOUR HEAVY HONEY HOUSE ICE ISLAND JACKET JOURNEY JUDGE KETTLE "
    "KITCHEN KNIFE LADDER LEMON LETTER LIGHT MARKET MEADOW MIRROR MONEY MORNING "
    "MOTHER MOUNTAIN MUSIC NEEDLE NIGHT NOISE NUMBER OCEAN OFTEN ONION OYSTER PAPER "
    "PEPPER PICTURE PILLOW POCKET PUZZLE QUEEN QUIET RAIN READY RIVER ROUND SAILOR "
    "SCHOOL SHADOW SHEEP SHOULDER SISTER SMALL SMOKE SNOW SPIDER STONE SUGAR SUMMER "
    "TABLE TEACHER THIRTY THUNDER TOMORROW TOWER TRAVEL UNDER VALLEY VELVET VILLAGE "
    "WATER WHISTLE WINDOW WINTER WOMAN WOOD WORLD YELLOW YESTERDAY YOUNG"
).split()
#: Words in an utterance: 1 to 3 seconds.
NUM_WORDS = (4, 7)

#: espeak-ng's list has room for so many beside English's family of languages.
MOST_VOICES = 320

#: Setting of espeak-ng's pitch (0-99) of a voice; a variant has its own range in Hz.
PITCH = (30, 70)


def draw_variant(name: str, seed: int) -> str:
    """Draw a voice variant, in the form of espeak-ng's files in ``voices/!v``.

    A throat's length scales all formants; each one deviates from that in frequency,
    strength and width, all in percent of the accent's own. The lowest and the highest
    pitch are in Hz.
    """
    rng = random.Random(f"variant-{seed}-{name}")
    low = rng.uniform(65, 185)
    throat = 85 + 32 * (low - 65) / 120 + rng.uniform(-9, 9)
    lines = ["language variant", f"name {name}", ""]
    lines.append(f"pitch {low:.0f} {low * rng.uniform(1.15, 1.7):.0f}")
    lines.append(f"flutter {rng.randint(0, 8)}")
    lines.append(f"roughness {rng.choice((0, 0, 1, 2, 3))}")
    lines.append(f"voicing {rng.randint(85, 130)}")
    lines.append(f"consonants {rng.randint(60, 115)} {rng.randint(70, 115)}")
    tilt = rng.uniform(-7, 5)
    for number in range(6):
        frequency = throat * rng.uniform(0.93, 1.07)
        strength = 100 + tilt * number + rng.uniform(-20, 20)
        width = rng.uniform(60, 160)
        lines.append(f"formant {number} {frequency:.0f} {strength:.0f} {width:.0f}")
    return "\n".join(lines) + "\n"


def make_espeak_data(
    folder: Path, voices: Sequence[Voice], variants: Dict[str, str]
) -> Path:
    """Make a folder like espeak-ng's own, with more variants in it.

    What is not a variant is linked. Of the languages it has English's family only, and
    of espeak-ng's variants those that are used, because espeak-ng lists no more than
    350 voices and does not find the others.

    Args:
        folder: Where; it is named ``espeak-ng-data``, as espeak-ng wants it.
        voices: All voices.
        variants: What the files of the drawn ones hold, by name.

    Returns:
        The folder.

    Raises:
        ProbeError: If espeak-ng is not installed, or these are too many voices.
    """
    try:
        import espeakng_loader
    except ImportError as error:
        raise ProbeError(
            "espeakng-loader is not installed: pip install 'espnet_probe[voices]'"
        ) from error
    if len(voices) > MOST_VOICES:
        raise ProbeError(
            f"{len(voices)} voices: espeak-ng finds no more than {MOST_VOICES} beside "
            "its languages; draw fewer"
        )
    source = Path(espeakng_loader.get_data_path())
    folder = folder / "espeak-ng-data"
    # Links and small files: what an earlier call left may be of other voices.
    shutil.rmtree(folder, ignore_errors=True)
    own = folder / "voices" / "!v"
    own.mkdir(parents=True)
    (folder / "lang").mkdir()
    shared = [path for path in source.iterdir() if path.name not in ("voices", "lang")]
    shared.append(source / "lang" / "gmw")
    for voice in voices:
        path = source / "voices" / "!v" / voice.variant
        if voice.variant in variants:
            text = variants[voice.variant]
            (own / voice.variant).write_text(text, encoding="utf-8")
        elif path.exists():
            shared.append(path)
    for there in shared:
        (folder / there.relative_to(source)).symlink_to(there)
    return folder


def plan_words(voice: Voice, count: int, seed: int) -> List[Utterance]:
    """Decide which random words a voice says; nothing depends on other voices."""
    own = random.Random(f"words-{seed}-{voice.speaker}")
    rate, pitch = own.randint(*RATE), own.randint(*PITCH)
    utterances = []
    for index in range(count):
        utt = f"{voice.speaker}-{index:03d}"
        rng = random.Random(f"words-{seed}-{utt}")
        words = tuple(rng.choice(WORDS) for _ in range(rng.randint(*NUM_WORDS)))
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


def get_parser() -> argparse.ArgumentParser:
    """Return the command's argument parser."""
    parser = argparse.ArgumentParser(
        description="Make data folders of speakers with espeak-ng.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    table = Path(__file__).resolve().parents[2] / "probe1/local/voices_study.tsv"
    parser.add_argument("--voices", type=Path, default=table, help="table of voices")
    parser.add_argument("--data_dir", type=Path, default=Path("data"), help="output")
    for name, drawn, utts in (("train", 220, 7), ("dev", 15, 6), ("test", 0, 8)):
        if drawn:
            parser.add_argument(
                f"--{name}_drawn", type=int, default=drawn, help="voices to draw"
            )
        parser.add_argument(
            f"--{name}_utts", type=int, default=utts, help=f"a {name} voice says"
        )
    parser.add_argument("--nj", type=int, default=2, help="parallel processes")
    parser.add_argument("--seed", type=int, default=0, help="seed")
    return parser


def plan_all(
    voices: Sequence[Voice], args: argparse.Namespace
) -> Dict[str, List[Utterance]]:
    """Decide what all voices of all sets say."""
    utterances: Dict[str, List[Utterance]] = {name: [] for name in SETS}
    for voice in voices:
        count = getattr(args, f"{voice.set_name}_utts")
        if voice.set_name == "test":
            utterances["test"] += plan(voice, count, args.seed)
            voice = voice._replace(set_name="test_words")
        utterances[voice.set_name] += plan_words(voice, count, args.seed)
    return utterances


def main() -> None:
    """Run the command."""
    args = get_parser().parse_args()
    voices = read_voices(args.voices)
    variants = {}
    for set_name in ("train", "dev"):
        for number in range(getattr(args, f"{set_name}_drawn")):
            # The seed is in the name, so that no old sound passes for another voice.
            name = f"drawn{args.seed}{set_name}{number:03d}"
            variants[name] = draw_variant(name, args.seed)
            accent = random.Random(f"accent-{name}").choice(ACCENTS)
            voices.append(Voice(set_name, accent, name))
    utterances = plan_all(voices, args)
    everything = [u for group in utterances.values() for u in group]
    audio_dir = args.data_dir / "audio"
    data = make_espeak_data(args.data_dir, voices, variants)
    make_all(everything, audio_dir, args.nj, data)
    for name, group in utterances.items():
        write_tables(args.data_dir / name, audio_dir, group)


if __name__ == "__main__":
    sys.exit(run(lambda _: main()))
