"""The names of shards: they follow from what is in them."""

import hashlib
from typing import Sequence

from espnet_probe.store.record import Record

#: All shards of a folder, and nothing else in it, match this.
SHARD_GLOB = "states.*"


def shard_file_name(keys: Sequence[str], dtype: str) -> str:
    """Return the name of the shard for these utterances.

    It follows from the utterances alone: a run that is repeated writes the same
    files, and jobs with different utterances never meet.

    Args:
        keys: The utterances, in the order in which they will be written.
        dtype: ``float32`` gives the name of an ark, ``float16`` of a folder.
    """
    digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]
    return f"states.{digest}.ark" if dtype == "float32" else f"states.{digest}"


def npy_file_name(utt_id: str) -> str:
    """Return a file name for an utterance; a slash cannot stand in one."""
    return utt_id.replace("%", "%25").replace("/", "%2F") + ".npy"


def shard_name(record: Record) -> str:
    """Return the ark or the folder of npy files that a record points into."""
    return record.shard.split("/")[0]
