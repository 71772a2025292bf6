"""What is special to recurrent encoders; the rules themselves: test_families.py."""

import pytest
import torch
from tiny_models import asr_config, build, noise_batch, write_exp

from espnet_probe.errors import ProbeError
from espnet_probe.upstream import Upstream


def samples_for(frames):
    return max(1, (frames - 1) * 200 + 50)


def make_upstream(name, **encoder_conf):
    config = asr_config(name, encoder_conf, n_mels=20)
    return Upstream(build(config), config, origin="test")


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
