"""What a console may order a node to do now, and what it answers.

Transport: ``POST /v1/command/<class name>`` with the JSON of the struct; 200 with the JSON of
``Answer``, else 4xx/5xx with a ``Refusal``.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a command, query or configuration was not carried out."""

    code: str
    """Machine name: ``unauthorized``, ``malformed``, ``unknown``, ``contract_version``,
    ``not_found``, ``revision_conflict``, ``invalid_topic``, ``too_large``,
    ``not_ready``, ``storage``, ``snapshot``.
    """
    message: str


class Kicked(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of a kick."""

    was_connected: bool
    session_deleted: bool


class KickClient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Disconnect a client (CONTRACT K10); ``not_found`` when there is no such session."""

    Answer: ClassVar[type[Kicked]] = Kicked
    client_id: str
    delete_session: bool = False


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of a publish: durable, and handed to this many sessions."""

    message_id: str
    matched_sessions: int


class PublishMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Publish as the console, to a topic or straight to one client (exactly one of the two)."""

    Answer: ClassVar[type[Published]] = Published
    payload: bytes
    publisher: str
    """Shown as the producing client id, e.g. ``console:owner``."""
    topic: str = ""
    client_id: str = ""
    qos: int = 1
    retain: bool = False
    user_properties: tuple[tuple[str, str], ...] = ()


class SnapshotTaken(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of a snapshot: whole, checked and on the disk of the node."""

    path: str
    size_bytes: int
    taken_ms: int


class TakeSnapshot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Copy the store and the configuration of the running node into ``snapshots/<name>`` of its
    data folder; ``snapshot`` when it cannot be done."""

    Answer: ClassVar[type[SnapshotTaken]] = SnapshotTaken
    name: str
    """1 to 64 letters, digits, ``.``, ``_`` and ``-``, the first a letter or digit."""


class Drained(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of a drain."""

    told: int
    """Clients that were disconnected, those of MQTT 5 with the reason."""
    cut_off: int
    """Connections that did not take their last bytes in time."""
    took_ms: int


class Drain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let every client go and let nobody in any more; the node answers here until it is stopped.

    MQTT 5 clients get DISCONNECT 0x8B "server shutting down", or with ``server_reference`` 0x9C
    "use another server" or 0x9D "server moved"; wills are not published. Ordered again it finds
    nobody.
    """

    Answer: ClassVar[type[Drained]] = Drained
    server_reference: str = ""
    """Where to go instead, ``host:port`` and more of them separated by spaces (MQTT 5.0 §4.11)."""
    moved_for_good: bool = False
    """0x9D in place of 0x9C; only with ``server_reference``."""
    within_ms: int = 2_500
    """How long clients may take to get their last bytes; 0 to 4,000."""


Command = KickClient | PublishMessage | TakeSnapshot | Drain
COMMANDS: dict[str, type[Command]] = {
    c.__name__: c for c in (KickClient, PublishMessage, TakeSnapshot, Drain)
}
