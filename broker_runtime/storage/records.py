"""Records as they are kept: a session in two parts, a message as one row of columns."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import Any

import msgspec

from broker_runtime.storage.base import (
    RETAINED,
    Inflight,
    SessionRecord,
    StorageError,
    StoredMessage,
)

MESSAGE_COLUMNS = (
    "seq",
    "shard",
    "topic",
    "payload",
    "qos",
    "retain",
    "client_id",
    "username",
    "address",
    "stored_ms",
    "expires_ms",
    "properties",
)
"""The columns of a kept message, in every table that holds some; they are the fields of
``StoredMessage``."""

message_row = attrgetter(*MESSAGE_COLUMNS)
"""A ``StoredMessage`` as a tuple of ``MESSAGE_COLUMNS``."""

# What a checkpoint holds: cursor, in-flight as (packet id, seq, qos, released, source), settled,
# doubtful_seq, retained_done.
_Progress = tuple[int, list[tuple[int, int, int, bool, str]], list[int], int, list[int]]

# The same as schema 1 wrote it.
_Progress1 = tuple[int, list[tuple[int, int, int, bool]], list[int]]

_encode = msgspec.msgpack.Encoder().encode
_decode_fixed = msgspec.msgpack.Decoder(SessionRecord).decode
_decode_progress = msgspec.msgpack.Decoder(_Progress).decode
_decode_progress_1 = msgspec.msgpack.Decoder(_Progress1).decode


def message_of(row: tuple[Any, ...]) -> StoredMessage:
    """The message of a row of ``MESSAGE_COLUMNS``."""
    message = StoredMessage(
        seq=row[0],
        shard=row[1],
        topic=row[2],
        payload=row[3],
        qos=row[4],
        retain=bool(row[5]),
        client_id=row[6],
        username=row[7],
        address=row[8],
        stored_ms=row[9],
        expires_ms=row[10],
        properties=row[11],
    )
    return message


def encode_session(record: SessionRecord) -> tuple[bytes, bytes]:
    """Copy a session into bytes: what CONNECT and SUBSCRIBE change, and what every checkpoint
    changes.

    Apart, because a checkpoint comes every 200 ms while a session may hold hundreds of
    subscriptions.
    """
    fixed = replace(record, cursor=0, inflight=[], settled=[], doubtful_seq=0, retained_done=[])
    inflight = [(i.packet_id, i.seq, i.qos, i.released, i.source) for i in record.inflight]
    progress = (
        record.cursor,
        inflight,
        record.settled,
        record.doubtful_seq,
        record.retained_done,
    )
    return _encode(fixed), _encode(progress)


def decode_session(fixed: bytes, progress: bytes) -> SessionRecord:
    """The session of its two parts.

    Raises:
        StorageError: the bytes are not a session; they were damaged after they had been written.
    """
    try:
        record = _decode_fixed(fixed)
        (
            record.cursor,
            inflight,
            record.settled,
            record.doubtful_seq,
            record.retained_done,
        ) = _decode_progress(progress)
    except msgspec.MsgspecError as error:
        raise StorageError(f"a stored session is damaged: {error}") from error
    record.inflight = [Inflight(*entry) for entry in inflight]
    return record


def upgrade_progress(progress: bytes) -> bytes:
    """A checkpoint that schema 1 wrote, as it is written now.

    Raises:
        StorageError: the bytes are no checkpoint of schema 1.
    """
    try:
        cursor, inflight, settled = _decode_progress_1(progress)
    except msgspec.MsgspecError as error:
        raise StorageError(f"a stored session is damaged: {error}") from error
    # Schema 1 told retained messages by their age: those of the log are newer than the cursor.
    sourced = [(*entry, RETAINED if entry[1] <= cursor else "") for entry in inflight]
    return _encode((cursor, sourced, settled, 0, []))
