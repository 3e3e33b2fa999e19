"""The hot path: PUBLISH at QoS 0 and 1 straight through, and the PUBACKs that come back.

Longer functions than the house rule allows, because every call and every object here costs (ENGINE,
design rules 1 to 4). Whatever is not the usual case goes to ``publishing`` or ``packets``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker_runtime.broker import packets
from broker_runtime.broker.states import LIVE
from broker_runtime.codec.encoder import PACKET_IDS
from broker_runtime.codec.framing import read_header
from broker_runtime.codec.packets import PUBACK, PUBLISH
from broker_runtime.codec.reasons import Violation
from broker_runtime.session.outgoing import Outgoing
from broker_runtime.session.window import MAX_PACKET_ID
from broker_runtime.storage.base import StoredMessage

if TYPE_CHECKING:
    from broker_runtime.broker.connection import Connection
    from broker_runtime.broker.core import Core

PUBLISH_0, PUBLISH_1 = PUBLISH << 2, PUBLISH << 2 | 1
PUBACK_HEAD = b"\x40\x02"
ANSWERS = frozenset((0x40, 0x50, 0x62, 0x70))
"""First bytes of PUBACK, PUBREC, PUBREL, PUBCOMP; two bytes more and they carry no reason."""


def consume(core: Core, publisher: Connection, buffer: bytes, position: int) -> int:  # noqa: C901, PLR0915
    """Handle packets from ``position``; returns where the first unfinished one begins.

    One loop for a whole read, and for QoS 0 neither a call nor a packet object. 2026-11-20, Python
    3.11, one to one, 64 B, 64 messages a read, CPU time without journal and sockets: QoS 0 1.1 us
    here and 6.6 through ``publishing``, QoS 1 3.2 and 11.3, its PUBACK included.
    """
    session = publisher.owner
    cache, routes, throttle = session.cache, core.routes, core.throttle
    dirty, level, version = core.dirty, min(publisher.level, 5), publisher.version
    published = core.journal.published
    client_id, username, address = session.client_id, session.username, publisher.address
    is_5 = version == 5
    now_us = core.clock.wall_us()
    now_ms = now_us // 1000
    fast_limit = min(core.max_message_bytes, core.weight_bytes)
    max_packet = core.max_packet_bytes
    taken = sent = acks = sent_1 = pubacks = 0
    room = throttle.room(publisher)
    size = len(buffer)
    while size - position >= 2:
        first = buffer[position]
        length = buffer[position + 1]
        start = position + 2
        if length >= 0x80:
            header = read_header(buffer, position, max_packet)
            if header is None:
                break
            if isinstance(header, Violation):
                publisher.fail(header)
                break
            _, start, end = header
            length = end - start
        else:
            end = start + length
        if end > size:
            publisher.needed_bytes = end - position
            break
        if first == 0x30 and 2 < length <= fast_limit:
            name_end = start + 2 + (buffer[start] << 8 | buffer[start + 1])
            entry = cache.get(buffer[start + 2 : name_end])
            if (
                entry is not None
                and entry.route.version == routes.version
                and entry.mask & 1
                and (name_end <= end if not is_5 else name_end < end and not buffer[name_end])
            ):
                if throttle.tokens <= 0 or taken >= room:
                    throttle.wait(publisher)
                    break
                seq = core.last_seq + 1
                if seq < now_us:
                    seq = now_us
                core.last_seq = seq
                message = StoredMessage(
                    0,
                    seq,
                    entry.topic,
                    buffer[name_end + is_5 : end],
                    0,
                    False,
                    client_id,
                    username,
                    address,
                    now_ms,
                )
                packet = buffer[position:end]
                packet_bytes = end - position
                plan = entry.plan
                receivers = plan.fast[0]
                delivered = 0
                for receiver in receivers:
                    link = receiver.link
                    if (
                        link is None
                        or link.level != level
                        or link.queued_bytes >= link.max_queued_bytes
                        or packet_bytes > link.max_packet_bytes
                    ):
                        break
                    out = link.out
                    if not out:
                        dirty.append(link)
                    out.append(packet)
                    link.queued_bytes += packet_bytes
                    link.sent0 += 1
                    delivered += 1
                sent += delivered
                throttle.tokens -= 1 + delivered
                taken += 1
                if delivered == len(receivers) and not plan.slow[0] and not plan.shared:
                    published(
                        message,
                        plan.names[0],
                        "success" if receivers else "no_subscriber",
                    )
                else:
                    core.fan_out.hand_out(message, plan, session, delivered=delivered)
                position = end
                continue
        kind = first & 0xF0
        if kind == 0x30:
            if throttle.tokens <= 0 or taken >= room:
                throttle.wait(publisher)
                break
            room -= 1
            passed_on = -1
            if first == 0x32:
                passed_on = _publish_1(core, publisher, buffer, position, start, end, now_us)
            if passed_on >= 0:
                acks += 1
                sent_1 += passed_on
            else:
                core.publishing.receive(publisher, buffer, start, end, first & 0x0F)
        elif length == 2 and first in ANSWERS:
            packet_id = buffer[start] << 8 | buffer[start + 1]
            if first == 0x40 and packet_id:
                _acknowledged(core, publisher, packet_id, now_ms)
                pubacks += 1
            else:
                packets.answered(core, publisher, kind >> 4, packet_id)
        else:
            packets.handle(core, publisher, first, buffer[start:end])
        position = end
        if publisher.state != LIVE or publisher.held:
            break
    publisher.allowance = room - taken
    stats = core.stats
    if taken:
        publisher.received[PUBLISH_0] += taken
        stats.packets_received[PUBLISH_0] += taken
        stats.packets_sent[PUBLISH_0] += sent
        stats.messages_received += taken
        stats.messages_sent += sent
        stats.acl_publish_success += taken
        stats.tps_units += taken + sent
    if pubacks:
        publisher.received[PUBACK << 2] += pubacks
        stats.packets_received[PUBACK << 2] += pubacks
    if acks:
        publisher.received[PUBLISH_1] += acks
        stats.packets_received[PUBLISH_1] += acks
        publisher.sent[PUBACK << 2] += acks
        stats.packets_sent[PUBACK << 2] += acks
        stats.messages_received += acks
        stats.acl_publish_success += acks
        stats.messages_sent += sent_1
        stats.packets_sent[PUBLISH_1] += sent_1
        stats.tps_units += acks + sent_1
    return position


def _publish_1(  # noqa: C901, PLR0915
    core: Core,
    publisher: Connection,
    buffer: bytes,
    position: int,
    start: int,
    end: int,
    now_us: int,
) -> int:
    """QoS 1 straight through: no log, no properties, the bytes passed on but for the packet id.

    Returns:
        To how many it was passed on here; -1: it is not such a message, nothing was done.
    """
    session = publisher.owner
    if end - start < 4 or end - start > core.weight_bytes:
        return -1
    name_end = start + 2 + (buffer[start] << 8 | buffer[start + 1])
    entry = session.cache.get(buffer[start + 2 : name_end])
    payload_start = name_end + 2
    if (
        entry is None
        or entry.route.version != core.routes.version
        or not entry.mask & 2
        or payload_start > end
        or end - payload_start > core.max_message_bytes
    ):
        return -1
    plan = entry.plan
    if plan.logged:
        return core.durable_path.publish_1(
            publisher, buffer, position, name_end, end, now_us, entry
        )
    if plan.shared or len(publisher.answers):
        return -1
    if publisher.version == 5:
        if payload_start >= end or buffer[payload_start]:
            return -1
        payload_start += 1
    packet_id = buffer[name_end] << 8 | buffer[name_end + 1]
    if not packet_id:
        return -1
    level = min(publisher.level, 5)
    seq = core.last_seq + 1
    if seq < now_us:
        seq = now_us
    core.last_seq = seq
    message = StoredMessage(
        0,
        seq,
        entry.topic,
        buffer[payload_start:end],
        1,
        False,
        session.client_id,
        session.username,
        publisher.address,
        now_us // 1000,
    )
    prefix, rest = buffer[position:name_end], buffer[name_end + 2 : end]
    ready = Outgoing(message, seq, 1, prefix, rest)
    size = ready.size_bytes
    dirty = core.dirty
    receivers = plan.fast[1]
    delivered = 0
    for receiver in receivers:
        link, window = receiver.link, receiver.window
        if (
            link is None
            or link.level != level
            or link.queued_bytes >= link.max_queued_bytes
            or size > link.max_packet_bytes
            or window.pending
            or len(window.inflight) + len(window.released) >= window.quota
        ):
            break
        sent_id = window.next_id
        if sent_id < MAX_PACKET_ID and sent_id not in window.inflight and not window.released:
            window.next_id = sent_id + 1
            window.inflight[sent_id] = ready
        else:
            sent_id = window.admit(ready)
        out = link.out
        if not out:
            dirty.append(link)
        out += (prefix, PACKET_IDS[sent_id], rest)
        link.queued_bytes += size
        link.sent[PUBLISH_1] += 1
        delivered += 1
    core.throttle.tokens -= 1 + delivered
    if delivered == len(receivers) and not plan.slow[1]:
        core.journal.published(
            message, plan.names[1], "success" if plan.fast[0] else "no_subscriber"
        )
    else:
        core.fan_out.hand_out(message, plan, session, delivered=delivered, ready=(level, ready))
    out = publisher.out
    if not out:
        dirty.append(publisher)
    if plan.fast[0] or plan.slow[0] or level == 4:
        out += (PUBACK_HEAD, PACKET_IDS[packet_id])
        publisher.queued_bytes += 4
    else:
        out += (b"\x40\x03", PACKET_IDS[packet_id], b"\x10")
        publisher.queued_bytes += 5
    return delivered


def _acknowledged(core: Core, link: Connection, packet_id: int, now_ms: int) -> None:
    """PUBACK without reason, the usual one."""
    session = link.owner
    window = session.window
    outgoing = window.inflight.get(packet_id)
    if outgoing is None or outgoing.qos != 1:
        return  # late, after a reconnect: harmless
    del window.inflight[packet_id]
    core.journal.step(outgoing.seq, session.client_id, "PUBACK", 1, "success", now_ms)
    if outgoing.shared:
        core.sending.settle(session, outgoing)
    elif session.durable and not session.dirty:
        core.persistence.mark(session)
    if window.pending or session.behind or session.retained_requests:
        core.sending.pump(session)
