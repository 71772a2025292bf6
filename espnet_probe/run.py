"""Run a program as ``python3`` would, with the plugin's classes known to ESPnet.

ESPnet's scripts call Python through one option, so this is all it takes::

    ./asr.sh --python "python3 -m espnet_probe.run" …

What follows is what ESPnet's scripts put after ``python3``: ``-m MODULE``, ``-c CODE``,
``FILE.py``, or ``-`` (or nothing) for a program on standard input, with its arguments.
``sys.argv``, ``sys.path[0]``, ``__main__`` and the exit code are those that Python
itself would give.

Spawned children. A child that :mod:`multiprocessing` spawns starts a new Python and
imports its parent's main module again, by the name in ``__main__.__spec__``; that is
how ESPnet's multi-GPU training starts. The registration has to happen there too, before
the program's own import. So the program's ``__main__`` names this module in its
``__spec__``: the child imports this module under the name ``__mp_main__``, registers,
and then imports the program's main, which it finds in the environment variable
:data:`MAIN_VARIABLE`. One difference to plain Python is left: ``__main__.__spec__`` of
the program is not its own.
"""

import importlib.util
import json
import os
import runpy
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Dict, List, Optional, Sequence, Tuple

from espnet_probe.errors import ProbeError
from espnet_probe.registration import register_lazily

#: Tells spawned children what their parent runs: a JSON list, ["module", NAME] or
#: ["file", PATH]. Code from -c and from standard input has no name to import it by:
#: such a parent sets no variable, and plain Python's children skip it just the same.
MAIN_VARIABLE = "ESPNET_PROBE_RUN_MAIN"

USAGE = """\
usage: python -m espnet_probe.run {-m MODULE | -c CODE | FILE | -} [ARGUMENT ...]

Run a program as python would, with espnet_probe's classes in ESPnet's choices. Options
of the interpreter itself go before: python -u -m espnet_probe.run …
"""


