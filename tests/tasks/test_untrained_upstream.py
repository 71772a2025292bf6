"""The control "random" in the commands: dumps, training, and applying the probes."""

from pathlib import Path

import pytest
import torch
import yaml
from training_case import dump_states, train, write_recipe

from espnet_probe.errors import ProbeError
from espnet_probe.probes.inference import ProbeExp
from espnet_probe.upstream import Upstream

UNTRAINED = ("--upstream_init", "random")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny upstream, eight utterances and their shapes."""
    return write_recipe(tmp_path_factory.mktemp("recipe"))


def test_probes_know_that_their_upstream_is_untrained(
    recipe: Path, tmp_path: Path
) -> None:
    train(recipe, tmp_path, "blstm1", *UNTRAINED, epochs=1)
    expected = Upstream.from_exp(recipe / "asr", init="random")
    assert expected.origin.endswith("(random, seed 0)")
    probes = ProbeExp(tmp_path)
    assert probes.config["upstream_init"] == "random"
    assert probes.config["upstream_hash"] == expected.hash
    # By what the training recorded, and where the folder is said to have gone.
    for place in (None, str(recipe / "asr")):
        upstream = probes.load(["blstm1"], place).upstream
        assert upstream is not None and upstream.hash == expected.hash
        assert upstream.origin == expected.origin
    for other in (("--upstream_seed", "1"), ("--upstream_init", "none")):
        with pytest.raises(ProbeError, match="another upstream"):
            train(recipe, tmp_path, "blstm1", "--resume", "true", *UNTRAINED, *other)


def test_dumped_states_are_those_of_the_untrained_model(
    recipe: Path, tmp_path: Path
) -> None:
    dump = dump_states(recipe, tmp_path / "dump", options=UNTRAINED)
    said = yaml.safe_load((dump / "blstm1" / "dump.yaml").read_text())
    assert said["upstream_origin"].endswith("(random, seed 0)")
    live = train(recipe, tmp_path / "live", "blstm1", *UNTRAINED, batch_size=1)
    dumped = train(recipe, tmp_path / "dumped", "blstm1", batch_size=1, dump=dump)
    trained = train(recipe, tmp_path / "trained", "blstm1", batch_size=1)
    for key, value in live.items():
        torch.testing.assert_close(dumped[key], value, atol=1e-5, rtol=0)
    assert not torch.equal(live["upstream_hash"], trained["upstream_hash"])
