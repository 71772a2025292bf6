"""Rules of the code as a whole: who may import whom, size, annotations, documentation.

The rule of dependency, from the top down: commands (bin) may import everything; tasks,
report and listening stand above probes, vocoders, speakers and store, these above
layers, features and noise, and all above errors. Parts of one level do not import each
other.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, FrozenSet, Iterator, List, Set, Tuple, Union

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "espnet_probe"
MAX_LINES = 500

LOWEST = frozenset({"errors", "cache"})
LOW = LOWEST | {"layers", "features", "noise"}
MIDDLE = frozenset({"probes", "vocoders", "speakers", "store"})

#: Part of the package → the other parts that it may import.
ALLOWED: Dict[str, FrozenSet[str]] = {
    # Lazily: see test_importing_the_package_loads_nothing_heavy.
    "__init__": LOWEST | {"upstream"},
    "errors": frozenset(),
    "cache": frozenset(),
    "recipe_tree": LOWEST,
    # The target that belongs to a layer's upstream is described by features.
    "layers": LOWEST | {"features"},
    "features": LOWEST,
    "noise": LOWEST,
    "upstream": LOWEST | {"layers", "features", "registration"},
    "probes": LOW | {"upstream"},
    "judge": LOWEST | {"upstream", "registration"},
    "vocoders": LOW,
    # A speaker model of ESPnet is found, built and loaded by what does so for a probed
    # model; see also test_speaker_modules_are_independent_of_loading.
    "speakers": LOW | {"upstream"},
    "store": LOW,
    "scores": LOWEST,
    "report": LOW | MIDDLE | {"scores"},
    # The report of several models stands on that of one.
    "study": LOW | MIDDLE | {"scores", "report"},
    # The page shows the reports' numbers, of one model or of several.
    "page": LOW | MIDDLE | {"scores", "report", "study"},
    "listening": LOW | MIDDLE | {"scores"},
    "tasks": LOW | MIDDLE | {"upstream", "registration"},
    "registration": LOWEST | {"features", "speakers", "tasks"},
    "run": LOWEST | {"registration"},
}

#: Third-party packages that these parts may import: arrays in, numbers or arrays out.
MAY_IMPORT = {
    "scores": {"numpy", "scipy", "pystoi", "pesq", "jiwer"},
    "noise": {"numpy", "scipy"},
}

#: What importing the package alone must not load.
HEAVY = ("torch", "torchaudio", "espnet2", "numpy", "scipy", "matplotlib")

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]


def python_files(*folders: str) -> List[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def tracked_files() -> List[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = [name for name in listed.stdout.split("\0") if name]
    paths = [ROOT / name for name in names]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_modules(tree: ast.AST) -> Iterator[Tuple[str, int]]:
    """Give every imported module by its full name, and the line.

    ``from a import b`` counts as ``a.b``: b may be a module.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def refused_imports(part: str, source: str) -> List[str]:
    """List the imports of one file of a part that the rule does not allow."""
    refused = []
    for name, line in imported_modules(ast.parse(source)):
        words = name.split(".")
        if words[0] == "espnet_probe":
            other = words[1] if len(words) > 1 else "__init__"
            if other in ("__init__", "__version__"):
                continue
            if part != "bin" and other != part and other not in ALLOWED[part]:
                refused.append(f"line {line}: {part} imports {other}")
        elif part in MAY_IMPORT:
            standard = words[0] in sys.stdlib_module_names
            if not standard and words[0] not in MAY_IMPORT[part]:
                refused.append(f"line {line}: {part} imports {words[0]}")
    return refused


