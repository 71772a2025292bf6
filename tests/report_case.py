"""A small page of a report: two models, two conditions, texts that try to be markup."""

import functools
import http.server
import io
import json
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np
import soundfile
from PIL import Image

from espnet_probe.page.assets import AUDIO, PICTURES, Assets
from espnet_probe.page.data import PageData
from espnet_probe.page.flac import with_seek_table
from espnet_probe.page.said import Said
from espnet_probe.page.tables import Table
from espnet_probe.page.write import Page, render

FS, SECONDS = 16000, 1.5
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
QUOTED = "\"quoted' & <b>bold</b> ${window.hacked=1} {{ 1 + 1 }}"
RIGHT_TO_LEFT = "\u202eשלום עולם\u202c"
LONG = "unbroken" * 25
#: What is said in the utterances; of the last one nobody knows.
TEXTS = (f"one two {HOSTILE} three", RIGHT_TO_LEFT, None)
NAMES = (f"spk0-{HOSTILE}", QUOTED, LONG)
#: An identifier that has a meaning in addresses, in markup and in selectors.
IDS = ("u0", "u\"1'&<b>#=%25", "u2")
LAYERS = {"m0": ("cnn1", "blstm1"), "m1": ("blstm1", HOSTILE)}
CONDITIONS = ("clean", "snr0")
#: How loud each kind of sound is; the random encoder's is all but silent.
AMPLITUDES = {"natural": 0.4, "noisy": 0.8, "oracle": 0.3, "layer": 0.1, "random": 1e-3}
EER = {"clean": 3.25, "snr0": 31.5}


def _wave(role: str, place: int) -> Any:
    """Return a tone of a pitch of its own, with noise where there is some."""
    time = np.arange(int(FS * SECONDS)) / FS
    wave = np.sin(2 * np.pi * (220 + 30 * place) * time)
    if role == "noisy":
        wave += np.random.default_rng(place).normal(size=wave.shape) * 0.2
    return (AMPLITUDES[role] * wave / np.abs(wave).max()).astype(np.float32)


def _picture(place: int) -> bytes:
    """Return a picture of 20 bands with a bar at a place of its own."""
    values = np.zeros((20, 60), dtype=np.uint8)
    values[:, place % 60] = 255
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


