"""Small descriptions and states for the tests of the store."""

import zlib
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from espnet_probe.store import DumpDescription, StateWriter

WIDTH = 6

Describe = Callable[..., DumpDescription]
MakeStates = Callable[[str], NDArray[np.float32]]
Dump = Callable[..., None]


@pytest.fixture(params=["float32", "float16"])
def dtype(request: pytest.FixtureRequest) -> str:
    """Return each of the number formats."""
    return str(request.param)


@pytest.fixture
def describe() -> Describe:
    """Return a maker of descriptions, with some fields changed."""

    def make(**changed: Any) -> DumpDescription:
        fields: Dict[str, Any] = dict(
            upstream_hash="0123456789abcdef" * 4,
            upstream_origin="exp/asr_a/valid.loss.best.pth",
            layer="blstm2",
            position=1,
            tap="encoder.enc.0.bt1, tanh",
            width=WIDTH,
            stride=2,
            frame_shift=0.1,
            fs=16000,
            dtype="float32",
            batch_independent=False,
            target={"fs": 16000, "n_mels": 80, "fmax": None},
            versions={"espnet_probe": "0.1.0", "espnet": "202611", "torch": "2.11.0"},
        )
        return DumpDescription(**{**fields, **changed})

    return make


@pytest.fixture
def make_states() -> MakeStates:
    """Return a maker of states that follow from the utterance's name."""

    def make(utt_id: str) -> NDArray[np.float32]:
        random = np.random.default_rng(zlib.crc32(utt_id.encode()))
        length = int(random.integers(1, 9))
        return random.standard_normal((length, WIDTH)).astype(np.float32)

    return make


@pytest.fixture
def dump(make_states: MakeStates) -> Dump:
    """Return a small dump command: keys in chunks of two, resumed, finished."""

    def write(
        directory: Path,
        description: DumpDescription,
        keys: Sequence[str],
        all_keys: Sequence[str] = (),
    ) -> None:
        writer = StateWriter(directory, description)
        for start in range(0, len(keys), 2):
            chunk = keys[start : start + 2]
            todo: List[str] = [key for key in chunk if key not in writer.done]
            if not todo:
                continue
            with writer.shard(todo) as shard:
                # None: another job was faster.
                for key in todo if shard else []:
                    states = make_states(key)
                    shard.add(key, states, num_samples=1600 * len(states))
        writer.finish(all_keys or keys)

    return write
