"""Stage 11 of train_speaker.sh: what was trained is what is scored."""

import subprocess
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

from espnet_probe.speakers.spec import find_espnet_weights, parse_spec

ROOT = Path(__file__).parents[2]
EXP = "exp/spk_train_x_raw"

#: Stands in for Python: notes the call, and leaves what is promised.
STUB = """#!/usr/bin/env bash
echo "$*" >>calls.log
while [ $# -gt 0 ]; do
    case "$1" in
        --output_dir) echo x | tee "$2"/verification{,_baseline}.json >/dev/null ;;
        --output) mkdir -p "$(dirname "$2")"; echo x >"$2" ;;
    esac
    shift
done
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe with a trained model, as far as stage 11 looks at it."""
    files: Dict[str, str] = {
        "python": STUB,
        "path.sh": f"export LC_ALL=C PROBE_ROOT={ROOT}\n",
        "cmd.sh": "",
        "spk.sh": "",
        "conf/train_x.yaml": "",
        "conf/decode.yaml": "",
        f"{EXP}/valid.eer.best.pth": "best",
        f"{EXP}/valid.eer.ave_3best.pth": "average",
        f"{EXP}/config.yaml": "encoder: thin_resnet34\n",
    }
    for name in ("train", "dev", "test"):
        files[f"data/{name}/wav.scp"] = "a-1 1.wav\n"
        files[f"data/{name}/utt2spk"] = "a-1 a\n"
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def score(recipe: Path, *options: str) -> Tuple[int, str, List[str]]:
    """Run stage 11; return its status, what it said, and the embedders that scored."""
    done = subprocess.run(
        [ROOT / "egs/TEMPLATE/spk1/train_speaker.sh", "--python", "./python"]
        + ["--spk_config", "conf/train_x.yaml", "--train_set", "train"]
        + ["--valid_set", "dev", "--score_sets", "test", "--stage", "11", *options],
        cwd=recipe,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    calls = recipe / "calls.log"
    lines = calls.read_text().splitlines() if calls.is_file() else []
    scored = [line.split() for line in lines if "bin.score_verification" in line]
    return (
        done.returncode,
        done.stdout,
        [words[words.index("--embedder") + 1] for words in scored],
    )


def test_a_model_is_scored_once(recipe: Path) -> None:
    for _ in range(2):
        status, said, embedders = score(recipe)
        assert status == 0, said
        assert embedders == [f"thin_resnet:{EXP}"]


def test_another_encoder_is_a_model_of_espnet(recipe: Path) -> None:
    (recipe / EXP / "config.yaml").write_text("encoder: ge2e_lstm\n")
    status, said, embedders = score(recipe)
    assert status == 0, said
    assert embedders == [f"espnet:{EXP}"]


def test_other_weights_are_scored_where_they_are_chosen(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert score(recipe)[0] == 0
    weights = ("--inference_model", "valid.eer.ave_3best.pth")
    status, said, embedders = score(recipe, *weights)
    assert status == 0, said
    assert len(embedders) == 2 and embedders[0] == f"thin_resnet:{EXP}"
    monkeypatch.chdir(recipe)
    folder = parse_spec(embedders[1]).folder
    assert folder is not None
    assert find_espnet_weights(folder).read_text() == "average"


def test_weights_that_are_not_there_are_one_line(recipe: Path) -> None:
    status, said, embedders = score(recipe, "--inference_model", "3epoch.pth")
    assert status == 2 and not embedders
    assert f"there is no {EXP}/3epoch.pth: run stage 5 first" in said


def test_options_of_training_are_not_those_of_embedding(recipe: Path) -> None:
    """spk.sh would hand them to the program of its stage 6, which refuses them."""
    note = '#!/usr/bin/env bash\necho "$*" >>spk.log\n'
    (recipe / "spk.sh").write_text(note + f"echo x >{EXP}/RESULTS.md\n")
    (recipe / "spk.sh").chmod(0o755)
    (recipe / "data/dev/trial_label").write_text("a-1*b-1 0\n")
    options = ("--spk_tag", "train_x_raw", "--spk_args", "--max_epoch 1", "--seed", "3")
    status, said, _ = score(recipe, *options, "--stage", "2", "--stop_stage", "8")
    assert status == 0, said
    calls = (recipe / "spk.log").read_text().splitlines()
    stages = [call.split()[1:4:2] for call in calls]
    assert stages == [["2", "4"], ["5", "5"], ["6", "8"]]
    given = [call.split("--spk_args ")[1].split(" --spk_exp")[0] for call in calls]
    assert given == ["--seed 3 --max_epoch 1"] * 2 + ["--seed 3"]
