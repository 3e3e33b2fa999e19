"""The hot path of acknowledgements: those of consecutive packet ids are compared, answered and
recorded all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker_runtime.broker.clients.client import Session
from broker_runtime.codec.encoder import PUBACKS, PUBCOMPS, PUBRECS, PUBRELS
from broker_runtime.codec.packets import PUBACK, PUBCOMP, PUBREC, PUBREL
from broker_runtime.session.window import MAX_PACKET_ID

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection


def in_order(buffer: bytes, position: int, table: bytes, first_id: int, most: int) -> int:
    """How many acknowledgements without a reason, at least one, begin at ``position`` with the ids
    that follow ``first_id``; at most ``most``.

    Args:
        table: all of that type, such as ``encoder.PUBACKS``.
    """
    start = 4 * first_id
    most = min(most, (len(buffer) - position) >> 2)
    if buffer[position : position + 4 * most] == table[start : start + 4 * most]:
        return most
    count = 1
    while (
        count < most
        and buffer[position + 4 * count : position + 4 * count + 4]
        == table[start + 4 * count : start + 4 * count + 4]
    ):
        count += 1
    return count


def answer(
    core: Core, link: Connection, packet_type: int, table: bytes, first_id: int, count: int
) -> None:
    """Send acknowledgements without a reason for consecutive packet ids."""
    out = link.out
    if not out:
        core.dirty.append(link)
    out.append(table[4 * first_id : 4 * (first_id + count)])
    link.queued_bytes += 4 * count
    link.sent[packet_type << 2] += count
    core.stats.packets_sent[packet_type << 2] += count


def take_pubacks(
    core: Core, link: Connection, session: Session, buffer: bytes, position: int, now_ms: int
) -> int:
    """PUBACKs; where the first packet begins that was not taken."""
    first_id = buffer[position + 2] << 8 | buffer[position + 3]
    most = in_order(buffer, position, PUBACKS, first_id, MAX_PACKET_ID + 1 - first_id)
    if first_id in session.window.passed:
        seqs = _no_longer_passed(session, first_id, most, 1)
    else:
        seqs = _no_longer_inflight(core, session, first_id, most)
    if seqs:
        _recorded(core, link, session, PUBACK, "PUBACK", 1, seqs, now_ms)
        _go_on(core, session)
    return position + 4 * len(seqs)


def take_pubrecs(
    core: Core, link: Connection, session: Session, buffer: bytes, position: int, now_ms: int
) -> int:
    """PUBRECs, each answered with a PUBREL; where the first packet begins that was not taken."""
    window = session.window
    first_id = buffer[position + 2] << 8 | buffer[position + 3]
    if first_id not in window.passed:
        return position
    most = in_order(buffer, position, PUBRECS, first_id, MAX_PACKET_ID + 1 - first_id)
    seqs = _no_longer_passed(session, first_id, most, 2)
    if seqs:
        count = len(seqs)
        window.release_all(first_id, seqs)
        _recorded(core, link, session, PUBREC, "PUBREC", 2, seqs, now_ms)
        answer(core, link, PUBREL, PUBRELS, first_id, count)
    return position + 4 * len(seqs)


def take_pubcomps(
    core: Core, link: Connection, session: Session, buffer: bytes, position: int, now_ms: int
) -> int:
    """PUBCOMPs; where the first packet begins that was not taken."""
    released = session.window.released
    first_id = buffer[position + 2] << 8 | buffer[position + 3]
    if session.durable or first_id not in released:
        return position
    most = in_order(buffer, position, PUBCOMPS, first_id, MAX_PACKET_ID + 1 - first_id)
    seqs: list[int] = []
    for packet_id in range(first_id, first_id + most):
        seq = released.pop(packet_id, 0)
        if not seq:
            break
        seqs.append(seq)
    _recorded(core, link, session, PUBCOMP, "PUBCOMP", 2, seqs, now_ms)
    _go_on(core, session)
    return position + 4 * len(seqs)


def _no_longer_passed(session: Session, first_id: int, most: int, qos: int) -> list[int]:
    """Take messages of this QoS with consecutive packet ids out of the window; their numbers."""
    passed = session.window.passed
    seqs: list[int] = []
    for packet_id in range(first_id, first_id + most):
        sent = passed.get(packet_id)
        if sent is None or sent.qos != qos:
            break
        del passed[packet_id]
        seqs.append(sent.offset + packet_id)
    return seqs


def _no_longer_inflight(core: Core, session: Session, first_id: int, most: int) -> list[int]:
    """The same for QoS 1 messages that are kept until they are acknowledged."""
    inflight = session.window.inflight
    seqs: list[int] = []
    for packet_id in range(first_id, first_id + most):
        outgoing = inflight.get(packet_id)
        if outgoing is None or outgoing.qos != 1:
            break
        del inflight[packet_id]
        seqs.append(outgoing.seq)
        if outgoing.shared:
            core.shared.settled(outgoing)
    if seqs:
        core.persistence.mark(session)
    return seqs


def _recorded(
    core: Core,
    link: Connection,
    session: Session,
    packet_type: int,
    name: str,
    qos: int,
    seqs: list[int],
    now_ms: int,
) -> None:
    link.received[packet_type << 2] += len(seqs)
    core.stats.packets_received[packet_type << 2] += len(seqs)
    core.journal.steps(seqs, session.client_id, name, qos, "success", now_ms)


def _go_on(core: Core, session: Session) -> None:
    """There is room in the window again."""
    if session.window.pending or session.behind or session.retained_requests or session.held_back:
        core.sending.pump(session)
