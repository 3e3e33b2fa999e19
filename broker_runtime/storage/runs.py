"""Runs of PUBLISHes, kept as received, taken apart into messages."""

from __future__ import annotations

from broker_runtime.codec.framing import read_header
from broker_runtime.codec.publish import scan_publish
from broker_runtime.codec.reasons import Violation
from broker_runtime.storage.base import StoredMessage
from broker_runtime.storage.publishes import PublishMix, PublishRun

MAX_PACKET_BYTES = 0x0FFF_FFFF + 5
"""No PUBLISH is larger."""


class RunDamaged(ValueError):
    """The bytes of a run are not the packets that it speaks of."""


def contents_of(packets: bytes, version: int) -> list[tuple[bytes, bytes]]:
    """(properties, payload) of each PUBLISH; the properties encoded, without length prefix.

    Raises:
        RunDamaged: the bytes are something else. Only damage does that: they were read before.
    """
    return [(properties, payload) for _, properties, payload in parts_of(packets, version)]


def parts_of(packets: bytes, version: int) -> list[tuple[bytes, bytes, bytes]]:
    """(topic, properties, payload) of each PUBLISH; see ``contents_of``.

    Raises:
        RunDamaged: the bytes are something else.
    """
    found: list[tuple[bytes, bytes, bytes]] = []
    position, size = 0, len(packets)
    while position < size:
        header = read_header(packets, position, MAX_PACKET_BYTES)
        if header is None or isinstance(header, Violation):
            raise RunDamaged("no packet begins where one should")
        first_byte, start, end = header
        scan = scan_publish(packets, start, end, first_byte & 0x0F, version)
        if first_byte >> 4 != 3 or end > size or isinstance(scan, Violation):
            raise RunDamaged("a packet is no PUBLISH")
        topic, _, properties_start, properties_end, payload_start = scan
        found.append((topic, packets[properties_start:properties_end], packets[payload_start:end]))
        position = end
    return found


def messages_of(run: PublishRun) -> list[StoredMessage]:
    """The messages of a run, in order."""
    return [
        StoredMessage(
            run.shard,
            seq,
            run.topic,
            payload,
            run.qos,
            False,
            run.client_id,
            run.username,
            run.address,
            run.stored_ms,
            None,
            properties,
        )
        for seq, (properties, payload) in enumerate(
            contents_of(run.packets, run.version), start=run.first_seq
        )
    ]


def mixed_messages_of(mix: PublishMix) -> list[StoredMessage]:
    """The messages of a mix, in order."""
    return [
        StoredMessage(
            mix.shard,
            seq,
            topic.decode(),
            payload,
            0,
            False,
            mix.client_id,
            mix.username,
            mix.address,
            mix.stored_ms,
            None,
            properties,
        )
        for seq, (topic, properties, payload) in enumerate(
            parts_of(mix.packets, mix.version), start=mix.first_seq
        )
    ]
