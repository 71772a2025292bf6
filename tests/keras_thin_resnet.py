"""The judge of converted weights: the authors' network, as Keras runs it, in numpy.

Channels last, kernels (height, width, in, out), "same" padding by TensorFlow's rule,
``BatchNormalization`` with Keras' epsilon of 1e-3. It shares nothing with the package.
"""

from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import pytest

# A package of the extra `speakers`: without it the tests that import this are skipped.
h5py: Any = pytest.importorskip("h5py")

#: Layer → [(weight, array)], in Keras' order.
Weights = Dict[str, List[Tuple[str, np.ndarray]]]

STAGES = {
    2: ("ab", (48, 48, 96), 1),
    3: ("abc", (96, 96, 128), 2),
    4: ("abc", (128, 128, 256), 2),
    5: ("abc", (256, 256, 512), 2),
}


# ---- a random file ----------------------------------------------------------------
def random_weights(
    seed: int = 0,
    dim: int = 512,
    clusters: int = 8,
    ghosts: int = 2,
    speakers: Optional[int] = 7,
) -> Weights:
    """Make weights that keep the signal's size, with statistics far from 0 and 1.

    Variances reach down to where the epsilon is felt.
    """
    rng = np.random.default_rng(seed)
    weights: Weights = {}

    def kernel(*shape: int) -> np.ndarray:
        fan_in = np.prod(shape[:-1])
        return (rng.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32)

    def bias(size: int) -> np.ndarray:
        return rng.normal(0, 0.2, size).astype(np.float32)

    def conv_bn(name: str, height: int, width: int, n_in: int, n_out: int) -> None:
        weights[name] = [("kernel", kernel(height, width, n_in, n_out))]
        variance = 10 ** rng.uniform(-3, 0, n_out)
        weights[f"{name}/bn"] = [
            ("gamma", (np.sqrt(variance) * rng.uniform(0.6, 1.4, n_out))),
            ("beta", rng.normal(0, 0.3, n_out)),
            ("moving_mean", rng.normal(0, 0.3, n_out)),
            ("moving_variance", variance),
        ]

    conv_bn("conv1_1/3x3_s1", 7, 7, 1, 64)
    n_in = 64
    for stage, (blocks, (reduced, middle, n_out), _) in STAGES.items():
        for block in blocks:
            base = f"conv{stage}_{block}"
            conv_bn(f"{base}_1x1_reduce", 1, 1, n_in, reduced)
            conv_bn(f"{base}_3x3", 3, 3, reduced, middle)
            conv_bn(f"{base}_1x1_increase", 1, 1, middle, n_out)
            if block == "a":
                conv_bn(f"{base}_1x1_proj", 1, 1, n_in, n_out)
            n_in = n_out
    kind = "gvlad" if ghosts else "vlad"
    weights["x_fc"] = [("kernel", kernel(7, 1, 512, dim)), ("bias", bias(dim))]
    weights[f"{kind}_center_assignment"] = [
        ("kernel", 0.2 * kernel(7, 1, 512, clusters + ghosts)),
        ("bias", bias(clusters + ghosts)),
    ]
    weights[f"{kind}_pool"] = [("centers", kernel(clusters + ghosts, dim))]
    weights["fc6"] = [("kernel", kernel(clusters * dim, dim)), ("bias", bias(dim))]
    if speakers is not None:
        weights["prediction"] = [("kernel", kernel(dim, speakers))]
    return {
        layer: [(name, array.astype(np.float32)) for name, array in values]
        for layer, values in weights.items()
    }


def write_h5(
    path: Any, weights: Weights, whole_model: bool = False, text: bool = False
) -> None:
    """Write them as Keras 2 does: ``save_weights``, or ``save`` (whole_model).

    Args:
        text: Names as text, as later releases write them, instead of bytes.
    """

    def listing(names: List[str]) -> Any:
        if text:
            return np.array(names, dtype=h5py.string_dtype())
        return np.array([name.encode() for name in names], dtype="S")

    with h5py.File(path, "w") as file:
        top = file.create_group("model_weights") if whole_model else file
        if whole_model:
            # Where Keras keeps marshalled Python code of Lambda layers.
            file.attrs["model_config"] = b'{"class_name": "Model"}'
            file.create_group("optimizer_weights")
        top.attrs["backend"] = b"tensorflow"
        top.attrs["keras_version"] = b"2.2.4"
        # Layers without weights are listed too.
        names = ["input", *weights, "activation_1"]
        top.attrs["layer_names"] = listing(names)
        for layer in names:
            group = top.require_group(layer)
            values = weights.get(layer, [])
            full_names = [f"{layer}/{name}:0" for name, _ in values]
            # An empty list has no type of its own; Keras leaves it as floats.
            group.attrs["weight_names"] = listing(full_names) if values else []
            for full_name, (_, array) in zip(full_names, values):
                group[full_name] = array


