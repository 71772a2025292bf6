"""A real browser for the tests of pages; skipped, with the reason, where none is."""

import os
import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import pytest

#: Names of the browser's program, of several distributions.
NAMES = ("chromium", "chromium-browser", "google-chrome")
VARIABLE = "ESPNET_PROBE_BROWSER"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start headless Chromium once for all tests of a process."""
    found = (shutil.which(name) for name in NAMES)
    program = os.environ.get(VARIABLE) or next((path for path in found if path), None)
    if program is None:
        pytest.skip(
            f"no browser: tried {', '.join(NAMES)}; 'apt-get install chromium', or set "
            f"{VARIABLE} to the program"
        )
    api = pytest.importorskip(
        "playwright.sync_api", reason="no playwright: pip install playwright"
    )
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program,
            # Without a sandbox, as root in a container; no sound leaves the machine.
            args=["--no-sandbox", "--mute-audio"],
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Tuple[Path, Dict[str, Any]]:
    """The folder of a report's page, and the data that it was made of."""
    from report_case import make_page

    folder = tmp_path_factory.mktemp("report")
    return folder, make_page(folder, single_file=False)


@pytest.fixture(scope="module")
def opened(browser: Any) -> Iterator[Any]:
    """A page for all tests of a module; what went wrong there is found at its end."""
    from report_case import Opened

    one = Opened(browser, viewport={"width": 1280, "height": 900})
    yield one
    one.close()