class Maker:
    """Makes the data of a page, and the files that they name."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self.place = 0

    def sound(
        self,
        utterance: int,
        condition: str,
        role: str,
        model: Optional[str] = None,
        layer: Optional[int] = None,
    ) -> Dict[str, Any]:
        self.place += 1
        wave, file = _wave(role, self.place), io.BytesIO()
        soundfile.write(file, wave, FS, format="FLAC")
        name = f"s{self.place}"
        picture = self.assets.add(_picture(self.place), PICTURES, name, ".png")
        noise = condition == "snr0"
        text = TEXTS[utterance]
        return {
            "id": f"{IDS[utterance]}-{condition}-{model}-{role}-{layer}",
            "condition": condition,
            "role": role,
            "model": model,
            "layer": None if layer is None else f"l{layer}",
            "audio": self.assets.add(
                with_seek_table(file.getvalue()), AUDIO, name, ".flac"
            ),
            "level": 20 * np.log10(np.sqrt(np.mean(wave.astype(float) ** 2))),
            "peak": 20 * np.log10(np.abs(wave).max().astype(float)),
            "mel": picture,
            "lost": picture if model else None,
            "noise": picture if noise and role == "noisy" else None,
            "left": picture if noise and role in ("layer", "random") else None,
            "noise_kept": 0.43 if noise and role == "layer" else None,
            "text": None if text is None or role == "noisy" else f"one {HOSTILE} four",
            "errors": {"edits": 2, "words": 3} if text else None,
            "scores": {"stoi": 0.75, "l1": None},
            "note": HOSTILE if role == "oracle" else "",
        }

    def utterance(self, number: int) -> Dict[str, Any]:
        sounds = [
            self.sound(number, "clean", "natural"),
            self.sound(number, "snr0", "noisy"),
        ]
        for condition in CONDITIONS:
            for model, layers in LAYERS.items():
                sounds.append(self.sound(number, condition, "oracle", model))
                for layer in range(len(layers)):
                    sounds += [
                        self.sound(number, condition, role, model, layer)
                        for role in ("layer", "random")
                    ]
        return {
            "id": IDS[number],
            "name": NAMES[number],
            "text": TEXTS[number],
            "speaker": QUOTED,
            "seconds": SECONDS,
            "conditions": list(CONDITIONS),
            "sounds": sounds,
        }

    def document(self) -> Dict[str, Any]:
        # A file that is one, and an address that no page may follow.
        file = self.assets.text('{"eer": 3}', "verification.json")
        curves, levels = [], []
        for place, (model, layers) in enumerate(LAYERS.items()):
            for condition in CONDITIONS:
                for kind, more in (("layers", 0.0), ("random", 9.0)):
                    values = [
                        EER[condition] + more + 5 * layer + place
                        for layer in range(len(layers))
                    ]
                    points = [
                        {
                            "layer": f"l{layer}",
                            "value": value,
                            "low": value - 1.5,
                            "high": value + 2,
                            "counts": f"{2000 + layer} trials, 40 speakers",
                            "file": (
                                file if layer == 0 else "javascript:window.hacked=1"
                            ),
                        }
                        for layer, value in enumerate(values)
                    ]
                    own = {"model": model, "condition": condition, "kind": kind}
                    curves.append({"metric": "eer", **own, "points": points})
                    scores = [{**one, "value": one["value"] / 100} for one in points]
                    scores[1].update(value=None, low=None, high=None, note="not scored")
                    for one in scores:
                        one.update(low=None, high=None)
                    curves.append({"metric": "stoi", **own, "points": scores})
        for condition in CONDITIONS:
            bounds = {"value": 2.5, "low": 1.0, "high": 4.0, "counts": "9 trials"}
            own = {"model": None, "condition": condition, "control": "natural"}
            levels.append({"metric": "eer", **own, **bounds, "file": file})
        labels = {"m0": "plain", "m1": RIGHT_TO_LEFT}
        return {
            "title": HOSTILE,
            "lead": QUOTED,
            "models": [
                {
                    "id": model,
                    "label": labels[model],
                    "note": HOSTILE if model == "m1" else "",
                    "layers": [
                        {"id": f"l{place}", "label": name}
                        for place, name in enumerate(layers)
                    ],
                }
                for model, layers in LAYERS.items()
            ],
            "conditions": [
                {"id": "clean", "label": "clean", "set": "test", "clean": None},
                {"id": "snr0", "label": "0 dB", "set": "test_snr0", "clean": "clean"},
            ],
            "metrics": [
                {"id": "eer", "label": "EER (%)", "digits": 2, "better": "lower"},
                {"id": "stoi", "label": "STOI", "digits": 3, "better": "higher"},
            ],
            "curves": curves,
            "levels": levels,
            "utterances": [self.utterance(number) for number in range(len(IDS))],
            "pictures": {
                "low": -70,
                "high": 0,
                "lost_low": -20,
                "lost_high": 20,
                "mel_colours": ["#000004", "#fcfdbf"],
                "lost_colours": ["#053061", "#f7f7f7", "#67001f"],
            },
        }


def cell(text: str, href: Optional[str] = None) -> Dict[str, Any]:
    return {"text": text, "href": href, "title": HOSTILE, "links": []}


def make_page(folder: Path, single_file: bool) -> Dict[str, Any]:
    """Write a page as the command does; return the data that it was made of."""
    assets = Assets(folder, single_file)
    data = PageData(Maker(assets).document(), [f"nothing of {HOSTILE}"])
    rows = [[cell("cnn1"), cell("3.25")], [cell(HOSTILE), cell('8.25, "about"')]]
    # Links beside a name, as to the files of a layer's scores.
    rows[0][0]["links"] = [("quality", "files/quality.json")]
    page = Page(
        title=HOSTILE,
        lead=QUOTED,
        environment={"espnet_probe": "0.1", HOSTILE: QUOTED},
        command=f"make_report --exp {HOSTILE}",
        single_file=single_file,
        said=[Said(f"It fell. {HOSTILE}", "yes")],
        tables=[Table(HOSTILE, ["layer", QUOTED], rows, about=[QUOTED])],
    )
    folder.mkdir(parents=True, exist_ok=True)
    html = render(page, [], [], data, assets)
    (folder / "index.html").write_text(html, encoding="utf-8")
    found: Dict[str, Any] = json.loads(data.script())
    return found


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing of requests."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder as any static server does; yield the address of its page."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/index.html"
        server.shutdown()
        thread.join()


#: Keeps the elements that sound, which are not in the page, and notes every change of
#: the one that is heard with both positions.
LISTENER = """
window.heard = []; window.changes = [];
const Made = window.Audio;
window.Audio = function (...given) {
  const one = new Made(...given);
  one.addEventListener("pause", () => { window.left = one.currentTime; });
  one.addEventListener("playing", () => {
    window.changes.push([window.left, one.currentTime]);
  });
  window.heard.push(one);
  return one;
};
"""
SOUNDING = "window.heard.find((one) => !one.paused && one.currentTime > 0)"


class Opened:
    """A page in a context of its own, and all that should not happen there."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.context = browser.new_context(accept_downloads=True, **options)
        self.context.set_default_timeout(60000)
        self.page = self.context.new_page()
        self.page.add_init_script(LISTENER)
        self.trouble: List[str] = []
        self.requests: List[str] = []
        self.page.on("console", lambda said: self.trouble.append(said.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def go(self, address: str) -> Any:
        """Open an address anew; return the page."""
        self.page.goto("about:blank")
        self.requests.clear()
        self.page.goto(address)
        return self.page

    def sounding(self, after: float = 0.0) -> Tuple[str, float]:
        """Wait until a sound is heard after a position; return its file and volume."""
        found = self.page.wait_for_function(
            f"(after) => {{ const one = {SOUNDING}; "
            "return one && one.currentTime > after && [one.src, one.volume] }",
            arg=after,
        ).json_value()
        return str(found[0]), float(found[1])

    def chosen(self) -> str:
        """Return the id of the sound that is chosen."""
        return str(self.page.get_attribute(".chosen[data-sound]", "data-sound"))

    def check(self) -> None:
        """Check that nothing went wrong, and that nobody else was asked."""
        own = ("file:", "data:", "blob:", "http://127.0.0.1", "about:")
        assert self.trouble == []
        assert [url for url in self.requests if not url.startswith(own)] == []
        if self.page.url != "about:blank":
            assert self.page.evaluate("window.hacked") is None

    def close(self) -> None:
        self.check()
        self.context.close()
