"""The page of a listening test in a browser: whole sheets by mouse and keyboard."""

import functools
import http.server
import json
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from listening_experiment import make_vocoded

from espnet_probe.bin.make_listening_test import main
from espnet_probe.listening.answer_format import Answers, read_answers
from espnet_probe.listening.key_format import Key, read_key

PHONE = {"width": 320, "height": 640}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a vocoded experiment."""
    root = tmp_path_factory.mktemp("recipe")
    make_vocoded(root, seconds=0.05)
    return root


def make(recipe: Path, out: Path, *options: str) -> Key:
    """Make a test of ten items in a sheet; return its key."""
    out.mkdir(parents=True, exist_ok=True)
    words = ["--exp", str(recipe / "exp" / "probe_a"), "--embedder"]
    words += ["--dumpdir", str(recipe / "dump" / "raw"), "--items_per_sheet", "8"]
    words += ["--attention", "1", "--repeats", "1"]
    main([*words, "--output_dir", str(out / "page"), "--key", str(out / "k"), *options])
    return read_key(out / "k")


class Opened:
    """A page in a context of its own, and all that should not happen there."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.context = browser.new_context(accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.trouble: List[str] = []
        self.foreign: List[str] = []
        self.page.on("console", lambda said: self.trouble.append(said.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("request", self._note)

    def _note(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:", "http://127.0.0.1")):
            self.foreign.append(request.url)

    def close(self) -> None:
        """Check that nothing went wrong."""
        assert self.trouble == [] and self.foreign == []
        self.context.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Opened]:
    """A page that is checked at the end."""
    one = Opened(browser)
    yield one
    one.close()


def start(page: Any) -> None:
    """Go through all that comes before the first item."""
    assert page.is_disabled("#start")
    if page.query_selector("#consent-box"):
        page.check("#consent-box")
    assert page.is_disabled("#level-box")
    page.click("#level-play")
    page.check("#level-box")
    page.click("#start")


def hear(page: Any, keys: bool) -> None:
    """Listen to A, B and X to their ends."""
    for key, side in (("1", "A"), ("b", "B"), ("3", "X")):
        if keys:
            page.keyboard.press(key)
        else:
            page.click(f"#play-{side}")
        page.wait_for_selector(f"#play-{side}.heard")


def title(page: Any) -> str:
    return str(page.inner_text("#item-title"))


def download(page: Any) -> Answers:
    with page.expect_download() as waiting:
        page.click("#download")
    return read_answers(Path(waiting.value.path()).read_bytes())


def test_a_whole_sheet_with_a_reload(recipe: Path, tmp_path: Path, opened: Any) -> None:
    (tmp_path / "consent.txt").write_text("I take part freely.", encoding="utf-8")
    key = make(
        recipe,
        tmp_path,
        "--num_sheets",
        "2",
        "--consent",
        str(tmp_path / "consent.txt"),
    )
    page, address = opened.page, (tmp_path / "page" / "index.html").as_uri()
    page.goto(address)
    assert page.locator("#choose a").all_inner_texts() == ["1", "2"]
    page.click("#choose a >> nth=1")
    assert "I take part freely." in page.inner_text("#intro")
    start(page)
    items, put_in = key.sheets[2], []
    for number, item in enumerate(items, start=1):
        assert title(page) == f"Item {number} of {len(items)}"
        keys = number % 2 == 0
        if number == 4:
            # Half of an item, then the page is loaded anew.
            page.click("#play-A")
            page.wait_for_selector("#play-A.heard")
            page.reload()
            assert title(page) == "Item 4 of 8"
            assert "heard" in str(page.get_attribute("#play-A", "class"))
            assert "Listen to the end of B, X first." in page.inner_text("#item-hint")
        # No answer before all has been heard.
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        assert page.is_disabled("#next") and page.is_disabled("input >> nth=-1")
        hear(page, keys)
        side = item.answer if number != 2 else "AB".replace(item.answer, "")
        put_in.append(side)
        if keys:
            # What was chosen can be changed.
            page.keyboard.press("ArrowRight" if side == "A" else "ArrowLeft")
            page.keyboard.press("ArrowLeft" if side == "A" else "ArrowRight")
            page.keyboard.press("Enter")
        else:
            page.check(f"input[name=choice][value={side}]", force=True)
            page.click("#next")
    assert "You have answered all 8 items." in page.inner_text("#done")
    page.reload()
    found = download(page)
    assert (found.test, found.sheet, found.complete) == (key.test, 2, True)
    assert [one.item for one in found.answers] == [item.item for item in items]
    assert [one.choice for one in found.answers] == put_in
    assert found.answers[0].plays == {"A": 1, "B": 1, "X": 1}
    assert found.answers[3].plays == {"A": 2, "B": 1, "X": 1}
    assert all(one.milliseconds >= 50 for one in found.answers)
    assert found.started < found.finished
    assert found.level_check == "confirmed, played 1 times"
    assert found.simulated == "a browser driven by a program"
    # Where nothing can be downloaded, the text can be copied.
    assert read_answers(page.input_value("#as-text").encode()) == found
    # The same again, not another listener; until somebody else begins.
    assert download(page) == found
    page.click("#done summary >> nth=1")
    page.click("#again")
    page.wait_for_selector("#intro:not([hidden])")
    start(page)
    assert title(page) == "Item 1 of 8"
    kept = json.loads(
        page.evaluate(f"localStorage['espnet_probe.listening.{key.test}.sheet2']")
    )
    assert kept["answers"] == []
    name = page.evaluate(f"localStorage['espnet_probe.listening.{key.test}.listener']")
    assert name is None or name != found.listener


def test_a_sheet_that_is_open_twice_loses_no_answer(
    recipe: Path, tmp_path: Path, opened: Any
) -> None:
    key = make(recipe, tmp_path)
    address = (tmp_path / "page" / "index.html").as_uri()
    place = f"espnet_probe.listening.{key.test}.sheet1"
    page = opened.page
    page.goto(address)
    start(page)
    loads: List[Any] = []
    page.on("load", lambda one: loads.append(one))
    other = opened.context.new_page()
    other.goto(address)
    other.wait_for_selector("#task:not([hidden])")
    # Whichever is used, the other follows, once for each answer.
    for number, (used, follower) in enumerate([(page, other), (other, page)], 2):
        hear(used, keys=False)
        used.keyboard.press("ArrowLeft")
        used.keyboard.press("Enter")
        for one in (used, follower):
            one.wait_for_function(
                "number => document.getElementById('item-title')"
                ".textContent === `Item ${number} of 8`",
                arg=number,
            )
    page.wait_for_load_state()
    page.wait_for_timeout(300)  # In which it would be loaded again, and again.
    assert len(loads) == 1
    # A window that slept does not write its old state over the newer one.
    newer = json.loads(page.evaluate(f"localStorage['{place}']"))
    newer["answers"].append({**newer["answers"][-1], "item": third_item(page)})
    text = json.dumps(newer)
    page.evaluate("([place, text]) => { localStorage[place] = text }", [place, text])
    page.click("#play-A")
    page.wait_for_function(
        "document.getElementById('item-title').textContent === 'Item 4 of 8'"
    )
    kept = json.loads(page.evaluate(f"localStorage['{place}']"))
    assert kept["answers"] == newer["answers"]
    page.wait_for_load_state()
    page.wait_for_timeout(300)
    assert len(loads) == 2


def third_item(page: Any) -> str:
    items: List[Dict[str, str]] = page.evaluate(
        "JSON.parse(document.getElementById('test-data').textContent).sheets[1]"
    )
    return items[2]["item"]


def test_who_begins_another_sheet_leaves_the_first_ones_name(
    recipe: Path, tmp_path: Path, opened: Any
) -> None:
    key = make(recipe, tmp_path, "--num_sheets", "2")
    address = (tmp_path / "page" / "index.html").as_uri()
    page = opened.page

    def name_of(sheet: int) -> str:
        place = f"espnet_probe.listening.{key.test}.sheet{sheet}"
        kept: Dict[str, str] = json.loads(page.evaluate(f"localStorage['{place}']"))
        return kept["listener"]

    page.goto(f"{address}?sheet=2")
    start(page)
    first = name_of(2)
    page.goto(f"{address}?sheet=1")
    start(page)
    assert name_of(1) == first
    # As "Begin anew" does for the next person.
    page.evaluate(
        f"localStorage.removeItem('espnet_probe.listening.{key.test}.listener')"
    )
    page.goto(f"{address}?sheet=2")
    page.wait_for_selector("#task:not([hidden])")
    assert name_of(2) == first


def test_similarity_by_keyboard(recipe: Path, tmp_path: Path, opened: Any) -> None:
    key = make(recipe, tmp_path, "--scale", "similarity")
    page = opened.page
    page.goto((tmp_path / "page" / "index.html").as_uri())
    start(page)
    for number in range(1, 9):
        for side in "ABX":
            page.keyboard.press("4")  # too early
            page.keyboard.press(side.lower())
            page.wait_for_selector(f"#play-{side}.heard")
        assert page.is_disabled("#next")
        page.keyboard.press("5")
        if number == 1:
            page.keyboard.press("ArrowLeft")
            page.keyboard.press("3")
        page.keyboard.press(str(1 + number % 5))
        page.keyboard.press("Enter")
    found = download(page)
    assert found.scale == key.scale == "similarity"
    assert [one.ratings for one in found.answers] == [
        {"A": 3 if number == 1 else 5, "B": 1 + number % 5} for number in range(1, 9)
    ]
    assert all(one.choice is None for one in found.answers)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; takes posted answers, at first not."""

    posted: List[bytes] = []
    fails = 1

    def do_POST(self) -> None:  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if Handler.fails:
            Handler.fails -= 1
            self.send_response(503)
        else:
            Handler.posted.append(body)
            self.send_response(204)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def test_answers_are_posted_and_can_be_downloaded_if_not(
    recipe: Path, tmp_path: Path, browser: Any
) -> None:
    make(recipe, tmp_path, "--post_to", "/answers", "--items_per_sheet", "4")
    handler = functools.partial(Handler, directory=str(tmp_path / "page"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    opened = Opened(browser)
    page = opened.page
    try:
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        start(page)
        for _ in range(4):
            hear(page, keys=True)
            page.keyboard.press("ArrowLeft")
            page.keyboard.press("Enter")
        page.wait_for_selector("#send:not([hidden])")
        assert "could not be sent" in page.inner_text("#send-state")
        found = download(page)
        page.click("#send")
        page.wait_for_function(
            "document.getElementById('send-state').textContent.includes('been sent')"
        )
        assert [read_answers(body) for body in Handler.posted] == [found]
    finally:
        server.shutdown()
        server.server_close()
    # The refusal of the server, which the browser itself reports.
    assert len(opened.trouble) == 1 and "503" in opened.trouble[0]
    opened.trouble.clear()
    opened.close()


def widths(page: Any) -> Tuple[int, int]:
    found: Dict[str, int] = page.evaluate(
        "({page: document.documentElement.scrollWidth, window: innerWidth})"
    )
    return found["page"], found["window"]


@pytest.mark.parametrize("scale", ["ab", "similarity"])
def test_on_a_narrow_phone_nothing_is_cut_off(
    recipe: Path, tmp_path: Path, browser: Any, scale: str
) -> None:
    make(recipe, tmp_path, "--scale", scale, "--title", "Supercalifragilistic" * 4)
    opened = Opened(browser, viewport=PHONE, has_touch=True, color_scheme="dark")
    page = opened.page
    page.goto((tmp_path / "page" / "index.html").as_uri())
    assert widths(page) == (320, 320)
    page.click("#intro summary")
    assert widths(page) == (320, 320)
    start(page)
    hear(page, keys=False)
    assert widths(page) == (320, 320)
    for button in page.query_selector_all("#task button, #task label"):
        box = button.bounding_box()
        assert box["width"] >= 44 and box["height"] >= 44
    opened.close()


def test_names_and_states_for_screen_readers(
    recipe: Path, tmp_path: Path, opened: Any
) -> None:
    make(recipe, tmp_path)
    page = opened.page
    page.goto((tmp_path / "page" / "index.html").as_uri())
    start(page)
    # The heading has the focus: the reader begins there.
    assert page.evaluate("document.activeElement.id") == "item-title"
    sound = page.get_by_role("button", name="A, play, not heard yet")
    sound.click()
    page.get_by_role("button", name="A, heard, play again").wait_for()
    group = page.get_by_role("group", name="Whose voice is X?")
    assert group.get_by_role("radio").count() == 2
    assert page.get_by_role("status").first.is_visible()
    # Keys of the browser and of the reader are left alone.
    before = page.get_attribute("#play-B", "aria-label")
    page.keyboard.press("Control+b")
    page.keyboard.press("Alt+2")
    assert page.get_attribute("#play-B", "aria-label") == before


def test_without_storage_the_page_says_so(
    recipe: Path, tmp_path: Path, opened: Any
) -> None:
    make(recipe, tmp_path)
    page = opened.page
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error(); }})"
    )
    page.goto((tmp_path / "page" / "index.html").as_uri())
    start(page)
    assert "This browser keeps nothing" in page.inner_text("#notice")
    for _ in range(8):
        hear(page, keys=True)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
    found = download(page)
    assert found.complete and download(page) == found


def test_a_sound_that_is_gone_does_not_end_the_test(
    recipe: Path, tmp_path: Path, browser: Any
) -> None:
    make(recipe, tmp_path)
    opened = Opened(browser)
    page = opened.page
    page.goto((tmp_path / "page" / "index.html").as_uri())
    start(page)
    hear(page, keys=True)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    (tmp_path / "page" / "sounds").rename(tmp_path / "away")
    hear(page, keys=True)  # They were loaded while the first item was heard.
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.reload()
    page.click("#play-A")
    page.wait_for_selector("#notice:not([hidden])")
    assert "could not be played" in page.inner_text("#notice")
    (tmp_path / "away").rename(tmp_path / "page" / "sounds")
    hear(page, keys=False)
    assert page.is_hidden("#notice") and title(page) == "Item 3 of 8"
    opened.trouble.clear()  # The browser reports what it did not find.
    opened.close()
