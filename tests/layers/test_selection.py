"""Choosing layers."""

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.layers.selection import select_names

NAMES = ["cnn1", "cnn2", "blstm1", "blstm2", "blstm3"]


@pytest.mark.parametrize(
    "patterns,expected",
    [
        ("*", NAMES),
        ("blstm*", NAMES[2:]),
        ("blstm3 cnn1", ["cnn1", "blstm3"]),
        ("cnn1,cnn2", NAMES[:2]),
        (["blstm[2-3]"], NAMES[3:]),
    ],
)
def test_names_and_globs_come_in_network_order(patterns, expected):
    assert select_names(patterns, NAMES) == expected


@pytest.mark.parametrize("patterns", ["blstm9", "cnn1 conv*", ["BLSTM1"]])
def test_an_unknown_name_is_answered_with_the_names_there_are(patterns):
    with pytest.raises(ProbeError, match="cnn1 cnn2 blstm1 blstm2 blstm3"):
        select_names(patterns, NAMES)


@pytest.mark.parametrize("patterns", ["", []])
def test_no_name_is_refused(patterns):
    with pytest.raises(ProbeError, match="no layer was chosen"):
        select_names(patterns, NAMES)


BLOCKS = ["embed", "block1-attention", "block1", "block2-attention", "block2", "final"]


@pytest.mark.parametrize(
    "patterns,expected",
    [
        ("*", ["embed", "block1", "block2", "final"]),
        ("block[1-2]", ["block1", "block2"]),
        ("block*-*", ["block1-attention", "block2-attention"]),
        ("block[2-3]-att*", ["block2-attention"]),
        ("block2-attention block2", ["block2-attention", "block2"]),
    ],
)
def test_a_wildcard_does_not_reach_into_blocks(patterns, expected):
    assert select_names(patterns, BLOCKS) == expected


def test_an_unknown_part_is_answered_with_examples():
    with pytest.raises(ProbeError, match="final, and parts such as block1-attention"):
        select_names("block1-mlp", BLOCKS)


def test_a_module_path_may_have_its_dots():
    names = ["conv", "layers3", "layers3-norm", "stage-0", "final"]
    assert select_names("encoder.layers.3", names) == ["layers3"]
    assert select_names("layers.*.norm conv", names + ["layers-4-norm"]) == [
        "conv",
        "layers-4-norm",
    ]
    assert select_names("layers*.norm stage.0", names) == ["layers3-norm", "stage-0"]
