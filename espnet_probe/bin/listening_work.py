"""The work of make_listening_test: choose, check, measure, score, write."""

import argparse
import datetime
import logging
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import soundfile

from espnet_probe.bin import score_files
from espnet_probe.bin.listening_scores import (
    describe,
    ease_of,
    load_embedders,
    score_items,
)
from espnet_probe.bin.listening_sources import (
    CLEAN,
    NATURAL,
    Source,
    Speech,
    common_utterances,
    find_sources,
    read_speech,
)
from espnet_probe.errors import ProbeError
from espnet_probe.listening.key_format import Item, Key, read_key
from espnet_probe.listening.page import SOUNDS, Page, check_address, render
from espnet_probe.listening.secret import SETTING, Secret
from espnet_probe.listening.sheets import (
    Place,
    Plan,
    draw_attention,
    draw_trials,
    lay_out,
)
from espnet_probe.listening.sounds import (
    LOW_DBFS,
    common_level,
    measure,
    write_sounds,
)
from espnet_probe.listening.triplets import Pool

#: What an item takes: its sounds once and a part of them again, and to answer.
PLAYED, ANSWERING = 1.3, 5.0
FEWEST, MOST = 12, 60
#: One item in so many is an attention check, and one a repeat.
SHARE = 12
DEFAULT_EMBEDDERS = ["ge2e"]


def check_args(args: argparse.Namespace) -> None:
    """Check what can be checked before anything is read.

    Args:
        args: The arguments of the command.

    Raises:
        ProbeError: If they contradict each other, or a test is there already.
    """
    page, key = args.output_dir.resolve(), args.key.resolve()
    if key == page or page in key.parents:
        raise ProbeError(
            f"--key {args.key} is in the page's folder {args.output_dir}, where "
            "listeners could read it: give a file outside of it"
        )
    for path in (args.output_dir, args.key):
        if os.path.lexists(path) and not args.overwrite:
            raise ProbeError(
                f"{path} is there already, and listeners may be at that test: choose "
                "another --output_dir and --key, or give --overwrite"
            )
    if args.key.is_dir():
        raise ProbeError(f"--key {args.key} is a folder: expected a file")
    if os.path.lexists(args.output_dir) and not _is_test(args.output_dir):
        raise ProbeError(
            f"--output_dir {args.output_dir} holds something else than a listening "
            "test: give another folder"
        )
    score_files.check_output(args.output_dir.parent)
    score_files.check_output(args.key.parent)
    if args.post_to:
        check_address(args.post_to)
    if args.same_gender and not _genders_may_be_there(args):
        raise ProbeError(
            "--same_gender needs the speakers' genders: give --gender FILE with lines "
            f"'speaker gender', or spk2gender in {args.dumpdir}/<set>"
        )
    if not 0 < args.minutes < math.inf:
        raise ProbeError(f"--minutes {args.minutes}: expected a finite number above 0")
    if len({path.resolve() for path in args.exp}) < len(args.exp):
        raise ProbeError("--exp: a folder is given twice; leave one out")
    _check_embedders(args.embedder or ())
    for option in ("instructions", "consent"):
        _text(getattr(args, option), option)


def _check_embedders(specs: Sequence[str]) -> None:
    from espnet_probe.speakers.spec import check_spec

    labels = [check_spec(text).label for text in specs]
    if len(set(labels)) < len(labels):
        raise ProbeError(
            f"--embedder {' '.join(specs)}: two of them would be called alike; leave "
            "one out, or give one of the folders another name"
        )


def _is_test(page: Path) -> bool:
    """Return whether a folder is empty, or holds a listening test and nothing else."""
    if page.is_symlink() or not page.is_dir():
        return False
    names = {path.name for path in page.iterdir()}
    if not names:
        return True
    index = page / "index.html"
    # Its script keeps the answers under this name.
    return names == {index.name, "sounds"} and b"espnet_probe.listening" in (
        index.read_bytes() if index.is_file() else b""
    )


def _genders_may_be_there(args: argparse.Namespace) -> bool:
    # Which sets there are is known later, if they were not named.
    return args.gender is not None or any(args.dumpdir.glob("*/spk2gender"))


def _text(path: Optional[Path], option: str) -> Optional[str]:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ProbeError(f"--{option} {path}: cannot read it: {error}") from error
    if not text:
        raise ProbeError(f"--{option} {path} is empty: expected a text to show")
    return text


def _plan(args: argparse.Namespace, places: int, seconds: float) -> Plan:
    """Decide how many items of each kind a sheet has.

    Args:
        args: The arguments of the command.
        places: How many layers there are, of all sets and experiments.
        seconds: Mean length of a sound.
    """
    items = args.items_per_sheet
    if items is None:
        fit = 60 * args.minutes / (3 * PLAYED * seconds + ANSWERING)
        items = min(MOST, max(FEWEST, round(fit)))
    share = max(2, round(items / SHARE))
    attention = share if args.attention is None else args.attention
    repeats = share if args.repeats is None else args.repeats
    trials = items - attention - repeats
    if args.items_per_sheet is None and trials > places:
        trials -= trials % places
    common = args.common_items
    if common is None:
        common = 0 if args.num_sheets == 1 else trials // 4
    return Plan(args.num_sheets, trials, common, attention, repeats)


