"""Make ge2e_reference.json: what the package resemblyzer 0.1.4 answers.

Run by hand, in an environment of its own:

    pip install --no-deps resemblyzer==0.1.4
    pip install webrtcvad-wheels "setuptools<81" librosa torch scipy
    python tests/speakers/make_ge2e_reference.py
"""

import json
import sys
import types
from pathlib import Path

import numpy as np

DURATIONS = (4000, 25600, 44800, 70001)


def synthetic_voice(samples):
    """A gliding harmonic tone in syllables; made of sines alone, so the same anywhere.

    (samples,) float32 at 16 kHz, RMS -30 dBFS.
    """
    time = np.arange(samples) / 16000
    pitch = 2 * np.pi * (130 * time + 8 * np.sin(2 * np.pi * 0.6 * time))
    tone = sum(np.sin(k * pitch + k * k) / (1 + abs(k - 5)) for k in range(1, 40))
    voice = tone * (1.1 + np.sin(2 * np.pi * 3.1 * time))
    level = np.sqrt(np.mean(voice**2))
    return (voice * 10 ** (-30 / 20) / level).astype(np.float32)


def main():
    """Embed the voices with the package and write the file beside this script."""
    import scipy.ndimage

    # The package imports from a module that scipy has removed since.
    module = types.ModuleType("scipy.ndimage.morphology")
    module.binary_dilation = scipy.ndimage.binary_dilation
    sys.modules["scipy.ndimage.morphology"] = module
    from resemblyzer import VoiceEncoder

    encoder = VoiceEncoder("cpu", verbose=False)
    reference = {
        str(samples): [
            round(float(value), 7)
            for value in encoder.embed_utterance(synthetic_voice(samples))
        ]
        for samples in DURATIONS
    }
    path = Path(__file__).with_name("ge2e_reference.json")
    path.write_text(json.dumps(reference) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
