"""The published thin ResNet-34 weights: which layers there are, and of which shapes.

The authors' Keras network (https://github.com/WeidiXie/VGG-Speaker-Recognition: network
``resnet34s``, aggregation ``gvlad`` or ``vlad``) sees a spectrogram as (frequency,
time, channel). Its layers are told apart by their names, as the authors load them;
their order in the file says nothing.

Reference: W. Xie, A. Nagrani, J. S. Chung, A. Zisserman, "Utterance-level aggregation
for speaker recognition in the wild", ICASSP 2019.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import numpy as np
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.keras_weights import Layers, open_keras_weights, read_array

#: Stage → number of blocks, and the widths of a block's three convolutions.
STAGES: Dict[int, Tuple[int, Tuple[int, int, int]]] = {
    2: (2, (48, 48, 96)),
    3: (3, (96, 96, 128)),
    4: (3, (128, 128, 256)),
    5: (3, (256, 256, 512)),
}
FIRST_WIDTH = 64
#: Keras' epsilon of batch normalisation, which the weights were trained with.
NORM_EPS = 1e-3
#: Rows of the last feature map, all of them under one kernel.
MAP_HEIGHT = 7
#: What the names of the pooling's layers begin with: with ghosts, and without.
POOLINGS = ("gvlad", "vlad")
#: The classifier of the training; may be absent.
CLASSIFIER = "prediction"

Shapes = Dict[str, Dict[str, Tuple[int, ...]]]


@dataclass(frozen=True)
class ThinResnetWeights:
    """The weights of a thin ResNet-34 with NetVLAD or GhostVLAD pooling.

    Attributes:
        arrays: Layer → weight → array, in Keras' layout.
        pooling: ``gvlad`` or ``vlad``: how the layers of the pooling are called.
        dim: Size of the embedding.
        clusters: Clusters that are kept.
        ghosts: Clusters that are dropped.
        speakers: Outputs of the classifier; 0 if the file has none.
    """

    arrays: Dict[str, Dict[str, NDArray[np.float32]]]
    pooling: str
    dim: int
    clusters: int
    ghosts: int
    speakers: int


def convolutions() -> Iterator[Tuple[str, Tuple[int, int, int, int]]]:
    """Give the convolutions that a batch normalisation follows.

    Yields:
        Name of the layer, and its kernel as (height, width, in, out).
    """
    yield "conv1_1/3x3_s1", (7, 7, 1, FIRST_WIDTH)
    width = FIRST_WIDTH
    for stage, (num_blocks, (first, second, third)) in STAGES.items():
        for block in "abc"[:num_blocks]:
            name = f"conv{stage}_{block}"
            yield f"{name}_1x1_reduce", (1, 1, width, first)
            yield f"{name}_3x3", (3, 3, first, second)
            yield f"{name}_1x1_increase", (1, 1, second, third)
            if block == "a":
                yield f"{name}_1x1_proj", (1, 1, width, third)
            width = third


def expected_shapes(
    pooling: str, dim: int, clusters: int, ghosts: int, speakers: int
) -> Shapes:
    """List the weights of a network, each layer's in Keras' order.

    Args:
        pooling: ``gvlad`` or ``vlad``.
        dim: Size of the embedding.
        clusters: Clusters that are kept.
        ghosts: Clusters that are dropped.
        speakers: Outputs of the classifier; 0 for none.

    Returns:
        Layer → weight → shape.
    """
    shapes: Shapes = {}
    for name, kernel in convolutions():
        shapes[name] = {"kernel": kernel}
        statistics = ("gamma", "beta", "moving_mean", "moving_variance")
        shapes[f"{name}/bn"] = {weight: kernel[-1:] for weight in statistics}
    width = STAGES[5][1][2]
    centers = clusters + ghosts
    shapes["x_fc"] = {"kernel": (MAP_HEIGHT, 1, width, dim), "bias": (dim,)}
    shapes[f"{pooling}_center_assignment"] = {
        "kernel": (MAP_HEIGHT, 1, width, centers),
        "bias": (centers,),
    }
    shapes[f"{pooling}_pool"] = {"centers": (centers, dim)}
    shapes["fc6"] = {"kernel": (clusters * dim, dim), "bias": (dim,)}
    if speakers:
        shapes[CLASSIFIER] = {"kernel": (dim, speakers)}
    return shapes


def read_thin_resnet(path: Path) -> ThinResnetWeights:
    """Read and check the authors' weights.

    Args:
        path: ``weights.h5``.

    Returns:
        The weights; the sizes that the authors' command line sets are read off them.

    Raises:
        ProbeError: A layer is missing, too many, of another shape, or has its weights
            in another order; a number is not finite, or a variance negative.
    """
    with open_keras_weights(path) as layers:
        found: Shapes = {
            layer: {name: tuple(data.shape) for name, data in weights.items()}
            for layer, weights in layers.items()
        }
        pooling, dim, clusters, ghosts, speakers = _sizes(found, path)
        _compare(found, expected_shapes(pooling, dim, clusters, ghosts, speakers), path)
        return ThinResnetWeights(
            _read(layers, path), pooling, dim, clusters, ghosts, speakers
        )


def _sizes(found: Shapes, path: Path) -> Tuple[str, int, int, int, int]:
    """Read the sizes off; what does not fit together is left for the comparison."""
    pooling = next((p for p in POOLINGS if f"{p}_pool" in found), POOLINGS[0])
    needed = {"x_fc": "bias", f"{pooling}_pool": "centers", "fc6": "kernel"}
    missing = [layer for layer in needed if layer not in found]
    if missing:
        raise ProbeError(_differ(path, missing, "no layer"))
    for layer, weight in needed.items():
        rank = 1 if weight == "bias" else 2
        if len(found[layer].get(weight, ())) != rank or 0 in found[layer][weight]:
            raise ProbeError(
                f"{path}, layer {layer}: got {_show(found[layer])}: expected a "
                f"{weight} of {rank} dimensions"
            )
    dim = found["x_fc"]["bias"][0]
    centers = found[f"{pooling}_pool"]["centers"][0]
    clusters = found["fc6"]["kernel"][0] // dim
    if not 1 <= clusters <= centers:
        raise ProbeError(
            f"{path}, layer fc6: got {_show(found['fc6'])}: expected a kernel with "
            f"{dim} rows for each of 1 to {centers} clusters"
        )
    classifier = found[CLASSIFIER].get("kernel", ()) if CLASSIFIER in found else (0, 0)
    speakers = classifier[1] if len(classifier) == 2 else 1
    return pooling, dim, clusters, centers - clusters, speakers


def _compare(found: Shapes, expected: Shapes, path: Path) -> None:
    missing = [layer for layer in expected if layer not in found]
    if missing:
        raise ProbeError(_differ(path, missing, "no layer"))
    unknown = [layer for layer in found if layer not in expected]
    if unknown:
        raise ProbeError(_differ(path, unknown, "unexpected layer"))
    for layer, shapes in expected.items():
        if list(found[layer].items()) != list(shapes.items()):
            raise ProbeError(
                f"{path}, layer {layer}: got {_show(found[layer])}: expected "
                f"{_show(shapes)}, in this order"
            )


def _differ(path: Path, layers: List[str], what: str) -> str:
    shown = ", ".join(layers[:4])
    more = f" and {len(layers) - 4} more" if len(layers) > 4 else ""
    return (
        f"{path} has {what} {shown}{more}: expected the authors' network resnet34s "
        "with aggregation gvlad or vlad"
    )


def _show(shapes: Dict[str, Tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())


def _read(layers: Layers, path: Path) -> Dict[str, Dict[str, NDArray[np.float32]]]:
    arrays: Dict[str, Dict[str, NDArray[np.float32]]] = {}
    for layer, weights in layers.items():
        arrays[layer] = {
            name: read_array(data, f"{path}, layer {layer}, {name}")
            for name, data in weights.items()
        }
        if np.any(arrays[layer].get("moving_variance", np.zeros(1)) < 0):
            raise ProbeError(
                f"{path}, layer {layer}: a moving_variance is negative: expected "
                "gamma, beta, moving_mean, moving_variance in this order"
            )
    return arrays
