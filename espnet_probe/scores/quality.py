"""Intelligibility and quality of a waveform against its reference.

Conventions
-----------
Reference and hypothesis are float arrays of shape (samples,), of one length and one
sampling rate, aligned sample by sample; anything else is refused, never padded, cut
or resampled to fit. Scores do not depend on the level of the waveforms.

* STOI and ESTOI by pystoi, at any sampling rate (pystoi works at 10 kHz itself).
* PESQ wide-band (ITU-T P.862.2, MOS-LQO, at most about 4.64) by pesq, at 16 kHz.
  Higher rates are resampled to 16 kHz for this score alone. Below 16 kHz there is no
  wide band to judge, so the score is not available, and :func:`pesq_reason` says so.

A score that is not defined is None: pystoi answers 1e-5 with a warning if fewer than
30 frames of speech (0.4 s) are left after it removed silent ones; pesq fails if it
finds no utterance (NoUtterancesError) or less than a quarter of a second, and for a
silent hypothesis; nothing is defined against a silent reference. Means leave these out
and count them.

PESQ is compiled at installation; without the package the other scores still work.

References
----------
C. Taal et al., "An algorithm for intelligibility prediction of time-frequency weighted
noisy speech", IEEE TASLP 19(7), 2011. J. Jensen and C. Taal, "An algorithm for
predicting the intelligibility of speech masked by modulated noise maskers", IEEE/ACM
TASLP 24(11), 2016. ITU-T Recommendations P.862 (2001) and P.862.2 (2007).
"""

import importlib
import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Collection, Iterator, Optional

import numpy as np
import pystoi
from numpy.typing import NDArray
from scipy.signal import resample_poly

from espnet_probe.errors import ProbeError

METRICS = ("stoi", "estoi", "pesq_wb")
PESQ_FS = 16000


@dataclass(frozen=True)
class QualityScores:
    """The scores of one utterance; None where a score is not defined.

    Attributes:
        stoi: Short-time objective intelligibility, about 0 to 1.
        estoi: Extended STOI, about 0 to 1.
        pesq_wb: PESQ wide-band, MOS-LQO, about 1.04 to 4.64.
    """

    stoi: Optional[float]
    estoi: Optional[float]
    pesq_wb: Optional[float]


def validate(
    reference: NDArray[Any], hypothesis: NDArray[Any], reference_fs: int, fs: int
) -> None:
    """Check that two waveforms can be compared.

    Args:
        reference: ``(samples,)``, floats.
        hypothesis: ``(samples,)``, floats.
        reference_fs: Sampling rate of the reference in Hz.
        fs: Sampling rate of the hypothesis in Hz.

    Raises:
        ProbeError: If rates or lengths differ, an array is not one-dimensional, or
            a sample is not finite.
    """
    if reference_fs != fs:
        raise ProbeError(
            f"reference has {reference_fs} Hz, hypothesis {fs} Hz: expected one rate"
        )
    if reference.ndim != 1 or hypothesis.ndim != 1:
        raise ProbeError(
            f"got shapes {reference.shape} and {hypothesis.shape}: expected one channel"
        )
    if reference.size != hypothesis.size:
        raise ProbeError(
            f"reference has {reference.size} samples, hypothesis {hypothesis.size}: "
            "expected one length, aligned at the first sample"
        )
    if not (np.all(np.isfinite(reference)) and np.all(np.isfinite(hypothesis))):
        raise ProbeError(
            "a sample is not finite: expected waveforms without NaN or inf"
        )


@contextmanager
def _fixed_noise() -> Iterator[None]:
    """Seed the noise of 1e-16 that pystoi's ESTOI adds, and put the state back.

    Where a hypothesis is digitally silent this noise is all there is, so without a
    seed two runs would give two scores.
    """
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)


