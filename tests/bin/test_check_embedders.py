"""What is wrong with an embedder is said before anything is done with it."""

from pathlib import Path

import pytest

from espnet_probe.bin import check_embedders
from espnet_probe.errors import ProbeError


def test_labels_of_embedders_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProbeError, match="no folder exp/spk"):
        check_embedders.main(["thin_resnet:exp/spk"])
    with pytest.raises(ProbeError, match="unknown embedder 'nobody'"):
        check_embedders.main(["nobody"])
    # Published models are looked for when they are loaded.
    check_embedders.main(["espnet:espnet/voxcelebs12_rawnet3"])
    assert capsys.readouterr().out == "espnet-voxcelebs12_rawnet3\n"


def test_two_that_files_could_not_tell_apart_are_refused() -> None:
    with pytest.raises(ProbeError, match="two of them would be called espnet-b; "):
        check_embedders.main(["espnet:a/b", "espnet:a/x", "espnet:c/b"])
