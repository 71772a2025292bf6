"""How many listeners a listening test needs, by simulation.

    OMP_NUM_THREADS=1 python benchmarks/listening_power.py [--listeners N ...]

The tables in docs/listening_test.md are the output of this script with its defaults.

Listeners differ, and so do triplets: the logit of a listener's error on a triplet is
that of the layer plus a normal effect of the listener plus one of the triplet. A sheet
has some triplets of the layer; as many listeners as there are sheets hear different
ones, the next begin again with the first sheet. The true error rate is the mean over
very many listeners and triplets.

For each number of listeners and of triplets per layer and sheet: the mean width of the
95 % interval, the share of tests whose interval holds the true rate, and how often a
test tells two layers apart (the interval of the difference lies above 0) or a layer
from guessing (its interval lies below 50 %).
"""

import argparse
from typing import NamedTuple, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from espnet_probe.scores.listening import Answered, error_rate, rate_difference

#: The true error rates that are simulated, in percent.
RATES = (5.0, 15.0, 30.0, 40.0)
#: Pairs of them that a test should tell apart.
PAIRS = ((5.0, 15.0), (15.0, 30.0))
#: Points of a grid over the normal distribution of both effects.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(64)


class Design(NamedTuple):
    """How a test is laid out."""

    listeners: int
    triplets: int
    sheets: int


def true_rate(logit: float, spread: float) -> float:
    """Return the mean error of all listeners and triplets, in percent."""
    total = float(np.sum(WEIGHTS * expit(logit + spread * NODES)) / np.sum(WEIGHTS))
    return 100.0 * total


def logit_of(rate: float, spread: float) -> float:
    """Return the layer's logit that gives an error rate."""
    return float(brentq(lambda one: true_rate(one, spread) - rate, -30.0, 30.0))


def draw(
    rng: np.random.Generator,
    design: Design,
    people: NDArray[np.float64],
    logit: float,
    triplet_spread: float,
) -> Answered:
    """Draw one layer's answers."""
    effects = rng.normal(0, triplet_spread, design.sheets * design.triplets)
    who = np.repeat(np.arange(design.listeners), design.triplets)
    sheet = who % design.sheets
    place = np.tile(np.arange(design.triplets), design.listeners)
    what = sheet * design.triplets + place
    wrong = rng.random(who.size) < expit(logit + people[who] + effects[what])
    people_of, items_of = [str(n) for n in who], [str(n) for n in what]
    return Answered(wrong.astype(np.float64), people_of, items_of)


def simulate(
    design: Design, spreads: Tuple[float, float], runs: int, draws: int, seed: int
) -> Tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bounds of intervals, ``(runs, rates or pairs, 2)``; NaN without one.

    Returns:
        Those of the rates, and those of the differences of the pairs.
    """
    rng = np.random.default_rng(seed)
    both = float(np.hypot(*spreads))
    logits = [logit_of(rate, both) for rate in RATES]
    rates = np.full((runs, len(RATES), 2), np.nan)
    rises = np.full((runs, len(PAIRS), 2), np.nan)
    for run in range(runs):
        people = rng.normal(0, spreads[0], design.listeners)
        heard = [draw(rng, design, people, logit, spreads[1]) for logit in logits]
        for number, one in enumerate(heard):
            interval = error_rate(*one, draws, seed=run).interval
            rates[run, number] = interval.as_list() or [np.nan, np.nan]
        for number, pair in enumerate(PAIRS):
            first, second = (heard[RATES.index(rate)] for rate in pair)
            interval = rate_difference(first, second, draws, seed=run).interval
            rises[run, number] = interval.as_list() or [np.nan, np.nan]
    return rates, rises


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listeners", type=int, nargs="+", default=[5, 10, 20, 40, 80])
    parser.add_argument(
        "--triplets", type=int, nargs="+", default=[5, 10], help="per layer and sheet"
    )
    parser.add_argument("--sheets", type=int, default=5, help="different ones")
    parser.add_argument(
        "--listener_spread", type=float, default=0.5, help="of the listeners' logits"
    )
    parser.add_argument(
        "--triplet_spread", type=float, default=1.0, help="of the triplets' logits"
    )
    parser.add_argument("--runs", type=int, default=200, help="simulated tests")
    parser.add_argument("--draws", type=int, default=300, help="of each bootstrap")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(cmd)
    widths = [f"width at {rate:g} %" for rate in RATES]
    apart = [f"{one:g} from {other:g} %" for one, other in PAIRS]
    head = ["listeners", "triplets per layer", *widths, "intervals that hold the rate"]
    head += [*apart, f"{RATES[-1]:g} % from guessing"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for triplets in args.triplets:
        for listeners in args.listeners:
            design = Design(listeners, triplets, args.sheets)
            spreads = args.listener_spread, args.triplet_spread
            bounds, rises = simulate(design, spreads, args.runs, args.draws, args.seed)
            low, high = bounds[:, :, 0], bounds[:, :, 1]
            truth = np.array(RATES)
            held = 100 * np.mean((low <= truth) & (truth <= high))
            cells = [f"{one:.0f}" for one in np.nanmean(high - low, axis=0)]
            cells.append(f"{held:.0f} %")
            told = 100 * np.mean(rises[:, :, 0] > 0, axis=0)
            cells += [f"{one:.0f} %" for one in told]
            cells.append(f"{100 * np.mean(high[:, -1] < 50.0):.0f} %")
            row = [str(listeners), str(triplets), *cells]
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
