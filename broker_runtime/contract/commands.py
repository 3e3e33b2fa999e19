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
    ``not_found``, ``invalid_topic``, ``too_large``, ``not_ready``, ``storage``, ``snapshot``.
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


Command = KickClient | PublishMessage | TakeSnapshot
COMMANDS: dict[str, type[Command]] = {
    c.__name__: c for c in (KickClient, PublishMessage, TakeSnapshot)
}
