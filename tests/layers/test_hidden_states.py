"""The six rules for a hidden state (docs/hidden_states.md), on every family."""

import gc
import weakref

import pytest
import torch
from reference_encoders import encoder_states
from tiny_models import ENCODERS, asr_config, build, noise_batch, write_exp

from espnet_probe.errors import ProbeError
from espnet_probe.layers.capture import Capture
from espnet_probe.upstream import Upstream

HOP = 200


def samples_for(frames):
    return max(1, (frames - 1) * HOP + 50)


def make_upstream(name, **encoder_conf):
    config = asr_config(name, encoder_conf, n_mels=20)
    return Upstream(build(config), config, origin="test")


@pytest.fixture(scope="module", params=ENCODERS)
def upstream(request):
    return make_upstream(request.param)


def names_of(upstream):
    return [layer.name for layer in upstream.layers]


def encoder_inputs(upstream, waveform):
    features, lengths = upstream.model._extract_feats(
        waveform, torch.tensor([waveform.size(1)])
    )
    features, _ = upstream.model.normalize(features, lengths)
    return features[0]


def has_hooks(model):
    return any(
        module._forward_hooks or module._forward_pre_hooks for module in model.modules()
    )


# ESPnet's pooled lengths, written out by hand: ceil(ceil(T / 2) / 2) for the VGG,
# (T + 1) // 2 for each down-sampling of RNNP.
LENGTHS = {
    "blstm": {
        "blstm1": [1, 2, 7, 77, 101],
        "blstm2": [1, 1, 4, 39, 51],
        "blstm3": [1, 1, 2, 20, 26],
        "blstm4": [1, 1, 1, 10, 13],
        "blstm5": [1, 1, 1, 10, 13],
    },
    "vgg_blstm": {
        "cnn1": [1, 2, 7, 77, 101],
        "cnn2": [1, 1, 4, 39, 51],
        "cnn3": [1, 1, 4, 39, 51],
        "cnn4": [1, 1, 2, 20, 26],
        "blstm1": [1, 1, 2, 20, 26],
        "blstm5": [1, 1, 2, 20, 26],
    },
    "blstm_plain": {"blstm1": [1, 2, 7, 77, 101], "blstm3": [1, 2, 7, 77, 101]},
}


@pytest.mark.parametrize("name", LENGTHS)
def test_rule_1_lengths(name):
    upstream = make_upstream(name)
    frames = [1, 2, 7, 77, 101]
    for index, count in enumerate(frames):
        samples = samples_for(count)
        states = upstream.hidden_states(
            noise_batch([samples]), torch.tensor([samples]), names_of(upstream)
        )
        for layer, lengths in LENGTHS[name].items():
            assert states[layer].features.shape[:2] == (1, lengths[index])
            assert states[layer].lengths.tolist() == [lengths[index]]


def test_rule_1_lengths_in_a_batch(upstream):
    frames = [7, 101, 1, 77]
    samples = [samples_for(count) for count in frames]
    states = upstream.hidden_states(
        noise_batch(samples), torch.tensor(samples), names_of(upstream)
    )
    for layer in upstream.layers:
        expected = upstream.family.lengths(layer.name, torch.tensor(frames))
        found = states[layer.name]
        assert found.lengths.tolist() == expected.tolist()
        assert found.features.shape == (4, int(expected.max()), layer.width)
        for row, length in zip(found.features, expected):
            assert (row[length:] == 0).all()
            assert (row[:length] != 0).any()


def test_rule_2_two_passes_give_the_same_bits(upstream):
    samples = [9000, 4321]
    arguments = noise_batch(samples), torch.tensor(samples), names_of(upstream)
    first, second = (upstream.hidden_states(*arguments) for _ in range(2))
    for name in names_of(upstream):
        assert torch.equal(first[name].features, second[name].features)


def test_rule_2_random_projections_are_refused():
    with pytest.raises(ProbeError, match="blstm1.*dropout 0.3.*dropout: 0.0"):
        make_upstream("blstm", dropout=0.3)
    with pytest.raises(ProbeError, match="dropout: 0.0"):
        make_upstream("vgg_blstm", dropout=0.3)


