"""Tables for print: what LaTeX would stumble over, and the numbers in them."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import List

import pytest
from verified_case import LAYERS, make_controls, make_verified

from espnet_probe.page.conditions import find_conditions
from espnet_probe.page.curves import shown_metrics
from espnet_probe.page.experiments import make_experiments
from espnet_probe.page.latex import breakable, cell, escape, latex_table, write_tables
from espnet_probe.report.collect import collect
from espnet_probe.report.values import Value

EVIL = r"a_b & 50% $x$ #1 {\input{/etc/passwd}} ~^ <i> --exp ``x'' ,, |"
COMMAND = r"python -m espnet_probe.bin.make_report --exp 'exp/a_b$ %' --x \end{table*}"


def check_latex(text: str) -> List[List[str]]:
    """Check that a table is well formed; return its rows' cells."""
    body = re.sub(r"\\[\\{}$&#_%,-]", "", re.sub(r"(?m)^%.*$", "", text))
    depth = 0
    for letter in body:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    assert not re.search(r"[%#~^]", body) and body.count("$") % 2 == 0
    opened: List[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{([^}]*)\}", text):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    columns = re.search(r"\\begin\{tabular\}\{(l r*|lr*)\}", text)
    assert columns
    inside = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    rows = []
    for line in inside.strip().splitlines():
        line = line.strip()
        if line == r"\midrule" or line.startswith(r"\multicolumn"):
            continue
        assert line.endswith(r" \\") and not line.startswith(("[", "*"))
        cells = re.split(r"(?<!\\)&", line.removesuffix(r"\\"))
        assert len(cells) == len(columns[1])
        rows.append([one.strip() for one in cells])
    return rows


def test_what_is_special_is_escaped() -> None:
    assert escape("a_b & 5% of $x$ #1") == r"a\_b \& 5\% of \$x\$ \#1"
    assert escape("\\{}") == r"\textbackslash{}\{\}"
    assert escape("--exp a-b ``'' ,,") == "-{}-exp a-b `{}`'{}' ,{},"
    assert escape("a\n b\x1b") == "a b?"
    assert escape("Žluťoučký 話者") == "Žluťoučký 話者"
    assert breakable("exp/a_b") == r"exp/\allowbreak{}a\_\allowbreak{}b"
    rows = [["[1]", "2"], ["*", escape(EVIL)]]
    text = latex_table(["x", "y"], {escape(EVIL): rows}, escape(EVIL), "tab:x")
    assert check_latex(text)[1:] == [["{}[1]", "2"], ["{}*", escape(EVIL)]]


def test_tables_hold_numbers_intervals_controls_and_counts(tmp_path: Path) -> None:
    probe_exp, _ = make_verified(tmp_path, sets=("test", "test_snr10"))
    controls = make_controls(probe_exp, sets=("test", "test_snr10"))
    experiments = make_experiments([collect(probe_exp, controls=controls)])
    conditions = find_conditions(experiments)
    metrics = shown_metrics(experiments)
    folder = tmp_path / "tables"
    written = write_tables(experiments, conditions, metrics, folder, COMMAND)
    texts = {path.stem: path.read_text(encoding="utf-8") for path in written}
    shown = {one.id: one for one in metrics}
    assert len(texts) == len(shown) + len(conditions)
    for text in texts.values():
        rows = check_latex(text)
        assert text.count(r"\toprule") == 1 and len(rows) > len(LAYERS)
        assert breakable(COMMAND) in text
        assert r"95\,\% intervals" in text and "utterances" in text

    rows = check_latex(texts["eer_percent_ge2e"])
    assert len(rows[0]) == 4 and rows[0][2].endswith("random")
    results = experiments[0].results.sets[0]
    one = shown["eer_percent:ge2e"]
    expected = [cell(one.value(row), one) for row in results.layers]
    assert [row[1] for row in rows[3:6]] == expected
    random = [cell(one.value(row), one) for row in results.layers_of("random")]
    assert [row[2] for row in rows[3:6]] == random and random != expected
    assert re.fullmatch(r"\d+\.\d \{\\scriptsize \[[\d.]+, [\d.]+\]\}", expected[0])

    rows = check_latex(texts[f"{experiments[0].label}_test"])
    assert len(rows[0]) == 1 + len(shown)
    assert [row[0] for row in rows[1:]] == ["natural", "oracle", *3 * LAYERS]
    l1 = list(shown).index("l1")
    # No probe made the recording.
    assert rows[1][1 + l1] == "--" and rows[3][1 + l1] != "--"


def test_a_minus_is_no_hyphen(tmp_path: Path) -> None:
    probe_exp, _ = make_verified(tmp_path)
    (shown,) = [
        one
        for one in shown_metrics(make_experiments([collect(probe_exp)]))
        if one.id == "stoi"
    ]
    text = cell(Value(-0.5, (-0.75, 0.25)), shown)
    assert text == r"$-$0.500 {\scriptsize [$-$0.750, 0.250]}"
    assert cell(Value(None), shown) == cell(None, shown) == "--"
    assert cell(Value(0.5), shown) == "0.500"


@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="no pdflatex: tables are not compiled"
)
def test_a_table_compiles(tmp_path: Path) -> None:
    table = latex_table(["x", "y"], {escape(EVIL): [["[1]", "2"]]}, escape(EVIL), "t")
    document = (
        r"\documentclass{article}\usepackage[T1]{fontenc}"
        r"\usepackage{booktabs,adjustbox}"
        rf"\begin{{document}}{table}\end{{document}}"
    )
    (tmp_path / "t.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-no-shell-escape", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
