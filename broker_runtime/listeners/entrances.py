"""What the listeners section asks for, checked and made ready before anything changes."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from functools import partial
from typing import cast

from broker_runtime.broker.broker import Broker
from broker_runtime.broker.errors import ConfigurationInvalid
from broker_runtime.contract.configuration import Certificate, Listener
from broker_runtime.listeners.layer import Refusals, Upper
from broker_runtime.listeners.tls import CertificateInvalid, TlsLayer, server_context
from broker_runtime.listeners.websocket import WebSocketLayer

Place = tuple[str, int, str]
"""Host, port and, where the port is 0 and says nothing, the kind."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One listener, with what its TLS handshakes use."""

    listener: Listener
    context: ssl.SSLContext | None

    @property
    def place(self) -> Place:
        """Where it listens: the socket stays open while this does."""
        listener = self.listener
        return listener.host, listener.port, "" if listener.port else listener.kind


class Entrance:
    """An open socket. What it does with a new connection may change without closing it."""

    def __init__(self, wanted: Wanted, broker: Broker, refusals: Refusals) -> None:
        self.wanted = wanted
        self.server: asyncio.Server | None = None
        self._broker = broker
        self._refusals = refusals

    def protocol(self) -> asyncio.Protocol:
        """The protocol object for a new TCP connection."""
        connection = self._broker.accept()
        kind, context = self.wanted.listener.kind, self.wanted.context
        if kind == "tcp":
            # It has the methods of a protocol, not the class: see there.
            return cast(asyncio.Protocol, connection)
        above: Upper = connection
        if kind in ("ws", "wss"):
            websocket = WebSocketLayer(
                connection,
                self.wanted.listener,
                self._refusals,
                self._broker.clock,
                partial(self._broker.input_bound_bytes, connection),
            )
            if kind == "ws":
                return websocket
            above = websocket
        assert context is not None, "prepared with one"
        return TlsLayer(above, context, self._refusals)

    @property
    def port(self) -> int:
        """The real port, also where 0 was asked for."""
        assert self.server is not None, "asked of open entrances"
        return int(self.server.sockets[0].getsockname()[1]) if self.server.sockets else 0


def prepare(
    listeners: tuple[Listener, ...], certificates: tuple[Certificate, ...]
) -> tuple[Wanted, ...]:
    """Check everything and load the certificates. Blocks for their files.

    Raises:
        ConfigurationInvalid: an address, a path or a certificate cannot be used.
    """
    named = _by_name(certificates)
    made: dict[tuple[str, str, str], ssl.SSLContext] = {}
    seen: set[Place] = set()
    for listener in listeners:
        _check(listener)
        place = Wanted(listener, None).place
        if listener.port and place in seen:
            raise ConfigurationInvalid(f"listeners: {listener.host}:{listener.port} is there twice")
        seen.add(place)
    try:
        for name, certificate in named.items():
            made[name, "1.2", "1.3"] = server_context(certificate, "1.2", "1.3")
        return tuple(Wanted(listener, _context(listener, named, made)) for listener in listeners)
    except CertificateInvalid as error:
        raise ConfigurationInvalid(f"certificates: {error}") from None


def _by_name(certificates: tuple[Certificate, ...]) -> dict[str, Certificate]:
    named = {certificate.name: certificate for certificate in certificates}
    if len(named) != len(certificates):
        raise ConfigurationInvalid("certificates: a name is there twice")
    if "" in named:
        raise ConfigurationInvalid("certificates: a name is empty")
    return named


def _check(listener: Listener) -> None:
    if not 0 <= listener.port <= 65_535:
        raise ConfigurationInvalid(f"listeners: port {listener.port} is not within 0 and 65535")
    path = listener.path
    if path and not (path.startswith("/") and path.isascii() and path.isprintable()):
        raise ConfigurationInvalid(f"listeners: path {path!r}: /NAME expected")
    if "?" in path or "#" in path or " " in path:
        raise ConfigurationInvalid(f"listeners: path {path!r}: without query and space expected")


def _context(
    listener: Listener,
    named: dict[str, Certificate],
    made: dict[tuple[str, str, str], ssl.SSLContext],
) -> ssl.SSLContext | None:
    """Listeners with the same certificate and versions share one: it holds 100 KB and more."""
    if listener.kind not in ("tls", "wss"):
        return None
    certificate = named.get(listener.certificate)
    if certificate is None:
        raise ConfigurationInvalid(
            f"listeners: {listener.kind} on port {listener.port} names the certificate "
            f"{listener.certificate!r}, which is not there"
        )
    key = (listener.certificate, listener.tls_minimum, listener.tls_maximum)
    if key not in made:
        made[key] = server_context(certificate, listener.tls_minimum, listener.tls_maximum)
    return made[key]
