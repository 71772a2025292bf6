"""Griffin-Lim's speed beside librosa's, and how close each comes to the magnitudes.

    OMP_NUM_THREADS=1 python benchmarks/griffin_lim.py [--wav FILE] [--repeats N]

Both get the same magnitude spectra in the same run, one after the other, and the best
of the repeats counts: the ratio then hardly depends on the machine or its load. The
presets' rows include the mel inversion and the de-emphasis. Spectral convergence is
20 log10(|S - S'| / |S|), S' the spectrum of the waveform that was made: of the presets
it also has what 80 bands cannot tell, so compare it within a group.
"""

import argparse
import time
from pathlib import Path
from typing import Callable, Dict, Tuple

import librosa
import numpy as np
import soundfile
import torch
import torchaudio
from numpy.typing import NDArray

from espnet_probe.features.log_mel import LogMel, LogMelConfig
from espnet_probe.vocoders.griffin_lim import PRESETS, GriffinLim

MEL = LogMelConfig()
ITERATIONS = 32
Maker = Callable[[], NDArray[np.floating]]


def example(seconds: float = 6.0) -> NDArray[np.float32]:
    """Return a stand-in for speech: gliding harmonics, pauses, a little noise."""
    time_axis = np.arange(int(seconds * MEL.fs)) / MEL.fs
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.7 * time_axis)
    phase = 2 * np.pi * np.cumsum(pitch) / MEL.fs
    voice = sum(np.sin(k * phase) / k for k in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 1.5 * time_axis), 0, None)
    random = np.random.default_rng(0)
    noise = 0.01 * random.standard_normal(len(time_axis))
    return np.asarray(0.1 * voice * syllables + noise, dtype=np.float32)


def magnitude_of(waveform: NDArray[np.floating], config: LogMelConfig) -> torch.Tensor:
    """Return the magnitude spectra that a log-mel spectrogram is made from."""
    batch = torch.as_tensor(np.asarray(waveform), dtype=torch.float32)[None]
    transform = LogMel(config)
    return transform.magnitude(batch, torch.tensor([batch.size(1)]))[0].T.contiguous()


def makers(waveform: NDArray[np.float32]) -> Dict[str, Tuple[LogMelConfig, Maker]]:
    """Return what is compared: name to settings and a function that makes sound."""
    samples = len(waveform)
    plain = LogMelConfig(pre_emphasis=0.0)
    magnitude = magnitude_of(waveform, plain)
    as_array = magnitude.numpy()
    window = torch.hann_window(MEL.win_length)
    batch = torch.from_numpy(waveform)[None]
    log_mel = LogMel(MEL)(batch, torch.tensor([samples]))[0][0].numpy()

    def with_librosa() -> NDArray[np.floating]:
        made: NDArray[np.floating] = librosa.griffinlim(
            as_array,
            n_iter=ITERATIONS,
            hop_length=MEL.hop_length,
            win_length=MEL.win_length,
            n_fft=MEL.n_fft,
            momentum=0.99,
            init=None,
            length=samples,
        )
        return made

    def with_torchaudio() -> NDArray[np.floating]:
        made: NDArray[np.floating] = torchaudio.functional.griffinlim(
            magnitude,
            window,
            MEL.n_fft,
            MEL.hop_length,
            MEL.win_length,
            power=1.0,
            n_iter=ITERATIONS,
            momentum=0.99,
            length=samples,
            rand_init=False,
        ).numpy()
        return made

    def with_preset(name: str) -> Maker:
        vocoder = GriffinLim(MEL, PRESETS[name])
        return lambda: vocoder(log_mel, samples).waveform

    found: Dict[str, Tuple[LogMelConfig, Maker]] = {
        f"librosa, {ITERATIONS} iterations": (plain, with_librosa),
        f"torchaudio, {ITERATIONS} iterations": (plain, with_torchaudio),
    }
    for name, preset in PRESETS.items():
        title = f"preset {name}, {preset.iterations} iterations"
        found[title] = (MEL, with_preset(name))
    return found


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wav", type=Path, help="a sound file of 16 kHz")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    waveform = example()
    if args.wav is not None:
        waveform, rate = soundfile.read(args.wav, dtype="float32")
        if rate != MEL.fs or waveform.ndim != 1:
            parser.error(f"{args.wav}: expected one channel of {MEL.fs} Hz")

    compared = makers(waveform)
    best = dict.fromkeys(compared, float("inf"))
    closeness = {}
    for _ in range(args.repeats):
        for name, (config, make) in compared.items():
            start = time.process_time()
            made = make()
            best[name] = min(best[name], time.process_time() - start)
            wanted = magnitude_of(waveform, config)
            error = (magnitude_of(made, config) - wanted).norm() / wanted.norm()
            closeness[name] = 20 * torch.log10(error).item()

    seconds = len(waveform) / MEL.fs
    reference = next(iter(best.values()))
    print(f"{seconds:.1f} s of audio, best of {args.repeats}, one thread")
    print(f"{'':32}{'CPU s / s':>10}{'/ librosa':>11}{'convergence':>13}")
    for name, spent in best.items():
        print(
            f"{name:32}{spent / seconds:10.3f}{spent / reference:10.2f}x"
            f"{closeness[name]:10.1f} dB"
        )


if __name__ == "__main__":
    main()
