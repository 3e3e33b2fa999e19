"""A process that publishes to a journal until it is killed, and says what a query would show.

The first line is ``indexer <pid>``; each later one ``written <sequence>``. Every message has one
step.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from broker_runtime.storage.journal.segment_journal import SegmentJournal
from tests.storage.samples import message


async def publish_forever(folder: Path) -> None:
    """Publish in batches, each written before the next."""
    journal = SegmentJournal(folder)
    await journal.open()
    await journal.get_trace("")
    while journal._indexer is None or journal._indexer.pid is None:  # noqa: ASYNC110  # polled
        await asyncio.sleep(0.01)
    os.write(1, f"indexer {journal._indexer.pid}\n".encode())
    seq = time.time_ns() // 1_000
    while True:
        for _ in range(100):
            seq += 1
            journal.published(message(seq), [("r", 1)], "success")
            journal.step(seq, "r", "PUBACK", 1, "success", seq // 1_000)
        await asyncio.sleep(0.06)
        os.write(1, f"written {seq}\n".encode())


if __name__ == "__main__":
    asyncio.run(publish_forever(Path(sys.argv[1])))
