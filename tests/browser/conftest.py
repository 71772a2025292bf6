"""A real browser for the tests of pages; skipped, with the reason, where none is."""

import os
import shutil
from typing import Any, Iterator

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
