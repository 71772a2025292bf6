"""The control ``random``: a model's architecture with the weights it began with.

What its layers still hear is what the architecture gives by itself: where states lie,
how far they see, what a random projection leaves. The weights are drawn as ESPnet draws
them before a training, ``init`` of the configuration included. Two things are different
from a training's beginning. Front ends and encoders that start from a published model
start from nothing here, as their own library builds them. And normalisation statistics
are those of the trained model: they describe its data, nothing in them was learnt.

That no trained weight is left is looked at each time: the untrained model is compared
with one that was built in the ordinary way, before and after its weights are loaded.
"""

import hashlib
import logging
import random
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Set

import numpy as np
import torch

from espnet_probe.errors import ProbeError
from espnet_probe.upstream.build import build_model, unneeded_weights
from espnet_probe.upstream.weights import load_weights

#: Deviation of values that a library leaves to the checkpoint it expects; that of the
#: tables of language models (BERT, GPT-2, Whisper's decoder).
LEFT_OPEN = 0.02

#: The parts of a model that its hidden states come from.
STATE_PARTS = (
    "frontend.",
    "preencoder.",
    "encoder.",
    "promptencoder.",
    "hier_encoder.",
    "deliberationencoder.",
    "postencoder.",
)


def build_untrained(
    config: Dict[str, Any], task: str, weights: Path, seed: int = 0
) -> torch.nn.Module:
    """Build a model with the weights that a training of it would begin with.

    Args:
        config: The trained model's configuration.
        task: A key of TASKS.
        weights: Its trained weights, for its statistics and to compare with.
        seed: Decides the weights; the same seed and versions give the same ones.

    Raises:
        ProbeError: If the model cannot be built, if the trained weights do not fit
            it, or if a part keeps weights that it was trained with.
    """
    with _seeded(seed), _nothing_loaded(), _uninitialised_is_nan():
        model = build_model(config, task, init=_drawing(config))
        _fill_open(model)
    with torch.random.fork_rng(devices=[]):
        usual = build_model(config, task)
    started = _kept(model, usual)
    load_weights(usual, weights, unneeded_weights(config, task))
    kept = sorted(started | _kept(model, usual))
    if kept:
        raise ProbeError(
            f"{len(kept)} weights of this model are the same whatever the seed is, "
            f"{kept[0]} among them: they come from a file, or from a rule; leave out "
            "the control random"
        )
    _copy_statistics(usual, model)
    return model


def _drawing(config: Dict[str, Any]) -> Optional[str]:
    """Return how ESPnet is to draw the weights; None for each module's own way."""
    from espnet2.torch_utils.initialize import INITIALIZATIONS

    init = config.get("init")
    if init is None or init in INITIALIZATIONS:
        return init
    logging.warning(
        "init: %s of the configuration is not in the installed ESPnet: weights are "
        "drawn in each module's own way",
        init,
    )
    return None


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """While it is open, random numbers follow from a seed; before and after not."""
    before = random.getstate(), np.random.get_state()
    seeder = "manual_seed"
    usual = getattr(torch, seeder)

    def reseed(number: int) -> torch.Generator:
        # s3prl seeds in the midst of building, always with the same number.
        generator: torch.Generator = usual(_number(f"{seed} {number}"))
        return generator

    with torch.random.fork_rng(devices=[]):
        # Not the seed itself: a weight that the training left as it was, since nothing
        # used it, would be drawn again, and be taken for one that was kept.
        random.seed(_number(f"{seed}"))
        np.random.seed(_number(f"{seed}"))
        torch.manual_seed(_number(f"{seed}"))
        setattr(torch, seeder, reseed)
        try:
            yield
        finally:
            setattr(torch, seeder, usual)
            random.setstate(before[0])
            np.random.set_state(before[1])


def _number(text: str) -> int:
    """Return a seed, below 2 to the 32nd."""
    return int.from_bytes(hashlib.sha256(f"untrained {text}".encode()).digest()[:4])


@contextmanager
def _nothing_loaded() -> Iterator[None]:
    """While it is open, models keep the weights that they were built with.

    Front ends build a published model and then load its weights into it, each in a
    place of its own, but all through one of these two methods.
    """
    loader = "load_state_dict"
    usual = getattr(torch.nn.Module, loader)
    setattr(torch.nn.Module, loader, _load_nothing)
    try:
        with _built_from_configuration():
            yield
    finally:
        setattr(torch.nn.Module, loader, usual)


