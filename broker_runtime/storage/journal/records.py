"""Records of the journal as bytes: frames of many records, each with its length and checksum."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import msgspec

from broker_runtime.contract.queries import ClientEvent
from broker_runtime.storage.base import StoredMessage
from broker_runtime.storage.descriptions import Step

Pending = tuple[StoredMessage, Sequence[tuple[str, int]], str]
"""A publish as the broker hands it over: message, deliveries, result."""

PublishRow = tuple[int, int, str, str, str, str, int, bool, int | None, bytes, bytes, int, str, int]
"""seq, stored_ms, topic, client id, username, address, QoS, retain, expires_ms, payload,
properties, shard, result, audience (index of the frame's ``audiences``, -1 when nobody)."""

EventRow = tuple[int, str, str, str, str, str]
"""at_ms, client id, username, address, event, reason."""

HEADER = struct.Struct("<II")
"""Bytes of the body, CRC-32 of the body."""
FRAME_BYTES = 512 * 1024
FRAME_RECORDS = 1_000
"""A frame is closed when its payloads or its count reach these; one large record may exceed
them."""
MAX_FRAME_BYTES = 512 * 1024 * 1024
"""No frame is larger (a packet has at most 256 MB), so a greater length is damage."""


class Frame(msgspec.Struct, array_like=True, frozen=True):
    """What one frame holds. An audience is the encoded list of (client id, QoS) of deliveries."""

    publishes: list[PublishRow] = []
    audiences: list[bytes] = []
    steps: list[Step] = []
    events: list[EventRow] = []

    @property
    def count(self) -> int:
        """Records in it."""
        return len(self.publishes) + len(self.steps) + len(self.events)


_encode = msgspec.msgpack.Encoder().encode
_decode_frame = msgspec.msgpack.Decoder(Frame).decode
_decode_audience = msgspec.msgpack.Decoder(list[tuple[str, int]]).decode


def event_row(event: ClientEvent) -> EventRow:
    """A client event as it is kept."""
    return (
        event.at_ms,
        event.client_id,
        event.username,
        event.address,
        event.event,
        event.reason,
    )


def audience_of(blob: bytes | None) -> list[tuple[str, int]]:
    """The deliveries that an audience stands for."""
    return _decode_audience(blob) if blob else []


def frames_of(
    publishes: Sequence[Pending], steps: Sequence[Step], events: Sequence[EventRow]
) -> Iterator[Frame]:
    """Cut what has gathered into frames.

    A list of deliveries that several publishes share (the same object) is encoded once a frame, so
    a fan-out to 500 costs its publish one number.
    """
    rows: list[PublishRow] = []
    audiences: list[bytes] = []
    known: dict[int, int] = {}
    size_bytes = 0
    for m, deliveries, result in publishes:
        audience = known.get(id(deliveries), -1)
        if audience < 0 and deliveries:
            audience = known[id(deliveries)] = len(audiences)
            audiences.append(_encode(deliveries))
        rows.append(
            (m.seq, m.stored_ms, m.topic, m.client_id, m.username, m.address, m.qos, m.retain,
             m.expires_ms, m.payload, m.properties, m.shard, result, audience)
        )  # fmt: skip
        size_bytes += len(m.payload)
        if size_bytes >= FRAME_BYTES or len(rows) >= FRAME_RECORDS:
            yield Frame(rows, audiences)
            rows, audiences, known, size_bytes = [], [], {}, 0
    if rows:
        yield Frame(rows, audiences)
    for start in range(0, len(steps), FRAME_RECORDS):
        yield Frame(steps=list(steps[start : start + FRAME_RECORDS]))
    for start in range(0, len(events), FRAME_RECORDS):
        yield Frame(events=list(events[start : start + FRAME_RECORDS]))


def encode_frame(frame: Frame) -> tuple[bytes, int]:
    """The bytes of a frame, and how many of its records could not be encoded and were left out."""
    left_out = 0
    try:
        body = _encode(frame)
    except (ValueError, TypeError, OverflowError):  # a lone surrogate, a number beyond 64 bits …
        whole = frame.count
        frame = Frame(
            [row for row in frame.publishes if _encodable(row)],
            frame.audiences,
            [row for row in frame.steps if _encodable(row)],
            [row for row in frame.events if _encodable(row)],
        )
        left_out = whole - frame.count
        body = _encode(frame)
    return HEADER.pack(len(body), crc32(body)) + body, left_out


def _encodable(row: tuple[Any, ...]) -> bool:
    try:
        _encode(row)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Found:
    """What begins at an offset: a frame, or (``frame`` None) damage; ``end`` is the next offset."""

    end: int
    frame: Frame | None


def frame_at(data: bytes, offset: int) -> Found | int:
    """Read the frame at ``offset``.

    Returns:
        What is there; or how many bytes from ``offset`` on are needed to say it (more than there
        are). A length that no frame has makes everything from ``offset`` to the end damage.
    """
    there = len(data) - offset
    if there < HEADER.size:
        return HEADER.size
    length, checksum = HEADER.unpack_from(data, offset)
    if length == 0 or length > MAX_FRAME_BYTES:
        return Found(len(data), None)
    if there < HEADER.size + length:
        return HEADER.size + int(length)
    start = offset + HEADER.size
    body = data[start : start + length]
    if crc32(body) != checksum:
        return Found(start + length, None)
    try:
        return Found(start + length, _decode_frame(body))
    except msgspec.MsgspecError:
        return Found(start + length, None)
