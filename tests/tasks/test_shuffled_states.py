"""The control "shuffled": probes on states in another order, trained and applied."""

from pathlib import Path
from typing import Dict

import pytest
import torch
import yaml
from training_case import dump_states, of_layer, train, write_recipe

from espnet_probe.errors import ProbeError
from espnet_probe.probes.inference import ProbeExp, reconstruct_utterance
from espnet_probe.probes.shuffling import permutation

SHUFFLED = ("--shuffle_states", "true")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny upstream, eight utterances and their shapes."""
    return write_recipe(tmp_path_factory.mktemp("recipe"))


def same(one: Dict[str, torch.Tensor], other: Dict[str, torch.Tensor]) -> bool:
    assert one and one.keys() == other.keys()
    return all(torch.equal(value, other[key]) for key, value in one.items())


def test_probes_become_others_whatever_they_are_trained_beside(
    recipe: Path, tmp_path: Path
) -> None:
    plain = train(recipe, tmp_path / "plain", "blstm1", epochs=1)
    together = train(recipe, tmp_path / "both", "blstm1 blstm5", *SHUFFLED, epochs=1)
    alone = train(recipe, tmp_path / "one", "blstm1", *SHUFFLED, epochs=1)
    assert same(of_layer(together, "blstm1"), of_layer(alone, "blstm1"))
    assert not same(of_layer(plain, "blstm1"), of_layer(alone, "blstm1"))
    for name, value in {"plain": False, "one": True}.items():
        config = yaml.safe_load((tmp_path / name / "config.yaml").read_text())
        assert config["shuffle_states"] is value


def test_dumped_states_are_shuffled_as_live_ones(recipe: Path, tmp_path: Path) -> None:
    dump = dump_states(recipe, tmp_path / "dump")
    layers = "blstm1 blstm5"
    live = train(recipe, tmp_path / "live", layers, *SHUFFLED, batch_size=1)
    dumped = train(
        recipe, tmp_path / "dumped", layers, *SHUFFLED, batch_size=1, dump=dump
    )
    for key, value in live.items():
        torch.testing.assert_close(dumped[key], value, atol=1e-5, rtol=0)


def test_a_run_that_was_stopped_has_the_same_orders(
    recipe: Path, tmp_path: Path
) -> None:
    whole = train(recipe, tmp_path / "whole", "blstm1", *SHUFFLED, epochs=3)
    train(recipe, tmp_path / "parts", "blstm1", *SHUFFLED, epochs=1)
    resumed = train(
        *(recipe, tmp_path / "parts", "blstm1", *SHUFFLED, "--resume", "true"), epochs=3
    )
    assert same(whole, resumed)


def test_going_on_with_the_other_order_is_refused(recipe: Path, tmp_path: Path) -> None:
    train(recipe, tmp_path, "blstm1", epochs=1)
    with pytest.raises(ProbeError, match="shuffle_states was False, is True"):
        train(recipe, tmp_path, "blstm1", "--resume", "true", *SHUFFLED)
    # A training of a version without the setting did not shuffle.
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    del config["shuffle_states"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ProbeError, match="shuffle_states was None, is True"):
        train(recipe, tmp_path, "blstm1", "--resume", "true", *SHUFFLED)
    train(recipe, tmp_path, "blstm1", "--resume", "true")


def test_states_are_shuffled_when_the_probes_are_applied(
    recipe: Path, tmp_path: Path
) -> None:
    train(recipe, tmp_path, "blstm1", *SHUFFLED, epochs=1)
    probes = ProbeExp(tmp_path)
    model = probes.load(["blstm1"])
    waveform = 0.1 * torch.randn(7000, generator=torch.Generator().manual_seed(0))
    made = reconstruct_utterance(model, waveform, "utt3")
    assert model.upstream is not None
    states = model.upstream.hidden_states(
        waveform[None], torch.tensor([7000]), ["blstm1"]
    )["blstm1"].features
    # In the order of the seed that the probes were trained with.
    order = permutation(states.size(1), "utt3", seed=3)
    expected = model.reconstruct("blstm1", states[:, order], len(made.target))[0]
    assert torch.equal(made.mels["blstm1"], expected)
    in_order = model.reconstruct("blstm1", states, len(made.target))[0]
    assert not torch.equal(made.mels["blstm1"], in_order)
    again = reconstruct_utterance(model, waveform, "utt3")
    assert torch.equal(again.mels["blstm1"], expected)
    other = reconstruct_utterance(model, waveform, "utt4")
    assert not torch.equal(other.mels["blstm1"], expected)
    # Parts that were made in the states' own order are not taken for these.
    shuffled = probes.fingerprint(["blstm1"])
    probes.config["shuffle_states"] = False
    assert probes.fingerprint(["blstm1"]) != shuffled
