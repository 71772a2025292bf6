"""What all tests share: one thread per process, and the corpora beside the project."""

import itertools
import os
import sys
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Callable, Tuple

import pytest

# Before numpy and torch are imported, and for the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Keep torch to one thread, in tests that have imported it.

    The tests run in several processes already. Tests that do not need torch do not pay
    for its import.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Begin each test with the same seeds, in whatever order and process it runs."""
    for name, seed in (("torch", "manual_seed"), ("numpy.random", "seed")):
        module = sys.modules.get(name)
        if module is not None:
            getattr(module, seed)(0)


@pytest.fixture(autouse=True)
def same_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the same secrets of listening tests in every run, other ones in each call.

    What tests find in a simulated panel would be another sample each time.
    """
    numbers = itertools.count()

    def token_hex(size: int) -> str:
        return sha256(str(next(numbers)).encode()).hexdigest()[: 2 * size]

    drawn = SimpleNamespace(token_hex=token_hex)
    monkeypatch.setattr("espnet_probe.listening.secret.secrets", drawn)


@pytest.fixture(scope="session")
def project_root() -> Path:
    """Return the top folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of miniature corpora beside the project, or skip the test."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no corpora in {folder}")
    return folder


@pytest.fixture
def make_experiment() -> Callable[..., Tuple[Path, Path]]:
    """Return what writes a small experiment with made-up results."""
    from experiment_case import make_experiment as make

    return make
