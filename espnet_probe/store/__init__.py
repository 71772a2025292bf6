"""Hidden states on disk: records, shards, resume.

One folder holds the states of one layer of one upstream for one data set; the
format is described in ``docs/file_formats.md``. Writing, describing and reading
are separate modules, and none of them loads torch or ESPnet.
"""

from espnet_probe.store.description import DumpDescription
from espnet_probe.store.reader import StateReader
from espnet_probe.store.record import Record
from espnet_probe.store.writer import ShardBusy, StateWriter

__all__ = ["DumpDescription", "Record", "ShardBusy", "StateReader", "StateWriter"]
