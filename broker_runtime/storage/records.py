"""Records as they are kept: a session in two parts, a message as one row of columns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
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

# What a checkpoint holds: cursor, in-flight as (packet id, seq, qos, released, source), offered,
# doubtful_seq, retained_done.
_Progress = tuple[int, list[tuple[int, int, int, bool, str]], int, int, list[int]]

# The same as schema 2 wrote it: a list of the acknowledged above the cursor in place of offered.
_Progress2 = tuple[int, list[tuple[int, int, int, bool, str]], list[int], int, list[int]]

# The same as schema 1 wrote it.
_Progress1 = tuple[int, list[tuple[int, int, int, bool]], list[int]]

_encode = msgspec.msgpack.Encoder().encode
_decode_fixed = msgspec.msgpack.Decoder(SessionRecord).decode
_decode_progress = msgspec.msgpack.Decoder(_Progress).decode
_decode_progress_2 = msgspec.msgpack.Decoder(_Progress2).decode
_decode_messages = msgspec.msgpack.Decoder(list[StoredMessage]).decode
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


def encode_messages(messages: list[StoredMessage]) -> bytes:
    """A block of the log: its rows would cost ten times as much to bind and to insert."""
    return _encode(messages)


def decode_messages(block: bytes) -> list[StoredMessage]:
    """The messages of a block.

    Raises:
        StorageError: the bytes are no block; they were damaged after they had been written.
    """
    try:
        return _decode_messages(block)
    except msgspec.MsgspecError as error:
        raise StorageError(f"a block of the durable log is damaged: {error}") from error


def encode_session(record: SessionRecord) -> tuple[bytes, bytes]:
    """Copy a session into bytes: what CONNECT and SUBSCRIBE change, and what every checkpoint
    changes.

    Apart, because a checkpoint comes every 200 ms while a session may hold hundreds of
    subscriptions.
    """
    fixed = replace(record, cursor=0, inflight=[], offered=0, doubtful_seq=0, retained_done=[])
    inflight = [(i.packet_id, i.seq, i.qos, i.released, i.source) for i in record.inflight]
    progress = (
        record.cursor,
        inflight,
        record.offered,
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
            record.offered,
            record.doubtful_seq,
            record.retained_done,
        ) = _decode_progress(progress)
    except msgspec.MsgspecError as error:
        raise StorageError(f"a stored session is damaged: {error}") from error
    record.inflight = [Inflight(*entry) for entry in inflight]
    return record


def upgrade_progress_1(progress: bytes) -> bytes:
    """A checkpoint that schema 1 wrote, as schema 2 wrote it.

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


def upgrade_progress_2(progress: bytes, log_seqs: Sequence[int]) -> bytes:
    """A checkpoint that schema 2 wrote, as it is written now.

    What follows the cursor was offered up to the newest message acknowledged; of that, messages
    that were neither acknowledged nor in flight are offered anew.

    Args:
        log_seqs: the numbers of the messages in the log, ascending.

    Raises:
        StorageError: the bytes are no checkpoint of schema 2.
    """
    try:
        cursor, inflight, settled, doubtful_seq, retained_done = _decode_progress_2(progress)
    except msgspec.MsgspecError as error:
        raise StorageError(f"a stored session is damaged: {error}") from error
    offered = max(settled, default=cursor)
    known = {*settled, *(entry[1] for entry in inflight)}
    between = log_seqs[bisect_right(log_seqs, cursor) : bisect_right(log_seqs, offered)]
    inflight += [(0, seq, 1, False, "") for seq in between if seq not in known]
    return _encode((cursor, inflight, offered, doubtful_seq, retained_done))
