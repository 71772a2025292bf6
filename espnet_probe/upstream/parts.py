"""Which parts a model has, and the families that know their layers."""

from typing import Any, Dict, List, Tuple

import torch

from espnet_probe.errors import ProbeError
from espnet_probe.layers.chain import Chain
from espnet_probe.layers.families import find_family
from espnet_probe.layers.families.abs_family import AbsFamily
from espnet_probe.layers.frontends import find_front_end
from espnet_probe.layers.frontends.plain import SameLength
from espnet_probe.layers.generic import TRIAL_SAMPLES, GenericFamily, Run
from espnet_probe.layers.selection import PART
from espnet_probe.upstream.target import output_width

#: What the names of a front end's layers begin with.
FRONT_END = "frontend_"

#: The same for one that no family knows: what is in it has to be asked for.
UNKNOWN_FRONT_END = "frontend" + PART

#: What the names of a post-encoder's layers begin with.
POST_ENCODER = "postencoder_"


def find_chain(model: Any, config: Dict[str, Any], run: Run) -> Chain:
    """Return a model's parts, from the waveform to the encoder's output.

    A part that no family knows gets its layers by module path.

    Args:
        model: An ESPnet model with ``frontend`` and ``encoder``.
        config: Its configuration.
        run: Runs the model on a waveform.

    Raises:
        ProbeError: If a part's states are not reproducible, or the model takes
            features that are computed outside of it.
    """
    if config.get("input_size") and model.frontend is None and not raw_input(config):
        raise ProbeError(
            f"this model takes features of {config['input_size']} values that are "
            "computed outside of it (input_size in its config.yaml): only models that "
            "take waveforms can be probed"
        )
    parts: List[Tuple[str, AbsFamily]] = []
    width = int(config.get("input_size") or 1)
    # What each part is given in the trial runs of parts that no family knows.
    steps = torch.tensor(TRIAL_SAMPLES)
    if model.frontend is not None:
        family = find_front_end(model.frontend)
        if family is not None:
            parts.append((FRONT_END, family))
        else:
            family = GenericFamily(model.frontend, 1, run, TRIAL_SAMPLES)
            parts.append((UNKNOWN_FRONT_END, family))
        width, steps = output_width(model.frontend), family.output_lengths(steps)
    if getattr(model, "preencoder", None) is not None:
        parts.append(("", SameLength(model.preencoder, width)))
        width = output_width(model.preencoder)
    if model.encoder is not None:
        family = find_family(model.encoder, width)
        if family is None:
            trial_steps = (int(steps[0]), int(steps[1]))
            family = GenericFamily(model.encoder, width, run, trial_steps)
        parts.append(("", family))
        width = output_width(model.encoder)
    if getattr(model, "postencoder", None) is not None:
        after = find_family(model.postencoder, width)
        # One that no family knows is passed over: the encoder's layers remain.
        if after is not None:
            parts.append((POST_ENCODER, after))
    return Chain(parts)


def raw_input(config: Dict[str, Any]) -> bool:
    """Say whether a model without a front end takes waveforms.

    Args:
        config: Its configuration; ``input_size`` is 1 for waveforms.
    """
    return int(config.get("input_size") or 1) == 1
