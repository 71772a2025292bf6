"""What only the key knows, and what follows from it: names, order, sides.

Which triplets a test has follows from ``--seed`` and the data. Anyone who has the data
and this program could draw them again, for the seed is a small number and mostly the
default. So whatever would give answers away follows from a secret of 128 random bits
instead, which stands in the key and nowhere else: names of sounds and items, the order
of items, and which of the two voices is A. With the secret of an earlier key and the
same seed and data, the same test is made again, byte for byte.
"""

import hashlib
import hmac
import random
import re
import secrets
from pathlib import Path

from espnet_probe.errors import ProbeError
from espnet_probe.listening.key_format import read_key

#: Where the key has it, among the settings.
SETTING = "secret"
_FORM = re.compile(r"[0-9a-f]{32}")


class Secret:
    """The secret of one test.

    Attributes:
        text: 32 hexadecimal digits.
    """

    def __init__(self, text: str) -> None:
        """Take a secret.

        Args:
            text: 32 hexadecimal digits.

        Raises:
            ProbeError: If it is something else.
        """
        if not _FORM.fullmatch(text):
            raise ProbeError("a secret of a listening test has 32 hexadecimal digits")
        self.text = text

    @classmethod
    def drawn(cls) -> "Secret":
        """Draw a new one, from the operating system's source."""
        return cls(secrets.token_hex(16))

    @classmethod
    def of_key(cls, path: Path) -> "Secret":
        """Take that of an earlier test.

        Args:
            path: Its key.

        Raises:
            ProbeError: If it is no key, or has none.
        """
        found = read_key(path).settings.get(SETTING)
        if not isinstance(found, str):
            raise ProbeError(f"{path} has no secret among its settings")
        return cls(found)

    def name(self, what: str, length: int = 16) -> str:
        """Return a random name.

        Args:
            what: What is named; the same text gives the same name.
            length: Of the name, at most 64 hexadecimal digits.
        """
        digest = hmac.new(bytes.fromhex(self.text), what.encode(), hashlib.sha256)
        return digest.hexdigest()[:length]

    def draw(self, what: str) -> random.Random:
        """Return a source of randomness of its own for some purpose."""
        return random.Random(int(self.name(f"draw {what}", 64), 16))
