"""Make a listening test: a page of triplets for people, and the key to their answers.

The page's folder can be opened from the file system or put on any static web server.
The key stays outside of it. Example::

    python3 -m espnet_probe.bin.make_listening_test --exp exp/probe_a --set test \\
        --num_sheets 8 --consent consent.txt
"""

import argparse
import sys
from pathlib import Path
from typing import Optional, Sequence

from espnet_probe.bin.cli import run
from espnet_probe.speakers.spec import choices

DEFAULT_EMBEDDER = "ge2e"


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description="Make a static page on which people hear triplets of sounds, A, B "
        "and X, all of one layer, and say whose voice X is. Balanced over layers, "
        "speakers and answers, with attention checks (natural speech) and repeated "
        "items. The names in the page are random; what they stand for is in the key.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    sounds = parser.add_argument_group("what is heard")
    sounds.add_argument(
        "--exp",
        type=Path,
        nargs="+",
        action="extend",
        required=True,
        help="probe experiments, vocoded (stage 9); several models share the test",
    )
    sounds.add_argument("--inference_tag", help="which reconstruct_<tag> folder")
    sounds.add_argument(
        "--set",
        "--sets",
        dest="sets",
        nargs="+",
        default=[],
        help="test sets; without it those of the first experiment that are no noisy "
        "copies",
    )
    sounds.add_argument(
        "--layers",
        nargs="+",
        default=["natural", "oracle", "*"],
        help="names or globs; natural and oracle count as layers",
    )
    sounds.add_argument(
        "--dumpdir",
        type=Path,
        default=Path("dump/raw"),
        help="where the sets' utt2reader or utt2spk, text and spk2gender are",
    )
    sounds.add_argument(
        "--utt2spk", type=Path, help="lines 'utterance speaker', instead of the set's"
    )
    sounds.add_argument(
        "--gender",
        type=Path,
        help="lines 'speaker gender' or 'utterance gender', instead of spk2gender",
    )
    sounds.add_argument(
        "--same_gender", action="store_true", help="A and B of one gender"
    )
    sounds.add_argument(
        "--audio_format", choices=("wav", "flac"), default="wav", help="of the sounds"
    )
    sheets = parser.add_argument_group("how much")
    sheets.add_argument("--num_sheets", type=int, default=1, help="number of sheets")
    sheets.add_argument(
        "--minutes", type=float, default=15.0, help="about how long a sheet takes"
    )
    sheets.add_argument(
        "--items_per_sheet",
        type=int,
        help="instead of --minutes; attention checks and repeats among them",
    )
    sheets.add_argument(
        "--attention", type=int, help="attention checks in a sheet; by default 1 in 12"
    )
    sheets.add_argument(
        "--repeats", type=int, help="repeated items in a sheet; by default 1 in 12"
    )
    sheets.add_argument(
        "--common_items",
        type=int,
        help="trials that all sheets have in common, for the agreement of listeners; "
        "by default a quarter, if there are several sheets",
    )
    page = parser.add_argument_group("the page")
    page.add_argument(
        "--scale",
        choices=("ab", "similarity"),
        default="ab",
        help="ab: whose voice is X; similarity: how alike are X and A, X and B, 1 to 5",
    )
    page.add_argument("--title", default="Listening test", help="heading")
    page.add_argument(
        "--instructions",
        type=Path,
        help="plain text to show instead of the built-in one; empty lines separate "
        "paragraphs",
    )
    page.add_argument(
        "--consent", type=Path, help="plain text that listeners have to agree to"
    )
    page.add_argument(
        "--post_to",
        help="address to which answers are sent as JSON; they can be downloaded, too",
    )
    parser.add_argument(
        "--embedder",
        nargs="*",
        help=f"embedders whose scores of the triplets go into the key: {choices()}; "
        f"by default {DEFAULT_EMBEDDER}, if its weights are there",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the choice of triplets"
    )
    parser.add_argument(
        "--secret_of",
        type=Path,
        help="key of an earlier test: with its secret, the same seed and data the same "
        "test is made again; otherwise a secret is drawn, from which names, order and "
        "sides follow",
    )
    parser.add_argument(
        "--output_dir",
        type=Path,
        help="the page's folder; by default listening/page in the first experiment",
    )
    parser.add_argument(
        "--key",
        type=Path,
        help="file of the key, outside of the page's folder; by default "
        "listening/key.json in the first experiment",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace a test that is there; its key is kept under another name",
    )
    parser.add_argument(
        "--or_none",
        action="store_true",
        help="where the data cannot give the triplets, say so and make nothing",
    )
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If something is missing or contradicts itself, the data cannot
            give the triplets, or a test is there already.
    """
    args = get_parser().parse_args(cmd)
    args.output_dir = args.output_dir or args.exp[0] / "listening" / "page"
    args.key = args.key or args.exp[0] / "listening" / "key.json"
    from espnet_probe.bin import score_files

    score_files.use_one_thread()
    from espnet_probe.bin.listening_work import check_args, make
    from espnet_probe.listening.triplets import TooFewTriplets

    check_args(args)
    try:
        made = make(args)
    except TooFewTriplets as error:
        if not args.or_none:
            raise
        print(f"no listening test: {error}")
        return
    print(made)


if __name__ == "__main__":
    sys.exit(run(main))
