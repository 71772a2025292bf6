"""The command on an experiment with embedders, recognition and controls."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from verified_case import SECOND, make_controls, make_verified

from espnet_probe.bin.make_report import main


def test_page_and_tables_show_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    probe_exp, _ = make_verified(tmp_path, layers=("cnn1", "blstm5"))
    controls = make_controls(probe_exp, layers=("cnn1", "blstm5"))
    given = [f"{kind}={folder}" for kind, folder in controls.items()]
    broken = probe_exp / "reconstruct_gl" / "test_clean" / "cnn1" / "quality.csv"
    broken.write_text("utt_id,stoi\na,half\n")
    command = ["--exp", str(probe_exp), "--num_examples", "0"]
    # Each given on its own, as a script adds them one by one.
    main([*command, "--control", given[0], "--control", given[1]])
    printed = capsys.readouterr().out
    assert "random cnn1" in printed and "shuffled blstm5" in printed
    assert "\nRecognition of the reconstructions\nlayer " in printed
    assert "\nSelectivity: layer minus random\nlayer " in printed
    text = (probe_exp / "RESULTS.md").read_text()
    page = (probe_exp / "report" / "index.html").read_text()
    titles = (
        "Recognition of the reconstructions",
        "Selectivity: layer minus random",
        "Selectivity: layer minus shuffled",
        "Equal error rate (%) by embedder",
        "Speaker verification by ge2e",
        f"Speaker verification by {SECOND}",
    )
    for title in titles:
        assert f"\n#### {title}\n" in text and title in page
    assert "those of EERs over speakers" in text
    assert f"are the same layers of {controls['random']}" in text
    # The broken table costs its own numbers alone, and is named.
    assert "quality.csv: 'half' is no number" in unescape(page)
    assert "quality.csv: 'half' is no number" in text
    row = next(line for line in text.splitlines() if line.startswith("|random cnn1|"))
    assert row.split("|")[2] == "64"
    assert all(row.count("|") <= 13 for row in text.splitlines() if row.startswith("|"))
    pictures = re.findall(r"!\[[^]]*\]\(([^)]*)\)", text)
    assert sum("det" in name for name in pictures) == 2
    for address in pictures:
        assert (probe_exp / unquote(address)).is_file(), address
    for address in re.findall(r'(?:href|src|srcset)="([^"#]+)"', page):
        if not address.startswith("data:"):
            assert (probe_exp / "report" / unquote(address)).is_file(), address
