"""How often the interval of an equal error rate holds the true one, by simulation.

    OMP_NUM_THREADS=1 python benchmarks/interval_coverage.py [--speakers N ...]

The table in ``espnet_probe/scores/coverage.py`` is the output of this script with its
defaults.

The voices are drawn from a two-covariance model, as of probabilistic linear
discriminant analysis: a speaker's mean is normal, an utterance is its speaker's mean
plus a normal deviation. How far a speaker's utterances scatter is itself drawn from a
log-normal distribution, for some people's voices vary more than others'. Trials are
drawn from all pairs of utterances, half of them target, and scored by the cosine. The
true rate is that of very many other speakers.

For each number of speakers, the share of simulated sets whose 95 % interval holds the
true rate; and by how much the arms of the interval would have to be stretched for 95 %
of them to hold it.
"""

import argparse
from typing import List, NamedTuple, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from espnet_probe.scores.speaker_draws import eer_interval
from espnet_probe.scores.verification import cosine_scores, eer

DIM = 16
UTTERANCES = 10
#: Standard deviation of the logarithm of a speaker's scatter.
SCATTER = 0.3
#: Scatter of utterances, relative to that of speakers, for a true rate of about 5, 11
#: and 35 %.
NOISES = (0.55, 0.8, 2.0)
MAX_PAIRS = 2000


class Trials(NamedTuple):
    """Scored trials of simulated voices, all fields ``(trials,)``."""

    scores: NDArray[np.float64]
    targets: NDArray[np.bool_]
    enrolment_speakers: NDArray[np.int64]
    test_speakers: NDArray[np.int64]


def draw_trials(
    rng: np.random.Generator, num_speakers: int, noise: float, max_pairs: int
) -> Trials:
    """Draw voices, and equally many target and non-target trials of them."""
    means = rng.normal(size=(num_speakers, 1, DIM))
    scatter = noise * np.exp(SCATTER * rng.normal(size=(num_speakers, 1, 1)))
    deviations = rng.normal(size=(num_speakers, UTTERANCES, DIM))
    voices = (means + scatter * deviations).reshape(-1, DIM)
    speaker = np.repeat(np.arange(num_speakers), UTTERANCES)
    inside = np.stack(np.triu_indices(UTTERANCES, 1), axis=1)
    same = (UTTERANCES * np.arange(num_speakers)[:, None, None] + inside).reshape(-1, 2)
    number = min(max_pairs // 2, len(same))
    same = rng.permutation(same)[:number]
    # Pairs of two speakers, a few too many, each once and without its mirror image.
    other = np.sort(rng.integers(0, len(voices), (4 * number, 2)), axis=1)
    other = other[speaker[other[:, 0]] != speaker[other[:, 1]]]
    other = rng.permutation(np.unique(other, axis=0))[:number]
    pairs = np.concatenate([same, other])
    return Trials(
        cosine_scores(voices[pairs[:, 0]], voices[pairs[:, 1]]),
        np.repeat([True, False], [len(same), len(other)]),
        speaker[pairs[:, 0]],
        speaker[pairs[:, 1]],
    )


def true_rate(noise: float, num_speakers: int = 20_000) -> float:
    """Return the equal error rate of very many speakers, in percent."""
    trials = draw_trials(np.random.default_rng(99), num_speakers, noise, 10**6)
    return eer(trials.scores, trials.targets)


def simulate(
    num_speakers: int,
    noise: float,
    true: float,
    num_sets: int,
    num_draws: int,
    seed: int = 0,
) -> Tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Simulate sets and their intervals.

    Returns:
        Whether each interval holds the true rate, and how far from the estimate the
        true rate lies in units of the interval's arm on that side; both ``(sets,)``.
        Where nothing was confused the arm has no length, and the units are huge.
    """
    held = np.zeros(num_sets, dtype=np.bool_)
    reach = np.zeros(num_sets)
    rng = np.random.default_rng([num_speakers, seed])
    for index in range(num_sets):
        trials = draw_trials(rng, num_speakers, noise, MAX_PAIRS)
        interval = eer_interval(*trials, num_draws=num_draws, seed=index)
        assert interval.low is not None and interval.high is not None
        estimate = eer(trials.scores, trials.targets)
        held[index] = interval.low <= true <= interval.high
        arm = interval.high - estimate if true > estimate else estimate - interval.low
        reach[index] = abs(true - estimate) / max(arm, 1e-9)
    return held, reach


def row(
    num_speakers: int,
    rates: Sequence[Tuple[float, float]],
    num_sets: int,
    num_draws: int,
    seed: int,
) -> Tuple[List[float], List[float]]:
    """Return coverage in percent and stretch for each pair of noise and true rate."""
    coverage, stretch = [], []
    for noise, true in rates:
        held, reach = simulate(num_speakers, noise, true, num_sets, num_draws, seed)
        coverage.append(100 * float(held.mean()))
        stretch.append(float(np.quantile(reach, 0.95)))
    return coverage, stretch


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--speakers", type=int, nargs="+", default=[5, 6, 8, 10, 12, 15, 20, 40]
    )
    parser.add_argument("--sets", type=int, default=700, help="simulated per cell")
    parser.add_argument("--draws", type=int, default=200, help="of each interval")
    parser.add_argument("--seed", type=int, default=1, help="of the simulation")
    args = parser.parse_args()
    rates = [(noise, true_rate(noise)) for noise in NOISES]
    said = ", ".join(f"{true:.1f} %" for _, true in rates)
    print(f"true rates {said}; {args.sets} sets each, intervals of {args.draws} draws")
    print("speakers   coverage (%) at each     stretch at each")
    for number in args.speakers:
        coverage, stretch = row(number, rates, args.sets, args.draws, args.seed)
        print(
            f"{number:8d}   {' '.join(f'{one:6.1f}' for one in coverage)}   "
            f"{' '.join(f'{one:6.2f}' for one in stretch)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
