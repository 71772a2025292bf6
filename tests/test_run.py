"""``python -m espnet_probe.run`` against ``python`` itself, form by form."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional

import pytest

PLAIN = [sys.executable]
PLUGIN = [sys.executable, "-m", "espnet_probe.run"]

#: A program that prints what it can see of how it was started.
REPORT = """\
import json, sys
print(json.dumps({
    "argv": sys.argv,
    "path0": sys.path[0],
    "name": __name__,
    "file": globals().get("__file__"),
    "package": __package__,
    "is_main": sys.modules["__main__"].__dict__ is globals(),
}))
"""


def call(
    start: List[str],
    words: List[str],
    folder: Path,
    stdin: str = "",
    variables: Optional[Dict[str, str]] = None,
) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **(variables or {})}
    return subprocess.run(
        [*start, *words],
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=600,
    )


def assert_same(words: List[str], folder: Path, stdin: str = "") -> str:
    """Both ways of starting give the same output and exit code; return the output."""
    plain = call(PLAIN, words, folder, stdin)
    plugin = call(PLUGIN, words, folder, stdin)
    assert plugin.stdout == plain.stdout, plugin.stderr
    assert plugin.returncode == plain.returncode, plugin.stderr
    return plugin.stdout


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with the program as a file, a linked file, a module and a package."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "sibling.py").write_text("VALUE = 5\n")
    (package / "__main__.py").write_text(
        "from .sibling import VALUE\nprint(VALUE)\n" + REPORT
    )
    (package / "inner.py").write_text(
        "from .sibling import VALUE\nprint(VALUE)\n" + REPORT
    )
    (tmp_path / "flat.py").write_text(REPORT)
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "script.py").write_text("import beside\n" + REPORT)
    (scripts / "beside.py").write_text("")
    (tmp_path / "link.py").symlink_to(scripts / "script.py")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "flat", "a", "-b", "--c=d"],
        ["-m", "package", "a"],
        ["-m", "package.inner", "a"],
        ["-c", REPORT, "a", "-m", "b"],
        ["scripts/script.py", "a", "-c", "b"],
        ["./flat.py"],
        ["link.py", "a"],
    ],
    ids=lambda words: " ".join(words[:2])[:20],
)
def test_a_program_sees_what_it_would_see_under_python(
    programs: Path, words: List[str]
) -> None:
    output = assert_same(words, programs)
    report = json.loads(output.splitlines()[-1])
    assert report["name"] == "__main__"
    assert report["is_main"]
    assert report["argv"][1:] == words[2 if words[0].startswith("-") else 1 :]


@pytest.mark.parametrize("words", [["-", "a", "b"], []], ids=["dash", "nothing"])
def test_a_program_on_standard_input(programs: Path, words: List[str]) -> None:
    report = json.loads(assert_same(words, programs, stdin=REPORT))
    assert report["argv"] == (words or [""])


def test_standard_input_is_left_to_other_programs(programs: Path) -> None:
    words = ["-c", "import sys; print(sys.stdin.read().upper())"]
    assert assert_same(words, programs, stdin="text") == "TEXT\n"


@pytest.mark.parametrize(
    "code, expected",
    [
        ("pass", 0),
        ("raise SystemExit", 0),
        ("import sys; sys.exit(7)", 7),
        ("import sys; sys.exit('a message')", 1),
        ("1 / 0", 1),
        ("this is no python", 1),
        ("assert False", 1),
        ("import os; os._exit(9)", 9),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -15),
    ],
)
@pytest.mark.parametrize("form", ["-m", "-c", "FILE", "-"])
def test_exit_codes(tmp_path: Path, form: str, code: str, expected: int) -> None:
    (tmp_path / "program.py").write_text(code + "\n")
    words = {
        "-m": ["-m", "program"],
        "-c": ["-c", code],
        "FILE": ["program.py"],
        "-": ["-"],
    }[form]
    result = call(PLUGIN, words, tmp_path, stdin=code if form == "-" else "")
    assert result.returncode == expected, result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "no_such_module"],
        ["-m", "no_such_package.module"],
        ["-m", "package.no_such_module"],
        ["-m", "flat.inside"],
        ["-m", "bare"],
        ["no_such_file.py"],
        ["-m"],
        ["-c"],
    ],
    ids=" ".join,
)
def test_what_is_not_there_ends_as_under_python(
    programs: Path, words: List[str]
) -> None:
    (programs / "bare").mkdir()
    (programs / "bare" / "__init__.py").write_text("")
    assert_same(words, programs)
    result = call(PLUGIN, words, programs)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr


def test_a_module_missing_inside_the_program_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "parent").mkdir()
    (tmp_path / "parent" / "__init__.py").write_text("import no_such_module\n")
    (tmp_path / "parent" / "child.py").write_text("")
    result = call(PLUGIN, ["-m", "parent.child"], tmp_path)
    assert result.returncode == 1
    assert "No module named 'no_such_module'" in result.stderr
    assert "parent/__init__.py" in result.stderr


def test_a_users_mistake_is_one_line(tmp_path: Path) -> None:
    code = "from espnet_probe.errors import ProbeError; raise ProbeError('a\\nb')"
    result = call(PLUGIN, ["-c", code], tmp_path)
    assert result.returncode == 1
    assert result.stderr == "-c: error: a b\n"


def test_options_of_the_interpreter_are_refused_with_the_usage(tmp_path: Path) -> None:
    result = call(PLUGIN, ["-u", "program.py"], tmp_path)
    assert result.returncode == 2
    assert "usage: python -m espnet_probe.run" in result.stderr


def test_a_one_liner_does_not_pay_for_espnet(tmp_path: Path) -> None:
    code = "import sys; print([m for m in ('torch', 'espnet2') if m in sys.modules])"
    assert call(PLUGIN, ["-c", code], tmp_path).stdout == "[]\n"


#: A program whose children look for what the parent's main defines, by pickle, and for
#: the watcher; and whose grandchild does, too.
SPAWNING = """\
import multiprocessing
import sys

