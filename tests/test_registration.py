"""What is added to ESPnet's tables, when, and what is refused."""

import importlib
import inspect
import sys
from pathlib import Path
from typing import Dict, Iterator

import pytest

from espnet_probe import registration
from espnet_probe.errors import ProbeError
from espnet_probe.registration import Addition, add_class


class Choices:
    """Has what the registration uses of ESPnet's ClassChoices."""

    def __init__(self, base_type: type) -> None:
        self.base_type = base_type
        self.classes: Dict[str, type] = {}


class Base:
    """A base class that a table asks for."""


class Mine(Base):
    """A class to register."""


class Other(Base):
    """Another one."""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module with a table, and a list that has an addition for it."""
    (tmp_path / "fake_host.py").write_text("table = {'present': int}\n")
    addition = Addition("mine", __name__, "Mine", "table", ("fake_host",))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[Mine.__module__])
    monkeypatch.setattr(registration, "ADDITIONS", (addition,))
    # Another test of this process may have left its watcher.
    finders = [f for f in sys.meta_path if type(f).__name__ != "_HostWatcher"]
    monkeypatch.setattr(sys, "meta_path", finders)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "fake_host"
    sys.modules.pop("fake_host", None)


def test_a_host_is_completed_when_it_is_imported(host: str) -> None:
    registration.register_lazily()
    assert host not in sys.modules
    module = importlib.import_module(host)
    assert module.table == {"present": int, "mine": Mine}


def test_a_host_that_is_there_is_completed_at_once(host: str) -> None:
    module = importlib.import_module(host)
    assert "mine" not in module.table
    registration.register_lazily()
    assert module.table["mine"] is Mine


def test_registering_again_changes_nothing(host: str) -> None:
    for _ in range(3):
        registration.register_lazily()
    module = importlib.import_module(host)
    registration.register_lazily()
    assert module.table == {"present": int, "mine": Mine}
    watchers = [f for f in sys.meta_path if type(f).__name__ == "_HostWatcher"]
    assert len(watchers) == 1


def test_the_loader_still_gives_the_source(host: str) -> None:
    registration.register_lazily()
    module = importlib.import_module(host)
    assert "present" in inspect.getsource(module)
    assert module.__loader__.get_code(host) is not None


def test_a_failing_import_stays_its_own_error(host: str, tmp_path: Path) -> None:
    (tmp_path / "fake_host.py").write_text("raise RuntimeError('its own')\n")
    registration.register_lazily()
    with pytest.raises(RuntimeError, match="its own"):
        importlib.import_module(host)


def test_a_host_without_the_table_is_refused(host: str, tmp_path: Path) -> None:
    (tmp_path / "fake_host.py").write_text("")
    registration.register_lazily()
    with pytest.raises(ProbeError, match="no fake_host.table"):
        importlib.import_module(host)


def test_a_class_of_another_kind_is_refused() -> None:
    with pytest.raises(ProbeError, match="subclasses of Base, got dict"):
        add_class(Choices(Base), "mine", dict, "table")


def test_a_name_that_is_taken_is_refused() -> None:
    table = Choices(Base)
    add_class(table, "mine", Mine, "table")
    add_class(table, "mine", Mine, "table")
    with pytest.raises(ProbeError, match="already has 'mine': .*Mine"):
        add_class(table, "mine", Other, "table")
    assert table.classes == {"mine": Mine}


def test_every_addition_is_lower_case_and_unique() -> None:
    seen = [(a.table, a.name, host) for a in registration.ADDITIONS for host in a.hosts]
    assert len(seen) == len(set(seen)) > 0
    assert all(a.name == a.name.lower() for a in registration.ADDITIONS)


def test_espnet_has_the_choices_after_register() -> None:
    registration.register()
    asr = importlib.import_module("espnet2.tasks.asr")
    delta_logmel = importlib.import_module("espnet_probe.features.delta_logmel")
    assert asr.frontend_choices.get_class("delta_logmel") is delta_logmel.DeltaLogMel
    parser = asr.ASRTask.get_parser()
    assert parser.parse_args(["--frontend", "delta_logmel"]).frontend == "delta_logmel"


def test_the_speaker_task_has_its_parts_after_its_import() -> None:
    registration.register_lazily()
    spk = importlib.import_module("espnet2.tasks.spk")
    losses = importlib.import_module("espnet2.spk.loss.abs_loss")
    parts = {
        "frontend": ["spectrogram", "linear_mel"],
        "encoder": ["thin_resnet34", "ge2e_lstm"],
        "pooling": ["ghostvlad", "last_state"],
        "projector": ["thin_resnet"],
        "loss": ["amsoftmax", "ge2e"],
    }
    for part, names in parts.items():
        table = getattr(spk, f"{part}_choices")
        for name in names:
            cls = table.get_class(name)
            assert cls.__module__.startswith("espnet_probe.speakers.modules.")
            # ESPnet's table of losses asks for no base class.
            assert issubclass(cls, table.base_type or losses.AbsLoss)
            assert name in spk.SpeakerTask.get_parser().format_help()