class CannotStart(ProbeError):
    """The program cannot be found or read.

    Attributes:
        code: The exit code that Python gives in this case.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class _MainSpec(ModuleSpec):
    """The ``__spec__`` of a program's ``__main__``: it names this module.

    Relative imports are resolved by the parent, so that stays the program's.
    """

    def __init__(self, parent: str) -> None:
        super().__init__("espnet_probe.run", loader=None)
        self._program_parent = parent

    @property
    def parent(self) -> str:
        return self._program_parent


def run_as_main(
    code: CodeType,
    attributes: Dict[str, Any],
    parent: str,
    origin: Optional[Tuple[str, str]],
) -> None:
    """Execute code in a new ``__main__`` module.

    Args:
        code: What to execute.
        attributes: Further names to set in the module: ``__file__``, ``__package__`` …
        parent: The package that relative imports start from; may be empty.
        origin: What spawned children import as their main: ("module", name) or
            ("file", path), or None.
    """
    main_module = ModuleType("__main__")
    builtins = sys.modules["builtins"]
    vars(main_module).update(__builtins__=builtins, __package__=None, __cached__=None)
    vars(main_module).update(attributes)
    main_module.__spec__ = _MainSpec(parent)
    if origin is None:
        os.environ.pop(MAIN_VARIABLE, None)
    else:
        os.environ[MAIN_VARIABLE] = json.dumps(origin)
    sys.modules["__main__"] = main_module
    exec(code, vars(main_module))


def set_import_folder(folder: str) -> None:
    """Put a folder where Python puts that of the program: first in ``sys.path``.

    ``python -m espnet_probe.run`` has put the current folder there. With Python's
    option -P there is no such place, and nothing is changed.
    """
    if not sys.flags.safe_path:
        sys.path[0] = folder


def find_module(name: str) -> ModuleSpec:
    """Find what ``-m NAME`` runs: the module, or the ``__main__`` of a package.

    Raises:
        CannotStart: There is no such module, or it is a package without ``__main__``.
    """
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        # A parent of NAME that does not exist; any other missing module is a defect
        # of the parent package and has to be seen with its traceback.
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise
        spec = None
    except ValueError:
        spec = None
    if spec is None:
        raise CannotStart(f"No module named {name}", code=1)
    if spec.submodule_search_locations is None:
        return spec
    main = importlib.util.find_spec(name + ".__main__")
    if main is None:
        raise CannotStart(
            f"No module named {name}.__main__; {name!r} is a package and cannot be "
            "directly executed",
            code=1,
        )
    return main


def run_module(name: str, arguments: Sequence[str]) -> None:
    """Run ``-m NAME ARGUMENTS``.

    Raises:
        CannotStart: There is no such module, or it is not Python code.
    """
    # As python does: argv[0] is "-m" while the packages above are imported.
    sys.argv[:] = ["-m", *arguments]
    spec = find_module(name)
    code = getattr(spec.loader, "get_code", lambda name: None)(spec.name)
    if code is None:
        raise CannotStart(f"No code object available for {name}", code=1)
    sys.argv[0] = str(spec.origin)
    attributes = {
        "__file__": spec.origin,
        "__cached__": spec.cached,
        "__loader__": spec.loader,
        "__package__": spec.parent,
    }
    run_as_main(code, attributes, spec.parent or "", ("module", spec.name))


def run_file(path: str, arguments: Sequence[str]) -> None:
    """Run ``FILE ARGUMENTS``, with the file's folder first in ``sys.path``.

    Raises:
        CannotStart: The file cannot be read.
    """
    # Python's own __file__ is absolute but not normalised. Absolute it must be: a child
    # may start in another folder.
    absolute = os.path.join(os.getcwd(), path)
    try:
        source = Path(absolute).read_bytes()
    except OSError as error:
        raise CannotStart(
            f"can't open file {absolute!r}: [Errno {error.errno}] {error.strerror}",
            code=2,
        ) from error
    sys.argv[:] = [path, *arguments]
    # Python follows links: the folder is that of the file itself.
    set_import_folder(os.path.dirname(os.path.realpath(path)))
    code = compile(source, absolute, "exec", dont_inherit=True)
    run_as_main(code, {"__file__": absolute}, "", ("file", absolute))


def run_source(source: Any, filename: str, argv: Sequence[str]) -> None:
    """Run code that comes from no file.

    Args:
        source: The code, text or bytes.
        filename: What tracebacks call it: ``<string>`` or ``<stdin>``.
        argv: The program's ``sys.argv``.
    """
    sys.argv[:] = argv
    set_import_folder("")
    code = compile(source, filename, "exec", dont_inherit=True)
    attributes = {"__file__": filename} if filename == "<stdin>" else {}
    run_as_main(code, attributes, "", None)


def main(cmd: Optional[Sequence[str]] = None) -> int:
    """Run what the command line says.

    Args:
        cmd: The words after ``python -m espnet_probe.run``; by default the process's.

    Returns:
        0 after a program that came to its end, otherwise an exit code as Python gives
        it: 1 for a module that is not there, 2 for a file that is not there or a wrong
        command line, 1 after a :class:`ProbeError` of the program, which is printed in
        one line. Its other exceptions, SystemExit among them, pass through.
    """
    words: List[str] = list(sys.argv[1:] if cmd is None else cmd)
    first = words[0] if words else ""
    rest = words[1:]
    if first in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if first in ("-m", "-c") and not rest:
        print(f"Argument expected for the {first} option", file=sys.stderr)
        print(USAGE, end="", file=sys.stderr)
        return 2
    try:
        if first == "-m":
            run_module(rest[0], rest[1:])
        elif first == "-c":
            run_source(rest[0], "<string>", ["-c", *rest[1:]])
        elif first in ("", "-") and not sys.stdin.isatty():
            run_source(sys.stdin.buffer.read(), "<stdin>", [first, *rest])
        elif first.startswith("-") or not first:
            print(f"no program in: {' '.join(words) or 'nothing'}", file=sys.stderr)
            print(USAGE, end="", file=sys.stderr)
            return 2
        else:
            run_file(first, rest)
    except CannotStart as error:
        print(f"{sys.executable}: {error}", file=sys.stderr)
        return error.code
    except ProbeError as error:
        message = " ".join(str(error).split())
        print(f"{os.path.basename(sys.argv[0])}: error: {message}", file=sys.stderr)
        return 1
    return 0


def import_parents_main() -> Dict[str, Any]:
    """In a spawned child, import what the parent runs, as ``__mp_main__``.

    Returns:
        The names that it defines, less those that say what module this is.
    """
    origin = os.environ.get(MAIN_VARIABLE)
    if origin is None:
        return {}
    kind, name = json.loads(origin)
    if kind == "module":
        if name.endswith(".__main__"):
            # Programs of packages have no guard, so multiprocessing leaves them out.
            return {}
        names = runpy.run_module(name, run_name="__mp_main__", alter_sys=True)
    else:
        names = runpy.run_path(name, run_name="__mp_main__")
    kept = ("__name__", "__spec__", "__loader__")
    return {key: value for key, value in names.items() if key not in kept}


register_lazily()

if __name__ == "__main__":
    sys.exit(main())
elif __name__ == "__mp_main__":
    globals().update(import_parents_main())
