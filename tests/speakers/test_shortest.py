import numpy as np
import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.speakers.shortest import make_noise, shortest_input


@pytest.mark.parametrize("least", [1, 400, 401, 1234, 40000, 51200])
@pytest.mark.parametrize("how", ["raises", "nan"])
def test_the_least_is_found(least, how):
    def embed(waveform):
        if waveform.size < least:
            if how == "raises":
                raise AssertionError("too short")
            return np.full(3, np.nan)
        return waveform[:3]

    assert shortest_input(embed, 16000, "it") == max(least, 400)


def test_what_never_works_is_told_with_its_reason():
    def embed(waveform):
        raise ValueError("wrong\nshape")

    with pytest.raises(
        ProbeError, match="it cannot embed 4 s .*ValueError: wrong shape"
    ):
        shortest_input(embed, 16000, "it")


def test_two_passes_must_agree():
    rng = np.random.default_rng(0)
    with pytest.raises(ProbeError, match="two passes of it"):
        shortest_input(lambda waveform: rng.standard_normal(3), 16000, "it")


def test_noise_has_its_level():
    level = 20 * np.log10(np.sqrt(np.mean(make_noise(16000) ** 2)))
    assert level == pytest.approx(-30, abs=0.2)
