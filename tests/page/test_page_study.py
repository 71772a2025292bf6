"""The page of a study: its models, which are not trained enough, and its files."""

from pathlib import Path

from page_case import SETS, make_two, read_data

from espnet_probe.bin.make_report import main


def test_models_have_their_names_and_marks(tmp_path: Path) -> None:
    exps = make_two(tmp_path)
    for number, exp in enumerate(exps):
        reconstruct = exp / "reconstruct_gl"
        for name in SETS:
            (reconstruct / name / "trials").write_text("spk0-a spk0-b target\n")
        # Of one model the word error rate is known: 12.34 %, below the limit.
        if number == 0:
            config = "upstream_exp: exp/asr_blstm\nupstream_hash: f00d\n"
            (exp / "config.yaml").write_text(config)
        else:
            (exp / "config.yaml").write_text("upstream_hash: beef\n")
    output = tmp_path / "exp" / "study"
    output.mkdir()
    (output / "study.yaml").write_text("seed: 7\n")
    given = [f"blstm:baseline={exps[0]}", f"blstm:robust={exps[1]}"]
    command = ["--model", *given, "--set", "test", "--conditions", "clean"]
    main([*command, "--output_dir", str(output), "--num_examples", "1", "--no_figures"])
    assert (output / "RESULTS.md").is_file()
    page = output / "report" / "index.html"
    data = read_data(page)
    models = {one["label"]: one["note"] for one in data["models"]}
    assert list(models) == ["blstm, baseline", "blstm, robust"]
    assert models["blstm, baseline"] == ""
    assert models["blstm, robust"].startswith("not trained enough: robust, ")
    # Only the conditions of the study are shown.
    assert [one["set"] for one in data["conditions"]] == ["test"]
    assert {one["condition"] for one in data["curves"]} == {data["conditions"][0]["id"]}
    study = page.parent / "files" / "study.yaml"
    assert study.read_text() == "seed: 7\n"
    assert 'href="files/study.yaml"' in page.read_text(encoding="utf-8")
