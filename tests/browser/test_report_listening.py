"""Listening on a report's page: by mouse and keyboard, at one position and loudness."""

import json
from pathlib import Path
from statistics import median
from typing import Any, Dict, List, Tuple

import pytest
import soundfile
from report_case import AMPLITUDES, IDS, SECONDS, Opened

Report = Tuple[Path, Dict[str, Any]]
#: How far a sound may begin from where the one before it was left.
NEAR = 0.15
VOLUMES = "heard.filter((one) => one.src).map((one) => one.volume)"


@pytest.fixture
def page(report: Report, opened: Opened) -> Any:
    """The page, opened anew in its first utterance."""
    yield opened.go((report[0] / "index.html").as_uri())
    opened.check()


def sound(report: Report, name: str) -> Dict[str, Any]:
    """Return what the data say of a sound."""
    every = [one for utt in report[1]["utterances"] for one in utt["sounds"]]
    return next(one for one in every if one["id"] == name)


def play_button(page: Any, name: str) -> Any:
    return page.locator(f"[data-sound={json.dumps(name)}] > .head .play")


def position(page: Any) -> float:
    return float(page.input_value("#position")) / 1000 * SECONDS


def go_to(page: Any, seconds: float) -> None:
    """Move the slider, as a mouse does."""
    page.eval_on_selector(
        "#position",
        "(node, value) => { node.value = value; "
        "node.dispatchEvent(new Event('input')); }",
        str(round(1000 * seconds / SECONDS)),
    )


def jumps(page: Any, number: int) -> List[float]:
    """Return how far the last changes of the sound went."""
    page.wait_for_function("(number) => changes.length >= number", arg=number)
    changes = page.evaluate("changes")
    return [abs(after - before) for before, after in changes[1:]]


def test_play_and_pause(report: Report, opened: Opened, page: Any) -> None:
    first = opened.chosen()
    play_button(page, first).click()
    file, _ = opened.sounding(0.3)
    assert file.endswith(sound(report, first)["audio"])
    assert position(page) > 0.2
    assert play_button(page, first).get_attribute("aria-pressed") == "true"
    assert page.inner_text("#announce").startswith("Playing cnn1, plain, clean")
    play_button(page, first).click()
    assert page.evaluate("heard.every((one) => one.paused)")
    stopped = position(page)
    play_button(page, first).click()
    opened.sounding(stopped)
    # At its end it is ready to be heard again.
    page.wait_for_function("heard.every((one) => one.paused)")
    page.wait_for_selector(".transport .play[aria-pressed=false]")
    assert position(page) == 0


def test_the_position_stays(opened: Opened, page: Any) -> None:
    page.check("#repeat")
    page.click(".transport .play")
    opened.sounding(0.1)
    for number in range(2, 7):
        page.keyboard.press("ArrowDown" if number % 2 == 0 else "ArrowUp")
        page.wait_for_function("(number) => changes.length >= number", arg=number)
        assert page.evaluate("heard.filter((one) => !one.paused).length") == 1
    assert median(jumps(page, 6)) < NEAR


def test_the_position_stays_in_another_condition(opened: Opened, page: Any) -> None:
    before = opened.chosen()
    go_to(page, 0.9)
    page.click("label:has(input[name=condition][value=snr0])")
    assert opened.chosen() == before.replace("clean", "snr0")
    assert position(page) == pytest.approx(0.9, abs=0.01)
    page.click(".transport .play")
    opened.sounding(0.9)
    # Nothing was left before: it began where the slider was.
    assert page.evaluate("changes[0][1]") == pytest.approx(0.9, abs=NEAR)


def test_a_picture_is_a_place_in_time(opened: Opened, page: Any) -> None:
    picture = page.locator(".cell.natural .picture")
    box = picture.bounding_box()
    picture.click(position={"x": box["width"] * 0.6, "y": 10})
    opened.sounding(0.6 * SECONDS)
    assert page.evaluate("changes[0][1]") == pytest.approx(0.6 * SECONDS, abs=NEAR)
    assert "natural" in opened.chosen()


def test_every_position_can_be_reached(page: Any) -> None:
    for number, share in enumerate((0.5, 0.6, 0.7, 0.8, 0.9, 0.97), start=1):
        go_to(page, share * SECONDS)
        page.click(".transport .play")
        page.wait_for_function("(number) => changes.length >= number", arg=number)
        began = page.evaluate("changes[changes.length - 1][1]")
        # In the last frame of a file a browser may begin with its start.
        assert share * SECONDS - 0.3 < began < share * SECONDS + NEAR
        if page.get_attribute(".transport .play", "aria-pressed") == "true":
            page.click(".transport .play")


def test_a_and_b(opened: Opened, page: Any) -> None:
    page.check("#repeat")
    assert page.is_disabled("#swap")
    one = opened.chosen()
    page.keyboard.press("a")
    page.click(".cell.natural .mark-as[data-mark=b]")
    assert opened.chosen() == one
    page.click(".transport .play")
    opened.sounding(0.05)
    for number in (2, 3, 4, 5):
        if number == 4:
            page.click("#swap")
        else:
            page.keyboard.press("x")
        page.wait_for_function("(number) => changes.length >= number", arg=number)
        assert ("natural" in opened.chosen()) == (number % 2 == 0)
        slot = "b" if number % 2 == 0 else "a"
        assert page.get_attribute(f"[data-slot={slot}]", "aria-pressed") == "true"
    assert median(jumps(page, 5)) < NEAR


