"""What tables of a page are called: each so that its file is told from all others."""

import re
import shutil
from pathlib import Path

from experiment_case import make_experiment

from espnet_probe.bin.make_report import main

NAMED = re.compile(r'<table data-title="([^"]*)" data-file="([^"]*)"')


def test_tables_of_models_with_other_layers_have_names_of_their_own(
    tmp_path: Path,
) -> None:
    utts = ("spk0-a", "spk1-a")
    small, _ = make_experiment(tmp_path / "a", ("blstm1",), ("test",), utts)
    small = small.rename(small.with_name("probe_small"))
    large, _ = make_experiment(tmp_path / "b", ("blstm1", "blstm2"), ("test",), utts)
    large = large.rename(large.with_name("probe_large"))
    shutil.copytree(large, large.with_name("probe_other"))
    folder, options = tmp_path / "page", ("--num_examples", "0", "--no_figures")
    exps = [str(small), str(large), str(large.with_name("probe_other"))]
    main(["--exp", *exps, "--output_dir", str(folder), *options])
    found = NAMED.findall((folder / "index.html").read_text(encoding="utf-8"))
    titles, files = zip(*found)
    assert len(set(files)) == len(files) > 6
    assert {"STOI: small", "STOI: large, other"} <= set(titles)
    assert "large: test Scores on test" in files
    main(["--exp", exps[0], "--output_dir", str(tmp_path / "one"), *options])
    found = NAMED.findall((tmp_path / "one/index.html").read_text(encoding="utf-8"))
    assert "STOI" in [title for title, _ in found]