def _mean_seconds(source: Source, utts: List[str]) -> float:
    shapes = [score_files.audio_shape(u, source.files[u]) for u in utts[:200]]
    return sum(samples / fs for fs, samples in shapes) / len(shapes)


def _sheets(
    args: argparse.Namespace, secret: Secret
) -> Tuple[Dict[int, List[Item]], Dict[Place, Source], Source, Plan, Dict[str, Any]]:
    """Choose what is heard.

    Args:
        args: The arguments of the command.
        secret: What sides and order follow from.

    Returns:
        The items by sheet; the sounds of their places; the recordings for attention
        checks and the level check; the numbers; notes and facts for the key.
    """
    sources = find_sources(args.exp, args.inference_tag, args.sets, args.layers)
    sets = list(dict.fromkeys(one.place.set for one in sources))
    recordings = find_sources(args.exp[:1], args.inference_tag, sets, [NATURAL])
    utts = common_utterances([*sources, *recordings])
    speech: Dict[str, Speech] = {}
    for name in sets:
        speech[name] = read_speech(
            name, utts[name], args.dumpdir, args.utt2spk, args.gender
        )
        if args.same_gender and not speech[name].genders:
            raise ProbeError(
                f"--same_gender: no {args.dumpdir / name}/spk2gender; give --gender"
            )
    pools = {
        name: Pool(
            one.utt2spk, one.genders if args.same_gender else None, one.texts or None
        )
        for name, one in speech.items()
    }
    natural = min(recordings, key=lambda one: one.place.condition != CLEAN)
    name = natural.place.set
    places = [one.place for one in sources]
    seconds = _mean_seconds(natural, utts[name])
    plan = _plan(args, len(places), seconds)
    trials, same_text = draw_trials(places, pools, plan, args.seed)
    known = speech[name]
    genders = {
        speaker: known.genders.get(speaker, known.genders.get(utt, ""))
        for utt, speaker in known.utt2spk.items()
    }
    attention = draw_attention(
        Pool(known.utt2spk, None, known.texts or None),
        plan.num_sheets * plan.attention,
        args.seed,
        genders,
        ease_of(natural),
    )
    sheets = lay_out(trials, attention, natural.place, pools, plan, secret)
    notes = []
    if plan.trials < len(places):
        notes.append(
            f"a sheet has {plan.trials} trials of {len(places)} layers: not each "
            "layer is in each sheet"
        )
    if natural.place.condition != CLEAN and plan.attention:
        notes.append("the attention checks are noisy: no set is clean")
    if same_text:
        notes.append(f"in {same_text} triplets X says what A or B says")
    if not known.texts:
        notes.append("what is said is not known: X may say what A or B says")
    minutes = plan.items * (3 * PLAYED * seconds + ANSWERING) / 60
    facts = {"minutes_per_sheet": round(minutes, 1), "notes": notes}
    by_place = {one.place: one for one in (*recordings, *sources)}
    return sheets, by_place, natural, plan, facts


def _shared(sources: Mapping[Place, Source]) -> List[Dict[str, Any]]:
    """Return which experiments have the recordings or the oracle of another one."""
    return [
        {
            "exp": one.place.exp,
            "set": one.place.set,
            "layer": one.place.layer,
            "also": list(one.also),
        }
        for one in sources.values()
        if one.also
    ]


def _scored(
    args: argparse.Namespace,
    sheets: Mapping[int, List[Item]],
    sources: Mapping[Place, Source],
) -> Tuple[Dict[int, List[Item]], Dict[str, Any]]:
    """Give the items the scores of each embedder."""
    specs = DEFAULT_EMBEDDERS if args.embedder is None else args.embedder
    embedders = load_embedders(specs, args.embedder is not None)
    scores: Dict[str, Mapping[str, Optional[Mapping[str, float]]]] = {
        # An embedder that could not be loaded is in the key, without scores.
        **({spec: {} for spec in specs} if not embedders else {}),
        **{
            label: score_items(
                one, [i for own in sheets.values() for i in own], sources
            )
            for label, one in embedders.items()
        },
    }
    done = {
        number: [
            replace(i, scores={name: own.get(i.item) for name, own in scores.items()})
            for i in items
        ]
        for number, items in sheets.items()
    }
    return done, describe(embedders)


