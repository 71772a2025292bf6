"""Naming the probed model: exactly one way, the same for all commands."""

import argparse
import subprocess
import sys
from typing import Any, Dict, List

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.upstream.choice import (
    UpstreamChoice,
    add_upstream_options,
    find_choice,
    moved_choice,
    needed_choice,
)


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_upstream_options(parser)
    return parser.parse_args(words)


def test_each_way_alone() -> None:
    exp = parsed("--upstream_exp", "exp/a", "--upstream_model", "b.pth")
    assert find_choice(exp) == UpstreamChoice(exp="exp/a", model="b.pth")
    tag = parsed("--upstream_tag", "espnet/x", "--upstream_task", "s2t")
    assert find_choice(tag) == UpstreamChoice(tag="espnet/x", task="s2t")
    assert needed_choice(parsed("--upstream_zip", "a.zip")).zip == "a.zip"
    # As an unset variable of a shell script leaves them.
    empty = parsed("--upstream_exp", "", "--upstream_tag", "none")
    assert find_choice(empty) is None
    words = ("--upstream_exp", "a", "--upstream_init", "random")
    assert find_choice(parsed(*words)) == UpstreamChoice(exp="a", init="random")
    seeded = find_choice(parsed(*words, "--upstream_seed", "3"))
    assert seeded == UpstreamChoice(exp="a", init="random", seed=3)


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "no model was named: give --upstream_exp DIR, --upstream_tag TAG or"),
        (["--upstream_model", "a.pth"], "--upstream_model a.pth goes with a model"),
        (["--upstream_init", "random"], "--upstream_init random goes with a model"),
        (["--upstream_task", "st"], "--upstream_task st goes with a model"),
        (
            ["--upstream_exp", "a", "--upstream_zip", "b"],
            "got --upstream_exp and --upstream_zip: expected one of",
        ),
        (
            ["--upstream_tag", "a", "--upstream_model", "b.pth"],
            "--upstream_model b.pth names a file in --upstream_exp",
        ),
        (
            ["--upstream_exp", "a", "--upstream_init", "xavier"],
            "--upstream_init xavier: expected random",
        ),
        (
            ["--upstream_exp", "a", "--upstream_seed", "1"],
            "--upstream_seed 1 is of --upstream_init random: leave it out",
        ),
    ],
)
def test_anything_else_is_one_line(words: List[str], message: str) -> None:
    with pytest.raises(ProbeError, match=message) as caught:
        needed_choice(parsed(*words))
    assert "\n" not in str(caught.value)


def test_what_is_recorded_counts_unless_it_has_moved() -> None:
    recorded: Dict[str, Any] = {
        "upstream_exp": "exp/a",
        "upstream_model": "b.pth",
        "upstream_tag": None,
        "upstream_task": "st",
    }
    assert moved_choice(recorded, None) == UpstreamChoice(
        exp="exp/a", model="b.pth", task="st"
    )
    # The folder's weights keep their name, an archive has its own.
    moved = moved_choice(recorded, "elsewhere")
    assert moved == UpstreamChoice(exp="elsewhere", model="b.pth", task="st")
    said = UpstreamChoice(zip="a.zip", task="asr")
    assert moved_choice(recorded, said) == said
    # Of a version that knew folders only.
    assert moved_choice({"upstream_exp": "exp/a"}, None) == UpstreamChoice("exp/a")
    assert moved_choice({}, None) is None


def test_an_untrained_model_stays_one_wherever_it_is() -> None:
    recorded = {"upstream_exp": "a", "upstream_init": "random", "upstream_seed": 2}
    assert moved_choice(recorded, None) == UpstreamChoice("a", init="random", seed=2)
    assert moved_choice(recorded, "b") == UpstreamChoice("b", init="random", seed=2)
    said = UpstreamChoice("b", init="random")
    assert moved_choice(recorded, said) == said


def test_options_load_neither_torch_nor_espnet() -> None:
    code = (
        "import sys, argparse; from espnet_probe.upstream import choice; "
        "choice.add_upstream_options(argparse.ArgumentParser()); "
        "print([m for m in ('torch', 'espnet2', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
