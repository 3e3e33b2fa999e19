"""What stands between a socket and an MQTT connection, and is transport to one, protocol to the
other."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Protocol, cast

from broker_runtime.codec.reasons import ReasonCode, Violation

READ_BYTES = 60 * 1024
"""A read of about this size says that there is more; the layer then waits for its next turn."""


class Upper(Protocol):
    """What a layer needs of what is above it: an MQTT connection, or another layer.

    The transport is there from the moment of the TCP connection, so that whoever is on top counts
    and times everything from then on; bytes come when handshakes are through.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TCP connection is there."""
        ...

    def data_received(self, data: bytes) -> None:
        """Bytes of MQTT came."""
        ...

    def eof_received(self) -> bool | None:
        """The peer sends no more; False closes."""
        ...

    def connection_lost(self, error: Exception | None) -> None:
        """The transport is gone."""
        ...

    def pause_writing(self) -> None:
        """The peer does not keep up."""
        ...

    def resume_writing(self) -> None:
        """The peer took what was written."""
        ...

    def fail(self, violation: Violation) -> None:
        """The peer breaks the rules of a layer: tell the operator, close the transport."""
        ...


class Refusals:
    """Connections that a layer ended, by layer and reason."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, layer: str, reason: str) -> None:
        """One more; ``reason`` in snake case, of a bounded set."""
        self._counts[layer, reason] += 1

    def counters(self) -> dict[str, int]:
        """``transport_refused_<tls|ws>_<reason>`` → how many."""
        return {f"transport_refused_{layer}_{r}": n for (layer, r), n in self._counts.items()}


class Layer(asyncio.Transport, asyncio.Protocol):
    """Passes everything on in both directions; a kind of layer changes the bytes.

    Args:
        above: what gets the bytes.
        name: under which ``refusals`` counts.
    """

    __slots__ = (
        "_above",
        "_below",
        "_is_open",
        "_is_paused",
        "_is_refused",
        "_name",
        "_refusals",
    )

    def __init__(self, above: Upper, name: str, refusals: Refusals) -> None:
        self._above = above
        self._below: asyncio.Transport
        self._name = name
        self._refusals = refusals
        self._is_open = False
        """Whether the handshake is through."""
        self._is_refused = False
        self._is_paused = False

    # -- protocol of what is below -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TCP connection is there."""
        # Those of uvloop are no asyncio.Transport by name.
        self._below = cast(asyncio.Transport, transport)
        self._above.connection_made(self)

    def eof_received(self) -> bool | None:
        """The peer sends no more."""
        return self._above.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        self._count_refusal("left")
        self._above.connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer does not keep up."""
        self._above.pause_writing()

    def resume_writing(self) -> None:
        """The peer took what was written."""
        self._above.resume_writing()

    def fail(self, violation: Violation) -> None:
        """A layer below ended the connection."""
        self._above.fail(violation)

    # -- transport of what is above ----------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the socket knows, the peer's address above all."""
        return self._below.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """How much may wait for the peer before ``pause_writing``."""
        self._below.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the peer."""
        return self._below.get_write_buffer_size()

    def is_closing(self) -> bool:
        """Whether nothing more is written."""
        return self._below.is_closing()

    def pause_reading(self) -> None:
        """Take no more from the peer."""
        self._is_paused = True
        self._below.pause_reading()

    def resume_reading(self) -> None:
        """Go on where ``pause_reading`` stopped."""
        self._is_paused = False
        self._below.resume_reading()

    def can_write_eof(self) -> bool:
        """Whether the peer can be told that nothing more comes while it still sends."""
        return self._is_open

    def write_eof(self) -> None:
        """Say that nothing more comes; what the peer still sends is handed on."""
        self._below.write_eof()

    def close(self) -> None:
        """Close once what was written is sent."""
        self._count_refusal("timeout")
        self._below.close()

    def abort(self) -> None:
        """Close at once."""
        self._count_refusal("not_admitted")
        self._below.abort()

    # -- for the kinds of layers -------------------------------------------------------------------

    def _refuse(self, reason: str, detail: str) -> None:
        """The handshake failed."""
        self._count_refusal(reason)
        self._above.fail(Violation(ReasonCode.PROTOCOL_ERROR, detail))

    def _count_refusal(self, reason: str) -> None:
        """The first reason counts, and none once the handshake is through."""
        if not self._is_open and not self._is_refused:
            self._is_refused = True
            self._refusals.add(self._name, reason)

    def _give_way(self, read_bytes: int) -> None:
        """After a large read others get their turn: libuv reads a busy socket many times in one."""
        if read_bytes >= READ_BYTES and not self._is_paused and not self._below.is_closing():
            self._below.pause_reading()
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        if not self._is_paused and not self._below.is_closing():
            self._below.resume_reading()
