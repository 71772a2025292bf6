"""The mel spectrogram that fits a model: what its states are made to recover."""

import logging
import math
from typing import Any, Dict, List, Sequence, Tuple

import torch

from espnet_probe.errors import ProbeError
from espnet_probe.features.delta_logmel import DeltaLogMel
from espnet_probe.features.log_mel import LogMelConfig, parse_sampling_rate
from espnet_probe.layers.chain import Chain
from espnet_probe.layers.families.abs_family import Tap

#: Seconds. The target's frame shift is at most the paper's,
LONGEST_SHIFT = 0.0125

#: and at least a twentieth of the window of 50 ms.
SHORTEST_SHIFT = 0.0025

#: ESPnet's own default for its front ends.
DEFAULT_RATE = 16000


def sampling_rate(frontend: Any, config: Dict[str, Any]) -> int:
    """Return the sampling rate that a model expects, in Hz.

    Args:
        frontend: Its front end, or None.
        config: Its configuration.
    """
    if isinstance(frontend, DeltaLogMel):
        return frontend.config.fs
    settings = config.get("frontend_conf") or {}
    rate = settings.get("fs") or settings.get("sample_rate") or config.get("fs")
    return parse_sampling_rate(rate or DEFAULT_RATE)


def fit_target(frontend: Any, fs: int, chain: Chain) -> Tuple[List[Tap], LogMelConfig]:
    """Return the layers that can be probed, and the mel that they are to recover.

    Args:
        frontend: The model's front end, or None.
        fs: Its sampling rate in Hz.
        chain: Its parts.

    Returns:
        The layers in network order, strides in samples, and the target's settings.

    Raises:
        ProbeError: If no layer is left.
    """
    taps = [tap for tap in chain.taps() if tap.stride >= SHORTEST_SHIFT * fs]
    if not taps:
        raise ProbeError(
            "this model has no layer whose states stand for at least "
            f"{SHORTEST_SHIFT * 1000:g} ms"
        )
    # One odd sub-module of an unknown part shall not decide for all layers.
    deciding = [tap.stride for tap in taps if not chain.measured(tap.name)]
    deciding += [tap.stride for tap in taps[-1:]]
    if chain.frame_stride > 1:
        deciding.append(chain.frame_stride)
    target = target_config(frontend, fs, deciding)
    fitting = [tap for tap in taps if tap.stride % target.hop_length == 0]
    left_out = [tap.name for tap in chain.taps() if tap not in fitting]
    if left_out:
        logging.info(
            "left out, since their states do not stand for whole frames of %g ms: %s",
            1000 * target.frame_shift,
            " ".join(left_out),
        )
    return fitting, target


def target_config(frontend: Any, fs: int, strides: Sequence[int]) -> LogMelConfig:
    """Return the log-mel settings that fit a model.

    For ``delta_logmel`` they are its own: the target is its static part. For all
    others they are the paper's window and FFT at the longest frame shift, up to
    12.5 ms, of which every stride is a whole multiple: one state then stands for a
    whole number of frames, and where the front end has frames of at most 12.5 ms,
    the target has the same.

    Args:
        frontend: The model's front end, or None.
        fs: Its sampling rate in Hz.
        strides: Samples per frame of the front end and per state of each layer.

    Raises:
        ProbeError: If they have nothing in common but less than 2.5 ms.
    """
    if isinstance(frontend, DeltaLogMel):
        return frontend.config
    common = math.gcd(*strides)
    if strides and common < SHORTEST_SHIFT * fs:
        raise ProbeError(
            f"the layers' frame shifts, {sorted(set(strides))} samples at {fs} Hz, are "
            f"multiples of {common} samples only: no target mel fits all of them"
        )
    divisors = [
        hop
        for hop in range(1, common + 1)
        if common % hop == 0 and SHORTEST_SHIFT * fs <= hop <= LONGEST_SHIFT * fs
    ]
    # With an odd stride, such as a prime number, one state is one long frame.
    hop = max(divisors, default=common)
    window = round(0.05 * fs)
    # The paper's 2048 at 16 kHz; more where the window would not fit.
    n_fft = max(2048, 2 ** math.ceil(math.log2(window)))
    return LogMelConfig(fs=fs, n_fft=n_fft, hop_length=hop, win_length=window)


def output_width(module: torch.nn.Module) -> int:
    """Return the width that a front end or pre-encoder says its output has.

    Args:
        module: A part of an ESPnet model with ``output_size``.
    """
    size: Any = getattr(module, "output_size")
    return int(size() if callable(size) else size)
