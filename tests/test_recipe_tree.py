"""ESPnet's recipe tree: what is accepted, refused, put back, and how links are made."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Optional

import pytest

from espnet_probe import recipe_tree
from espnet_probe.errors import ProbeError

VERSION = "209901"


def make_tree(root: Path, version: str = VERSION) -> Path:
    """Make a folder that has what is asked of a tree, and two recipes without links."""
    for name in recipe_tree.REQUIRED_FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("# part of ESPnet\n")
    for name in recipe_tree.REQUIRED_FOLDERS:
        (root / name).mkdir(parents=True)
    (root / "version.txt").write_text(version + "\n")
    (root / recipe_tree.TEMPLATE / "path.sh").write_text("")
    recipe = root / "egs2/corpus/asr1"
    recipe.mkdir(parents=True)
    (recipe / "path.sh").write_text("")
    (recipe / "scripts").mkdir()
    (root / "egs2/corpus/notes").mkdir()
    return root


def make_archive(
    folder: Path, version: str = VERSION, extra: Optional[tarfile.TarInfo] = None
) -> Path:
    """Make a source distribution, with one more member if wanted."""
    tree = make_tree(folder / f"espnet-{version}", version)
    archive = folder / f"espnet-{version}.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tree, arcname=tree.name)
        if extra is not None:
            tar.addfile(extra, io.BytesIO(b"x" * extra.size))
    return archive


def test_unpacking_restores_links_and_keeps_what_is_there(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    destination = tmp_path / "tools" / "tree"
    recipe_tree.unpack(archive, VERSION, destination)
    assert recipe_tree.check_tree(destination) == VERSION
    recipe = destination / "egs2/corpus/asr1"
    assert os.readlink(recipe / "utils") == "../../TEMPLATE/asr1/utils"
    assert (recipe / "utils/run.pl").is_file()
    assert not (recipe / "scripts").is_symlink()
    # What is no recipe gets no links; the template's own folders stay folders.
    assert list((destination / "egs2/corpus/notes").iterdir()) == []
    assert not (destination / recipe_tree.TEMPLATE / "utils").is_symlink()
    # Nothing temporary is left.
    assert [p.name for p in destination.parent.iterdir()] == ["tree"]


def test_an_incomplete_tree_under_the_name_is_replaced(tmp_path: Path) -> None:
    destination = tmp_path / "tools" / "tree"
    destination.mkdir(parents=True)
    (destination / "left_over").write_text("")
    recipe_tree.unpack(make_archive(tmp_path), VERSION, destination)
    assert not (destination / "left_over").exists()


@pytest.mark.parametrize("name", ["../escaped", "/escaped"])
def test_paths_that_lead_out_write_nothing_outside(tmp_path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    member.size = 1
    archive = make_archive(tmp_path, extra=member)
    destination = tmp_path / "tools" / "tree"
    try:
        recipe_tree.unpack(archive, VERSION, destination)
    except ProbeError as error:
        assert "cannot unpack" in str(error)
        assert not destination.exists()
    # The filter strips a leading slash; such a file lands in the folder that goes.
    assert not Path("/escaped").exists()
    assert list(tmp_path.rglob("escaped")) == []


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo(f"espnet-{VERSION}/link")
    member.type = tarfile.SYMTYPE
    member.linkname = "../../../outside"
    archive = make_archive(tmp_path, extra=member)
    with pytest.raises(ProbeError, match="cannot unpack"):
        recipe_tree.unpack(archive, VERSION, tmp_path / "tools" / "tree")


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(ProbeError, match="cannot unpack"):
        recipe_tree.unpack(archive, VERSION, tmp_path / "tools" / "tree")
    assert list((tmp_path / "tools").iterdir()) == []


def test_another_version_is_refused(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    with pytest.raises(ProbeError, match="no folder espnet-209912"):
        recipe_tree.unpack(archive, "209912", tmp_path / "tools" / "tree")


def test_an_incomplete_checkout_is_named(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "checkout")
    (tree / recipe_tree.TEMPLATE / "asr.sh").unlink()
    with pytest.raises(ProbeError, match="lacks egs2/TEMPLATE/asr1/asr.sh: set"):
        recipe_tree.check_tree(tree)


def refuse_download(version: str, folder: Path) -> Path:
    raise AssertionError("nothing had to be downloaded")


def test_a_checkout_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe_tree, "installed_version", lambda: VERSION)
    monkeypatch.setattr(recipe_tree, "download", refuse_download)
    checkout = make_tree(tmp_path / "checkout")
    link = recipe_tree.provide_tree(tmp_path / "tools", str(checkout))
    assert link.resolve() == checkout
    assert not (checkout / "egs2/corpus/asr1/utils").exists()
    # Without the variable the checkout stays in use.
    assert recipe_tree.provide_tree(tmp_path / "tools").resolve() == checkout


def test_the_installed_version_is_fetched_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads = []

    def fake_download(version: str, folder: Path) -> Path:
        downloads.append(version)
        return make_archive(folder, version)

    monkeypatch.setattr(recipe_tree, "installed_version", lambda: VERSION)
    monkeypatch.setattr(recipe_tree, "download", fake_download)
    tools = tmp_path / "tools"
    link = recipe_tree.provide_tree(tools)
    assert os.readlink(link) == f"espnet-{VERSION}"
    assert recipe_tree.provide_tree(tools) == link
    assert downloads == [VERSION]
    # A tree of the version that was installed before is not taken for this one.
    monkeypatch.setattr(recipe_tree, "installed_version", lambda: "209912")
    recipe_tree.provide_tree(tools)
    assert os.readlink(link) == "espnet-209912"
    assert downloads == [VERSION, "209912"]
    names = {"espnet", f"espnet-{VERSION}", "espnet-209912"}
    assert {p.name for p in tools.iterdir()} == names


def test_without_a_network_one_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An index that is not there is as good as no network, and needs none.
    for name in [n for n in os.environ if n.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ProbeError) as caught:
        recipe_tree.download(VERSION, tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert f"ESPnet {VERSION} (pip: ERROR: No matching" in message
    assert message.endswith("or set ESPNET_ROOT to a checkout")


def test_a_folder_in_the_way_of_the_link_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "espnet").mkdir()
    with pytest.raises(ProbeError, match="is not a link: move it away"):
        recipe_tree.point_link(tmp_path / "espnet", Path("elsewhere"))


def test_the_command_reports_in_one_line(tmp_path: Path, project_root: Path) -> None:
    command = [sys.executable, "-m", "espnet_probe.bin.fetch_espnet"]
    command += ["--tools_dir", str(tmp_path), "--espnet_root", str(tmp_path / "none")]
    result = subprocess.run(command, cwd=project_root, capture_output=True, text=True)
    assert result.returncode == 1
    assert "is no complete ESPnet tree" in result.stderr
    assert "Traceback" not in result.stderr
