"""A journal folder whose writer and indexer a test drives by hand, in its own process."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from broker_runtime.storage.base import MessageQuery
from broker_runtime.storage.descriptions import Step
from broker_runtime.storage.journal.indexing import Indexer
from broker_runtime.storage.journal.records import EventRow, Pending, encode_frame, frames_of
from broker_runtime.storage.journal.resume import resume
from broker_runtime.storage.journal.search import Search
from broker_runtime.storage.journal.segments import SegmentWriter
from tests.storage.samples import NOW_MS, message


class Bench:
    """A journal folder, its writer and its indexer, driven by hand."""

    def __init__(self, folder: Path, **options: int) -> None:
        self.folder = folder
        self.now_ms = NOW_MS
        self.options = options
        self.restart_writer()
        self.indexer = Indexer(folder, lambda: self.now_ms)

    def restart_writer(self) -> None:
        self.writer = SegmentWriter(self.folder, resume(self.folder)[0], **self.options)
        self.writer.open()

    def restart_indexer(self) -> None:
        self.indexer.close()
        retention_s = self.indexer.retention_s
        self.indexer = Indexer(self.folder, lambda: self.now_ms)
        self.indexer.retention_s = retention_s

    def write(
        self,
        publishes: Iterable[Pending] = (),
        steps: Iterable[Step] = (),
        events: Iterable[EventRow] = (),
    ) -> None:
        for frame in frames_of(list(publishes), list(steps), list(events)):
            assert self.writer.append(encode_frame(frame)[0])

    def write_messages(self, *seqs: int, **changes: object) -> None:
        self.write([(message(seq, **changes), [("r", 1)], "success") for seq in seqs])

    def index(self) -> None:
        while self.indexer.step():
            pass

    def found(self, topic_filter: str = "#", from_ms: int = 0, limit: int = 1024) -> list[int]:
        rows = (
            Search(self.folder).list_messages(MessageQuery(topic_filter, from_ms, limit)).messages
        )
        return [int(row.message_id, 16) for row in rows]

    def close(self) -> None:
        self.indexer.close()
        self.writer.close()
