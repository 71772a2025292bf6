"""The GE2E parts of ESPnet's speaker model: against the network, loops and batches."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_speakers import GE2E, build_speaker, speaker_config

from espnet_probe.bin.group_by_speaker import main as group_main
from espnet_probe.errors import ProbeError
from espnet_probe.speakers.ge2e import GE2ENetwork, LinearMel
from espnet_probe.speakers.modules.ge2e import (
    GE2ELSTM,
    LastState,
    LinearMelFrontend,
    espnet_names,
)
from espnet_probe.speakers.modules.ge2e_loss import GE2ELoss
from espnet_probe.speakers.speaker_groups import group_by_speaker


@pytest.fixture(scope="module")
def network() -> GE2ENetwork:
    torch.manual_seed(0)
    return GE2ENetwork().eval()


def test_espnet_s_model_equals_the_network(network: GE2ENetwork) -> None:
    model = build_speaker(speaker_config(**GE2E), seed=1)
    state = {
        **network.state_dict(),
        "similarity_weight": torch.tensor([7.0]),
        "similarity_bias": torch.tensor([-3.0]),
    }
    model.load_state_dict(espnet_names(state), strict=True)
    assert model.loss.similarity_weight.item() == 7
    generator = torch.Generator().manual_seed(2)
    batch = 0.03 * torch.randn(2, 9000, generator=generator)
    lengths = torch.tensor([9000, 5000])
    batch[1, 5000:] = 0
    with torch.no_grad():
        embedded = model(speech=batch, speech_lengths=lengths, extract_embd=True)
        for row, waveform, length in zip(embedded, batch, lengths):
            mel = LinearMel()(waveform[:length])
            expected = network(mel[None])[0]
            unit = torch.nn.functional.normalize(row, dim=0)
            torch.testing.assert_close(unit, expected, atol=1e-5, rtol=0)


def test_weights_of_another_network_are_refused(network: GE2ENetwork) -> None:
    with pytest.raises(ProbeError, match="got weights named conv.weight: expected"):
        espnet_names({**network.state_dict(), "conv.weight": torch.zeros(1)})


def test_the_front_end_hears_nothing_behind_an_end() -> None:
    frontend = LinearMelFrontend()
    assert frontend.output_size() == 40 and dict(frontend.state_dict()) == {}
    batch = torch.randn(2, 4000)
    mel, frames = frontend(batch, torch.tensor([4000, 1700]))
    alone, own = frontend(batch[1:, :1700], torch.tensor([1700]))
    assert frames.tolist() == [26, 11] and own.tolist() == [11]
    torch.testing.assert_close(mel[1, :11], alone[0])
    assert not mel[1, 11:].any()
    with pytest.raises(ProbeError, match="give one channel"):
        frontend(torch.zeros(1, 100, 2), torch.tensor([100]))


def test_the_encoder_s_sizes() -> None:
    encoder = GE2ELSTM(40, hidden_size=12, num_layers=2, proj_size=5)
    assert encoder.output_size() == 5
    assert encoder(torch.randn(3, 7, 40)).shape == (3, 5, 7)
    assert GE2ELSTM(40).output_size() == 256
    for options in ({"hidden_size": 0}, {"num_layers": 0}, {"proj_size": 256}):
        with pytest.raises(ProbeError, match="ge2e_lstm: expected hidden_size >= 1"):
            GE2ELSTM(40, **options)


def test_the_last_state_is_that_of_each_item() -> None:
    states = torch.arange(24.0).view(2, 3, 4)
    pooling = LastState(3)
    assert pooling.output_size() == 3
    assert torch.equal(pooling(states), states[:, :, 3])
    picked = pooling(states, feat_lengths=torch.tensor([4, 2]))
    assert torch.equal(picked, torch.stack([states[0, :, 3], states[1, :, 1]]))


def by_hand(x: np.ndarray, labels: list, w: float, b: float) -> tuple:
    """The definition, sum by sum: loss, and whether each utterance is right."""
    unit = [row / np.linalg.norm(row) for row in x]
    losses, right = [], []
    for i, own in enumerate(labels):
        scores = {}
        for speaker in set(labels):
            mates = [
                unit[j] for j, label in enumerate(labels) if label == speaker and j != i
            ]
            if mates:
                centre = np.mean(mates, axis=0)
                cosine = unit[i] @ centre / np.linalg.norm(centre)
                scores[speaker] = w * cosine + b
        if own in scores:
            total = sum(math.exp(score) for score in scores.values())
            losses.append(-scores[own] + math.log(total))
            right.append(max(scores, key=lambda k: scores[k]) == own)
    return np.mean(losses), np.mean(right)


@pytest.mark.parametrize(
    "labels", [[0, 0, 1, 1, 2, 2], [4, 1, 4, 9, 1, 4, 9], [3, 3, 3, 5, 5, 8]]
)
def test_the_loss_equals_loops(labels: list) -> None:
    torch.manual_seed(len(labels))
    loss = GE2ELoss(5, 10).double()
    loss.similarity_weight.data.fill_(3.0)
    loss.similarity_bias.data.fill_(0.7)
    x = torch.randn(len(labels), 5, dtype=torch.float64)
    value, accuracy, answers = loss(x, torch.tensor(labels)[:, None])
    expected, right = by_hand(x.numpy(), labels, 3.0, 0.7)
    assert value.item() == pytest.approx(expected, rel=1e-9)
    assert accuracy.item() == pytest.approx(right)
    assert set(answers.tolist()) <= set(labels) and answers.shape == (len(labels),)


def test_its_gradient_is_that_of_its_values() -> None:
    torch.manual_seed(1)
    loss = GE2ELoss(4, gradient_scale=1.0).double()
    labels = torch.tensor([0, 1, 0, 1, 2, 2])
    x = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)

    def value(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        state = {"similarity_weight": w, "similarity_bias": b}
        return torch.func.functional_call(loss, state, (x, labels))[0]

    assert torch.autograd.gradcheck(
        value, (x, loss.similarity_weight, loss.similarity_bias)
    )


def test_the_gradient_of_the_scale_is_a_hundredth() -> None:
    gradients = []
    for scale in (1.0, 0.01):
        torch.manual_seed(1)
        loss = GE2ELoss(4, gradient_scale=scale)
        assert (loss.similarity_weight.item(), loss.similarity_bias.item()) == (10, -5)
        loss(torch.randn(6, 4), torch.tensor([0, 1, 0, 1, 2, 2]))[0].backward()
        gradients.append(loss.similarity_weight.grad.item())
    assert gradients[0] != 0
    assert gradients[1] == pytest.approx(0.01 * gradients[0], rel=1e-4)


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0, 1, 2, 3], "4 utterances of 4 speakers, 0 of them with another"),
        ([0, 0, 0, 0], "4 utterances of 1 speakers"),
        ([0, 0, 1, 2, 3], "5 utterances of 4 speakers, 2 of them"),
    ],
)
def test_batches_without_mates_are_refused(labels: list, message: str) -> None:
    with pytest.raises(ProbeError, match=f"{message}.*group_by_speaker"):
        GE2ELoss(4)(torch.randn(len(labels), 4), torch.tensor(labels))


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ProbeError, match=r"unknown options \['margin'\]"):
        GE2ELoss(4, 5, margin=0.3)
    with pytest.raises(ProbeError, match="expects the speakers' labels"):
        GE2ELoss(4)(torch.randn(2, 4))


def speakers_of(counts: dict) -> dict:
    return {
        f"{spk}-{n:03d}": spk for spk, count in counts.items() for n in range(count)
    }


def test_groups_are_of_the_size_asked_for() -> None:
    utt2spk = speakers_of({"a": 9, "b": 6, "c": 6, "d": 3, "e": 2, "f": 1})
    batches = group_by_speaker(utt2spk, speakers=2, utterances=3, seed=0)
    # 9 + 6 + 6 + 3 utterances are 3 + 2 + 2 + 1 groups: four batches of two.
    assert len(batches) == 4
    for batch in batches:
        speakers = [utt2spk[name] for name in batch]
        assert speakers[:3] == [speakers[0]] * 3 and speakers[3:] == [speakers[3]] * 3
        assert speakers[0] != speakers[3]
    names = [name for batch in batches for name in batch]
    assert len(set(names)) == len(names) == 24


def test_groups_depend_on_the_seed_alone() -> None:
    utt2spk = speakers_of({letter: 8 for letter in "abcdef"})
    one = group_by_speaker(utt2spk, 3, 2, seed=1)
    backwards = dict(reversed(list(utt2spk.items())))
    assert group_by_speaker(backwards, 3, 2, seed=1) == one
    assert group_by_speaker(utt2spk, 3, 2, seed=2) != one
    assert len(one) == 8


def test_sets_that_are_too_small_are_refused() -> None:
    utt2spk = speakers_of({"a": 9, "b": 2, "c": 2})
    with pytest.raises(ProbeError, match="1 of 3 speakers have 3 utterances or more"):
        group_by_speaker(utt2spk, 2, 3)
    with pytest.raises(ProbeError, match="at least 2 with 2"):
        group_by_speaker(utt2spk, 2, 1)


def test_espnet_cuts_the_ordered_file_into_these_batches(tmp_path: Path) -> None:
    from espnet2.samplers.unsorted_batch_sampler import UnsortedBatchSampler

    utt2spk = speakers_of({"a": 9, "b": 6, "c": 7, "d": 3})
    shapes, speakers = tmp_path / "speech_shape", tmp_path / "utt2spk"
    shapes.write_text("".join(f"{name} 16000\n" for name in utt2spk))
    speakers.write_text("".join(f"{name} {spk}\n" for name, spk in utt2spk.items()))
    command = ["--shape_file", str(shapes), "--utt2spk", str(speakers)]
    command += ["--speakers", "2", "--utterances", "3", "--output", str(shapes)]
    group_main(command)
    assert sorted(tmp_path.iterdir()) == [shapes, speakers]
    batches = list(UnsortedBatchSampler(batch_size=6, key_file=str(shapes)))
    assert len(batches) == 4
    for batch in batches:
        assert list(Counter(utt2spk[name] for name in batch).values()) == [3, 3]
    speakers.write_text("a-000 a\n")
    with pytest.raises(ProbeError, match="lacks 23 of 24 utterances"):
        group_main(command)
    speakers.write_text("a-000\n")
    with pytest.raises(ProbeError, match="line 1: expected two columns"):
        group_main(command)
