"""Which frames of the target a state knows most about, measured on real speech.

    OMP_NUM_THREADS=1 python benchmarks/state_alignment.py --data_dir dump/raw/SET \\
        [--upstream_exp EXP] [--layers GLOBS] [--utterances N]

A probe takes state t of a layer with stride K for the frames K t ... K t + K - 1 of the
target. Without --upstream_exp this is tried on small random models, one for each kind
of subsampling (docs/hidden_states.md has the results), else on the model that is given.

- heard: a click of 5 ms is added to speech at many places; where the states that change
  are, weighted by the square of the change. The click's place minus the middle of the
  frames that these states stand for, in frames of the target: positive where a state
  hears what comes after the middle of its frames. Of use for layers before a recurrence
  or an attention.
- best shift: a linear map from single states to the K frames from K t + d on is fitted
  for every d (ridge regression) and tried on other utterances; the d of the least mean
  squared error, that error, and the error at d = 0. Of use for layers whose width is
  small beside the number of states.
"""

import argparse
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Dict, List, Tuple
from unittest import mock

import torch

from espnet_probe.bin.waveforms import Waveforms
from espnet_probe.features.log_mel import LogMel
from espnet_probe.layers.layer import Layer
from espnet_probe.report.tables import markdown_table
from espnet_probe.upstream import Upstream
from espnet_probe.upstream.whisper_mels import MEL_BINS, provide_mel_bins

#: Samples of each utterance that are looked at, at most.
LONGEST = 160000

#: Of the regression, per state, on values of mean 0 and variance 1.
RIDGE = 1e-2

SIZES = {"output_size": 64, "attention_heads": 2, "num_blocks": 1, "linear_units": 64}
CGMLP = {"cgmlp_linear_units": 64, "cgmlp_conv_kernel": 5}
WAV2VEC = {
    "norm_mode": "layer_norm",
    "conv_mode": "standard",
    "bias": True,
    "shapes": [[64, 10, 5]] + [[64, 3, 2]] * 4 + [[64, 2, 2]] * 2,
}


def kinds() -> Dict[str, Dict[str, Any]]:
    """Return what differs between the random models' configurations."""
    found: Dict[str, Dict[str, Any]] = {}
    for layer in ["linear", "conv2d1", "conv2d2", "conv2d", "conv2d6", "conv2d8"]:
        found[layer] = dict(
            encoder="transformer", encoder_conf={**SIZES, "input_layer": layer}
        )
    for layer in ["conv1d1", "conv1d2", "conv1d3"]:
        conf = {**SIZES, **CGMLP, "input_layer": layer}
        found[layer] = dict(encoder="e_branchformer", encoder_conf=conf)
    linear = found["linear"]
    uncentred = {"fs": 16000, "hop_length": 160, "center": False}
    found["linear, center: false"] = dict(linear, frontend_conf=uncentred)
    found["wav2vec_cnn"] = dict(linear, frontend="wav2vec_cnn", frontend_conf=WAV2VEC)
    windows = {"win_length": 400, "hop_length": 160, "fs": 16000}
    found["sliding_window"] = dict(
        linear, frontend="sliding_window", frontend_conf=windows, preencoder="sinc"
    )
    recurrent = {"num_layers": 2, "hidden_size": 64, "output_size": 64}
    vgg = {**recurrent, "in_channel": 1}
    found["vgg_rnn"] = dict(encoder="vgg_rnn", encoder_conf=vgg)
    pyramid = {**recurrent, "subsample": [2, 2, 1]}
    found["rnn, subsample 2 2"] = dict(encoder="rnn", encoder_conf=pyramid)
    # Of the named model only the name is used, see random_whisper.
    found["whisper"] = dict(
        encoder="whisper",
        encoder_conf={"whisper_model": "tiny"},
        frontend=None,
        frontend_conf={},
        input_size=1,
    )
    return found


def random_whisper() -> AbstractContextManager[Any]:
    """Make Whisper's loader give a small random model instead of a published one.

    As wide and as deep as the others are; it hears 30 s, as Whisper does.
    """
    import whisper

    provide_mel_bins()
    audio = dict(n_mels=MEL_BINS, n_audio_ctx=1500, n_audio_state=64, n_audio_head=2)
    # The decoder is not used.
    text = dict(n_vocab=20, n_text_ctx=8, n_text_state=64, n_text_head=2)
    dims = whisper.model.ModelDimensions(
        **audio, n_audio_layer=1, **text, n_text_layer=1
    )
    model = whisper.model.Whisper(dims)
    return mock.patch("whisper.load_model", return_value=model)


def random_model(name: str, changes: Dict[str, Any]) -> Upstream:
    """Build a small model with random weights."""
    from espnet2.tasks.asr import ASRTask

    config: Dict[str, Any] = ASRTask.get_default_config()
    common: Dict[str, Any] = dict(
        token_list=["<blank>", "<unk>", "a", "<sos/eos>"],
        frontend="default",
        frontend_conf={"fs": 16000, "hop_length": 160},
        # None: statistics of an utterance would carry a click to all its states.
        normalize=None,
        specaug=None,
        decoder=None,
        model_conf={"ctc_weight": 1.0},
    )
    config.update({**common, **changes})
    torch.manual_seed(0)
    with random_whisper() if config["encoder"] == "whisper" else nullcontext():
        model = ASRTask.build_model(argparse.Namespace(**config))
    return Upstream(model, config, name)


