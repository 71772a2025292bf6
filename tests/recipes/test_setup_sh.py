"""egs/TEMPLATE/probe1/setup.sh and path.sh, in a copy of the project's layout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest

from espnet_probe.recipe_tree import TEMPLATE, installed_version

LINKS = ("asr.sh", "cmd.sh", "db.sh", "utils", "scripts", "pyscripts", "steps")


def bash(
    code: str, folder: Path, variables: Dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        ["bash", "-c", code],
        cwd=folder,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture
def clone(tmp_path: Path, project_root: Path) -> Path:
    """A clone without .venv: the package, the template, and nothing set up."""
    root = tmp_path / "clone"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(project_root / "espnet_probe", root / "espnet_probe", ignore=ignore)
    template = Path("egs/TEMPLATE/probe1")
    shutil.copytree(project_root / template, root / template, symlinks=True)
    return root


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A tree that passes for a checkout of the installed ESPnet."""
    root = tmp_path / "checkout"
    template = root / TEMPLATE
    for name in LINKS:
        path = template / name
        if path.suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# ESPnet's {name}\n")
        else:
            path.mkdir(parents=True)
    (template / "utils" / "run.pl").write_text("#!/bin/sh\necho run.pl of ESPnet\n")
    (template / "utils" / "run.pl").chmod(0o755)
    (template / "utils" / "parse_options.sh").write_text("")
    for folder, file in (
        ("pyscripts/audio", "format_wav_scp.py"),
        ("scripts/audio", "format_wav_scp.sh"),
        ("conf", "slurm.conf"),
        ("conf", "queue.conf"),
        ("conf", "pbs.conf"),
    ):
        (template / folder).mkdir(parents=True, exist_ok=True)
        (template / folder / file).write_text("")
    (root / "tools").mkdir()
    # As ESPnet's own: uses unset variables with defaults, ends with a test.
    (root / "tools" / "extra_path.sh").write_text(
        'export PATH=/of/espnet/tools:"${PATH:-}"\n'
        '[ -f no_such_file ] && echo never\nif [ -n "${NONE-}" ]; then :; fi\n'
    )
    (root / "version.txt").write_text(installed_version() + "\n")
    return root


@pytest.fixture
def variables(checkout: Path, tmp_path: Path) -> Dict[str, str]:
    """The environment of a user: his Python first on PATH, his checkout named."""
    folder = tmp_path / "bin"
    folder.mkdir()
    python = folder / "python3"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    return {"ESPNET_ROOT": str(checkout), "PATH": path}


def set_up(clone: Path, variables: Dict[str, str], recipe: str) -> str:
    result = bash(f"egs/TEMPLATE/probe1/setup.sh {recipe}", clone, variables)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_new_recipe_gets_relative_links(
    clone: Path, checkout: Path, variables: Dict[str, str]
) -> None:
    set_up(clone, variables, "egs/corpus/probe1")
    recipe = clone / "egs/corpus/probe1"
    for name in (*LINKS, "conf/slurm.conf", "conf/queue.conf", "conf/pbs.conf"):
        link = recipe / name
        assert os.readlink(link).startswith("../../../"), name
        assert link.resolve() == checkout / TEMPLATE / name
    for name in ("path.sh", "probe.sh"):
        assert os.readlink(recipe / name) == f"../../TEMPLATE/probe1/{name}"
    output = set_up(clone, variables, "egs/corpus/probe1")
    assert "nothing, all is there" in output


def test_what_a_recipe_has_is_left_alone(
    clone: Path, variables: Dict[str, str]
) -> None:
    recipe = clone / "egs/corpus/probe1"
    recipe.mkdir(parents=True)
    (recipe / "cmd.sh").write_text("# the user's own\n")
    (recipe / "utils").symlink_to("no/such/folder")
    set_up(clone, variables, "egs/corpus/probe1")
    assert (recipe / "cmd.sh").read_text() == "# the user's own\n"
    # A link that leads nowhere is of no use to anybody.
    assert (recipe / "utils" / "run.pl").is_file()


def test_the_arguments_are_checked(clone: Path, variables: Dict[str, str]) -> None:
    result = bash("egs/TEMPLATE/probe1/setup.sh", clone, variables)
    assert result.returncode == 2
    assert "Usage:" in result.stdout
    bad = {**variables, "ESPNET_ROOT": str(clone)}
    result = bash("egs/TEMPLATE/probe1/setup.sh egs/corpus/probe1", clone, bad)
    assert result.returncode == 1
    assert "is no complete ESPnet tree" in result.stderr
    assert not (clone / "egs/corpus").exists()


SHOW = """\
set -e -u -o pipefail
. ./path.sh
echo "main ${MAIN_ROOT}"
echo "locale ${LC_ALL} ${PYTHONIOENCODING} ${OMP_NUM_THREADS}"
echo "python $(command -v python3)"
echo "cache ${ESPNET_PROBE_CACHE}"
case ${PATH} in */of/espnet/tools*) echo "tools on PATH" ;; esac
run.pl
"""


def test_path_sh_works_under_strict_bash_in_a_users_environment(
    clone: Path, variables: Dict[str, str]
) -> None:
    set_up(clone, variables, "egs/corpus/probe1")
    recipe = clone / "egs/corpus/probe1"
    result = bash(SHOW, recipe, {**variables, "PYTHONPATH": str(clone)})
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"main {clone}/tools/espnet",
        "locale C UTF-8 1",
        f"python {variables['PATH'].split(':')[0]}/python3",
        f"cache {os.environ.get('ESPNET_PROBE_CACHE', clone / 'tools/cache')}",
        "tools on PATH",
        "run.pl of ESPnet",
    ]


def test_path_sh_prefers_the_projects_python(
    clone: Path, variables: Dict[str, str]
) -> None:
    set_up(clone, variables, "egs/corpus/probe1")
    python = clone / ".venv/bin/python3"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    result = bash(SHOW, clone / "egs/corpus/probe1", variables)
    assert f"python {python}" in result.stdout, result.stderr


def test_path_sh_says_in_one_line_what_is_missing(
    clone: Path, variables: Dict[str, str], tmp_path: Path
) -> None:
    set_up(clone, variables, "egs/corpus/probe1")
    recipe = clone / "egs/corpus/probe1"
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    (bare / "python3").chmod(0o755)
    code = "set -e; . ./path.sh; echo went on"
    result = bash(code, recipe, {"PATH": f"{bare}:{os.environ['PATH']}"})
    assert result.returncode == 1
    assert "does not have espnet_probe: run 'make setup'" in result.stderr
    (clone / "tools/espnet").unlink()
    result = bash(code, recipe, variables)
    assert result.returncode == 1
    assert "no ESPnet tree at" in result.stderr
    assert "went on" not in result.stdout
