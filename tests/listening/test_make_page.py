"""The page's source, and the secret that its names follow from."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.listening.key_format import Key
from espnet_probe.listening.page import Page, check_address, paragraphs, render
from espnet_probe.listening.secret import Secret

EVIL = '<script>alert("x")</script> & </script> \u2028 "quoted" \'single\''


class Reader(HTMLParser):
    """Collects the elements, and the text of the data."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: List[Tuple[str, Dict[str, Any]]] = []
        self.scripts: List[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts.append(data)
        self.text += data


def page(**options: Any) -> Page:
    row = {"item": "i1", "A": "a.wav", "B": "b.wav", "X": "x.wav"}
    return Page("t1", options.pop("scale", "ab"), {1: [row]}, "level.wav", **options)


@pytest.mark.parametrize("scale", ["ab", "similarity"])
def test_texts_are_escaped_and_nothing_comes_from_elsewhere(scale: str) -> None:
    html = render(
        page(scale=scale, title=EVIL, instructions=EVIL, consent=f"a\n\n{EVIL}")
    )
    assert "<script>alert" not in html
    found = Reader(html)
    assert found.text.count('alert("x")') == 4  # twice the title
    assert [tag for tag, _ in found.tags].count("script") == 2
    data = json.loads(found.scripts[0])
    assert data["scale"] == scale
    assert data["sheets"] == {
        "1": [{"item": "i1", "A": "a.wav", "B": "b.wav", "X": "x.wav"}]
    }
    for tag, attributes in found.tags:
        for name in ("src", "href", "action", "srcset"):
            assert attributes.get(name, "data:,") == "data:,", (tag, attributes)
    assert not re.search(r"https?://|//[a-z]|@import|url\(", html)


def test_data_cannot_end_their_script() -> None:
    address = "https://example.org/</script><b>&\u2029"
    html = render(page(post_to=address))
    assert "</script><b>" not in html and "\u2029" not in html
    assert json.loads(Reader(html).scripts[0])["post_to"] == address


def test_consent_is_asked_for_only_where_there_is_one() -> None:
    assert 'id="consent-box"' not in render(page())
    assert 'id="consent-box"' in render(page(consent="You agree."))
    assert paragraphs(" a\nb \n \n\nc\n") == ["a\nb", "c"]
    with_own = render(page(instructions="Our own words."))
    assert "Our own words." in with_own and "whose" not in with_own.split("<main>")[0]
    assert "A and B are two different" not in with_own
    assert "A and B are two different" in render(page())
    assert "3 means that you cannot tell" in render(page(scale="similarity"))


@pytest.mark.parametrize("address", ["https://a.org/x?y=1", "http://a/", "/answers"])
def test_addresses_that_can_be_posted_to(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize(
    "address", ["ftp://a.org", "a.org", "//a.org", "javascript:alert(1)", "https://"]
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ProbeError, match="begins with https://"):
        check_address(address)


def test_names_follow_from_the_secret_alone(tmp_path: Path) -> None:
    secret = Secret.drawn()
    assert secret.text != Secret.drawn().text
    same = Secret(secret.text)
    assert same.name("a") == secret.name("a") != secret.name("b")
    assert len(secret.name("a", 20)) == 20
    assert same.draw("x").random() == secret.draw("x").random()
    assert same.draw("x").random() != secret.draw("y").random()
    path = tmp_path / "key.json"
    Key("t", "now", 0, {}, settings={"secret": secret.text}).write(path)
    assert Secret.of_key(path).text == secret.text
    Key("t", "now", 0, {}).write(path)
    with pytest.raises(ProbeError, match="has no secret"):
        Secret.of_key(path)
    for text in ("", "0" * 31, "G" * 32, "0" * 33):
        with pytest.raises(ProbeError, match="32 hexadecimal"):
            Secret(text)