def states_of(upstream: Upstream, waveform: torch.Tensor) -> Dict[str, torch.Tensor]:
    """Return the states of all layers for (samples,)."""
    names = [layer.name for layer in upstream.layers]
    lengths = torch.tensor([len(waveform)])
    states = upstream.hidden_states(waveform[None], lengths, names)
    return {name: states[name].item(0) for name in names}


def heard(
    upstream: Upstream, waveform: torch.Tensor, places: int = 40
) -> Dict[str, float]:
    """Return where states hear a click, in frames from the middle of their own."""
    before = states_of(upstream, waveform)
    hop, half = upstream.target.hop_length, round(0.0025 * upstream.fs)
    generator = torch.Generator().manual_seed(0)
    click = 0.3 * torch.randn(2 * half, generator=generator)
    sums = dict.fromkeys(before, 0.0)
    for place in torch.linspace(0.2, 0.8, places) * len(waveform):
        changed = waveform.clone()
        changed[int(place) - half : int(place) + half] += click
        after = states_of(upstream, changed)
        for layer in upstream.layers:
            change = (after[layer.name] - before[layer.name]).double()
            weight = change.square().sum(dim=1)
            middles = torch.arange(len(weight)) * layer.stride + (layer.stride - 1) / 2
            centre = float((weight * middles).sum() / weight.sum())
            sums[layer.name] += float(place) / hop - centre
    return {name: total / places for name, total in sums.items()}


def regression(
    train: List[Tuple[torch.Tensor, torch.Tensor]],
    test: List[Tuple[torch.Tensor, torch.Tensor]],
    layer: Layer,
    reach: int,
) -> Dict[int, float]:
    """Return shift to mean squared error, for shifts up to ``reach`` frames.

    Args:
        train: States (time, width) and target (frames, n_mels) of each utterance.
        test: The same of others.
        layer: The layer.
        reach: Largest shift; all shifts are tried on the same states.
    """
    stride, window = layer.stride, 2 * reach + layer.stride
    xs, ys = {}, {}
    for part, pairs in {"train": train, "test": test}.items():
        inputs, outputs = [], []
        for states, target in pairs:
            # All frames from K t - reach to K t + K - 1 + reach, (time, mels, window).
            frames = target.unfold(0, window, 1)
            first = -(-reach // stride)
            number = min(len(states), (len(frames) - 1 + reach) // stride + 1) - first
            times = first + torch.arange(number)
            inputs.append(states[times])
            outputs.append(frames[times * stride - reach])
        xs[part] = torch.cat(inputs).double()
        ys[part] = torch.cat(outputs).double()
    mean, std = xs["train"].mean(dim=0), xs["train"].std(dim=0).clamp(min=1e-8)
    middle = ys["train"].mean(dim=0, keepdim=True).flatten(1)
    x = (xs["train"] - mean) / std
    gram = x.T @ x + RIDGE * len(x) * torch.eye(x.size(1)).double()
    weights = torch.linalg.solve(gram, x.T @ (ys["train"].flatten(1) - middle))
    found = (xs["test"] - mean) / std @ weights + middle
    error = (found - ys["test"].flatten(1)).square()
    by_place = error.view(len(error), -1, window).mean(dim=(0, 1))
    return {
        shift: float(by_place[reach + shift : reach + shift + stride].mean())
        for shift in range(-reach, reach + 1)
    }


def measure(upstream: Upstream, waveforms: List[torch.Tensor], pattern: str) -> None:
    """Print a Markdown table with a line per layer."""
    layers = upstream.select(pattern)
    made = [states_of(upstream, waveform) for waveform in waveforms]
    log_mel = LogMel(upstream.target)
    targets = [
        log_mel(waveform[None], torch.tensor([len(waveform)]))[0][0]
        for waveform in waveforms
    ]
    clicks = heard(upstream, waveforms[0])
    head = ["layer", "width", "K", "heard", "best shift", "its error", "error at 0"]
    rows = []
    half = 3 * len(waveforms) // 4
    for layer in layers:
        pairs = [(states[layer.name], mel) for states, mel in zip(made, targets)]
        errors = regression(pairs[:half], pairs[half:], layer, 2 * layer.stride + 4)
        best = min(errors, key=lambda shift: errors[shift])
        numbers = [f"{clicks[layer.name]:+.2f}", f"{best:+d}", f"{errors[best]:.3f}"]
        sizes = [layer.name, str(layer.width), str(layer.stride)]
        rows.append([*sizes, *numbers, f"{errors[0]:.3f}"])
    hop = 1000 * upstream.target.frame_shift
    title = f"{upstream.origin} (frames of {hop:g} ms)"
    print(f"{title}\n\n{markdown_table(head, rows)}", flush=True)


def main() -> None:
    """Measure one model, or a small random one of each kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--upstream_exp", default=None)
    parser.add_argument("--layers", default="*")
    parser.add_argument("--utterances", type=int, default=32)
    parser.add_argument("--kind", default=None, help="only this random model")
    args = parser.parse_args()
    torch.set_num_threads(1)
    reader = Waveforms(args.data_dir)
    keys = reader.keys()[:: max(1, len(reader.keys()) // args.utterances)]
    found = [reader[key][:LONGEST] for key in keys[: args.utterances]]
    waveforms = [torch.from_numpy(waveform) for waveform in found]
    if args.upstream_exp is not None:
        measure(Upstream.from_exp(args.upstream_exp), waveforms, args.layers)
        return
    for name, changes in kinds().items():
        if args.kind in (None, name):
            measure(random_model(name, changes), waveforms, args.layers)


if __name__ == "__main__":
    main()