# ---- the network --------------------------------------------------------------------
def conv2d(
    x: np.ndarray, kernel: np.ndarray, stride: int = 1, same: bool = False
) -> np.ndarray:
    """Correlate (height, width, in) with (kh, kw, in, out)."""
    height, width = kernel.shape[:2]
    if same:
        # TensorFlow: ceil(size / stride) steps, the odd zero at the end.
        pads = []
        for size, window in zip(x.shape[:2], (height, width)):
            total = max((-(-size // stride) - 1) * stride + window - size, 0)
            pads.append((total // 2, total - total // 2))
        x = np.pad(x, [*pads, (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(0, 1))
    windows = windows[::stride, ::stride]  # (H, W, in, kh, kw)
    return np.tensordot(windows, kernel, axes=([3, 4, 2], [0, 1, 2]))


def max_pool(x: np.ndarray, size: Tuple[int, int], stride: Tuple[int, int]) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=(0, 1))
    return windows[:: stride[0], :: stride[1]].max(axis=(-2, -1))


def l2_normalize(x: np.ndarray, axis: int, floor: float = 1e-12) -> np.ndarray:
    return x / np.sqrt(np.maximum(np.sum(x * x, axis, keepdims=True), floor))


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def forward(
    weights: Weights,
    spectrogram: np.ndarray,
    epsilon: float = 1e-3,
    floor: float = 1e-12,
) -> np.ndarray:
    """Embed a standardised spectrogram.

    Args:
        spectrogram: (257, frames).
        epsilon: Of the batch normalisation.
        floor: Least squared length that the clusters are divided by.

    Returns:
        (dim,), of length 1.
    """
    w = {
        layer: {name: array.astype(np.float64) for name, array in values}
        for layer, values in weights.items()
    }

    def conv_bn(x: np.ndarray, name: str, **how: Any) -> np.ndarray:
        bn = w[f"{name}/bn"]
        y = conv2d(x, w[name]["kernel"], **how)
        y = (y - bn["moving_mean"]) / np.sqrt(bn["moving_variance"] + epsilon)
        return y * bn["gamma"] + bn["beta"]

    x = spectrogram[:, :, np.newaxis].astype(np.float64)
    x = max_pool(relu(conv_bn(x, "conv1_1/3x3_s1", same=True)), (2, 2), (2, 2))
    for stage, (blocks, _, first_stride) in STAGES.items():
        for block in blocks:
            base = f"conv{stage}_{block}"
            stride = first_stride if block == "a" else 1
            y = relu(conv_bn(x, f"{base}_1x1_reduce", stride=stride))
            y = relu(conv_bn(y, f"{base}_3x3", same=True))
            y = conv_bn(y, f"{base}_1x1_increase")
            if block == "a":
                x = conv_bn(x, f"{base}_1x1_proj", stride=stride)
            x = relu(x + y)
    x = max_pool(x, (3, 1), (2, 1))
    feat = relu(conv2d(x, w["x_fc"]["kernel"]) + w["x_fc"]["bias"])
    kind = "gvlad" if "gvlad_pool" in w else "vlad"
    assignment = w[f"{kind}_center_assignment"]
    score = np.exp(conv2d(x, assignment["kernel"]) + assignment["bias"])
    share = score / score.sum(axis=-1, keepdims=True)
    centers = w[f"{kind}_pool"]["centers"]
    residual = feat[:, :, np.newaxis, :] - centers
    pooled = np.sum(share[..., np.newaxis] * residual, axis=(0, 1))
    clusters = w["fc6"]["kernel"].shape[0] // centers.shape[1]
    vector = l2_normalize(pooled[:clusters], -1, floor).reshape(-1)
    return l2_normalize(relu(vector @ w["fc6"]["kernel"] + w["fc6"]["bias"]), 0)


def spectrogram(waveform: np.ndarray) -> np.ndarray:
    """Compute what the authors feed their network in a test.

    The waveform followed by itself reversed; magnitude of frames of 512 samples,
    centred on every 160th, under a periodic Hann window of 400; each frame brought to
    mean 0 and deviation 1.

    Returns:
        (257, frames).
    """
    both = np.concatenate([waveform, waveform[::-1]]).astype(np.float64)
    padded = np.pad(both, 256, mode="reflect")
    window = np.zeros(512)
    window[56:456] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = [
        np.abs(np.fft.rfft(window * padded[start : start + 512]))
        for start in range(0, len(both) + 1, 160)
    ]
    return np.stack([(f - f.mean()) / (f.std() + 1e-5) for f in frames], axis=1)
