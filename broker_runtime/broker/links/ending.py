"""The end of a connection: what the client is told, what it may still read, what its session
learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker_runtime.broker.links.answers import disconnect
from broker_runtime.broker.links.states import CLOSED, LIVE
from broker_runtime.codec.packets import DISCONNECT
from broker_runtime.codec.reasons import ReasonCode

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

LINGER_S: Final = 5.0
LINGER_BYTES: Final = 1024 * 1024
"""A client that we end may take so long, and send so much, until it has read our last bytes."""


def close(
    core: Core,
    link: Connection,
    reason: ReasonCode,
    detail: str,
    keep_will: bool,
    server_reference: str,
) -> None:
    """See ``Connection.close``. [MQTT-3.14.4-2] [MQTT-4.13.2-1]"""
    if link.state == CLOSED:
        return
    if link.state != LIVE:
        core.handshake.refuse(link, reason, detail, server_reference)
        return
    if link.version == 5:
        link.send_if_fits(DISCONNECT, disconnect(link, reason, detail, server_reference))
    shut(core, link, detail, keep_will)


def shut(core: Core, link: Connection, detail: str, keep_will: bool) -> None:
    """Write what is in the outbox and close.

    A client that still sends must be able to read it: closed with unread input the kernel would
    reset the connection. So we say that nothing more comes, and throw away what arrives, until the
    client has closed, or has had its time. [MQTT-3.14.4-1]
    """
    if link.state == CLOSED:
        return
    says_something = bool(link.out)
    takes_time = link.write_paused or says_something
    link.write_paused = False
    link.flush()
    gone(core, link, detail, keep_will)
    transport = link.transport
    if transport is None:
        return
    link.deadline_s = core.clock.monotonic_s() + LINGER_S
    if takes_time or link.watched is None:
        core.patrol.watch(link, link.deadline_s)
    if says_something and transport.can_write_eof():
        link.drained_bytes = LINGER_BYTES
        try:
            transport.write_eof()
        except OSError:  # the peer was gone already, and nobody had read so
            transport.abort()
        else:
            link.resume_reading()
    else:
        transport.close()


def drain(link: Connection, size: int) -> None:
    """Throw away what a client sends that was told to go."""
    link.drained_bytes -= size
    if link.drained_bytes < 0:
        link.abort()


def gone(core: Core, link: Connection, detail: str, keep_will: bool) -> None:
    """The connection does not count any more; its session learns of it."""
    was_live = link.state == LIVE
    link.state = CLOSED
    link.out.clear()
    link.queued_bytes = link.max_queued_bytes = 0
    if link.unfinished is not None:
        core.half_received.changed(-len(link.unfinished))
        link.unfinished = None
    core.handshake.forget(link)
    session = link.session
    if session is None:
        return
    link.session = None
    if was_live:
        core.events.add(
            "disconnected",
            client_id=session.client_id,
            username=session.username,
            address=link.address,
            reason=detail,
        )
    if session.link is link:
        core.sessions.detach(session, keep_will=keep_will and was_live)
        core.plan_flush()
