"""A scratch recipe in which probe.sh runs for real, but for Python.

The stages run with ESPnet's job scripts; Python is stood in for by
``recipes/stub_python.sh``, which notes the calls and leaves empty results.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import List

ROOT = Path(__file__).resolve().parents[1]
STUB = ROOT / "tests" / "recipes" / "stub_python.sh"
TEMPLATE = ROOT / "egs" / "TEMPLATE" / "probe1"
ESPNET = ROOT / "tools" / "espnet" / "egs2" / "TEMPLATE" / "asr1"
SETS = ("train", "dev", "test")

#: What the stages from 5 on call.
PROBING = [
    "dump_hidden",
    "probe_train",
    "aggregate_stats_dirs",
    "launch",
    "probe_train",
    "probe_inference",
    "vocode",
    "make_trials",
    "score_verification",
    "score_quality",
    "make_listening_test",
    "make_report",
]


class Recipe:
    """A scratch recipe with a trained upstream, and what its scripts called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "calls.log"
        self.output = ""
        (folder / "conf").mkdir(parents=True)
        for name in ("utils", "scripts", "pyscripts", "steps", "cmd.sh", "asr.sh"):
            (folder / name).symlink_to(ESPNET / name)
        for name in ("probe.sh", "train_and_probe.sh"):
            (folder / name).symlink_to(TEMPLATE / name)
        (folder / "conf" / "train_probe.yaml").write_text("max_epoch: 1\n")
        (folder / "path.sh").write_text(
            f"export PATH=$PWD/utils:{Path(sys.executable).parent}:$PATH\n"
            "export LC_ALL=C OMP_NUM_THREADS=1\n"
        )
        for name in SETS:
            self.write_set(folder / "data" / name)
            self.write_set(folder / "dump" / "raw" / name)
        (folder / "cache" / "ge2e").mkdir(parents=True)
        (folder / "cache" / "ge2e" / "pretrained.pt").write_text("weights")
        self.exp = folder / "exp" / "asr_tiny"
        self.exp.mkdir(parents=True)
        self.exp.joinpath("valid.loss.ave.pth").write_text("weights")
        self.exp.joinpath("config.yaml").write_text(
            "train_data_path_and_name_and_type:\n- - dump/raw/train/wav.scp\n"
            "  - speech\n  - sound\nvalid_data_path_and_name_and_type:\n"
            "- - dump/raw/dev/wav.scp\n  - speech\n  - sound\nencoder: rnn\n"
        )

    @staticmethod
    def write_set(folder: Path) -> None:
        """Write a data folder as ESPnet leaves it, with two speakers."""
        folder.mkdir(parents=True)
        utts = ["a-1", "a-2", "b-1", "b-2"]
        tables = {
            "wav.scp": "sound.flac",
            "text": "a word",
            "utt2num_samples": "16000",
            "utt2spk": None,
        }
        for name, value in tables.items():
            lines = [f"{utt} {value or utt[0]}\n" for utt in utts]
            (folder / name).write_text("".join(lines))
        (folder / "spk2utt").write_text("a a-1 a-2\nb b-1 b-2\n")
        (folder / "feats_type").write_text("raw\n")
        (folder / "audio_format").write_text("flac\n")

    def run(self, script: str, *options: str, fail_on: str = "", code: int = 0) -> None:
        """Run a script of the recipe, and check its exit code."""
        self.log.write_text("")
        done = subprocess.run(
            [f"./{script}", "--python", str(STUB), *options],
            cwd=self.folder,
            env={
                **os.environ,
                "CALLS": str(self.log),
                "FAIL_ON": fail_on,
                "ESPNET_PROBE_CACHE": str(self.folder / "cache"),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        self.output = done.stdout
        assert done.returncode == code, done.stdout

    def probe(self, *options: str, fail_on: str = "", code: int = 0) -> None:
        """Run probe.sh on the trained upstream."""
        common = ["--upstream_exp", "exp/asr_tiny", "--test_sets", "test"]
        common += ["--probe_config", "conf/train_probe.yaml", "--nj", "2"]
        common += ["--inference_nj", "2", "--ngpu", "0", "--dump_sets", "test"]
        self.run("probe.sh", *common, *options, fail_on=fail_on, code=code)

    @property
    def calls(self) -> List[str]:
        """The modules that were called, with arguments, in order."""
        return self.log.read_text().splitlines()

    @property
    def modules(self) -> List[str]:
        """The last part of the names of these modules, without repetition in a row."""
        names = [call.split()[0].rsplit(".", 1)[-1] for call in self.calls]
        return [n for i, n in enumerate(names) if i == 0 or names[i - 1] != n]

    def call(self, module: str) -> str:
        """The first call of a module."""
        return next(call for call in self.calls if call.split()[0].endswith(module))