def test_rule_2_dropout_of_a_fused_lstm_is_off_in_eval_mode():
    upstream = make_upstream("blstm_plain", dropout=0.3)
    arguments = noise_batch([9000]), torch.tensor([9000]), ["blstm1", "blstm3"]
    first, second = (upstream.hidden_states(*arguments) for _ in range(2))
    assert torch.equal(first["blstm3"].features, second["blstm3"].features)


def test_rule_3_states_do_not_depend_on_the_batch(upstream):
    samples = [samples_for(77), samples_for(101), samples_for(30)]
    batch = noise_batch(samples)
    names = names_of(upstream)
    together = upstream.hidden_states(batch, torch.tensor(samples), names)
    differences = []
    for index, length in enumerate(samples):
        alone = upstream.hidden_states(
            batch[index : index + 1, :length], torch.tensor([length]), names
        )
        for name in names:
            difference = together[name].item(index) - alone[name].item(0)
            differences.append(float(difference.abs().max()))
    if all(layer.batch_independent for layer in upstream.layers):
        assert max(differences) < 1e-5
    else:
        # A limit of ESPnet's zero-padded convolutions, and why dumps are made one
        # utterance at a time. If this fails, ESPnet has mended it.
        assert max(differences) > 1e-4


def test_rule_3_espnets_default_front_end_depends_on_the_batch():
    config = asr_config("blstm")
    config.update(frontend="default", frontend_conf={"fs": "16k"})
    upstream = Upstream(build(config), config, origin="test")
    assert not any(layer.batch_independent for layer in upstream.layers)
    # Which is so: it mirrors the waveform at the end of the batch.
    samples = [9000, 6000]
    batch = noise_batch(samples)
    together = upstream.hidden_states(batch, torch.tensor(samples), ["blstm1"])
    alone = upstream.hidden_states(batch[1:, :6000], torch.tensor([6000]), ["blstm1"])
    difference = together["blstm1"].item(1) - alone["blstm1"].item(0)
    assert difference.abs().max() > 1e-3


def test_rule_3_equal_lengths_are_independent_for_all(upstream):
    batch = noise_batch([8000, 8000, 8000])
    names = names_of(upstream)
    together = upstream.hidden_states(batch, torch.tensor([8000] * 3), names)
    alone = upstream.hidden_states(batch[1:2], torch.tensor([8000]), names)
    for name in names:
        torch.testing.assert_close(
            together[name].item(1), alone[name].item(0), atol=1e-5, rtol=0
        )


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_rule_4_no_hook_outlives_the_context(upstream, error):
    lengths = torch.tensor([4000])
    try:
        with Capture(upstream.family, names_of(upstream)) as states:
            assert has_hooks(upstream.model)
            upstream.model.encode(noise_batch([4000]), lengths)
            if error is not None:
                raise error
    except (RuntimeError, KeyboardInterrupt):
        pass
    assert set(states) == set(names_of(upstream))
    assert not has_hooks(upstream.model)


def test_rule_4_no_hook_is_left_when_the_model_fails(upstream):
    with pytest.raises(Exception):
        with Capture(upstream.family, names_of(upstream)):
            upstream.model.encode(torch.zeros(1, 0, 5), torch.tensor([4000]))
    assert not has_hooks(upstream.model)


def test_rule_4_captured_states_are_freed(upstream):
    states = upstream.hidden_states(
        noise_batch([4000]), torch.tensor([4000]), names_of(upstream)
    )
    references = [weakref.ref(entry.features) for entry in states.values()]
    del states
    gc.collect()
    assert all(reference() is None for reference in references)


def test_rule_5_states_equal_a_hand_written_forward(upstream):
    samples = samples_for(29)
    waveform = noise_batch([samples])
    states = upstream.hidden_states(
        waveform, torch.tensor([samples]), names_of(upstream)
    )
    inputs = encoder_inputs(upstream, waveform)
    expected = encoder_states(upstream.model.encoder, inputs)
    assert set(expected) == set(states)
    for name, value in expected.items():
        torch.testing.assert_close(states[name].item(0), value, atol=2e-5, rtol=1e-4)


def test_rule_5_the_last_layer_is_what_encode_returns(upstream):
    samples = [9000, 4321]
    batch, lengths = noise_batch(samples), torch.tensor(samples)
    states = upstream.hidden_states(batch, lengths, names_of(upstream))
    with torch.no_grad():
        encoded, encoded_lengths = upstream.model.encode(batch, lengths)
    last = states[names_of(upstream)[-1]]
    assert torch.equal(last.features, encoded)
    assert last.lengths.tolist() == torch.as_tensor(encoded_lengths).tolist()


