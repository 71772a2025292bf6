"""Frames that no state stands for: left out of the loss, held in a reconstruction."""

import pytest
import torch
from tiny_models import asr_config, build, noise_batch

from espnet_probe.probes.espnet_model import ESPnetProbeModel, ProbedLayer
from espnet_probe.probes.inference import reconstruct_utterance
from espnet_probe.probes.linear import LinearProbe
from espnet_probe.probes.loss import covered_frames, fit_frames, masked_l1
from espnet_probe.upstream import Upstream


def transformer(input_layer):
    config = asr_config("blstm", n_mels=20)
    sizes = {"output_size": 16, "attention_heads": 2, "num_blocks": 1}
    config.update(encoder="transformer")
    config.update(
        encoder_conf={**sizes, "linear_units": 24, "input_layer": input_layer}
    )
    return config


def branchformer(input_layer):
    config = transformer(input_layer)
    conf = {**config["encoder_conf"], "cgmlp_linear_units": 24, "cgmlp_conv_kernel": 5}
    config.update(encoder="e_branchformer", encoder_conf=conf)
    return config


def pyramid(subsample):
    """A BLSTM whose length rule, (i + 1) // 3, rounds down."""
    return asr_config("blstm", {"num_layers": 2, "subsample": subsample}, n_mels=20)


def waveform_convolutions():
    """Windows of 400 samples every 320: the target has two frames of 160 for each."""
    config = transformer("linear")
    shapes = [[16, 10, 5]] + [[16, 3, 2]] * 4 + [[16, 2, 2]] * 2
    conf = {"norm_mode": "layer_norm", "conv_mode": "standard", "bias": True}
    config.update(frontend="wav2vec_cnn", frontend_conf={**conf, "shapes": shapes})
    return config


#: Name → configuration, a layer, its stride, and how many of 82, 60 and 33 frames (of
#: 102, 75 and 41 for the last) its states stand for, by the code's own length rule.
MODELS = {
    "conv2d": (transformer("conv2d"), "block1", 4, [76, 56, 28]),
    "conv2d6": (transformer("conv2d6"), "block1", 6, [72, 54, 24]),
    "conv1d3": (branchformer("conv1d3"), "block1", 3, [78, 54, 27]),
    "linear": (transformer("linear"), "block1", 1, [82, 60, 33]),
    "pyramid3": (pyramid([3, 1]), "blstm1", 3, [81, 60, 33]),
    "pyramid5": (pyramid([5, 1]), "blstm1", 5, [80, 60, 30]),
    "pyramid2": (pyramid([2, 1]), "blstm1", 2, [82, 60, 33]),
    "wav2vec": (waveform_convolutions(), "block1", 2, [100, 72, 38]),
}
#: No multiples of the hop of 200.
SAMPLES = [200 * (frames - 1) + 50 for frames in (82, 60, 33)]


@pytest.fixture(scope="module", params=MODELS)
def probed(request):
    """An upstream's probe model, the probed layer's stride and the frames covered."""
    config, name, stride, covered = MODELS[request.param]
    upstream = Upstream(build(config), config, request.param)
    layer = upstream.select(name)[0]
    assert layer.stride == stride
    assert upstream.layers[-1].batch_independent
    return make_probes(upstream, name), name, covered


def make_probes(upstream, name, live=True):
    layer = upstream.select(name)[0]
    model = ESPnetProbeModel(
        [ProbedLayer(layer.name, layer.width, layer.stride)],
        upstream.target,
        upstream.hash,
        upstream if live else None,
        LinearProbe,
        {},
    )
    # A bias, so that states of zeros would give frames that are not the target's.
    with torch.no_grad():
        model.probes[name].linear.bias.fill_(3.0)
    return model


def gradient(model, loss):
    model.zero_grad()
    loss.backward()
    return torch.cat([value.grad.flatten() for value in model.probes.parameters()])


def test_the_loss_of_a_batch_is_that_of_its_items_alone(probed):
    model, name, covered = probed
    order = [1, 0, 2]
    samples = [SAMPLES[index] for index in order]
    counts = torch.tensor([float(covered[index]) for index in order])
    batch = noise_batch(samples)
    loss, stats, weight = model(batch, torch.tensor(samples))
    together = gradient(model, loss)
    assert int(weight) == sum(map(model.log_mel.config.num_frames, samples))
    losses, gradients = [], []
    for row, length in zip(batch, samples):
        alone, _, _ = model(row[None, :length], torch.tensor([length]))
        losses.append(alone.detach())
        gradients.append(gradient(model, alone))
    share = counts / counts.sum()
    expected = (torch.stack(losses).flatten() * share).sum()
    torch.testing.assert_close(loss.detach().flatten()[0], expected)
    assert stats[f"loss_{name}"] == loss.detach()
    expected = (torch.stack(gradients) * share[:, None]).sum(dim=0)
    torch.testing.assert_close(together, expected, atol=1e-6, rtol=1e-4)


def test_dumped_states_give_the_loss_of_live_ones(probed):
    live, name, _ = probed
    dump = make_probes(live.upstream, name, live=False)
    batch, lengths = noise_batch(SAMPLES), torch.tensor(SAMPLES)
    items = [
        live.upstream.hidden_states(row[None, :length], length[None], [name])[name]
        for row, length in zip(batch, lengths)
    ]
    rows = [item.item(0) for item in items]
    hidden = {
        f"hidden_{name}": torch.nn.utils.rnn.pad_sequence(rows, batch_first=True),
        f"hidden_{name}_lengths": torch.tensor([len(row) for row in rows]),
    }
    expected, _, _ = live(batch, lengths)
    found, _, _ = dump(batch, lengths, **hidden)
    torch.testing.assert_close(found, expected)


def test_the_loss_is_of_the_covered_frames(probed):
    model, name, covered = probed
    for samples, count in zip(SAMPLES, covered):
        frames = model.log_mel.config.num_frames(samples)
        waveform = noise_batch([samples])[0]
        loss, _, _ = model(waveform[None], torch.tensor([samples]))
        made = reconstruct_utterance(model, waveform)
        mel = made.mels[name]
        error = (mel - made.target).abs()
        assert len(mel) == frames and made.held == {name: frames - count}
        torch.testing.assert_close(loss.detach().flatten()[0], error[:count].mean())
        assert made.l1(name) == pytest.approx(float(error.mean()))
        assert torch.equal(mel[count:], mel[count - 1].expand(frames - count, -1))


def test_covered_frames_by_hand():
    frames, states = torch.tensor([10, 7, 3]), torch.tensor([3, 3, 3])
    assert covered_frames(frames, states, 3).tolist() == [9, 7, 3]
    # Lengths from a dump can have another type.
    assert covered_frames(frames, states.int(), 1).tolist() == [3, 3, 3]


@pytest.mark.parametrize("junk", [0.0, 1e9, float("inf"), float("nan")])
def test_frames_behind_the_last_state_have_no_part(junk):
    target = torch.zeros(2, 6, 3)
    mel = torch.ones(2, 6, 3)
    mel[1, 2:] = junk
    mel.requires_grad_()
    covered = covered_frames(torch.tensor([6, 5]), torch.tensor([3, 1]), 2)
    loss, per_item = masked_l1(fit_frames(mel, 6), target, covered)
    loss.backward()
    assert float(loss) == 1.0 and per_item.tolist() == [1.0, 1.0]
    assert (mel.grad[1, 2:] == 0).all() and (mel.grad[0] > 0).all()
