"""The hot path: what was read, taken apart in one loop; the usual cases straight through, in runs.

A run is what came one after another and is alike: PUBLISHes to one topic, acknowledgements of
consecutive packet ids. It is authorised, matched, passed on, recorded and counted once, so a busy
client costs per read what it would cost per message. Whatever is not the usual case goes, packet by
packet, to ``publishing`` and ``packets``; both ways lead to the same (tests/broker/test_two_ways).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.hot import acknowledging, exchange
from broker_runtime.broker.hot.forwarding import forward
from broker_runtime.broker.links import packets
from broker_runtime.broker.links.states import LIVE
from broker_runtime.codec.framing import read_header
from broker_runtime.codec.reasons import Violation

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

ANSWERS: Final = frozenset((0x40, 0x50, 0x62, 0x70))
"""First bytes of PUBACK, PUBREC, PUBREL, PUBCOMP; two bytes more and they carry no reason."""


def consume(core: Core, link: Connection, buffer: bytes, position: int) -> int:
    """Handle packets from ``position``; returns where the first unfinished one begins."""
    session = link.owner
    now_us = core.clock.wall_us()
    size = len(buffer)
    while size - position >= 2:
        first = buffer[position]
        reached = position
        if first == 0x30:
            reached = forward(core, link, session, buffer, position, now_us)
        elif first == 0x32 or first == 0x34:
            reached = exchange.take(core, link, session, buffer, position, now_us)
            if reached == position and first == 0x32:
                reached = exchange.keep_logged(core, link, session, buffer, position, now_us)
        elif first in ANSWERS and size - position >= 4 and buffer[position + 1] == 2:
            reached = _take_answers(core, link, session, buffer, position, now_us)
        if reached == position:
            reached = _take_one(core, link, buffer, position)
            if reached == position:
                break
        position = reached
        if link.state != LIVE or link.held:
            break
    return position


def _take_answers(
    core: Core, link: Connection, session: Session, buffer: bytes, position: int, now_us: int
) -> int:
    first = buffer[position]
    if first == 0x40:
        return acknowledging.take_pubacks(core, link, session, buffer, position, now_us // 1000)
    if first == 0x62:
        return exchange.release(core, link, session, buffer, position, now_us)
    if first == 0x50:
        return acknowledging.take_pubrecs(core, link, session, buffer, position, now_us // 1000)
    return acknowledging.take_pubcomps(core, link, session, buffer, position, now_us // 1000)


def _take_one(core: Core, link: Connection, buffer: bytes, position: int) -> int:
    """Handle one packet of any kind; ``position`` when it is unfinished or must wait."""
    header = read_header(buffer, position, core.max_packet_bytes)
    if header is None:
        return position
    if isinstance(header, Violation):
        link.fail(header)
        return position
    first, start, end = header
    if end > len(buffer):
        link.needed_bytes = end - position
        return position
    kind = first >> 4
    if kind == 3:
        throttle = core.throttle
        if throttle.tokens <= 0 or throttle.room(link) <= 0:
            throttle.wait(link)
            return position
        link.allowance -= 1
        core.publishing.receive(link, buffer, start, end, first & 0x0F)
    elif first in ANSWERS and end - start == 2:
        packets.answered(core, link, kind, buffer[start] << 8 | buffer[start + 1])
    else:
        packets.handle(core, link, first, buffer[start:end])
    return end