def test_a_marked_sound_of_another_condition(opened: Opened, page: Any) -> None:
    one = opened.chosen()
    page.keyboard.press("a")
    page.keyboard.press("2")
    page.keyboard.press("b")
    assert opened.chosen() == one.replace("clean", "snr0")
    page.keyboard.press("x")
    assert opened.chosen() == one
    assert page.is_checked("input[name=condition][value=clean]")
    page.keyboard.press("x")
    assert page.is_checked("input[name=condition][value=snr0]")


def test_sounds_are_equally_loud(report: Report, opened: Opened, page: Any) -> None:
    page.check("#repeat")
    page.keyboard.press("2")
    loud = {}
    for role in ("natural", "noisy", "layer", "random"):
        name = str(
            page.locator(f"#gallery .{role}[data-sound]").first.get_attribute(
                "data-sound"
            )
        )
        play_button(page, name).click()
        wanted = sound(report, name)["audio"]
        page.wait_for_function(
            "(end) => heard.some((one) => !one.paused && one.src.endsWith(end))",
            arg=wanted,
        )
        file, volume = opened.sounding()
        assert file.endswith(wanted)
        wave, _ = soundfile.read(report[0] / wanted)
        loud[role] = volume * float((wave**2).mean() ** 0.5)
        assert 0 < volume <= 1
    # The layers are the quietest; what is all but silent is not waited for.
    assert loud["natural"] == pytest.approx(loud["layer"], rel=0.02)
    assert loud["noisy"] == pytest.approx(loud["layer"], rel=0.02)
    assert loud["random"] < 0.1 * loud["layer"]
    volumes = page.evaluate(VOLUMES)
    assert volumes[0] == pytest.approx(
        AMPLITUDES["layer"] / AMPLITUDES["natural"], 0.02
    )
    page.check("#true-levels")
    assert page.evaluate(VOLUMES) == [1, 1, 1, 1]
    assert "as it is" in page.inner_text(".transport .note")
    page.keyboard.press("l")
    assert page.evaluate(VOLUMES) == volumes


def test_by_keyboard_alone(opened: Opened, page: Any) -> None:
    first = opened.chosen()
    page.keyboard.press("?")
    assert page.is_visible("#help")
    # In the help keys do nothing else.
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    assert page.is_hidden("#help") and opened.chosen() == first
    for key, role, model in (
        ("ArrowDown", "layer-1", "m0"),
        ("ArrowDown", "layer-1", "m0"),
        ("ArrowUp", "layer-0", "m0"),
        ("c", "random-0", "m0"),
        ("c", "layer-0", "m0"),
        ("ArrowRight", "layer-0", "m1"),
        ("ArrowUp", "oracle-None", "m1"),
        ("o", "natural-None", "None"),
    ):
        page.keyboard.press(key)
        assert opened.chosen() == f"{IDS[0]}-clean-{model}-{role}", key
    page.keyboard.press("Space")
    opened.sounding(0.05)
    page.keyboard.press("Space")
    assert page.evaluate("heard.every((one) => one.paused)")
    before = position(page)
    page.keyboard.press("Shift+ArrowRight")
    assert position(page) == pytest.approx(before + 0.25, abs=0.02)
    page.keyboard.press("2")
    page.keyboard.press("v")
    assert page.is_checked("input[name=view][value=lost]")
    page.keyboard.press("n")
    assert page.input_value("#utterance") == IDS[1]
    page.keyboard.press("p")
    assert page.input_value("#utterance") == IDS[0]
    # By Tab from the top: to the content, and on to what chooses.
    page.reload()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    seen = []
    for _ in range(20):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate("document.activeElement.id || document.activeElement.name")
        )
    assert {"theme", "utterance", "condition", "view", "controls"} <= set(seen)


def test_a_key_right_after_the_help(opened: Opened, page: Any) -> None:
    """Until the page is drawn anew the focus is on the button of the closed help."""
    first = opened.chosen()
    page.keyboard.press("?")
    page.evaluate("""() => {
        const button = document.querySelector("#help .close");
        button.click();
        const down = { key: "ArrowDown", bubbles: true };
        button.dispatchEvent(new KeyboardEvent("keydown", down));
    }""")
    assert page.is_hidden("#help")
    assert opened.chosen() == first.replace("layer-0", "layer-1") != first


def test_what_is_chosen_outlives_a_reload(page: Any) -> None:
    page.select_option("#utterance", IDS[1])
    page.click("label:has(input[name=condition][value=snr0])")
    page.click("label:has(input[name=view][value=noise])")
    kept = page.evaluate("location.hash")
    page.reload()
    assert page.evaluate("location.hash") == kept
    assert page.input_value("#utterance") == IDS[1]
    assert page.is_checked("input[name=condition][value=snr0]")
    assert page.is_checked("input[name=view][value=noise]")
    assert page.locator(".cell.noisy").count() == 1
    # A link to another one, followed in the same page.
    page.evaluate("location.hash = 'utterance=u2&condition=clean'")
    page.wait_for_function("document.getElementById('utterance').value === 'u2'")
    assert page.is_checked("input[name=condition][value=clean]")


def test_what_was_recognised(page: Any) -> None:
    words = page.locator("#gallery .cell.layer .recognised").first
    assert words.locator("mark").count() >= 1
    assert words.locator("del").count() >= 1
    assert "2 of 3 wrong" in words.inner_text()
    page.select_option("#utterance", "u2")
    assert "No transcript." in page.inner_text(".about")
    assert page.locator("#gallery .recognised").count() == 0
