"""How much of a body the web process takes before anybody looks at it (SECURITY C16)."""

from __future__ import annotations

from typing import Any

import pytest
from daphne.http_protocol import HTTPFactory
from twisted.internet.testing import StringTransport

import console.asgi  # noqa: F401  # what daphne loads: it sets the limit
from console.bodies import MAX_BODY_BYTES

PIECE = b"a" * 65_536


class Server:
    """As much of daphne's server as a request needs before its body is complete."""

    def protocol_connected(self, protocol: object) -> None:
        """A request began."""

    def protocol_disconnected(self, protocol: object) -> None:
        """A request ended."""


@pytest.fixture
def transport() -> StringTransport:
    return StringTransport()


@pytest.fixture
def connection(transport: StringTransport) -> Any:
    """A client's connection to the web process."""
    protocol = HTTPFactory(Server()).buildProtocol(None)
    protocol.makeConnection(transport)
    return protocol


def head(header: str) -> bytes:
    return f"POST /sign-in/ HTTP/1.1\r\nHost: here\r\n{header}\r\n\r\n".encode()


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_a_body_without_end_ends_its_connection(
    connection: Any, transport: StringTransport, chunked: bool
) -> None:
    piece = b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if chunked else PIECE
    announced = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {10**12}"
    connection.dataReceived(head(announced))
    for _taken in range(MAX_BODY_BYTES // len(PIECE)):
        connection.dataReceived(piece)
    assert transport.value() == b""

    for _dropped in range(3):
        connection.dataReceived(piece)

    assert transport.disconnecting
    assert transport.value().count(b"HTTP/1.1 413 ") == 1
