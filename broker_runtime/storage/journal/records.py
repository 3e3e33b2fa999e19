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
from broker_runtime.storage.publishes import PublishMix, PublishRun
from broker_runtime.storage.runs import RunDamaged, contents_of, parts_of

Pending = tuple[StoredMessage, Sequence[tuple[str, int]], str]
"""A publish as the broker hands it over: message, deliveries, result."""

PendingRun = tuple[PublishRun, Sequence[tuple[str, int]], str]
"""The same for a run of publishes."""

PublishRow = tuple[int, int, str, str, str, str, int, bool, int | None, bytes, bytes, int, str, int]
"""seq, stored_ms, topic, client id, username, address, QoS, retain, expires_ms, payload,
properties, shard, result, audience (index of the frame's ``audiences``, -1 when nobody)."""

RunRow = tuple[int, int, int, int, str, int, int, str, str, str, bytes, str, int]
"""shard, first seq, count, stored_ms, topic, QoS, version, client id, username, address, packets,
result, audience."""

MixRow = tuple[int, int, int, int, str, str, str, bytes, list[int]]
"""shard, first seq, stored_ms, version, client id, username, address, packets, for each message its
audience (index of the frame's ``lists``)."""

StepRun = tuple[int, str, str, int, str, Sequence[int]]
"""at_ms, client id, packet type, QoS, result, seqs."""

EventRow = tuple[int, str, str, str, str, str]
"""at_ms, client id, username, address, event, reason."""

HEADER = struct.Struct("<II")
"""Bytes of the body, CRC-32 of the body."""
FRAME_BYTES = 512 * 1024
FRAME_RECORDS = 1_000
"""A frame is closed when its payloads or its count reach these; one large record may exceed
them."""
FRAME_STEPS = 20_000
"""The same for the steps that runs of them stand for."""
MAX_FRAME_BYTES = 512 * 1024 * 1024
"""No frame is larger (a packet has at most 256 MB), so a greater length is damage."""


class Frame(msgspec.Struct, array_like=True, frozen=True):
    """What one frame holds. An audience is the encoded list of (client id, QoS) of deliveries.

    Runs are written by the broker and taken apart by the reader: it costs the broker one row for
    all PUBLISHes of a read, where each would take 0.25 us (2026-11-20, Python 3.11).
    """

    publishes: list[PublishRow] = []
    audiences: list[bytes] = []
    steps: list[Step] = []
    events: list[EventRow] = []
    runs: list[RunRow] = []
    step_runs: list[StepRun] = []
    mixes: list[MixRow] = []
    lists: list[msgspec.Raw] = []
    """Audiences of mixes: encoded with the frame, where one by one they would take 0.3 us each."""

    @property
    def count(self) -> int:
        """Records in it."""
        return (
            len(self.publishes)
            + len(self.steps)
            + len(self.events)
            + sum([row[2] for row in self.runs])
            + sum([len(row[5]) for row in self.step_runs])
            + sum([len(row[8]) for row in self.mixes])
        )


_encode = msgspec.msgpack.Encoder().encode
_decode_frame = msgspec.msgpack.Decoder(Frame).decode
NOBODY = _encode([])
"""An audience of nobody, encoded."""
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


class _Audiences:
    """Lists of deliveries as numbers: one that several publishes share (the same object) is encoded
    once a frame, so a fan-out to 500 costs its publish one number."""

    def __init__(self) -> None:
        self.encoded: list[bytes] = []
        self._numbers: dict[int, int] = {}

    def number(self, deliveries: Sequence[tuple[str, int]]) -> int:
        """The number of a list; -1: nobody."""
        if not deliveries:
            return -1
        found = self._numbers.get(id(deliveries))
        if found is None:
            found = self._numbers[id(deliveries)] = len(self.encoded)
            self.encoded.append(_encode(deliveries))
        return found


def frames_of(
    publishes: Sequence[Pending],
    steps: Sequence[Step],
    events: Sequence[EventRow],
    runs: Sequence[PendingRun] = (),
    step_runs: Sequence[StepRun] = (),
    mixes: Sequence[PublishMix] = (),
) -> Iterator[Frame]:
    """Cut what has gathered into frames."""
    yield from _publish_frames(publishes)
    yield from _run_frames(runs)
    yield from _mix_frames(mixes)
    for start in range(0, len(steps), FRAME_RECORDS):
        yield Frame(steps=list(steps[start : start + FRAME_RECORDS]))
    yield from _step_run_frames(step_runs)
    for start in range(0, len(events), FRAME_RECORDS):
        yield Frame(events=list(events[start : start + FRAME_RECORDS]))


def _publish_frames(publishes: Sequence[Pending]) -> Iterator[Frame]:
    rows: list[PublishRow] = []
    audiences = _Audiences()
    size_bytes = 0
    for m, deliveries, result in publishes:
        rows.append(
            (m.seq, m.stored_ms, m.topic, m.client_id, m.username, m.address, m.qos, m.retain,
             m.expires_ms, m.payload, m.properties, m.shard, result, audiences.number(deliveries))
        )  # fmt: skip
        size_bytes += len(m.payload)
        if size_bytes >= FRAME_BYTES or len(rows) >= FRAME_RECORDS:
            yield Frame(rows, audiences.encoded)
            rows, audiences, size_bytes = [], _Audiences(), 0
    if rows:
        yield Frame(rows, audiences.encoded)


