"""Which model is probed: the options that all commands name it by, and loading it.

One of an exp folder, a published model's tag and a packed file. Importing this file
loads neither torch nor ESPnet.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Union

from espnet_probe.errors import ProbeError

if TYPE_CHECKING:
    from espnet_probe.upstream import Upstream

#: An option's name → what it names.
OPTIONS = {
    "upstream_exp": "folder of the probed model, as ESPnet's training left it",
    "upstream_tag": "name of a published model, such as espnet/owsm_ctc_v4_1B, or URL",
    "upstream_zip": "file with the probed model, as ESPnet's pack made it",
    "upstream_model": "file name of the weights in --upstream_exp; by default the best "
    "average there is",
    "upstream_task": "ESPnet's task of the model, such as asr or s2t, where what it "
    "brings does not tell",
    "upstream_init": "random: the same model untrained, as a control",
    "upstream_seed": "seed of the weights of --upstream_init random; 0 by default",
}

#: The value of ``--upstream_init``: weights as before a training.
RANDOM = "random"

#: What is said of a folder without a model.
NO_MODEL = (
    "no trained model in {}: expected config.yaml and *.pth there, as ESPnet's "
    "training leaves them"
)

#: How a message names the alternatives.
ONE_OF = "--upstream_exp DIR, --upstream_tag TAG or --upstream_zip FILE"


@dataclass(frozen=True)
class UpstreamChoice:
    """The model that a user or a file names.

    Attributes:
        exp: Folder that a training left, or
        tag: a published model, or
        zip: a packed file; exactly one of the three is there.
        model: File name of the weights in ``exp``.
        task: Name of its ESPnet task, where one was said.
        init: RANDOM for the same model untrained.
        seed: Of the untrained model's weights.
    """

    exp: Optional[str] = None
    tag: Optional[str] = None
    zip: Optional[str] = None
    model: Optional[str] = None
    task: Optional[str] = None
    init: Optional[str] = None
    seed: int = 0

    def check_there(self) -> None:
        """Look for the folder or file, without importing torch, which takes seconds.

        Raises:
            ProbeError: If it is not there.
        """
        if self.exp is not None and not (Path(self.exp) / "config.yaml").is_file():
            raise ProbeError(NO_MODEL.format(self.exp))
        if self.zip is not None and not Path(self.zip).is_file():
            raise ProbeError(f"there is no archive {self.zip}")

    def load(self, device: str = "cpu") -> "Upstream":
        """Load the model.

        Args:
            device: "cpu", "cuda" or "cuda:N".

        Raises:
            ProbeError: If it cannot be found, loaded or probed.
        """
        self.check_there()

        from espnet_probe.upstream import Upstream

        how = (device, self.task, self.init, self.seed)
        if self.tag is not None:
            return Upstream.from_pretrained(self.tag, *how)
        if self.zip is not None:
            return Upstream.from_zip(self.zip, *how)
        assert self.exp is not None
        return Upstream.from_exp(self.exp, self.model, *how)


def add_upstream_options(parser: Any) -> None:
    """Add the options that name a model; see :func:`find_choice`.

    Args:
        parser: An argparse parser or a group of one.
    """
    for name, text in OPTIONS.items():
        # As ESPnet's options, so that an unset shell variable counts as not given.
        kind = _number_or_none if name == "upstream_seed" else _text_or_none
        parser.add_argument(f"--{name}", type=kind, default=None, help=text)


def _text_or_none(text: str) -> Optional[str]:
    return None if text.lower() in ("", "none", "null", "nil") else text


def _number_or_none(text: str) -> Optional[int]:
    return None if _text_or_none(text) is None else int(text)


def find_choice(
    options: Union[argparse.Namespace, Mapping[str, Any]],
) -> Optional[UpstreamChoice]:
    """Return the model that options name; None if they name none.

    Args:
        options: Parsed arguments, or a configuration with the same names.

    Raises:
        ProbeError: If they name several, weights in something that is no folder,
            another way than RANDOM to begin, or these without a model.
    """
    given = options if isinstance(options, Mapping) else vars(options)
    values = {name: given.get(name) or None for name in OPTIONS}
    named = [f"--upstream_{kind}" for kind in ("exp", "tag", "zip")]
    named = [name for name in named if values[name[2:]] is not None]
    if len(named) > 1:
        raise ProbeError(
            f"got {' and '.join(named)}: expected one of {ONE_OF}; leave out the others"
        )
    if values["upstream_model"] is not None and named not in ([], ["--upstream_exp"]):
        raise ProbeError(
            f"--upstream_model {values['upstream_model']} names a file in "
            f"--upstream_exp: leave it out with {named[0]}"
        )
    if values["upstream_init"] not in (None, RANDOM):
        raise ProbeError(
            f"--upstream_init {values['upstream_init']}: expected {RANDOM}, or nothing "
            "for the trained model"
        )
    if values["upstream_seed"] is not None and values["upstream_init"] is None:
        raise ProbeError(
            f"--upstream_seed {values['upstream_seed']} is of --upstream_init "
            f"{RANDOM}: leave it out"
        )
    if not named:
        alone = [name for name, value in values.items() if value is not None]
        if alone:
            raise ProbeError(
                f"--{alone[0]} {values[alone[0]]} goes with a model: give {ONE_OF} too"
            )
        return None
    values["upstream_seed"] = values["upstream_seed"] or 0
    fields: Dict[str, Any] = {
        name.removeprefix("upstream_"): value for name, value in values.items()
    }
    return UpstreamChoice(**fields)


def needed_choice(
    options: Union[argparse.Namespace, Mapping[str, Any]],
) -> UpstreamChoice:
    """Return the model that options name.

    Args:
        options: As of :func:`find_choice`.

    Raises:
        ProbeError: If they do not name exactly one.
    """
    choice = find_choice(options)
    if choice is None:
        raise ProbeError(f"no model was named: give {ONE_OF}")
    return choice


def load_upstream(
    options: Union[argparse.Namespace, Mapping[str, Any]], device: str = "cpu"
) -> "Upstream":
    """Load the model that options name.

    Args:
        options: As of :func:`find_choice`.
        device: "cpu", "cuda" or "cuda:N".

    Raises:
        ProbeError: If they do not name exactly one, or it cannot be loaded.
    """
    return needed_choice(options).load(device)


def moved_choice(
    recorded: Mapping[str, Any],
    said: Optional[Union[str, Path, UpstreamChoice]],
) -> Optional[UpstreamChoice]:
    """Return the model that a configuration records, unless it is said to be elsewhere.

    Args:
        recorded: The configuration of what was made with the model.
        said: Where the model is now; a path is that of an exp folder.
    """
    if isinstance(said, (str, Path)):
        said = UpstreamChoice(exp=str(said))
    if said is None:
        named = any(recorded.get(f"upstream_{kind}") for kind in ("exp", "tag", "zip"))
        return find_choice(recorded) if named else None
    model = said.model
    if model is None and said.exp is not None:
        # The folder has moved, its weights still have their name.
        model = recorded.get("upstream_model") or None
    task = said.task or recorded.get("upstream_task") or None
    init, seed = said.init, said.seed
    if init is None:
        # A place does not say whether the model there is to be taken untrained.
        init = recorded.get("upstream_init") or None
        seed = int(recorded.get("upstream_seed") or 0)
    return UpstreamChoice(said.exp, said.tag, said.zip, model, task, init, seed)
