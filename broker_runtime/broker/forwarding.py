"""The hot path of PUBLISH at QoS 0: runs of packets found in the receive buffer and passed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker_runtime.broker import passing
from broker_runtime.broker.client import Session
from broker_runtime.codec.framing import read_header
from broker_runtime.codec.packets import PUBLISH
from broker_runtime.codec.reasons import Violation
from broker_runtime.storage.base import PublishRun

if TYPE_CHECKING:
    from broker_runtime.broker.connection import Connection
    from broker_runtime.broker.core import Core

PUBLISH_0: Final = PUBLISH << 2


def forward(  # noqa: C901, PLR0915
    core: Core, link: Connection, session: Session, buffer: bytes, position: int, now_us: int
) -> int:
    """Pass on the QoS 0 PUBLISHes that begin at ``position``, as far as they are the usual case.

    The usual case: not retained, no topic alias, no expiry. One function,
    and no object but the record for the journal, for a whole run.

    Returns:
        Where the first packet begins that was not taken; ``position`` when there was none.
    """
    cache, routes, throttle = session.cache, core.routes, core.throttle
    weight_bytes, max_message_bytes = core.weight_bytes, core.max_message_bytes
    level = 5 if link.version == 5 else 4
    plain, startswith = core.plain_properties, buffer.startswith
    room = throttle.room(link)
    size = len(buffer)
    taken = units = 0
    while size - position >= 4 and buffer[position] == 0x30:
        length = buffer[position + 1]
        body = position + 2
        if length < 0x80:
            end = body + length
        else:
            header = read_header(buffer, position, core.max_packet_bytes)
            if header is None or isinstance(header, Violation):
                break
            _, body, end = header
        if end > size or end - body < 2:
            break
        name_end = body + 2 + (buffer[body] << 8 | buffer[body + 1])
        if name_end > end:
            break
        payload_start = name_end
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
        if not entry.mask & 1:
            break
        plan = entry.plan
        reach = plan.whole
        sessions = reach.sessions
        payload_bytes = end - payload_start
        weight = 1 if payload_bytes <= weight_bytes else throttle.weight(payload_bytes)
        most = room - taken
        tokens = throttle.tokens
        if payload_bytes > max_message_bytes or most <= 0 or tokens <= 0:
            break
        start, count, longest_bytes = position, 1, end - position
        position = end
        if size - end > 2 and buffer[end] == 0x30:
            # Those that follow: the same topic and properties, payloads of the same weight.
            most = min(most, -(-tokens // (weight * (1 + len(sessions)))))
            lead = buffer[body:payload_start]
            least = len(lead) + (weight - 1) * weight_bytes + (weight > 1)
            longest = len(lead) + min(weight * weight_bytes, max_message_bytes)
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
        seq = core.last_seq + 1
        if seq < now_us:
            seq = now_us
        core.last_seq = seq + count - 1
        packets = buffer[start:position]
        run = PublishRun(
            0,
            seq,
            count,
            now_us // 1000,
            entry.topic,
            0,
            level,
            session.client_id,
            session.username,
            link.address,
            packets,
        )
        away: list[Session] = []
        longest_bytes = min(longest_bytes, len(packets))
        left = sessions
        if not plan.shared:
            left = passing.whole(core, sessions, level, packets, count, longest_bytes, weight, away)
        throttle.tokens -= count * weight
        taken += count
        units += count * weight
        if left or away or reach.slow or plan.shared:
            passing.finish(core, session, plan, run, weight, left, away)
        else:
            core.journal.published_run(run, reach.names, "success" if sessions else "no_subscriber")
    if taken:
        link.allowance = room - taken
        link.received[PUBLISH_0] += taken
        stats = core.stats
        stats.packets_received[PUBLISH_0] += taken
        stats.messages_received += taken
        stats.acl_publish_success += taken
        stats.tps_units += units
    return position
