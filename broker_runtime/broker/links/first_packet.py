"""The first packet of a connection: CONNECT, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker_runtime.broker.links.states import DECIDING
from broker_runtime.codec.decoder import decode
from broker_runtime.codec.framing import read_header
from broker_runtime.codec.packets import CONNECT, Connect
from broker_runtime.codec.reasons import Violation

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection


def take_connect(core: Core, link: Connection, buffer: bytes) -> int:
    """Take a CONNECT from a buffer that is not empty [MQTT-3.1.0-1] (P01); returns where the next
    packet begins, 0 when there is no whole packet yet or the connection was ended.
    [MQTT3-3.1.0-1]"""
    if buffer[0] != CONNECT << 4:
        core.handshake.turn_away(link, "the first packet is not CONNECT")
        return 0
    header = read_header(buffer, 0, core.settings.max_connect_bytes)
    if header is None:
        return 0
    if isinstance(header, Violation):
        core.handshake.turn_away(link, header.detail)
        return 0
    first_byte, start, end = header
    if end > len(buffer):
        link.needed_bytes = end
        return 0
    link.count_received(CONNECT, 0)
    packet = decode(first_byte, buffer[start:end], 0)
    if isinstance(packet, Violation):
        core.handshake.refuse_malformed(link, packet)
    else:
        assert isinstance(packet, Connect), "the first byte says CONNECT"
        link.state = DECIDING
        core.handshake.begin(link, packet)
    return end