def test_rule_5_replay_equals_the_fused_lstms_own_output():
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    from espnet_probe.layers.recurrent import Replay

    torch.manual_seed(0)
    fused = torch.nn.LSTM(10, 8, 4, batch_first=True, bidirectional=True).eval()
    packed = pack_padded_sequence(
        torch.randn(2, 9, 10), torch.tensor([9, 5]), batch_first=True
    )
    with torch.no_grad():
        expected, _ = pad_packed_sequence(fused(packed)[0], batch_first=True)
    outputs = Replay(fused, 4)(packed)
    assert torch.equal(outputs[-1][0], expected)


def test_an_order_of_lengths_that_espnet_refuses_is_taken(upstream):
    samples = [3000, 9000, 5000]
    batch = noise_batch(samples)
    names = names_of(upstream)
    mixed = upstream.hidden_states(batch, torch.tensor(samples), names)
    order = [1, 2, 0]
    falling = upstream.hidden_states(
        batch[order], torch.tensor([samples[k] for k in order]), names
    )
    for name in names:
        for place, index in enumerate(order):
            torch.testing.assert_close(
                mixed[name].item(index), falling[name].item(place), atol=1e-6, rtol=0
            )


def test_widths_strides_and_frame_shifts_are_those_of_the_states(upstream):
    samples = samples_for(101)
    states = upstream.hidden_states(
        noise_batch([samples]), torch.tensor([samples]), names_of(upstream)
    )
    for layer in upstream.layers:
        assert states[layer.name].features.size(2) == layer.width
        assert states[layer.name].features.size(1) == -(-101 // layer.stride)
        assert layer.frame_shift == pytest.approx(layer.stride * 0.0125)


def test_down_sampling_by_three_follows_the_codes_own_rule():
    upstream = make_upstream("blstm", subsample=[1, 3, 1, 1, 1])
    samples = samples_for(4)
    states = upstream.hidden_states(
        noise_batch([samples]), torch.tensor([samples]), ["blstm2", "blstm5"]
    )
    # (4 + 1) // 3, though every third of 4 frames would be 2.
    assert states["blstm2"].lengths.tolist() == [1]
    assert states["blstm5"].lengths.tolist() == [1]


def test_an_utterance_shorter_than_one_state_is_refused():
    upstream = make_upstream("blstm", subsample=[1, 3, 1, 1, 1])
    with pytest.raises(ProbeError, match="too few for one state of blstm2"):
        upstream.hidden_states(noise_batch([150]), torch.tensor([150]), ["blstm2"])


def test_a_model_in_training_mode_is_read_in_eval_mode():
    upstream = make_upstream("blstm_plain", dropout=0.5)
    arguments = noise_batch([5000]), torch.tensor([5000]), ["blstm3"]
    expected = upstream.hidden_states(*arguments)["blstm3"].features
    upstream.model.train()
    found = upstream.hidden_states(*arguments)["blstm3"].features
    assert torch.equal(found, expected)
    assert not found.requires_grad


def test_rule_6_missing_and_unexpected_weights_are_listed(tmp_path):
    folder = write_exp(tmp_path / "asr", asr_config("blstm", n_mels=20))
    weights = folder / "valid.loss.ave.pth"
    state = torch.load(weights, weights_only=True)
    state["encoder.enc.0.bt9.weight"] = state.pop("encoder.enc.0.bt0.weight")
    state["encoder.enc.0.bt1.bias"] = torch.zeros(3)
    torch.save(state, weights)
    with pytest.raises(ProbeError) as caught:
        Upstream.from_exp(folder)
    message = str(caught.value)
    assert "missing ['encoder.enc.0.bt0.weight']" in message
    assert "unexpected ['encoder.enc.0.bt9.weight']" in message
    assert "encoder.enc.0.bt1.bias (3,) for (16,)" in message


@pytest.mark.parametrize("content", ["encoder: [rnn", "- rnn", "probe: highway"])
def test_a_folder_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "config.yaml").write_text(content)
    (tmp_path / "valid.loss.ave.pth").touch()
    with pytest.raises(ProbeError, match="config.yaml"):
        Upstream.from_exp(tmp_path)
