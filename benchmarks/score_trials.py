"""The time to score trials, beside a loop over the pairs.

    OMP_NUM_THREADS=1 python benchmarks/score_trials.py [--trials N] [--looped N]

Made-up embeddings of 1000 speakers; half of the trials are target. The loop takes the
cosine of one pair after the other, as the code of the paper does, and for the interval
sums the weights of all trials once for every draw of speakers. It is measured on the
first ``--looped`` trials and some draws, and compared per trial and draw: the ratios
hardly depend on the machine or its load.
"""

import argparse
import time
from typing import Callable, List

import numpy as np

from espnet_probe.scores.intervals import draw_multiplicities
from espnet_probe.scores.speaker_draws import numbered_draws
from espnet_probe.scores.trial_scores import cosines
from espnet_probe.scores.trials import Trial
from espnet_probe.scores.verification import eer

DIM = 256
SPEAKERS = 1000
UTTERANCES = 20
DRAWS = 1000
LOOPED_DRAWS = 20


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds that a function takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--looped", type=int, default=50_000)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    count = SPEAKERS * UTTERANCES
    voices = rng.normal(size=(SPEAKERS, 1, DIM)).repeat(UTTERANCES, axis=1)
    matrix = (voices.reshape(count, DIM) + 3 * rng.normal(size=(count, DIM))).astype(
        "f4"
    )
    utts = [f"u{number}" for number in range(count)]
    embeddings = dict(zip(utts, matrix))

    first = rng.integers(0, count, args.trials)
    targets = np.arange(args.trials) % 2 == 0
    place, speaker = first % UTTERANCES, first // UTTERANCES
    moved = (place + rng.integers(1, UTTERANCES, args.trials)) % UTTERANCES
    other = (speaker + rng.integers(1, SPEAKERS, args.trials)) % SPEAKERS
    second_speaker = np.where(targets, speaker, other)
    second = second_speaker * UTTERANCES + np.where(targets, moved, place)
    trials = [
        Trial(utts[a], utts[b], t) for a, b, t in zip(first, second, targets.tolist())
    ]

    few = trials[: args.looped]
    looped: List[float] = []

    def pair_by_pair() -> None:
        for trial in few:
            a, b = embeddings[trial.enrolment], embeddings[trial.test]
            looped.append(float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))))

    loop = seconds(pair_by_pair) / len(few)
    start = time.process_time()
    scores = cosines(trials, embeddings, embeddings)
    ours = (time.process_time() - start) / args.trials
    assert np.allclose(scores[: len(few)], looped, atol=1e-5)
    rate = seconds(lambda: eer(scores, targets))

    order = np.argsort(scores[: len(few)])
    kinds = targets[: len(few)][order]
    one, two = speaker[: len(few)][order], second_speaker[: len(few)][order]

    def draw_by_draw() -> None:
        for times in draw_multiplicities(SPEAKERS, LOOPED_DRAWS, rng):
            weights = np.where(kinds, times[one], times[one] * times[two])
            rejected = np.cumsum(np.where(kinds, weights, 0))
            accepted = np.cumsum(np.where(kinds, 0, weights))
            np.argmax(rejected / rejected[-1] >= 1 - accepted / accepted[-1])

    loop_draws = seconds(draw_by_draw) / LOOPED_DRAWS / len(few)
    our_draws = seconds(
        lambda: numbered_draws(
            scores, targets, speaker, second_speaker, SPEAKERS, DRAWS
        )
    )
    print(f"{args.trials} trials of {DIM} numbers, one thread, CPU seconds")
    print(f"{'':34}{'loop':>10}{'here':>10}{'ratio':>8}")
    total = loop * args.trials
    print(f"{'cosines':34}{total:10.2f}{ours * args.trials:10.2f}{loop / ours:8.1f}")
    print(f"{'equal error rate':34}{'':10}{rate:10.2f}")
    total = loop_draws * DRAWS * args.trials
    name = f"its {DRAWS} draws of {SPEAKERS} speakers"
    print(f"{name:34}{total:10.2f}{our_draws:10.2f}{total / our_draws:8.1f}")


if __name__ == "__main__":
    main()
