"""The published thin ResNet-34 as an ESPnet exp folder: names, axes, configuration."""

import hashlib
import logging
import os
import shutil
from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.spec import WEIGHTS
from espnet_probe.speakers.thin_resnet_weights import (
    CLASSIFIER,
    NORM_EPS,
    ThinResnetWeights,
    convolutions,
    read_thin_resnet,
)

#: What the parts of a bottleneck are called in the file and in ``thin_resnet34``.
PARTS = {
    "1x1_reduce": "reduce",
    "3x3": "conv",
    "1x1_increase": "increase",
    "1x1_proj": "project",
}
#: Keras' names of a batch normalisation's weights, and torch's.
STATISTICS = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
#: The loss cannot be built for fewer; without a classifier in the file it is zeros.
FEWEST_SPEAKERS = 2
#: Key of the configuration that says what was converted.
ORIGIN = "converted_from"
#: Seconds of a training segment: 250 frames.
SEGMENT = 2.5


def names_in_encoder(layer: str) -> Tuple[str, str]:
    """Translate the name of a convolution.

    Args:
        layer: Keras' name, as ``conv3_b_1x1_reduce``.

    Returns:
        The names of the convolution and of its normalisation in the ESPnet model.
    """
    if layer == "conv1_1/3x3_s1":
        return "encoder.conv1", "encoder.norm1"
    section, block, part = layer.split("_", 2)
    name = f"encoder.{section}.{'abc'.index(block)}.{PARTS[part]}"
    return name, f"{name}_norm"


def state_dict(weights: ThinResnetWeights) -> Dict[str, torch.Tensor]:
    """Rename and turn the weights.

    A kernel goes from (height, width, in, out) to (out, in, height, width), where both
    networks have frequency as the height; a dense layer from (in, out) to (out, in).
    The two convolutions over the whole height of the last map are Linear in the ESPnet
    model, whose states have the rows of a channel next to each other.

    Args:
        weights: The authors' weights.

    Returns:
        Name → tensor, all that an ESPnet speaker model of :func:`configuration` has
        but the counters of its normalisations.
    """
    arrays = weights.arrays
    named: Dict[str, NDArray[np.float32]] = {}
    for layer, _ in convolutions():
        convolution, normalisation = names_in_encoder(layer)
        named[f"{convolution}.weight"] = arrays[layer]["kernel"].transpose(3, 2, 0, 1)
        for keras_name, name in STATISTICS.items():
            named[f"{normalisation}.{name}"] = arrays[f"{layer}/bn"][keras_name]
    pooling = {
        "embedding": arrays["x_fc"],
        "assignment": arrays[f"{weights.pooling}_center_assignment"],
    }
    for name, layer_arrays in pooling.items():
        kernel = layer_arrays["kernel"][:, 0]  # (height, in, out)
        turned = kernel.transpose(2, 1, 0).reshape(kernel.shape[2], -1)
        named[f"pooling.{name}.weight"] = turned
        named[f"pooling.{name}.bias"] = layer_arrays["bias"]
    named["pooling.centres"] = arrays[f"{weights.pooling}_pool"]["centers"]
    named["projector.linear.weight"] = arrays["fc6"]["kernel"].T
    named["projector.linear.bias"] = arrays["fc6"]["bias"]
    if weights.speakers:
        named["loss.weight"] = arrays[CLASSIFIER]["kernel"].T
    else:
        named["loss.weight"] = np.zeros((FEWEST_SPEAKERS, weights.dim), np.float32)
    return {
        name: torch.from_numpy(np.array(array, order="C"))
        for name, array in named.items()
    }


