"""Where the project keeps what it downloads and unpacks."""

import os
from pathlib import Path

CACHE_VARIABLE = "ESPNET_PROBE_CACHE"


def cache_folder() -> Path:
    """Return the folder for downloaded and unpacked models.

    It is ``$ESPNET_PROBE_CACHE``; where that is not set, ``tools/cache`` of the
    checkout that this package is part of, where ``make setup`` puts them; for an
    installed package ``~/.cache/espnet_probe``.
    """
    folder = os.environ.get(CACHE_VARIABLE)
    if folder:
        return Path(folder)
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "setup.py").is_file() and (checkout / "egs").is_dir():
        return checkout / "tools" / "cache"
    return Path.home() / ".cache" / "espnet_probe"