def _run_frames(runs: Sequence[PendingRun]) -> Iterator[Frame]:
    rows: list[RunRow] = []
    audiences = _Audiences()
    size_bytes = 0
    for r, deliveries, result in runs:
        rows.append(
            (r.shard, r.first_seq, r.count, r.stored_ms, r.topic, r.qos, r.version, r.client_id,
             r.username, r.address, r.packets, result, audiences.number(deliveries))
        )  # fmt: skip
        size_bytes += len(r.packets)
        if size_bytes >= FRAME_BYTES or len(rows) >= FRAME_RECORDS:
            yield Frame(runs=rows, audiences=audiences.encoded)
            rows, audiences, size_bytes = [], _Audiences(), 0
    if rows:
        yield Frame(runs=rows, audiences=audiences.encoded)


def _mix_frames(mixes: Sequence[PublishMix]) -> Iterator[Frame]:
    chosen: list[PublishMix] = []
    count = size_bytes = 0
    for mix in mixes:
        chosen.append(mix)
        count += len(mix.audiences)
        size_bytes += len(mix.packets)
        if size_bytes >= FRAME_BYTES or count >= FRAME_RECORDS:
            yield _mix_frame(chosen)
            chosen, count, size_bytes = [], 0, 0
    if chosen:
        yield _mix_frame(chosen)


def _mix_frame(mixes: Sequence[PublishMix]) -> Frame:
    """Each audience once; without a step of Python for a message."""
    known: dict[int, Any] = {}
    for mix in mixes:
        known.update(zip(map(id, mix.audiences), mix.audiences, strict=True))
    numbers = dict(zip(known, range(len(known)), strict=True))
    rows: list[MixRow] = [
        (m.shard, m.first_seq, m.stored_ms, m.version, m.client_id, m.username, m.address,
         m.packets, list(map(numbers.__getitem__, map(id, m.audiences))))
        for m in mixes
    ]  # fmt: skip
    return Frame(mixes=rows, lists=list(known.values()))


def _step_run_frames(step_runs: Sequence[StepRun]) -> Iterator[Frame]:
    rows: list[StepRun] = []
    count = 0
    for row in step_runs:
        rows.append(row)
        count += len(row[5])
        if count >= FRAME_STEPS:
            yield Frame(step_runs=rows)
            rows, count = [], 0
    if rows:
        yield Frame(step_runs=rows)


def _taken_apart(frame: Frame) -> Frame:
    """The same records without runs and mixes."""
    publishes, steps = list(frame.publishes), list(frame.steps)
    audiences = [*frame.audiences, *map(bytes, frame.lists)]
    for row in frame.runs:
        (shard, seq, _, stored_ms, topic, qos, version, client_id, username, address, packets,
         result, audience) = row  # fmt: skip
        for number, (properties, payload) in enumerate(contents_of(packets, version), start=seq):
            publishes.append(
                (number, stored_ms, topic, client_id, username, address, qos, False, None,
                 payload, properties, shard, result, audience)
            )  # fmt: skip
    for mix in frame.mixes:
        publishes += _rows_of(mix, audiences, len(frame.audiences))
    for at_ms, client_id, packet_type, qos, result, seqs in frame.step_runs:
        steps += [(number, at_ms, client_id, packet_type, qos, result) for number in seqs]
    return Frame(publishes, audiences, steps, frame.events)


def _rows_of(mix: MixRow, audiences: list[bytes], first_list: int) -> list[PublishRow]:
    shard, seq, stored_ms, version, client_id, username, address, packets, numbers = mix
    parts = parts_of(packets, version)
    if len(parts) != len(numbers):
        raise RunDamaged("there are more packets or fewer than audiences")
    rows: list[PublishRow] = []
    for place, (topic, properties, payload) in enumerate(parts):
        audience = first_list + numbers[place]
        has_any = audiences[audience] != NOBODY
        rows.append(
            (seq + place, stored_ms, topic.decode(), client_id, username, address, 0, False, None,
             payload, properties, shard, "success" if has_any else "no_subscriber",
             audience if has_any else -1)
        )  # fmt: skip
    return rows


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
            [row for row in frame.runs if _encodable(row)],
            [row for row in frame.step_runs if _encodable(row)],
            [row for row in frame.mixes if _encodable(row)],
            [audience if _encodable(audience) else msgspec.Raw(NOBODY) for audience in frame.lists],
        )
        left_out = whole - frame.count
        body = _encode(frame)
    return HEADER.pack(len(body), crc32(body)) + body, left_out


def _encodable(row: object) -> bool:
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
    """Read the frame at ``offset``, its runs taken apart.

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
        frame = _decode_frame(body)
        if frame.runs or frame.step_runs or frame.mixes:
            frame = _taken_apart(frame)
        return Found(start + length, frame)
    except (msgspec.MsgspecError, RunDamaged, UnicodeDecodeError, IndexError):
        return Found(start + length, None)
