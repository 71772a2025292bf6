"""Hidden states in memory: capture and encode, as a user of the package calls them."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import torchaudio
from cases import blocks, recurrent, speaker, tasks
from family_case import build_model
from tiny_models import noise_batch

import espnet_probe
from espnet_probe import Upstream
from espnet_probe.errors import ProbeError


def build(table, name, folder):
    return next(case for case in table.CASES if case.name == name).build(folder)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    return build(blocks, "conformer", tmp_path_factory.mktemp("conformer"))


def utterance(samples, seed=1):
    return noise_batch([samples], seed)[0]


def test_the_class_is_imported_from_the_top_without_loading_torch():
    code = "import sys, espnet_probe; assert 'torch' not in sys.modules; "
    code += "from espnet_probe import Upstream; print(Upstream.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "Upstream", done.stderr
    with pytest.raises(AttributeError, match="no attribute 'Downstream'"):
        espnet_probe.Downstream


def test_an_array_gives_what_a_tensor_gives(upstream):
    waveform = utterance(8000)
    with upstream.capture("block*") as states:
        upstream.encode(waveform, 16000)
        first = dict(states)
        upstream.encode(waveform.numpy().astype(np.float64), 16000)
    assert list(states) == ["block1", "block2", "block3"]
    for name, found in states.items():
        assert torch.equal(found.features, first[name].features)
        # conv2d: a state every 4 frames of 12.5 ms.
        assert found.frame_shift == pytest.approx(0.05)
        assert found.features.shape == (1, int(found.lengths), 16)


def test_captured_states_are_those_of_hidden_states(upstream):
    samples = [5000, 9000, 7000]
    batch = noise_batch(samples)
    expected = upstream.hidden_states(batch, torch.tensor(samples), ["block2"])
    with upstream.capture("block2 final") as states:
        output = upstream.encode([row[:n] for row, n in zip(batch, samples)], 16000)
    assert torch.equal(states["block2"].features, expected["block2"].features)
    assert torch.equal(states["final"].features, output.features)
    assert output.lengths.tolist() == states["final"].lengths.tolist()


@pytest.mark.parametrize("name", ["blstm", "vgg_blstm"])
def test_the_order_of_a_list_is_kept(name, tmp_path):
    upstream = build(recurrent, name, tmp_path)
    waveforms = [utterance(n, seed=n) for n in (3000, 9000, 5000)]
    with upstream.capture("*") as states:
        upstream.encode(waveforms, 16000)
        together = dict(states)
        for place in (0, 1, 2):
            upstream.encode(waveforms[place], 16000)
            length = int(states["blstm5"].lengths)
            assert int(together["blstm5"].lengths[place]) == length
            if name == "blstm":
                torch.testing.assert_close(
                    together["blstm5"].item(place),
                    states["blstm5"].item(0),
                    atol=1e-5,
                    rtol=0,
                )


def test_one_at_a_time_gives_each_its_own_states(tmp_path):
    upstream = build(speaker, "ecapa_tdnn", tmp_path)
    waveforms = [utterance(n, seed=n) for n in (4000, 9000)]
    with upstream.capture("conv layer1-conv1") as states:
        both = upstream.encode(waveforms, 16000)
        together = dict(states)
        alone = upstream.encode(waveforms[0], 16000)
    assert together["conv"].lengths.tolist() == both.lengths.tolist()
    assert torch.equal(together["conv"].item(0), states["conv"].item(0))
    assert torch.equal(both.item(0), alone.item(0))
    assert both.features.size(0) == 2


def test_two_captures_at_once_both_get_their_layers(upstream):
    with upstream.capture("embed") as outer:
        with upstream.capture("block1-attention embed") as inner:
            upstream.encode(utterance(8000), 16000)
        assert list(outer) == ["embed"]
        assert torch.equal(outer["embed"].features, inner["embed"].features)
        upstream.encode(utterance(4000), 16000)
        # The inner one has ended: its states stay as they were.
        assert outer["embed"].features.size(1) < inner["embed"].features.size(1)


def test_another_rate_is_resampled(upstream):
    waveform = utterance(16000)
    down = torchaudio.functional.resample(waveform, 16000, 8000)
    with upstream.capture("block1") as states:
        upstream.encode(down, 8000)
        found = states["block1"]
        upstream.encode(torchaudio.functional.resample(down, 8000, 16000), 16000)
    assert torch.equal(found.features, states["block1"].features)


@pytest.mark.parametrize(
    "waveform, rate, message",
    [
        (np.zeros((2, 2, 100), np.float32), 16000, r"shape \(2, 100\)"),
        (np.zeros(8000, np.int16), 16000, "int16: expected .* floating point"),
        (np.zeros(8000, np.float32), 0, "sampling rate: got 0"),
        ([], 16000, "no waveform"),
        (np.zeros(100, np.float32), 16000, "100 samples, too few for one state of"),
        (np.zeros(0, np.float32), 16000, "0 samples, too few"),
        ("speech.flac", 16000, "got the name 'speech.flac': expected samples"),
        (np.zeros(8000, np.float32), "x", "sampling rate: got 'x'"),
        (np.zeros(0, np.float32), 44100, "0 samples, too few"),
        (np.full(8000, np.nan, np.float32), 16000, "no finite numbers"),
        (np.zeros((8000, 2), np.float32), 16000, r"\(8000, 2\) looks like"),
    ],
)
def test_what_is_no_utterance_is_refused(upstream, waveform, rate, message):
    with pytest.raises(ProbeError, match=message):
        upstream.encode(waveform, rate)


def test_an_unknown_layer_is_refused_before_anything_runs(upstream):
    with pytest.raises(ProbeError, match="unknown layer 'block9'"):
        with upstream.capture("block9"):
            pass


def test_the_models_own_encode_may_be_called_afterwards(upstream):
    batch = noise_batch([9000, 5000])
    with upstream.capture("block1") as states:
        upstream.encode([batch[1, :5000], batch[0]], 16000)
        with torch.no_grad():
            upstream.model.encode(batch, torch.tensor([9000, 5000]))
    expected = upstream.hidden_states(batch, torch.tensor([9000, 5000]), ["block1"])
    assert torch.equal(states["block1"].features, expected["block1"].features)


def test_a_model_that_brings_speech_to_one_level_hears_it_at_that(tmp_path):
    case = next(case for case in blocks.CASES if case.name == "conformer")
    config = case.config(tmp_path)
    plain = Upstream(build_model("asr", config), config, "plain")
    config["speech_volume_normalize"] = 0.8
    scaled = Upstream(build_model("asr", config), config, "scaled")
    assert plain.hash != scaled.hash
    waveform = utterance(8000)
    with plain.capture("block2") as states, scaled.capture("block2") as others:
        plain.encode(0.8 * waveform / waveform.abs().max(), 16000)
        for level in (1.0, 0.01):
            scaled.encode([level * waveform, torch.zeros(9000)], 16000)
            torch.testing.assert_close(
                others["block2"].item(0), states["block2"].item(0), atol=1e-4, rtol=0
            )
            # As ESPnet leaves silence: no division by zero.
            assert torch.isfinite(others["block2"].features).all()


def test_speech_longer_than_what_is_filled_up_is_refused(tmp_path):
    upstream = build(tasks, "s2t_filled_to_four_seconds", tmp_path)
    upstream.encode(utterance(64000), 16000)
    with pytest.raises(ProbeError, match="4.0 s, more than this model hears"):
        upstream.encode(utterance(64001), 16000)


def test_names_may_be_globs_or_twice_in_hidden_states(upstream):
    arguments = noise_batch([8000]), torch.tensor([8000])
    found = upstream.hidden_states(*arguments, ["block[12]", "block1"])
    assert list(found) == ["block1", "block2"]


def test_all_of_a_set_is_looked_at_before_one_is_refused(upstream):
    upstream.check_lengths({"a": 8000, "b": 1201})
    with pytest.raises(ProbeError, match="utterance b has 100 .* needs 1200.*1 more"):
        upstream.check_lengths({"a": 8000, "b": 100, "c": 5})