class Value:
    pass

def look(value):
    import sys
    watchers = [type(f).__name__ for f in sys.meta_path]
    return (type(value).__name__, "_HostWatcher" in watchers, sys.argv[1:])

def ask_grandchild(value):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(look, (value,))

class Process(multiprocessing.get_context("spawn").Process):
    def run(self):
        print("grandchild", ask_grandchild(Value()), flush=True)

if __name__ == "__main__":
    with multiprocessing.get_context("{method}").Pool(1) as pool:
        print("child", pool.apply(look, (Value(),)), flush=True)
    process = Process()
    process.start()
    process.join()
    sys.exit(process.exitcode)
"""


@pytest.mark.parametrize("form", ["-m", "FILE"])
def test_spawned_children_find_main_and_watch(tmp_path: Path, form: str) -> None:
    (tmp_path / "program.py").write_text(SPAWNING.replace("{method}", "spawn"))
    words = ["-m", "program", "x"] if form == "-m" else ["program.py", "x"]
    result = call(PLUGIN, words, tmp_path)
    seen = "('Value', True, ['x'])"
    assert result.stdout == f"child {seen}\ngrandchild {seen}\n", result.stderr
    assert result.returncode == 0
    # The same program runs under Python itself, where nothing watches.
    plain = call(PLAIN, words, tmp_path)
    assert plain.stdout == result.stdout.replace("True", "False")


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_other_start_methods(tmp_path: Path, method: str) -> None:
    (tmp_path / "program.py").write_text(SPAWNING.replace("{method}", method))
    result = call(PLUGIN, ["program.py"], tmp_path)
    assert "child ('Value', True, [])" in result.stdout, result.stderr
    assert result.returncode == 0


def test_children_of_code_without_a_name(tmp_path: Path) -> None:
    code = (
        "import multiprocessing, operator\n"
        "with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "    print(pool.apply(operator.add, (1, 2)))\n"
    )
    # What an enclosing run left in the environment is not theirs.
    stale = {"ESPNET_PROBE_RUN_MAIN": json.dumps(["module", "no_such_module"])}
    for words, stdin in ((["-c", code], ""), (["-"], code)):
        result = call(PLUGIN, words, tmp_path, stdin, stale)
        assert result.stdout == "3\n", result.stderr


def test_a_spawned_child_has_the_registered_choice(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import multiprocessing\n"
        "def names():\n"
        "    from espnet2.tasks.asr import frontend_choices\n"
        "    return frontend_choices.get_class('delta_logmel').__name__\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.apply(names))\n"
    )
    result = call(PLUGIN, ["program.py"], tmp_path)
    assert result.stdout == "DeltaLogMel\n", result.stderr
