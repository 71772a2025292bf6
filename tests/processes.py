"""Processes that are killed, and what they leave, for tests of resuming."""

import io
import os
import signal
import sys
from pathlib import Path
from typing import Any, Callable, Dict

#: The functions that change what is on disk, and the one before a rename.
FILE_CALLS = frozenset("write fsync truncate replace mkdir rmdir unlink".split())


def contents(directory: Path) -> Dict[str, bytes]:
    """Return all files below a folder with their bytes."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def start(work: Callable[[], None]) -> int:
    """Run a function in a forked process; return its id."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return pid


def fork(work: Callable[[], None]) -> int:
    """Run a function in a forked process; return its exit status as waitpid's."""
    return os.waitpid(start(work), 0)[1]


def was_killed(status: int, by: signal.Signals = signal.SIGKILL) -> bool:
    """Tell from waitpid's status whether a signal has ended the process."""
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == by


def die() -> None:
    """Kill this process: nothing of Python's runs after it."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_before_call(number: int) -> None:
    """Let this process be killed before the given call that changes a file."""
    count = 0

    def watch(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        if event == "c_call" and argument.__name__ in FILE_CALLS:
            # Texts are put together in memory first.
            count += not isinstance(argument.__self__, (io.StringIO, io.BytesIO))
            if count == number:
                die()

    sys.setprofile(watch)


def die_at_rename(name: str) -> None:
    """Let this process be killed before a file gets a name that begins so."""

    def watch(event: str, arguments: Any) -> None:
        if event == "os.rename" and Path(arguments[1]).name.startswith(name):
            die()

    sys.addaudithook(watch)