def configuration(weights: ThinResnetWeights) -> Dict[str, Any]:
    """Return the options that make ESPnet's speaker task build the network.

    Args:
        weights: The authors' weights, whose sizes count.
    """
    return {
        "frontend": "spectrogram",
        # As in the authors' test: the waveform is followed by itself reversed in time.
        "frontend_conf": {
            "fs": 16000,
            "n_fft": 512,
            "win_length": 400,
            "hop_length": 160,
            "append_reversed": True,
        },
        "specaug": None,
        "normalize": None,
        "encoder": "thin_resnet34",
        "encoder_conf": {"norm_eps": NORM_EPS, "last_time_stride": 1},
        "pooling": "ghostvlad",
        "pooling_conf": {
            "clusters": weights.clusters,
            "ghosts": weights.ghosts,
            "embedding_size": weights.dim,
        },
        "projector": "thin_resnet",
        "projector_conf": {"output_size": weights.dim},
        "loss": "amsoftmax",
        "loss_conf": {"scale": 30.0, "margin": 0.35},
        "spk_num": weights.speakers or FEWEST_SPEAKERS,
        "sample_rate": 16000,
        "target_duration": SEGMENT,
        "preprocessor": "spk",
        "preprocessor_conf": {"target_duration": SEGMENT, "sample_rate": 16000},
    }


def convert(source: Path, output_dir: Path, trained_on: str) -> Path:
    """Make an exp folder of the authors' weights.

    The folder appears when it is complete. Where it is there already, made from the
    same file, nothing is done.

    Args:
        source: ``weights.h5``.
        output_dir: The folder to make.
        trained_on: What the weights were trained on, for the record.

    Returns:
        The weights in the folder.

    Raises:
        ProbeError: If the file is not what it should be, see
            :func:`espnet_probe.speakers.thin_resnet_weights.read_thin_resnet`, or
            something else is at ``output_dir``.
    """
    target = output_dir / WEIGHTS[0]
    weights = read_thin_resnet(source)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    if _is_there(output_dir, digest):
        logging.info("%s is there already", target)
        return target
    config = _complete(configuration(weights))
    # Only what is in no training's configuration: which weights these are.
    config["trained_on"] = trained_on
    config[ORIGIN] = {"file": source.name, "sha256": digest}
    model_state = _checked_state(weights, config)
    part = output_dir.parent / f".{output_dir.name}.{os.getpid()}.part"
    try:
        part.mkdir(parents=True)
        torch.save(model_state, part / target.name)
        text = yaml.safe_dump(config, sort_keys=True, allow_unicode=True)
        (part / "config.yaml").write_text(text, encoding="utf-8")
        os.replace(part, output_dir)
    # torch.save's own errors are RuntimeError.
    except (OSError, RuntimeError) as error:
        raise ProbeError(f"cannot write {output_dir}: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    logging.info(
        "wrote %s: embeddings of %d values, %d clusters and %d ghosts, %s",
        target,
        weights.dim,
        weights.clusters,
        weights.ghosts,
        f"{weights.speakers} training speakers" if weights.speakers else "no loss",
    )
    return target


def _is_there(folder: Path, digest: str) -> bool:
    """Tell whether a folder holds the same conversion; refuse if it holds others."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        same = config[ORIGIN]["sha256"] == digest and (folder / WEIGHTS[0]).is_file()
    except (OSError, yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        same = False
    if not same:
        raise ProbeError(
            f"{folder} is there and was not made from this file: expected a new "
            "folder; remove it, or name another with --output_dir"
        )
    return True


def _complete(config: Dict[str, Any]) -> Dict[str, Any]:
    """Add all other options of ESPnet's speaker task, as a training writes them."""
    from espnet_probe.upstream.build import complete_options
    from espnet_probe.upstream.task_kinds import task_class

    return complete_options(config, task_class("spk"))


def _checked_state(
    weights: ThinResnetWeights, config: Dict[str, Any]
) -> Dict[str, torch.Tensor]:
    """Load the weights into the model that they are for, and return its own state."""
    from espnet_probe.upstream.build import build_model

    model = build_model(config, "spk")
    converted = state_dict(weights)
    counters = {
        name: value
        for name, value in model.state_dict().items()
        if name.endswith("num_batches_tracked")
    }
    model.load_state_dict({**converted, **counters}, strict=True)
    return dict(model.state_dict())
