"""Passing PUBLISHes on as they came: whole at QoS 0, all but the packet ids at QoS 1 and 2.

What came one after another from one client to one topic is a run and goes to a receiver in one
piece (ENGINE, design rules 1 and 4). Receivers of another protocol level or with a lower QoS get a
run that is encoded once for all of them; those that cannot take it just now (a slow reader, a full
window) get its messages one by one from ``FanOut``, which keeps or drops them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.delivery.plans import Plan, Receivers
from broker_runtime.codec.encoder import PACKET_IDS, publish_parts, publish_whole
from broker_runtime.codec.packets import PUBLISH
from broker_runtime.session.window import MAX_PACKET_ID, Passed
from broker_runtime.storage.publishes import PublishRun
from broker_runtime.storage.runs import contents_of, messages_of

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core

PUBLISH_0: Final = PUBLISH << 2
"""Index of ``stats.Packets``; the QoS is added."""


def whole(
    core: Core,
    sessions: list[Session],
    level: int,
    packets: bytes,
    count: int,
    longest_bytes: int,
    weight: int,
    away: list[Session],
) -> list[Session]:
    """Pass a run on at QoS 0.

    Args:
        level: of the packets; receivers of another cannot take them.
        longest_bytes: no packet is longer.
        weight: what each message costs of the TPS limit.
        away: receivers that are not connected are added.

    Returns:
        Those that are connected and could not take it.
    """
    left: list[Session] = []
    reached = 0
    dirty, size_bytes = core.dirty, len(packets)
    for session in sessions:
        link = session.link
        if link is None:
            away.append(session)
            if not session.ended:
                core.stats.dropped["offline_qos_0"] += count
            continue
        if (
            link.level != level
            or link.queued_bytes + size_bytes > link.max_queued_bytes
            or longest_bytes > link.max_packet_bytes
        ):
            left.append(session)
            continue
        out = link.out
        if not out:
            dirty.append(link)
        out.append(packets)
        link.queued_bytes += size_bytes
        link.sent0 += count
        reached += count
    _count(core, PUBLISH_0, reached, weight)
    return left


def numbered(
    core: Core,
    sessions: list[Session],
    level: int,
    parts: list[bytes],
    size_bytes: int,
    qos: int,
    topic: str,
    first_seq: int,
    longest_bytes: int,
    weight: int,
    away: list[Session],
) -> list[Session]:
    """Pass a run on at QoS 1 or 2, to sessions that end with their connection; see ``whole``.

    Args:
        parts: for each message what comes before the packet id, room for it, what comes after it.
        size_bytes: of all parts with packet ids.
    """
    left: list[Session] = []
    reached, count = 0, len(parts) // 3
    dirty, kind = core.dirty, PUBLISH_0 | qos
    for session in sessions:
        link, window = session.link, session.window
        first_id = window.next_id
        after_id = first_id + count
        if link is None:
            away.append(session)
            continue
        if (
            link.level != level
            or link.queued_bytes + size_bytes > link.max_queued_bytes
            or longest_bytes > link.max_packet_bytes
            or window.pending
            or window.unacknowledged() + count > window.quota
            or after_id > MAX_PACKET_ID + 1
            or not window.are_free(first_id, after_id)
        ):
            left.append(session)
            continue
        window.pass_on(Passed(topic, qos, first_seq - first_id), first_id, after_id)
        parts[1::3] = PACKET_IDS[first_id:after_id]
        out = link.out
        if not out:
            dirty.append(link)
        out.append(b"".join(parts))
        link.queued_bytes += size_bytes
        link.sent[kind] += count
        reached += count
    _count(core, kind, reached, weight)
    return left


def _count(core: Core, kind: int, messages: int, weight: int) -> None:
    stats = core.stats
    stats.packets_sent[kind] += messages
    stats.messages_sent += messages
    stats.tps_units += messages * weight
    core.throttle.tokens -= messages * weight


def finish(
    core: Core,
    publisher: Session,
    plan: Plan,
    run: PublishRun,
    weight: int,
    left: list[Session],
    away: list[Session],
) -> None:
    """See to the other receivers of a run, and tell the journal.

    Args:
        left: those at the QoS of the run that ``whole`` or ``numbered`` could not pass it to. Where
            there are shared groups nothing may have been passed on yet: a member that has a
            subscription of its own too gets the messages in order [MQTT-4.6.0-6].
        away: those that they found not connected.
    """
    reach = plan.at(run.qos)
    groups = reach.direct
    remaining: list[Receivers] = []
    deaf: list[Session] = []
    if plan.shared:
        remaining = list(groups)
    elif left or len(groups) > 1:
        remaining = _to_others(core, groups, run, weight, left, away)
        if not run.qos:
            remaining, deaf = _without_deaf(remaining, len(run.packets))
    names: Sequence[tuple[str, int]] = reach.names
    if remaining or away or deaf:
        missing = {session for receivers in remaining for session in receivers.sessions}
        missing.update(away, deaf)
        names = [
            name
            for receivers in groups
            for session, name in zip(receivers.sessions, receivers.names, strict=True)
            if session not in missing
        ]
    if remaining or reach.slow or plan.shared:
        for message in messages_of(run):
            core.fan_out.hand_out_rest(message, plan, publisher, names, remaining)
    else:
        result = "success" if plan.reaches_anybody() else "no_subscriber"
        core.journal.published_run(run, names, result)
    for session in deaf:
        core.sending.drop_run(run, session, "queue_full")


def _without_deaf(
    remaining: list[Receivers], size_bytes: int
) -> tuple[list[Receivers], list[Session]]:
    """Sets those apart whose outbox is full and whose peer does not read: they would lose each
    message for itself, which takes seven times as long and is at the cost of all others (E3, E4).
    """
    hearing: list[Receivers] = []
    deaf: list[Session] = []
    for receivers in remaining:
        able = []
        for session in receivers.sessions:
            link = session.link
            if (
                link is not None
                and link.is_live
                and link.write_paused
                and link.queued_bytes >= link.max_queued_bytes
                and size_bytes <= link.max_packet_bytes
            ):
                deaf.append(session)
            else:
                able.append(session)
        if able:
            hearing.append(Receivers(able, receivers.qos))
    return hearing, deaf


def _to_others(
    core: Core,
    groups: Sequence[Receivers],
    run: PublishRun,
    weight: int,
    left: list[Session],
    away: list[Session],
) -> list[Receivers]:
    """Pass a run on in other encodings, each made once; returns those that took none."""
    remaining: list[Receivers] = []
    for receivers in groups:
        sessions = left if receivers is groups[0] else receivers.sessions
        for level in (4, 5):
            was_tried = receivers.qos == run.qos and level == run.version
            if not was_tried and _has_level(sessions, level):
                sessions = _encode_for(core, sessions, level, receivers.qos, run, weight, away)
        if sessions:
            remaining.append(Receivers(sessions, receivers.qos))
    return remaining


def _has_level(sessions: list[Session], level: int) -> bool:
    return any(s.link is not None and s.link.level == level for s in sessions)


def _encode_for(
    core: Core,
    sessions: list[Session],
    level: int,
    qos: int,
    run: PublishRun,
    weight: int,
    away: list[Session],
) -> list[Session]:
    topic = run.topic.encode()
    contents = contents_of(run.packets, run.version)
    if qos == 0:
        packets = [
            publish_whole(topic, payload, retain=False, version=level, properties=properties)
            for properties, payload in contents
        ]
        longest = max([len(packet) for packet in packets])
        joined = b"".join(packets)
        return whole(core, sessions, level, joined, run.count, longest, weight, away)
    longest = size_bytes = 0
    parts: list[bytes] = []
    for properties, payload in contents:
        prefix, rest = publish_parts(
            topic, payload, qos=qos, retain=False, version=level, properties=properties
        )
        parts += (prefix, b"", rest)
        packet_bytes = len(prefix) + 2 + len(rest)
        longest = max(longest, packet_bytes)
        size_bytes += packet_bytes
    return numbered(
        core,
        sessions,
        level,
        parts,
        size_bytes,
        qos,
        run.topic,
        run.first_seq,
        longest,
        weight,
        away,
    )