@pytest.mark.parametrize(
    "path", python_files("espnet_probe"), ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_imports_keep_the_rule_of_dependency(path: Path) -> None:
    part = part_of(path)
    assert part == "bin" or part in ALLOWED, f"add {part!r} to the rule in this test"
    assert refused_imports(part, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "part, line",
    [
        ("vocoders", "from espnet_probe.speakers import ge2e"),
        ("store", "import espnet_probe.vocoders"),
        ("noise", "from espnet_probe.speakers import registry"),
        ("noise", "from espnet_probe import store"),
        ("noise", "import soundfile"),
        ("layers", "from espnet_probe import upstream"),
        ("features", "def f():\n    from espnet_probe.bin import cli"),
        ("scores", "import torch"),
        ("scores", "from espnet2.utils import eer"),
        ("errors", "from espnet_probe.features import log_mel"),
    ],
)
def test_the_rule_refuses(part: str, line: str) -> None:
    assert len(refused_imports(part, line)) == 1


def test_speaker_modules_are_independent_of_loading() -> None:
    """What ESPnet builds must not import what builds ESPnet's models."""
    refused = [
        f"{path.name} line {line}: {name}"
        for path in python_files("espnet_probe/speakers/modules")
        for name, line in imported_modules(ast.parse(path.read_text(encoding="utf-8")))
        if name.startswith("espnet_probe.upstream")
    ]
    assert refused == []


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, espnet_probe; print([m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "[]\n"


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in python_files("espnet_probe")}
    assert [f for f in sorted(folders) if not (f / "__init__.py").is_file()] == []


def test_no_file_is_too_long() -> None:
    long = {}
    for path in tracked_files():
        if path.suffix in (".py", ".sh"):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > MAX_LINES:
                long[str(path.relative_to(ROOT))] = lines
    assert long == {}


def functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def unannotated(tree: ast.AST) -> List[str]:
    missing = []
    methods: Set[Function] = {
        item
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for item in node.body
        if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    for function in functions(tree):
        spec = function.args
        arguments = spec.posonlyargs + spec.args + spec.kwonlyargs
        if function in methods and arguments:
            decorators = [ast.unparse(d) for d in function.decorator_list]
            if "staticmethod" not in decorators:
                arguments = arguments[1:]
        arguments += [a for a in (spec.vararg, spec.kwarg) if a is not None]
        bare = [a.arg for a in arguments if a.annotation is None]
        if function.returns is None:
            bare.append("return")
        if bare:
            missing.append(f"{function.name} (line {function.lineno}): {bare}")
    return missing


def undocumented(tree: ast.Module) -> List[str]:
    """List what is public and has no docstring: module, classes, functions, methods."""
    missing = [] if ast.get_docstring(tree) or not tree.body else ["the module"]

    def visit(body: List[ast.stmt], prefix: str) -> None:
        for node in body:
            if not isinstance(
                node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            ):
                continue
            if node.name.startswith("_"):
                continue
            # What overrides a documented method of a base class may leave it at that.
            if not ast.get_docstring(node) and not _overrides(node, prefix):
                missing.append(f"{prefix}{node.name} (line {node.lineno})")
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{node.name}.")

    visit(tree.body, "")
    return missing


#: Methods whose contract a base class of a library documents.
INHERITED = {
    "forward",
    "output_size",
    "create_module",
    "exec_module",
    "find_spec",
    "parent",
    "collect_feats",
}


def _overrides(node: ast.stmt, prefix: str) -> bool:
    return bool(prefix) and getattr(node, "name", "") in INHERITED


@pytest.mark.parametrize(
    "path",
    python_files("espnet_probe") + [ROOT / "setup.py"],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_functions_are_annotated_and_public_things_documented(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert unannotated(tree) == []
    assert undocumented(tree) == []


def test_the_check_of_annotations_sees_what_is_missing() -> None:
    tree = ast.parse(
        "class A:\n"
        "    def method(self, a, *, b: int): pass\n"
        "    @staticmethod\n"
        "    def static(c) -> int: pass\n"
        "def function(*args, **kwargs) -> None: pass\n"
        "def good(a: int) -> None: 'text'\n"
    )
    assert sorted(unannotated(tree)) == [
        "function (line 5): ['args', 'kwargs']",
        "method (line 2): ['a', 'return']",
        "static (line 4): ['c']",
    ]
    assert undocumented(tree) == [
        "the module",
        "A (line 1)",
        "A.method (line 2)",
        "A.static (line 4)",
        "function (line 5)",
    ]


#: A path that exists on one machine only: a home or work folder at the very top.
MACHINE_PATH = re.compile(r"(?<![\w.$}\]-])/(?:home|root|work|Users|mnt|scratch)/\w")


def test_no_path_of_one_machine_is_in_the_repository() -> None:
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if MACHINE_PATH.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert found == []


def test_the_check_of_paths_sees_one() -> None:
    assert MACHINE_PATH.search("cd " + "/ho" + "me/somebody/espnet")
    assert not MACHINE_PATH.search("see docs/work/one and ${root}/work/two")


def test_links_in_the_repository_stay_inside() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-s"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    links = [
        line.split("\t")[1]
        for line in listed.stdout.splitlines()
        if line.startswith("120000")
    ]
    outside = []
    for name in links:
        link = ROOT / name
        if link.is_symlink() and not link.resolve().is_relative_to(ROOT):
            outside.append(name)
    assert outside == []
