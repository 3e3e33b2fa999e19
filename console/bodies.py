"""No request's body is taken without end.

Daphne takes a body whole before Django sees its first byte, in a file and then in memory: a
stranger could fill both with one POST. Its request class is replaced here, for it has no setting.
"""

from __future__ import annotations

from daphne import http_protocol

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Above what Django and the API take (6 MiB), so that a body a little too long is told so there."""
REFUSAL = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class BoundedRequest(http_protocol.WebRequest):  # type: ignore[misc]  # daphne has no types
    """A request that ends its connection once its body is too long, announced or not."""

    body_bytes = 0

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a piece of the body; refuse the first that is too much, drop what follows it."""
        before = self.body_bytes
        self.body_bytes += len(data)
        if self.body_bytes <= MAX_BODY_BYTES:
            super().handleContentChunk(data)
        elif before <= MAX_BODY_BYTES:
            self.channel.transport.write(REFUSAL)
            self.channel.loseConnection()


def install() -> None:
    """Have every connection of this process's daphne make such requests."""
    http_protocol.WebRequest = BoundedRequest
