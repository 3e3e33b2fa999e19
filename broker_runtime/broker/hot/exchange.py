"""The hot path of PUBLISH at QoS 1 and 2, and of PUBREL: a run is passed on and acknowledged at
once (QoS 1), or kept as it came until its PUBRELs come (QoS 2, where the publisher's session ends
with its connection).

2026-11-20, Python 3.11, one to one, 64 B, in process, journal included: see ``hot_path``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.hot import passing
from broker_runtime.broker.hot.acknowledging import answer, in_order
from broker_runtime.broker.hot.runs import Run, read_run
from broker_runtime.broker.links.states import LIVE
from broker_runtime.codec.encoder import PACKET_IDS, PUBACKS, PUBCOMPS, PUBRECS, PUBRELS
from broker_runtime.codec.framing import read_header
from broker_runtime.codec.packets import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL
from broker_runtime.codec.reasons import ReasonCode, Violation
from broker_runtime.storage.runs import messages_of

PUBLISH_1: Final = PUBLISH << 2 | 1

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection


def take(
    core: Core, link: Connection, session: Session, buffer: bytes, position: int, now_us: int
) -> int:
    """Take the PUBLISHes at QoS 1 or 2 that begin at ``position``; where the first begins that was
    not taken: ``position`` when they are not the usual case."""
    received = session.received
    if (
        link.answers.newest() is not None
        or (session.durable and buffer[position] == 0x34)
        or len(received) >= link.receive_maximum  # [MQTT-3.3.4-7] (P22, S9)
        or received.payload_bytes > core.settings.unreleased_max_bytes
    ):
        return position
    run = read_run(core, link, session, buffer, position, now_us)
    if run is None:
        return position
    if run.qos == 1:
        _publish(core, link, session, run, now_us)
        if run.entry.plan.reaches_anybody() or run.level == 4:
            answer(core, link, PUBACK, PUBACKS, run.first_id, run.count)
        else:
            _answer_nobody(core, link, run)
    else:
        room = link.receive_maximum - len(received)
        if run.count > room:
            run = run.cut(0, room)
        if received.knows_any(run.first_id, run.after_id):
            return position
        received.keep_run(run, run.first_id, run.after_id, run.kept_bytes)
        answer(core, link, PUBREC, PUBRECS, run.first_id, run.count)
    _count_received(core, link, run)
    return position + len(run.packets)


def _count_received(core: Core, link: Connection, run: Run) -> None:
    count, kind = run.count, PUBLISH << 2 | run.qos
    link.allowance -= count
    link.received[kind] += count
    stats = core.stats
    stats.packets_received[kind] += count
    stats.messages_received += count
    stats.acl_publish_success += count
    stats.tps_units += count * run.weight
    core.throttle.tokens -= count * run.weight


def _publish(core: Core, link: Connection, session: Session, run: Run, now_us: int) -> None:
    plan, qos = run.entry.plan, run.qos
    reach = plan.at(qos)
    seq = max(core.last_seq + 1, now_us)
    core.last_seq = seq + run.count - 1
    record = run.record(session, link, seq)
    away: list[Session] = []
    left = passing.numbered(
        core,
        reach.sessions,
        run.level,
        run.parts,
        len(run.packets),
        qos,
        run.entry.topic,
        seq,
        run.longest_bytes,
        run.weight,
        away,
    )
    if left or away or reach.slow or len(reach.direct) > 1:
        passing.finish(core, session, plan, record, run.weight, left, away)
    else:
        result = "success" if plan.reaches_anybody() else "no_subscriber"
        core.journal.published_run(record, reach.names, result)


def _answer_nobody(core: Core, link: Connection, run: Run) -> None:
    """PUBACK with "no matching subscribers", which only MQTT 5 knows (MQTT 5.0 §3.4.2.1)."""
    reason = bytes((ReasonCode.NO_MATCHING_SUBSCRIBERS,))
    ids = PACKET_IDS[run.first_id : run.after_id]
    link.send(b"".join([b"\x40\x03" + packet_id + reason for packet_id in ids]))
    link.sent[PUBACK << 2] += run.count
    core.stats.packets_sent[PUBACK << 2] += run.count


def keep_logged(
    core: Core, link: Connection, session: Session, buffer: bytes, position: int, now_us: int
) -> int:
    """The QoS 1 PUBLISHes that begin at ``position``, as far as durable sessions get them
    (``DurablePath``); where the first begins that was not taken."""
    size, throttle, room = len(buffer), core.throttle, core.throttle.room(link)
    taken = 0
    while size - position > 2 and buffer[position] == 0x32:
        header = read_header(buffer, position, core.max_packet_bytes)
        if header is None or isinstance(header, Violation):
            break
        _, body, end = header
        if end > size or not 4 <= end - body <= core.weight_bytes:
            break
        name_end = body + 2 + (buffer[body] << 8 | buffer[body + 1])
        entry = session.cache.get(buffer[body + 2 : name_end])
        if (
            entry is None
            or not entry.plan.logged
            or entry.route.version != core.routes.version
            or not entry.mask & 2
            or throttle.tokens <= 0
            or taken >= room
            or core.durable_path.publish_1(link, buffer, position, name_end, end, now_us, entry) < 0
        ):
            break
        taken += 1
        position = end
        if link.held or link.state != LIVE:
            break
    if taken:
        _count_logged(core, link, taken)
    return position


def _count_logged(core: Core, link: Connection, taken: int) -> None:
    """Of QoS 1 messages that wait for the store; their PUBACKs are counted now."""
    link.allowance -= taken
    link.received[PUBLISH_1] += taken
    link.sent[PUBACK << 2] += taken
    stats = core.stats
    stats.packets_received[PUBLISH_1] += taken
    stats.packets_sent[PUBACK << 2] += taken
    stats.messages_received += taken
    stats.acl_publish_success += taken
    stats.tps_units += taken


def release(
    core: Core, link: Connection, session: Session, buffer: bytes, position: int, now_us: int
) -> int:
    """PUBRELs without a reason: publish the messages, exactly once, and answer PUBCOMP.

    What has changed since the PUBLISH (a right withdrawn: S8, a subscription) has moved the version
    of the routes on: then the messages are looked at one by one (``Publishing.release``).
    """
    received = session.received
    first_id = buffer[position + 2] << 8 | buffer[position + 3]
    run = received.runs.get(first_id)
    if run is None:
        return position
    if run.entry.route.version != core.routes.version:
        keep_apart(session, link, run)
        return position
    count = in_order(buffer, position, PUBRELS, first_id, run.after_id - first_id)
    if 4 * count < run.count:
        # Cutting copies what is left: done for each of many it would cost their square.
        keep_apart(session, link, run)
        return position
    if count < run.count:
        run = _cut_out(session, run, first_id - run.first_id, count)
    received.take_run(run.first_id, run.after_id, run.kept_bytes)
    _publish(core, link, session, run, now_us)
    link.received[PUBREL << 2] += count
    core.stats.packets_received[PUBREL << 2] += count
    answer(core, link, PUBCOMP, PUBCOMPS, first_id, count)
    return position + 4 * count


def _cut_out(session: Session, run: Run, start: int, count: int) -> Run:
    """Make some messages of a kept run a run of their own; what is before and behind them is kept
    on."""
    received, middle = session.received, run.cut(start, start + count)
    received.take_run(run.first_id, run.after_id, run.kept_bytes)
    for piece in (run.cut(0, start), middle, run.cut(start + count, run.count)):
        if piece.count:
            received.keep_run(piece, piece.first_id, piece.after_id, piece.kept_bytes)
    return middle


def keep_apart(session: Session, link: Connection, run: Run) -> None:
    """From now on keep the messages of a run one by one."""
    received = session.received
    received.take_run(run.first_id, run.after_id, run.kept_bytes)
    for packet_id, message in enumerate(messages_of(run.record(session, link, 0)), run.first_id):
        received.keep(packet_id, message, len(message.payload))
