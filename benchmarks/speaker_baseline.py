"""Verification without any training: the mean and the deviation of log-mel frames.

    python benchmarks/speaker_baseline.py --wav_scp data/SET/wav.scp \\
        --utt2spk data/SET/utt2spk --trials TRIALS --output_dir DIR

An utterance is the vector of the means and the standard deviations over its frames of
80 log-mel bands (natural logarithm of the magnitude; window 25 ms, shift 10 ms), two
are compared by the cosine, as embeddings are. Nothing is learnt and nothing centred.
A speaker embedder that does not beat this has learnt nothing of use on that set. It
also tells how easy a set is.

Writes verification_baseline.{json,csv} and embeddings_baseline.npz, as
``python -m espnet_probe.bin.score_verification`` does for an embedder.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from espnet_probe.bin.cli import run
from espnet_probe.bin.score_files import (
    check_output,
    read_full_table,
    use_one_thread,
    versions,
)
from espnet_probe.bin.score_verification import check_input, in_words, score_set
from espnet_probe.bin.trial_files import read_speakers, read_trials
from espnet_probe.features.log_mel import LogMel, LogMelConfig
from espnet_probe.speakers.abs_embedder import AbsEmbedder

SUFFIX = "baseline"


class MeanAndDeviation(AbsEmbedder):
    """The mean and the standard deviation over time of every log-mel band."""

    name = "baseline"
    label = "baseline"
    sampling_rate = 16000
    min_samples = 400
    origin = "mean and deviation of 80 log-mel bands"
    trained_on = "nothing"

    def __init__(self) -> None:
        """Build the filter bank."""
        self._log_mel = LogMel(
            LogMelConfig(
                n_fft=512,
                win_length=400,
                hop_length=160,
                pre_emphasis=0.0,
            )
        )

    def embed_levelled(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the means and the deviations, (160,)."""
        samples = torch.from_numpy(waveform)[None]
        frames, _ = self._log_mel(samples, torch.tensor([waveform.size]))
        values: NDArray[np.float32] = frames[0].numpy()
        return np.concatenate([values.mean(axis=0), values.std(axis=0)])


def get_parser() -> argparse.ArgumentParser:
    """Return the command's argument parser."""
    parser = argparse.ArgumentParser(
        description="Score a set by the means and deviations of log-mel frames.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--wav_scp", type=Path, required=True, help="the audio")
    parser.add_argument("--trials", type=Path, required=True, help="the trials")
    parser.add_argument("--utt2spk", type=Path, help="a speaker per person")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    parser.add_argument(
        "--num_bootstrap", type=int, default=1000, help="number of bootstrap samples"
    )
    parser.add_argument("--output_dir", type=Path, required=True, help="folder")
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    args = get_parser().parse_args(cmd)
    use_one_thread()
    check_output(args.output_dir)
    embedder = MeanAndDeviation()
    known = read_full_table(args.wav_scp, "utterance id and audio file")
    trials = read_trials(args.trials, known)
    speakers, source = read_speakers(args.utt2spk, trials)
    check_input(args.wav_scp, trials, embedder.sampling_rate)
    settings: Dict[str, Any] = {
        "embedder": embedder.label,
        "embedder_model": embedder.describe(),
        "bootstrap": {
            "over": "speakers",
            "samples": args.num_bootstrap,
            "seed": args.seed,
            "speakers_from": source,
        },
        "config": {"wav_scp": str(args.wav_scp), "trials": str(args.trials)},
        "versions": versions("numpy", "torch"),
    }
    where = args.wav_scp, args.output_dir
    summary = score_set(
        embedder, trials, speakers, None, *where, settings, f"_{SUFFIX}"
    )
    print(f"{args.wav_scp}: {in_words(summary)}")


if __name__ == "__main__":
    sys.exit(run(main))
