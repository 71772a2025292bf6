import runpy

import numpy as np
import pytest
from espnet2.utils.eer import ComputeErrorRates, ComputeMinDcf

from espnet_probe.errors import ProbeError
from espnet_probe.scores.detection_cost import d_prime, min_dcf, min_dcf_espnet
from espnet_probe.scores.verification import eer_espnet


def random_trials(rng, size, levels=None):
    targets = rng.random(size) < rng.uniform(0.1, 0.9)
    targets[:2] = [True, False]
    scores = rng.normal(size=size) + targets * rng.uniform(-1, 3)
    if levels is not None:
        scores = np.round(scores * levels) / levels
    return scores, targets


def espnets(scores, targets, p_target):
    rates = ComputeErrorRates(scores.tolist(), targets.astype(int).tolist())
    return ComputeMinDcf(*rates, p_target, 1, 1)[0]


@pytest.mark.parametrize("p_target", [0.05, 0.01])
@pytest.mark.parametrize("size", [2, 3, 5, 12, 60, 5000])
def test_costs_equal_espnets_to_the_last_digit(size, p_target):
    rng = np.random.default_rng(size)
    for _ in range(60 if size < 100 else 3):
        scores, targets = random_trials(rng, size)
        assert min_dcf(scores, targets, p_target) == espnets(scores, targets, p_target)
        for levels in (1, 3):
            tied = np.round(scores * levels) / levels
            expected = espnets(tied, targets, p_target)
            assert min_dcf_espnet(tied, targets, p_target) == expected


def test_equal_scores_move_together():
    """Their order is no information; ESPnet's number depends on it."""
    targets = np.array([False, False, True, True])
    tied = np.zeros(4)
    assert min_dcf(tied, targets, 0.05) == min_dcf(tied, targets[::-1], 0.05) == 1
    assert min_dcf_espnet(tied, targets, 0.05) == 0
    assert min_dcf_espnet(tied, targets[::-1], 0.05) == 1


def test_the_least_cost_over_all_thresholds():
    scores, targets = random_trials(np.random.default_rng(0), 80, 2)
    costs = []
    for threshold in [-np.inf, *np.unique(scores)]:
        miss = np.mean(scores[targets] <= threshold)
        false_alarm = np.mean(scores[~targets] > threshold)
        costs.append(0.7 * miss + 0.3 * false_alarm)
    assert min_dcf(scores, targets, 0.7) == pytest.approx(min(costs) / 0.3)


def test_edge_cases():
    targets = np.array([False, False, True, True])
    perfect = np.array([0.0, 0.1, 0.8, 0.9])
    for p_target in (0.05, 0.01):
        assert min_dcf(perfect, targets, p_target) == 0
        assert min_dcf(-perfect, targets, p_target) == 1
    # Accepting all is the best fixed answer where targets are the rule.
    assert min_dcf(-perfect, targets, 0.9) == pytest.approx(1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        min_dcf(perfect, targets, 1.0)


def test_d_prime_is_known_for_normal_scores():
    rng = np.random.default_rng(1)
    targets = np.arange(40_000) % 2 == 0
    scores = np.where(targets, 2 + 3 * rng.normal(size=40_000), rng.normal(size=40_000))
    # (2 - 0) / sqrt((9 + 1) / 2)
    assert d_prime(scores, targets) == pytest.approx(2 / np.sqrt(5), abs=0.02)
    assert d_prime(5 * scores - 7, targets) == pytest.approx(d_prime(scores, targets))
    assert d_prime(-scores, targets) == pytest.approx(-d_prime(scores, targets))


def test_d_prime_edge_cases():
    targets = np.array([True, True, False, False])
    assert d_prime(np.array([0.1, 0.2, 0.1, 0.2]), targets) == 0
    for apart in (0.0, 0.1):
        same = np.where(targets, 0.3 + apart, 0.3)
        assert d_prime(np.tile(same, 3), np.tile(targets, 3)) is None
    two = np.array([True, False])
    assert d_prime(np.array([1.0, 0.0]), two) is None


@pytest.mark.parametrize("kind", [True, False])
def test_trials_of_one_kind_are_refused(kind):
    targets = np.full(4, kind)
    for measure in (d_prime, lambda s, t: min_dcf(s, t, 0.05)):
        with pytest.raises(ProbeError, match="needs both kinds"):
            measure(np.arange(4.0), targets)


def test_numbers_are_those_that_espnets_recipes_print(project_root, tmp_path):
    """By ESPnet's own script, where its source tree is there."""
    scripts = project_root / "tools/espnet/egs2/TEMPLATE/asr1/pyscripts/utils"
    script = scripts / "calculate_eer_mindcf.py"
    if not script.is_file():
        pytest.skip(f"no {script}")
    scores, targets = random_trials(np.random.default_rng(2), 3000)
    lines = [f"a*b {s} {int(t)}\n" for s, t in zip(scores, targets)]
    (tmp_path / "scores").write_text("".join(lines))
    main = runpy.run_path(str(script))["main"]
    main([str(tmp_path / "scores"), str(tmp_path / "result")])
    printed = (tmp_path / "result").read_text().splitlines()[-1]
    cost = min_dcf(scores, targets, 0.05)
    assert printed == f"eer: {eer_espnet(scores, targets)}, mindcf: {cost}"