def stoi(
    reference: NDArray[Any], hypothesis: NDArray[Any], fs: int, extended: bool = False
) -> Optional[float]:
    """Compute STOI or ESTOI.

    Args:
        reference: ``(samples,)``, floats.
        hypothesis: ``(samples,)``, floats.
        fs: Sampling rate of both, in Hz.
        extended: Compute ESTOI.

    Returns:
        The score, or None where it is not defined.

    Raises:
        ProbeError: See :func:`validate`.
    """
    validate(reference, hypothesis, fs, fs)
    if not np.any(reference):
        return None
    with warnings.catch_warnings(), _fixed_noise():
        warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
        try:
            score = pystoi.stoi(reference, hypothesis, fs, extended=extended)
        except RuntimeWarning:
            return None
        except ValueError:
            # Shorter than one analysis frame after resampling to 10 kHz: pystoi
            # fails while cutting frames, before it can warn.
            if reference.size / fs < 0.1:
                return None
            raise
    # The answer itself is tested too, in case the warning's wording changes.
    return float(score) if math.isfinite(score) and score != 1e-5 else None


def load_pesq() -> Optional[ModuleType]:
    """Return the package pesq, or None where it is not installed."""
    try:
        return importlib.import_module("pesq")
    except ImportError:
        return None


def pesq_reason(fs: int) -> Optional[str]:
    """Say why wide-band PESQ is not available, or return None if it is.

    Args:
        fs: Sampling rate in Hz.
    """
    if fs < PESQ_FS:
        return f"wide-band PESQ needs {PESQ_FS} Hz or more, the audio has {fs} Hz"
    if load_pesq() is None:
        return (
            "the package pesq is not installed (pip install pesq; needs a C compiler)"
        )
    return None


def pesq_wb(
    reference: NDArray[Any], hypothesis: NDArray[Any], fs: int
) -> Optional[float]:
    """Compute wide-band PESQ.

    Args:
        reference: ``(samples,)``, floats.
        hypothesis: ``(samples,)``, floats.
        fs: Sampling rate of both, in Hz; above 16000 both are resampled.

    Returns:
        MOS-LQO, or None where it is not defined.

    Raises:
        ProbeError: See :func:`validate`; also if it is not available at all, with
            the text of :func:`pesq_reason`.
    """
    validate(reference, hypothesis, fs, fs)
    reason = pesq_reason(fs)
    package = load_pesq()
    if reason is not None or package is None:
        raise ProbeError(reason or "the package pesq is not installed")
    if not np.any(reference):
        return None
    if fs != PESQ_FS:
        common = math.gcd(fs, PESQ_FS)
        reference = resample_poly(reference, PESQ_FS // common, fs // common)
        hypothesis = resample_poly(hypothesis, PESQ_FS // common, fs // common)
    errors = package.PesqError
    score = package.pesq(
        PESQ_FS, reference, hypothesis, "wb", on_error=errors.RETURN_VALUES
    )
    # NaN comes for a silent hypothesis.
    undefined = (errors.NO_UTTERANCES_DETECTED, errors.BUFFER_TOO_SHORT)
    if math.isnan(score) or score in undefined:
        return None
    if score < 0:
        raise RuntimeError(f"pesq failed with code {score}")
    return float(score)


def score_pair(
    reference: NDArray[Any],
    hypothesis: NDArray[Any],
    fs: int,
    metrics: Collection[str] = METRICS,
) -> QualityScores:
    """Compute the scores of one utterance.

    Args:
        reference: ``(samples,)``, floats.
        hypothesis: ``(samples,)``, floats.
        fs: Sampling rate of both, in Hz.
        metrics: Those of :data:`METRICS` to compute; PESQ takes three times as long as
            the two others together.

    Returns:
        The scores; those not asked for are None, and ``pesq_wb`` is None also where it
        is not available.

    Raises:
        ProbeError: See :func:`validate`.
    """
    validate(reference, hypothesis, fs, fs)
    with_pesq = "pesq_wb" in metrics and pesq_reason(fs) is None
    return QualityScores(
        stoi=stoi(reference, hypothesis, fs) if "stoi" in metrics else None,
        estoi=(
            stoi(reference, hypothesis, fs, extended=True)
            if "estoi" in metrics
            else None
        ),
        pesq_wb=pesq_wb(reference, hypothesis, fs) if with_pesq else None,
    )
