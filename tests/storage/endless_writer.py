"""A process that writes to a local store until it is killed, and says what was acknowledged.

Each line is the kind of the write and its sequence. ``release`` moves into the log, under its own
sequence, the inbound message that ``put`` kept under the sequence before.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from broker_runtime.storage.base import Done
from broker_runtime.storage.local.store import LocalStore
from tests.storage.samples import FIRST_SEQ, message, session

WINDOW = 40


def packet_id_of(seq: int) -> int:
    """The packet id under which the inbound message ``seq`` is kept."""
    return 1 + seq % 60_000


async def write_forever(folder: Path) -> None:
    """Keep ``WINDOW`` writes in flight."""
    store = LocalStore(folder, node_id="n0")
    await store.open()
    free = asyncio.Semaphore(WINDOW)

    def said(kind: str, seq: int) -> Done:
        def done(error: Exception | None) -> None:
            assert error is None, error
            os.write(1, f"{kind} {seq}\n".encode())
            free.release()

        return done

    seq = max(store.last_seq(), FIRST_SEQ)
    writer = session("writer", epoch=1, cursor=seq)
    while True:
        for turn in range(8):
            await free.acquire()
            seq += 1
            if turn == 0:
                writer.cursor = seq
                store.save_session(writer, said("save", seq))
            elif turn == 1:
                store.retain(message(seq, topic=f"t{seq % 7}"), said("retain", seq))
            elif turn == 2:
                put = packet_id_of(seq)
                store.put_received("writer", 1, put, message(seq), said("put", seq))
            elif turn == 3:
                store.release_received("writer", 1, put, message(seq), said("release", seq))
            else:
                store.append(message(seq, payload=os.urandom(200)), said("append", seq))


if __name__ == "__main__":
    asyncio.run(write_forever(Path(sys.argv[1])))
