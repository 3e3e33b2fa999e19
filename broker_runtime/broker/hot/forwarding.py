"""The hot path of PUBLISH at QoS 0: packets found in the receive buffer and passed on.

2026-11-20, Python 3.11, 64 B, two receivers of 100,000 wildcard filters, journal included, in
process: 1.5 us a message when the topic changes with each (3.8 us as runs of one), 0.33 us when it
stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.delivery.plans import Entry
from broker_runtime.broker.hot import passing
from broker_runtime.codec.framing import read_header
from broker_runtime.codec.packets import PUBLISH
from broker_runtime.codec.reasons import Violation
from broker_runtime.storage.publishes import PublishMix, PublishRun

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

PUBLISH_0: Final = PUBLISH << 2


def forward(  # noqa: C901, PLR0915  # the hot path: a call for each packet costs
    core: Core, link: Connection, session: Session, buffer: bytes, position: int, now_us: int
) -> int:
    """Pass on the QoS 0 PUBLISHes that begin at ``position``, as far as they are the usual case.

    The usual case: not retained, no topic alias, no expiry. Messages that differ in topic from
    their neighbours are passed on here and recorded together, and no object is made for one but
    its packet; a run of one topic goes to ``_pass_run``, which makes no step for a message.

    Returns:
        Where the first packet begins that was not taken; ``position`` when there was none.
    """
    cache, routes, throttle = session.cache, core.routes, core.throttle
    light_bytes = min(core.weight_bytes, core.max_message_bytes)
    level = 5 if link.version == 5 else 4
    plain, startswith, dirty = core.plain_properties, buffer.startswith, core.dirty
    size = len(buffer)
    room, tokens = throttle.room(link), throttle.tokens
    audiences: list[Sequence[tuple[str, int]]] = []
    begin, sent = position, 0
    while size - position >= 4 and buffer[position] == 0x30:
        length = buffer[position + 1]
        body = position + 2
        end = body + length
        if length >= 0x80:
            header = read_header(buffer, position, core.max_packet_bytes)
            if header is None or isinstance(header, Violation):
                break
            _, body, end = header
        if end > size or end - body < 2:
            break
        payload_start = name_end = body + 2 + (buffer[body] << 8 | buffer[body + 1])
        if name_end > end:
            break
        if level == 5:
            payload_start = plain.end_of(buffer, name_end, end)
            if not payload_start:
                break
        raw_topic = buffer[body + 2 : name_end]
        entry = cache.get(raw_topic)
        if entry is None or entry.route.version != routes.version:
            found = core.planner.entry(session, raw_topic)
            if isinstance(found, Violation):
                break  # an alias, or a wrong topic: the long way knows
            entry, cache = found, session.cache
        taken = len(audiences)
        if not entry.mask & 1 or taken >= room or taken + sent >= tokens:
            break
        plan = entry.plan
        if (
            end - payload_start > light_bytes
            or not plan.is_simple
            or startswith(buffer[body:payload_start], end + body - position)
        ):
            if taken:
                _record(core, link, session, buffer[begin:position], audiences, sent, now_us)
                room, audiences, sent = room - taken, [], 0
            count, end = _pass_run(
                core, link, session, entry, buffer, position, body, payload_start, end, room, now_us
            )
            if not count:
                break
            begin = position = end
            room, tokens = room - count, throttle.tokens
            continue
        packet = buffer[position:end]
        packet_bytes = end - position
        reach = plan.whole
        refused: list[Session] | None = None
        for receiver in reach.sessions:
            target = receiver.link
            if target is not None:
                queued_bytes = target.queued_bytes + packet_bytes
                if (
                    target.level == level
                    and queued_bytes <= target.max_queued_bytes
                    and packet_bytes <= target.max_packet_bytes
                ):
                    out = target.out
                    if not out:
                        dirty.append(target)
                    out.append(packet)
                    target.queued_bytes = queued_bytes
                    target.sent0 += 1
                    sent += 1
                    continue
            if refused is None:
                refused = []
            refused.append(receiver)
        if refused is not None:
            _record(core, link, session, buffer[begin:position], audiences, sent, now_us)
            _pass_on_slowly(core, link, session, entry, packet, refused, now_us)
            room, audiences, sent = room - taken - 1, [], 0
            begin, tokens = end, throttle.tokens
        else:
            audiences.append(reach.names)
        position = end
    if audiences:
        _record(core, link, session, buffer[begin:position], audiences, sent, now_us)
        room -= len(audiences)
    link.allowance = room
    return position


def _record(
    core: Core,
    link: Connection,
    session: Session,
    packets: bytes,
    audiences: list[Sequence[tuple[str, int]]],
    sent: int,
    now_us: int,
) -> None:
    """Count and note what was passed on, and to whom each message went.

    Args:
        sent: deliveries, those of a message that is not noted yet included.
    """
    count = len(audiences)
    if count:
        core.journal.published_mix(
            PublishMix(
                0,
                _numbers(core, count, now_us),
                now_us // 1000,
                5 if link.version == 5 else 4,
                session.client_id,
                session.username,
                link.address,
                packets,
                audiences,
            )
        )
        _count_received(core, link, count, count)
    stats = core.stats
    stats.packets_sent[PUBLISH_0] += sent
    stats.messages_sent += sent
    stats.tps_units += sent
    core.throttle.tokens -= sent


def _numbers(core: Core, count: int, now_us: int) -> int:
    """The first of ``count`` numbers for messages."""
    seq = max(core.last_seq + 1, now_us)
    core.last_seq = seq + count - 1
    return seq


def _count_received(core: Core, link: Connection, count: int, units: int) -> None:
    link.received[PUBLISH_0] += count
    stats = core.stats
    stats.packets_received[PUBLISH_0] += count
    stats.messages_received += count
    stats.acl_publish_success += count
    stats.tps_units += units
    core.throttle.tokens -= units


def _run_of(
    core: Core,
    link: Connection,
    session: Session,
    entry: Entry,
    packets: bytes,
    count: int,
    now_us: int,
) -> PublishRun:
    return PublishRun(
        0,
        _numbers(core, count, now_us),
        count,
        now_us // 1000,
        entry.topic,
        0,
        5 if link.version == 5 else 4,
        session.client_id,
        session.username,
        link.address,
        packets,
    )


def _pass_on_slowly(
    core: Core,
    link: Connection,
    session: Session,
    entry: Entry,
    packet: bytes,
    refused: list[Session],
    now_us: int,
) -> None:
    """See to the receivers of a message that did not take it as it came."""
    run = _run_of(core, link, session, entry, packet, 1, now_us)
    away: list[Session] = []
    left = passing.whole(core, refused, run.version, packet, 1, len(packet), 1, away)
    _count_received(core, link, 1, 1)
    passing.finish(core, session, entry.plan, run, 1, left, away)


def _pass_run(  # noqa: PLR0915  # the hot path, see ``forward``
    core: Core,
    link: Connection,
    session: Session,
    entry: Entry,
    buffer: bytes,
    position: int,
    body: int,
    payload_start: int,
    end: int,
    room: int,
    now_us: int,
) -> tuple[int, int]:
    """Pass on a message and those behind it that have its topic and properties, and payloads of the
    same weight: as one piece, with one record.

    Args:
        body: of the first packet, which begins at ``position`` and ends at ``end``.
        room: no more messages may be taken.

    Returns:
        How many were taken, and where the first packet begins that was not. None is when the first
        is too large.
    """
    throttle, weight_bytes = core.throttle, core.weight_bytes
    payload_bytes = end - payload_start
    if payload_bytes > core.max_message_bytes:
        return 0, position
    plan = entry.plan
    reach = plan.whole
    sessions = reach.sessions
    weight = 1 if payload_bytes <= weight_bytes else throttle.weight(payload_bytes)
    start, count, longest_bytes = position, 1, end - position
    size, startswith = len(buffer), buffer.startswith
    position = end
    if size - end > 2 and buffer[end] == 0x30:
        most = min(room, -(-throttle.tokens // (weight * (1 + plan.session_count()))))
        lead = buffer[body:payload_start]
        least = len(lead) + (weight - 1) * weight_bytes + (weight > 1)
        longest = len(lead) + min(weight * weight_bytes, core.max_message_bytes)
        while count < most and size - position > 2 and buffer[position] == 0x30:
            length = buffer[position + 1]
            body = position + 2
            if length >= 0x80:
                high = buffer[body]
                if not 0 < high < 0x80:
                    break
                length += (high << 7) - 0x80
                body += 1
            end = body + length
            if end > size or not least <= length <= longest or not startswith(lead, body):
                break
            count += 1
            position = end
        longest_bytes = longest + 5
    packets = buffer[start:position]
    run = _run_of(core, link, session, entry, packets, count, now_us)
    longest_bytes = min(longest_bytes, len(packets))
    away: list[Session] = []
    left = sessions
    if not plan.shared:
        left = passing.whole(
            core, sessions, run.version, packets, count, longest_bytes, weight, away
        )
    _count_received(core, link, count, count * weight)
    if left or away or reach.slow or plan.shared:
        passing.finish(core, session, plan, run, weight, left, away)
    else:
        core.journal.published_run(run, reach.names, "success" if sessions else "no_subscriber")
    return count, position