def make(args: argparse.Namespace) -> str:
    """Make the test.

    Args:
        args: The arguments of the command, checked.

    Returns:
        What was made, in words; the last line is the page.

    Raises:
        ProbeError: If the data cannot give it, or a file cannot be used.
    """
    secret = Secret.of_key(args.secret_of) if args.secret_of else Secret.drawn()
    sheets, sources, natural, plan, facts = _sheets(args, secret)
    for note in facts["notes"]:
        logging.warning("%s", note)

    # What each new name stands for.
    files: Dict[str, str] = {}
    shown: Dict[int, List[Dict[str, str]]] = {}
    for number, items in sheets.items():
        shown[number] = []
        for place, item in enumerate(items):
            row = {"item": item.item}
            for side, clip in (("A", item.a), ("B", item.b), ("X", item.x)):
                name = secret.name(f"sound {number} {place} {side}", 20)
                row[side] = f"{name}.{args.audio_format}"
                files[name] = sources[Place(*item.place)].files[clip.utterance]
            shown[number].append(row)
    heard = set(files.values())
    unheard = [path for path in sorted(natural.files.values()) if path not in heard]
    level_name = secret.name("sound for the level check", 20)
    choice = secret.draw("level check")
    files[level_name] = choice.choice(unheard or sorted(natural.files.values()))

    levels, fs = measure(list(files.values()))
    level = common_level(list(levels.values()))
    if level < LOW_DBFS:
        note = (
            f"all sounds are at {level:.1f} dB below full scale, very soft: one has "
            "a far higher peak than its level"
        )
        facts["notes"].append(note)
        logging.warning("%s", note)
    sheets, embedders = _scored(args, sheets, sources)
    test = secret.name("test")
    key = Key(
        test=test,
        made=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        seed=args.seed,
        sheets=sheets,
        versions=score_files.versions("numpy", "scipy", "soundfile", "torch"),
        settings={
            "scale": args.scale,
            SETTING: secret.text,
            "exp": [str(path) for path in args.exp],
            "folders": {str(path): str(path.resolve()) for path in args.exp},
            "shared": _shared(sources),
            # In network order, behind the controls.
            "layers": list(dict.fromkeys(place.layer for place in sources)),
            "sets": list(dict.fromkeys(place.set for place in sources)),
            "same_gender": args.same_gender,
            "num_sheets": plan.num_sheets,
            "trials": plan.trials,
            "common_items": plan.common,
            "attention": plan.attention,
            "repeats": plan.repeats,
            "sampling_rate": fs,
            "level_dbfs": round(level, 2),
            "audio_format": args.audio_format,
            "post_to": args.post_to,
            "embedders": embedders,
            **facts,
        },
    )
    html = render(
        Page(
            test=test,
            scale=args.scale,
            sheets=shown,
            level=f"{level_name}.{args.audio_format}",
            title=args.title,
            instructions=_text(args.instructions, "instructions"),
            consent=_text(args.consent, "consent"),
            post_to=args.post_to,
        )
    )
    size = _write(args, key, html, files, levels, level)
    return (
        f"sheets: {plan.num_sheets}, about {facts['minutes_per_sheet']:.0f} minutes "
        f"each, with {plan.items} items: {plan.trials} trials ({plan.common} of them "
        f"in all sheets), {plan.attention} attention checks, {plan.repeats} repeats\n"
        f"sounds: {len(files)}, {size / 1e6:.1f} MB\n"
        f"the key, not for listeners: {args.key}\n"
        f"{(args.output_dir / 'index.html').resolve()}"
    )


def _write(
    args: argparse.Namespace,
    key: Key,
    html: str,
    files: Dict[str, str],
    levels: Dict[str, Any],
    level: float,
) -> int:
    """Write page and key: each whole or not at all, the key first."""
    page = args.output_dir
    part, old = (page.with_name(f".{page.name}.{word}") for word in ("part", "old"))
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        args.key.parent.mkdir(parents=True, exist_ok=True)
        for folder in (part, old):
            shutil.rmtree(folder, ignore_errors=True)
        part.mkdir()
        size = write_sounds(part / SOUNDS, files, levels, level, args.audio_format)
        (part / "index.html").write_text(html, encoding="utf-8")
        _keep_old_key(args.key, key.test)
        key.write(args.key)
        if page.exists():
            os.replace(page, old)
        os.replace(part, page)
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise ProbeError(f"cannot write the listening test: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return size


def _keep_old_key(path: Path, test: str) -> None:
    """Keep the key of a test that is replaced: answers to it may still come."""
    if not path.is_file():
        return
    try:
        name = read_key(path).test
    except ProbeError:
        name = "unreadable"
    if name != test:
        kept, number = path.with_name(f"{path.stem}.{name}{path.suffix}"), 1
        while os.path.lexists(kept):
            number += 1
            kept = path.with_name(f"{path.stem}.{name}-{number}{path.suffix}")
        os.replace(path, kept)
        logging.warning("the key before is kept: %s", kept)