def _load_nothing(model: torch.nn.Module, *weights: Any, **options: Any) -> Any:
    from torch.nn.modules.module import _IncompatibleKeys

    logging.debug("the weights of %s are not loaded", type(model).__name__)
    return _IncompatibleKeys([], [])


@contextmanager
def _built_from_configuration() -> Iterator[None]:
    """While it is open, Hugging Face's models are built and not loaded."""
    try:
        from transformers import PreTrainedModel
    except ImportError:
        yield
        return

    def build(cls: Any, name: Any, *inputs: Any, **options: Any) -> torch.nn.Module:
        config = options.get("config")
        if config is None:
            places = ("cache_dir", "revision", "token", "local_files_only")
            named = {key: options[key] for key in places if key in options}
            config = cls.config_class.from_pretrained(name, **named)
        built: torch.nn.Module = cls(config)
        return built.eval()

    loader = "from_pretrained"
    usual = PreTrainedModel.__dict__[loader]
    setattr(PreTrainedModel, loader, classmethod(build))
    try:
        yield
    finally:
        setattr(PreTrainedModel, loader, usual)


@contextmanager
def _uninitialised_is_nan() -> Iterator[None]:
    """While it is open, memory that nobody writes to holds NaN and not anything."""
    modes = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    # Any: a property of the module itself.
    settings: Any = torch.utils.deterministic
    fill = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    settings.fill_uninitialized_memory = True
    try:
        yield
    finally:
        settings.fill_uninitialized_memory = fill
        torch.use_deterministic_algorithms(modes, warn_only=warn_only)


@torch.no_grad()
def _fill_open(model: torch.nn.Module) -> None:
    """Draw what a library left to the checkpoint that was not loaded."""
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if value.is_floating_point() and value.isnan().any():
            drawn = LEFT_OPEN * torch.randn(value.shape)
            value.copy_(torch.where(value.isnan(), drawn.to(value.dtype), value))
            logging.info("%s: drawn with a deviation of %g", name, LEFT_OPEN)


@torch.no_grad()
def _kept(model: torch.nn.Module, other: torch.nn.Module) -> Set[str]:
    """Return the weights that two models have in common, but for those set to a number.

    Raises:
        ProbeError: If they do not have the same weights by name and shape.
    """
    own, others = _learnt(model), _learnt(other)
    differ = [
        name
        for name in sorted(own.keys() | others.keys())
        if name not in own
        or name not in others
        or own[name].shape != others[name].shape
    ]
    if differ:
        raise ProbeError(
            f"untrained, this model has other weights than trained ({differ[0]}"
            f"{f' and {len(differ) - 1} more' if differ[1:] else ''}): leave out the "
            "control random"
        )
    tables = _tables(model)
    return {
        name
        for name, value in own.items()
        if name not in tables
        # As ones and zeros, with which norms and biases begin.
        and (value != value.flatten()[:1].reshape([1] * value.dim())).any()
        and torch.equal(value, others[name].to(value.dtype))
    }


def _learnt(model: torch.nn.Module) -> Dict[str, torch.Tensor]:
    """Return what a training changes of the parts that states come from."""
    found: Dict[str, torch.Tensor] = dict(model.named_parameters())
    for name, value in model.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            found[name] = value
    return {
        name: value for name, value in found.items() if name.startswith(STATE_PARTS)
    }


def _tables(model: torch.nn.Module) -> Set[str]:
    """Return the weights that begin as a table: filters on the mel scale."""
    from espnet2.layers.sinc_conv import SincConv

    found: Set[str] = set()
    for path, module in model.named_modules():
        if isinstance(module, SincConv):
            found.update(f"{path}.{name}" for name, _ in module.named_parameters())
    return found


@torch.no_grad()
def _copy_statistics(source: torch.nn.Module, model: torch.nn.Module) -> None:
    """Give a model the normalisation statistics of another."""
    own = dict(model.named_buffers())
    for name, value in source.named_buffers():
        if name.startswith("normalize.") and name in own:
            own[name].copy_(value)
