"""A probed model built from its configuration, through ESPnet's own task."""

import argparse
import copy
import logging
import os
import pickle
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import torch
import yaml

from espnet_probe.errors import ProbeError
from espnet_probe.upstream.packages import check_packages, missing
from espnet_probe.upstream.task_kinds import task_class
from espnet_probe.upstream.whisper_mels import provide_mel_bins

#: Options with the path of a list of words; ESPnet also stores the list itself there.
LISTS = ("token_list", "src_token_list", "transcript_token_list")

#: What the environment must say while foreign code reads files: torch.load reads
#: weights only, whatever the caller asks for, and ESPnet's loader has no way around it.
_SAFE_ENVIRONMENT: Dict[str, Optional[str]] = {
    "TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1",
    "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": None,
    "ESPNET_ALLOW_UNSAFE_TORCH_LOAD": None,
}

#: Modules whose errors mean that something could not be downloaded.
_NETWORK = ("requests", "urllib", "urllib3", "http", "httpx", "huggingface_hub")


def read_config(path: Path) -> Dict[str, Any]:
    """Read the configuration of a training.

    Args:
        path: The ``config.yaml`` that ESPnet's training left.

    Raises:
        ProbeError: If it is no YAML, or not a training's configuration, or if the
            settings of a part are no mapping.
    """
    try:
        # As safe_load; long lists of words take it seconds.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProbeError(f"cannot read {path}: {one_line(error)}") from error
    if not isinstance(config, dict):
        raise ProbeError(
            f"{path} is not of a training: expected a mapping from options to values, "
            "as ESPnet's training leaves it"
        )
    for key, value in config.items():
        if str(key).endswith("_conf") and not isinstance(value, (dict, type(None))):
            raise ProbeError(
                f"{path}: expected a mapping from options to values under {key}, got "
                f"{one_line(repr(value))}"
            )
    return config


def locate_files(config: Dict[str, Any], folder: Path) -> None:
    """Let a model's files be found from any working directory.

    ESPnet stores paths relative to the recipe: of ``feats_stats.npz``, of token lists,
    of what a front end loads. They are looked for in the folder, in those above it, and
    last in the working directory: another recipe has files of the same names. The
    configuration is changed in place.

    Args:
        config: A model's configuration.
        folder: Its exp folder, usually ``<recipe>/exp/asr_...``, or the folder that
            its archive was unpacked into.

    Raises:
        ProbeError: If the statistics or a token list are nowhere.
    """
    # As it was named, then what links lead to: a recipe's exp may be on another disk.
    named, real = Path(os.path.abspath(folder)), folder.resolve()
    roots = list(dict.fromkeys([named, *named.parents, real, *real.parents]))
    for key in LISTS:
        if isinstance(config.get(key), str):
            config[key] = _locate(config[key], roots)
            if not Path(config[key]).is_file():
                raise ProbeError(_gone(f"{key} {config[key]}", folder))
    for key, value in config.items():
        if key.endswith("_conf") and isinstance(value, dict):
            config[key] = _locate_all(value, roots)
    stats = (config.get("normalize_conf") or {}).get("stats_file")
    if stats is not None and not Path(stats).is_file():
        raise ProbeError(_gone(f"statistics {stats}", folder))


def _gone(what: str, folder: Path) -> str:
    return (
        f"the {what} of the model in {folder} are missing: run from the recipe's "
        "folder, or put the file back"
    )


def _locate_all(value: Any, roots: Sequence[Path]) -> Any:
    if isinstance(value, dict):
        # Where a front end keeps its downloads is the user's business.
        return {
            key: item if key == "download_dir" else _locate_all(item, roots)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_locate_all(item, roots) for item in value]
    if isinstance(value, str) and "/" in value:
        return _locate(value, roots)
    return value


def _locate(value: str, roots: Sequence[Path]) -> str:
    """Return a path that exists, if a root has it; else the value as it is."""
    path = Path(value)
    if path.is_absolute() or "://" in value:
        return value
    for root in roots:
        if (root / path).exists():
            return str(root / path)
    return value


def build_model(
    config: Dict[str, Any], task: str, init: Optional[str] = None
) -> torch.nn.Module:
    """Build a model, with whatever weights it starts from.

    Options that the configuration lacks, since its ESPnet was older, have the defaults
    of the ESPnet that is installed.

    Args:
        config: The model's configuration; it is not changed.
        task: A key of TASKS.
        init: How ESPnet is to draw the weights; None for each module's own way.

    Raises:
        ProbeError: If a package is missing, a download fails, a file that a part
            brings holds more than weights, or the configuration does not fit the task;
            or if the model takes features, not waveforms.
    """
    from espnet_probe.registration import register

    _refuse_features(config, task)
    check_packages(config, task)
    if config.get("encoder") == "whisper":
        provide_mel_bins()
    espnet_task = task_class(task)
    # After the task's import: only what has been imported is registered with.
    register()
    options = {**complete_options(config, espnet_task), "init": init}
    without, _ = _loss_to_leave_out(config, task)
    options.update(without)
    try:
        with safe_loading():
            model: torch.nn.Module = espnet_task.build_model(
                argparse.Namespace(**options)
            )
            if config.get("use_adapter"):
                from espnet2.layers.create_adapter import create_adapter

                create_adapter(model, options["adapter"], options["adapter_conf"])
    except Exception as error:
        logging.debug("building the model failed", exc_info=True)
        raise ProbeError(_explain(error, config, task)) from error
    return model


