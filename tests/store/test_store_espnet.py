"""What a training run of ESPnet reads from a dump, through its own loader."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from espnet_probe.store import StateReader

LOADER_TYPE = {"float32": "kaldi_ark", "float16": "npy"}
LAYERS = ["embed", "block3", "block3-attention", "frontend_block1", "layers-0-norm"]
KEYS = ["b", "a", "c", "e/1", "d%"]


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_of_a_training_run(
    tmp_path: Path,
    describe: Any,
    make_states: Any,
    dump: Any,
    dtype: str,
    workers: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Several layers at once, parts of a block among them, by paths relative to the
    recipe's folder: padded, with lengths, under the layers' names."""
    dataset = pytest.importorskip("espnet2.train.dataset")
    from espnet2.iterators.sequence_iter_factory import SequenceIterFactory
    from espnet2.samplers.unsorted_batch_sampler import UnsortedBatchSampler
    from espnet2.train.collate_fn import CommonCollateFn

    monkeypatch.chdir(tmp_path)
    for layer in LAYERS:
        folder = Path("dump/hidden") / layer
        dump(folder, describe(layer=layer, dtype=dtype), KEYS)
        assert StateReader(folder).description.layer == folder.name == layer
    sources = [
        (f"dump/hidden/{layer}/hidden.scp", f"hidden_{layer}", LOADER_TYPE[dtype])
        for layer in LAYERS
    ]
    factory = SequenceIterFactory(
        dataset.ESPnetDataset(sources),
        batches=UnsortedBatchSampler(2, sources[0][0]),
        num_workers=workers,
        collate_fn=CommonCollateFn(),
    )
    seen = []
    for keys, batch in factory.build_iter(epoch=1):
        for layer in LAYERS:
            features = batch[f"hidden_{layer}"]
            lengths = batch[f"hidden_{layer}_lengths"]
            assert features.shape[1] == max(lengths)
            for row, length, key in zip(features, lengths, keys):
                expected = make_states(key).astype(dtype)
                np.testing.assert_array_equal(row[:length], expected)
                assert not row[length:].any()
        seen += keys
    assert seen == sorted(KEYS)


def test_espnet_reads_what_the_reader_reads(
    tmp_path: Path, describe: Any, dump: Any, dtype: str
) -> None:
    """Every utterance by its name; float16 arrives in training as float32."""
    dataset_module = pytest.importorskip("espnet2.train.dataset")
    dump(tmp_path, describe(dtype=dtype), KEYS)
    name = (str(tmp_path / "hidden.scp"), "hidden_x", LOADER_TYPE[dtype])
    dataset = dataset_module.ESPnetDataset([name])
    assert list(dataset) == sorted(KEYS)
    for key, states in ((key, StateReader(tmp_path)[key]) for key in KEYS):
        uid, data = dataset[key]
        assert uid == key and data["hidden_x"].dtype == np.float32
        np.testing.assert_array_equal(data["hidden_x"], states)
