"""Generated noise: its level, its kinds, and that nothing but its number decides it."""

import numpy as np
import pytest
from scipy.signal import find_peaks, welch

from espnet_probe.errors import ProbeError
from espnet_probe.noise.generated import KINDS, LEVEL, generate

FS = 16000


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_level_and_range(kind: str) -> None:
    for number in range(3):
        sound = generate(kind, number, 4.0, FS, 0)
        assert sound.shape == (4 * FS,) and np.isfinite(sound).all()
        assert np.abs(sound).max() < 0.9
        level = 20 * np.log10(np.sqrt(np.mean(sound**2)) / LEVEL)
        # Rounding peaks off takes a little.
        assert -1.0 < level < 0.1
        # No second is silent.
        assert min(s.std() for s in np.split(sound, 4)) > 0.05 * LEVEL


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_file_depends_on_its_number_and_the_seed_alone(kind: str) -> None:
    first = generate(kind, 1, 2.0, FS, 0)
    generate(kind, 0, 1.0, FS, 3)
    assert np.array_equal(first, generate(kind, 1, 2.0, FS, 0))
    assert not np.array_equal(first, generate(kind, 2, 2.0, FS, 0))
    assert not np.array_equal(first, generate(kind, 1, 2.0, FS, 1))


def test_music_has_lines_and_noise_is_coloured() -> None:
    flatness = {}
    for kind in ("music", "noise"):
        # Number 0 has neither hum nor knocks.
        _, power = welch(generate(kind, 0, 8.0, FS, 0), FS, nperseg=2048)
        power = power[10:400]
        flatness[kind] = np.exp(np.mean(np.log(power))) / power.mean()
    assert flatness["music"] < 0.1 < flatness["noise"]


def test_hum_is_at_the_mains_frequency() -> None:
    frequencies, power = welch(generate("noise", 1, 8.0, FS, 0), FS, nperseg=16384)
    near = power[(frequencies > 40) & (frequencies < 70)]
    lines = frequencies[(frequencies > 40) & (frequencies < 70)]
    assert min(abs(lines[near.argmax()] - mains) for mains in (50, 60)) < 1.5


def test_voices_differ_in_pitch_and_have_syllables() -> None:
    pitches = []
    for number in range(4):
        sound = generate("speech", number, 6.0, FS, 0)
        rise = np.correlate(sound[:FS], sound[: FS // 2], "valid")
        peaks, _ = find_peaks(rise[FS // 300 : FS // 70])
        strongest = peaks[rise[FS // 300 :][peaks].argmax()] + FS // 300
        pitches.append(FS / strongest)
        envelope = np.sqrt(np.mean(sound[: 6 * FS].reshape(-1, FS // 50) ** 2, axis=1))
        # The level falls between syllables and in pauses.
        assert np.percentile(envelope, 10) < 0.3 * np.percentile(envelope, 90)
    assert max(pitches) > 1.2 * min(pitches)


def test_mistakes_are_errors() -> None:
    with pytest.raises(ProbeError, match="expected music, noise, speech"):
        generate("birds", 0, 2.0, FS, 0)
    with pytest.raises(ProbeError, match="at least 1 s"):
        generate("noise", 0, 0.1, FS, 0)
