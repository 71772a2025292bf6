"""Reading a few mels from an ark."""

from pathlib import Path

import numpy as np
import pytest
from omniio import kaldi

from espnet_probe.errors import ProbeError
from espnet_probe.report.mels import read_mels


@pytest.fixture
def scp(tmp_path: Path) -> Path:
    """Two mels in an ark."""
    path = tmp_path / "feats.scp"
    mels = {utt: np.full((3, 4), n, dtype=np.float32) for n, utt in enumerate("ab")}
    kaldi.save_ark(str(tmp_path / "feats.ark"), mels, scp=str(path))
    return path


def test_those_that_are_there_are_read(scp: Path) -> None:
    found = read_mels(scp, ("b", "c"))
    assert list(found) == ["b"]
    assert found["b"].shape == (3, 4) and (found["b"] == 1).all()
    assert read_mels(scp.with_name("none.scp"), ("b",)) == {}


def test_an_ark_that_is_elsewhere_or_cut_is_said(scp: Path) -> None:
    ark = scp.with_name("feats.ark")
    ark.write_bytes(ark.read_bytes()[:-8])
    with pytest.raises(ProbeError, match="feats.scp: the mels cannot be read"):
        read_mels(scp, ("a", "b"))
    ark.unlink()
    with pytest.raises(ProbeError, match="run this in the recipe's folder"):
        read_mels(scp, ("a",))
