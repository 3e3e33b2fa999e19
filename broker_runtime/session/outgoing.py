"""A message on its way to a receiver, as the window keeps it."""

from __future__ import annotations

from typing import Protocol


class Message(Protocol):
    """What the session needs of a stored message."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    client_id: str
    expires_ms: int | None
    properties: bytes

    @property
    def seq(self) -> int:
        """Its number in the log; grows with time."""
        ...


class Outgoing:
    """A QoS 1 or 2 PUBLISH, encoded; receivers that get the same bytes share one.

    Send ``prefix``, the packet id, ``rest``. ``message`` None: only its number is known, because
    the session was taken up from the store and the log was not read that far yet. A message that
    expires is encoded at the moment it is sent (``prefix`` and ``rest`` are empty until then).
    ``pinned``: it is not in the log (a retained message), so the session must hold on to it.
    ``shared``: the key of the group that a copy of a shared subscription is for, else empty; a
    replay of the log does not find such a copy again. ``dup``: it may have been sent before.
    ``weight``: what it costs of the TPS limit.
    """

    __slots__ = (
        "dup",
        "identifiers",
        "message",
        "pinned",
        "prefix",
        "qos",
        "rest",
        "retain",
        "seq",
        "shared",
        "size_bytes",
        "weight",
    )

    def __init__(
        self,
        message: Message | None,
        seq: int,
        qos: int,
        prefix: bytes,
        rest: bytes,
        *,
        retain: bool = False,
        identifiers: tuple[int, ...] = (),
        pinned: bool = False,
        shared: str = "",
        dup: bool = False,
        weight: int = 1,
    ) -> None:
        self.message = message
        self.seq = seq
        self.qos = qos
        self.prefix = prefix
        self.rest = rest
        self.size_bytes = len(prefix) + len(rest) + 2
        self.retain = retain
        self.identifiers = identifiers
        self.pinned = pinned
        self.shared = shared
        self.dup = dup
        self.weight = weight