def complete_options(config: Dict[str, Any], espnet_task: Any) -> Dict[str, Any]:
    """Return a copy of a configuration with all options of the installed ESPnet.

    Args:
        config: The model's configuration.
        espnet_task: ESPnet's class of its task.
    """
    # ESPnet parses the arguments of the process to get at the defaults: those of
    # another command here, some with the names of the task's own.
    arguments = sys.argv
    sys.argv = arguments[:1]
    try:
        defaults: Dict[str, Any] = espnet_task.get_default_config()
    finally:
        sys.argv = arguments
    options = {**defaults, **copy.deepcopy(config)}
    # How weights are drawn before a training; they come from a file here. ESPnet
    # refuses values that it no longer has.
    options["init"] = None
    return options


def unneeded_weights(config: Dict[str, Any], task: str) -> Tuple[str, ...]:
    """Return beginnings of names of weights that :func:`build_model` leaves out.

    Args:
        config: The model's configuration.
        task: A key of TASKS.
    """
    return _loss_to_leave_out(config, task)[1]


def _loss_to_leave_out(
    config: Dict[str, Any], task: str
) -> Tuple[Dict[str, Any], Tuple[str, ...]]:
    """Return options that build a model of the ssl task without its losses.

    No hidden state needs a loss, and some cannot be built here: those of other
    versions of ESPnet, and those with a moving average, which wants a GPU.

    Returns:
        The options to change, and how the names of their weights begin.
    """
    if task != "ssl":
        return {}, ()
    from espnet2.tasks.ssl import loss_choices, util_choices

    losses = [str(loss.get("name")) for loss in config.get("loss") or []]
    helpers = [str(util.get("name")) for util in config.get("util") or []]
    known = set(losses) <= set(loss_choices.classes)
    if known and set(helpers) <= set(util_choices.classes) and "ema" not in helpers:
        return {}, ()
    logging.info("the losses %s are left out: only training needs them", losses)
    return {"loss": [], "util": []}, ("losses.", "util_modules.")


def _refuse_features(config: Dict[str, Any], task: str) -> None:
    # A width of 1 is a waveform: encoders that read waveforms are configured so.
    size = config.get("input_size")
    if size in (None, 1) or (task == "spk" and config.get("frontend")):
        return
    raise ProbeError(
        f"this model was trained on features of {size} values per frame that were "
        "extracted beforehand (input_size in its config.yaml): only models that read "
        "waveforms can be probed, trained with --feats_type raw"
    )


@contextmanager
def safe_loading() -> Iterator[None]:
    """While it is open, no file that is read may bring code, and nobody is asked.

    Front ends load files in ways of their own. ``torch.load`` is held to weights only
    by its own environment variable; and libraries that would run a model's code after
    asking on the terminal find no terminal.
    """
    before = {name: os.environ.get(name) for name in _SAFE_ENVIRONMENT}
    _set_environment(_SAFE_ENVIRONMENT)
    terminal = sys.stdin
    with open(os.devnull, encoding="utf-8") as nothing:
        sys.stdin = nothing
        try:
            yield
        finally:
            sys.stdin = terminal
            _set_environment(before)


def _set_environment(values: Dict[str, Optional[str]]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _explain(error: Exception, config: Dict[str, Any], task: str) -> str:
    """Say in one line why a model could not be built."""
    part = f"frontend {config['frontend']!r}" if config.get("frontend") else "encoder"
    causes = [error]
    while causes[-1].__cause__ or causes[-1].__context__:
        cause = causes[-1].__cause__ or causes[-1].__context__
        if not isinstance(cause, Exception) or cause in causes:
            break
        causes.append(cause)
    for cause in causes:
        text = one_line(cause)
        if isinstance(cause, ImportError):
            return f"{missing(cause.name, task + ' parts')} ({text})"
        if isinstance(cause, pickle.UnpicklingError) or "Weights only load" in text:
            return (
                f"a file that the {part} of this model loads holds more than weights, "
                "and could run code: it is refused; save its state dictionary alone "
                f"and name that file in config.yaml ({text})"
            )
        module = type(cause).__module__.split(".")[0]
        if module in _NETWORK or isinstance(cause, ConnectionError):
            named = ", ".join(_sources(config.get(f"{part.split()[0]}_conf")))
            return (
                f"the {part} of this model{named and f' ({named})'} could not be "
                f"fetched: {text}; it needs the network once, or the files in its "
                "cache; a file of a recipe has to be packed with the model"
            )
    text = one_line(error)
    said = f"{type(error).__name__}: {text}" if text else _where(error)
    # What another task's configuration lacks here, or has and this task does not know.
    other = isinstance(error, (KeyError, AttributeError)) or "must be one of" in text
    hint = "; if it is of another task, name that with --upstream_task"
    return (
        f"ESPnet cannot build this model as one of its task {task}: {said}"
        f"{hint if other else ''}"
    )


def _sources(settings: Any) -> List[str]:
    """Return the settings that may name a file or a published model."""
    if isinstance(settings, dict):
        inner = [value for key, value in settings.items() if key != "download_dir"]
        return [name for value in inner for name in _sources(value)]
    if isinstance(settings, list):
        return [name for value in settings for name in _sources(value)]
    return [settings] if isinstance(settings, str) and "/" in settings else []


def _where(error: Exception) -> str:
    """Return the kind of an error that says nothing, and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    last = frames[-1]
    return f"{type(error).__name__} at '{last.line}' in {Path(last.filename).name}"


def one_line(error: Union[BaseException, str]) -> str:
    """Return the message of an error as one line of at most 300 characters.

    What is too long loses its middle: ESPnet names all choices before the wrong one.

    Args:
        error: Any error, or a text.
    """
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:195]} ... {text[-100:]}"
