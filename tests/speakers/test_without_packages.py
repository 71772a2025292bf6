import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.ge2e_weights import find_weights

#: Runs a check in a process of its own in which some packages cannot be imported.
WITHOUT = """
import importlib.abc, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError("blocked: " + name, name=name)

sys.meta_path.insert(0, Blocked())
from espnet_probe.errors import ProbeError
try:
    {code}
except ProbeError as error:
    print("refused:", error)
print([name for name in {heavy!r} if name in sys.modules])
"""

#: What only some embedders need.
OPTIONAL = (
    "speechbrain",
    "hyperpyyaml",
    "ruamel",
    "asteroid_filterbanks",
    "h5py",
    "resemblyzer",
)


def run_without(code, blocked=OPTIONAL, heavy=()):
    script = WITHOUT.format(code=code, blocked=blocked, heavy=heavy)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_checks_load_nothing_heavy():
    code = (
        "from espnet_probe.speakers.spec import check_spec; "
        "check_spec('espnet:espnet/some_model')"
    )
    heavy = ("torch", "espnet2", "speechbrain", "numpy")
    assert run_without(code, heavy=heavy) == "[]\n"


@pytest.mark.parametrize("blocked", ["speechbrain", "hyperpyyaml"])
def test_without_its_packages_speechbrain_says_what_to_install(tmp_path, blocked):
    (tmp_path / "hyperparams.yaml").write_text("a: 1\n", encoding="utf-8")
    code = (
        "from espnet_probe.speakers.registry import build_embedder; "
        f"build_embedder('speechbrain:{tmp_path}')"
    )
    said = run_without(code, blocked=(blocked,))
    assert f"Python package {blocked}: pip install 'espnet_probe[speakers]'" in said


def test_without_asteroid_rawnet3_says_what_to_install(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "{frontend: asteroid_frontend, encoder: rawnet3, pooling: chn_attn_stat, "
        "projector: rawnet3, spk_num: 5}"
    )
    (tmp_path / "valid.eer.best.pth").touch()
    code = (
        "from espnet_probe.speakers.spec import check_spec; "
        f"check_spec('espnet:{tmp_path}')"
    )
    assert "needs the Python package asteroid_filterbanks" in run_without(code)


def test_verification_with_ge2e_needs_none_of_them(tmp_path):
    """The whole command, on noises of two colours as two speakers."""
    try:
        find_weights()
    except ProbeError as error:
        pytest.skip(str(error))
    rng = np.random.default_rng(0)
    utts = [f"{speaker}-{number}" for speaker in "ab" for number in range(3)]
    for utt in utts:
        noise = rng.standard_normal(16000)
        if utt.startswith("a"):
            noise = np.convolve(noise, np.ones(20) / 20, mode="same")
        soundfile.write(tmp_path / f"{utt}.wav", 0.1 * noise, 16000)
    (tmp_path / "wav.scp").write_text(
        "".join(f"{utt} {tmp_path}/{utt}.wav\n" for utt in utts)
    )
    (tmp_path / "utt2spk").write_text("".join(f"{utt} {utt[0]}\n" for utt in utts))
    (tmp_path / "trials").write_text(
        "".join(
            f"{one} {two} {'target' if one[0] == two[0] else 'nontarget'}\n"
            for number, one in enumerate(utts)
            for two in utts[number + 1 :]
        )
    )
    options = ["--embedder", "ge2e", "--output_dir", f"{tmp_path}/scores"]
    for name in ("wav_scp", "trials", "utt2spk"):
        options += [f"--{name}", f"{tmp_path}/{name.replace('_', '.')}"]
    code = (
        "from espnet_probe.bin.score_verification import main; "
        f"main({options!r} + ['--num_bootstrap', '100'])"
    )
    run_without(code)
    summary = json.loads((tmp_path / "scores" / "verification.json").read_text())
    assert summary["num_trials"] == 15
    assert summary["eer_percent"] == 0
