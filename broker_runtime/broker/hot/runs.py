"""Runs of QoS 1 and 2 PUBLISHes in the receive buffer: one after another, to one topic, with
consecutive packet ids and the same properties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.delivery.plans import Entry
from broker_runtime.codec.encoder import PACKET_IDS
from broker_runtime.codec.framing import read_header
from broker_runtime.codec.reasons import Violation
from broker_runtime.session.window import MAX_PACKET_ID
from broker_runtime.storage.publishes import PublishRun

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection


class Run:
    """A run as it came, taken apart at the packet ids only.

    ``parts``: for each message what comes before its packet id, room for one, what comes after it.
    ``level``: 5, or 4 for those before MQTT 5. ``longest_bytes``: no packet is longer. ``weight``:
    what each message costs of the TPS limit. ``received_ms``: wall time.
    """

    __slots__ = (
        "count",
        "entry",
        "first_id",
        "level",
        "longest_bytes",
        "packets",
        "parts",
        "qos",
        "received_ms",
        "weight",
    )

    def __init__(
        self,
        entry: Entry,
        qos: int,
        level: int,
        first_id: int,
        packets: bytes,
        parts: list[bytes],
        longest_bytes: int,
        weight: int,
        received_ms: int,
    ) -> None:
        self.entry = entry
        self.qos = qos
        self.level = level
        self.first_id = first_id
        self.count = len(parts) // 3
        self.packets = packets
        self.parts = parts
        self.longest_bytes = longest_bytes
        self.weight = weight
        self.received_ms = received_ms

    @property
    def after_id(self) -> int:
        """The packet id after its last one."""
        return self.first_id + self.count

    @property
    def kept_bytes(self) -> int:
        """Memory that it takes: packets and parts hold the same bytes."""
        return 2 * len(self.packets)

    def record(self, session: Session, link: Connection, first_seq: int) -> PublishRun:
        """The messages for the journal."""
        return PublishRun(
            0,
            first_seq,
            self.count,
            self.received_ms,
            self.entry.topic,
            self.qos,
            self.level,
            session.client_id,
            session.username,
            link.address,
            self.packets,
        )

    def cut(self, start: int, stop: int) -> Run:
        """Its messages from ``start`` to before ``stop``, as a run of their own."""
        first_id = self.first_id + start
        parts = self.parts[3 * start : 3 * stop]
        parts[1::3] = PACKET_IDS[first_id : first_id + stop - start]
        return Run(
            self.entry,
            self.qos,
            self.level,
            first_id,
            b"".join(parts),
            parts,
            self.longest_bytes,
            self.weight,
            self.received_ms,
        )


def read_run(  # noqa: C901, PLR0915  # the hot path: a call for each packet costs
    core: Core, link: Connection, session: Session, buffer: bytes, position: int, now_us: int
) -> Run | None:
    """Read the run that begins at ``position`` with a PUBLISH at QoS 1 or 2, neither retained nor
    sent again; None when the first is not the usual case: a topic that is known, no topic alias, no
    expiry, nobody whom the log or a shared group serves.

    One loop with everything in it (2026-11-20, Python 3.11: 0.5 us a message).
    """
    size = len(buffer)
    header = read_header(buffer, position, core.max_packet_bytes)
    if header is None or isinstance(header, Violation):
        return None
    first, body, end = header
    if end > size or end - body < 4:
        return None
    qos = first >> 1 & 3
    name_end = body + 2 + (buffer[body] << 8 | buffer[body + 1])
    entry = session.cache.get(buffer[body + 2 : name_end])
    if (
        entry is None
        or entry.plan.logged
        or entry.plan.shared
        or name_end + 2 > end
        or entry.route.version != core.routes.version
        or not entry.mask & (1 << qos)
    ):
        return None
    plan = entry.plan
    level = 5 if link.version == 5 else 4
    payload_start = name_end + 2
    if level == 5:
        payload_start = core.plain_properties.end_of(buffer, payload_start, end)
    payload_bytes = end - payload_start
    first_id = buffer[name_end] << 8 | buffer[name_end + 1]
    if not payload_start or not first_id or payload_bytes > core.max_message_bytes:
        return None
    throttle, weight_bytes = core.throttle, core.weight_bytes
    weight = 1 if payload_bytes <= weight_bytes else throttle.weight(payload_bytes)
    tokens = throttle.tokens
    reach = plan.at(qos)
    cost = weight * (1 + len(reach.names) + len(reach.slow))
    most = min(throttle.room(link), -(-tokens // cost), MAX_PACKET_ID + 1 - first_id)
    if most <= 0:
        return None
    start, longest_bytes = position, end - position
    parts = [buffer[start:name_end], b"", buffer[name_end + 2 : end]]
    position = end
    if size - end > 2 and buffer[end] == first:
        # Those that follow: the same topic and properties, payloads of the same weight.
        startswith = buffer.startswith
        lead, tail = buffer[body:name_end], buffer[name_end + 2 : payload_start]
        lead_bytes = len(lead)
        before_bytes = lead_bytes + 2 + len(tail)
        least = before_bytes + (weight - 1) * weight_bytes + (weight > 1)
        longest = before_bytes + min(weight * weight_bytes, core.max_message_bytes)
        packet_id, after_id = first_id + 1, first_id + most
        while packet_id < after_id and size - position > 2 and buffer[position] == first:
            length = buffer[position + 1]
            body = position + 2
            if length >= 0x80:
                high = buffer[body]
                if not 0 < high < 0x80:
                    break
                length += (high << 7) - 0x80
                body += 1
            end = body + length
            id_at = body + lead_bytes
            if (
                end > size
                or not least <= length <= longest
                or not startswith(lead, body)
                or buffer[id_at] << 8 | buffer[id_at + 1] != packet_id
                or (tail and not startswith(tail, id_at + 2))
            ):
                break
            parts += (buffer[position:id_at], b"", buffer[id_at + 2 : end])
            packet_id += 1
            position = end
        longest_bytes = longest + 5
    packets = buffer[start:position]
    longest_bytes = min(longest_bytes, len(packets))
    return Run(entry, qos, level, first_id, packets, parts, longest_bytes, weight, now_us // 1000)
