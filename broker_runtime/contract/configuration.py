"""Desired state of a node: sections that the console replaces as a whole, by revision."""

from __future__ import annotations

from typing import Literal

import msgspec

ListenerKind = Literal["tcp", "tls", "ws", "wss"]
TlsVersion = Literal["1.0", "1.1", "1.2", "1.3"]
PolicyEffect = Literal["allow", "deny"]
PolicyAction = Literal["connect", "pub", "sub"]
SharedStrategy = Literal["round_robin", "random", "hash", "hash_publisher"]


class ClusterSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Identity and limits of the cluster (CONTRACT C16, C17, section 23; DECISIONS 2, 3, 6, 7)."""

    cluster_id: str
    """The public id, ``mqtt-xxxxxxxx``."""
    tps_limit: int
    """Messages in + out per second; 0 means no limit."""
    max_connections: int
    max_subscriptions: int
    max_subscriptions_per_client: int
    max_topics: int
    """First-level topics that may exist, hand-made and auto-created together."""
    auto_create_topics: bool
    """Whether an unknown first-level topic is created by its first use (DECISIONS 2)."""
    authorization_enabled: bool
    """Off: every authenticated client may do anything (DECISIONS 3)."""
    max_message_bytes: int = 4 * 1024 * 1024
    session_expiry_max_s: int = 7 * 86_400
    message_retention_s: int = 3 * 86_400
    client_message_rate: int = 0
    """Messages per second that one client may send; 0 means no limit of its own."""
    shared_strategy: SharedStrategy = "round_robin"
    """How a shared subscription chooses the member that gets a message. ``random`` and ``hash``
    (of the topic) are the cloud API's RANDOM and HASH_PARTITION; ``hash_publisher`` hashes the
    client id of the publisher."""
    shared_strategies: dict[str, SharedStrategy] = {}
    """Share name to its own strategy."""
    isolated: bool = False
    """An isolated cluster keeps its data and refuses every CONNECT (CONTRACT, section 3)."""


class Listener(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One address the node accepts MQTT clients on."""

    kind: ListenerKind
    host: str
    port: int
    certificate: str = ""
    """Name of the certificate that ``tls`` and ``wss`` show."""
    tls_minimum: TlsVersion = "1.2"
    tls_maximum: TlsVersion = "1.3"
    path: str = "/mqtt"
    """Where ``ws`` and ``wss`` take upgrades; empty: anywhere."""
    origins: tuple[str, ...] = ()
    """Pages that may connect by ``ws`` and ``wss``: ``https://example.org`` …; empty: any. Programs
    send no Origin and are always let in.
    """


class Certificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server certificate with its key. A node keeps it 0600 and never tells the key."""

    name: str
    chain: str
    """PEM: the certificate first, then those that lead to its root."""
    key: str
    """PEM, without a passphrase."""

    def __repr__(self) -> str:
        return f"Certificate(name={self.name!r})"


class CertificatesSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The certificates that listeners name."""

    certificates: tuple[Certificate, ...] = ()


class ListenersSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every listener of the node."""

    listeners: tuple[Listener, ...] = ()


class User(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A username with its password verifier; the password itself never leaves the console."""

    username: str
    verifier: str
    """Hex of ``HMAC-SHA256(verifier_key, username + "\\0" + password)`` (DECISIONS 14), or a hash
    as ``mosquitto_passwd`` writes it (``$7$…``, ``$6$…``).
    """
    enabled: bool = True


class UsersSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Username and password authentication."""

    verifier_key: str = ""
    """Hex of the cluster's own HMAC key."""
    users: tuple[User, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One authorization statement (CONTRACT Z1–Z4). Empty text and empty tuples mean "any"."""

    id: int
    name: str
    effect: PolicyEffect
    actions: tuple[PolicyAction, ...]
    topics: tuple[str, ...] = ()
    """Patterns: MQTT ``+`` and ``#``, ``?`` one character, ``*`` any characters, ``${…}``
    variables.
    """
    client_id: str = ""
    username: str = ""
    ip: str = ""
    """One address or CIDR."""
    qos: tuple[int, ...] = ()
    retain: bool | None = None
    """True: retained only; False: not retained only; None: both."""


class PoliciesSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Authorization policies in the order in which they are checked; the first match decides."""

    policies: tuple[Policy, ...] = ()


class TopicsSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """First-level topics that exist."""

    names: tuple[str, ...] = ()


class Sections(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any subset of the sections; ``None`` means "unchanged"."""

    cluster: ClusterSection | None = None
    listeners: ListenersSection | None = None
    users: UsersSection | None = None
    policies: PoliciesSection | None = None
    topics: TopicsSection | None = None
    certificates: CertificatesSection | None = None
    """Of a base 0 it may be left out: then there are none."""


class Configuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change from ``base_revision`` to ``revision``; base 0 carries every section.

    The runtime applies it whole or not at all. It answers ``ConfigurationApplied`` with the
    revision it now holds; when ``base_revision`` is newer than what it holds it answers that too
    and changes nothing, and the console sends everything from base 0.
    """

    base_revision: int
    revision: int
    sections: Sections


class ConfigurationApplied(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a ``Configuration``."""

    revision: int
    """What the runtime holds now."""
    applied_at_ms: int


class UsersChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Users that are new or other, and names that are gone; the key stays."""

    upsert: tuple[User, ...] = ()
    remove: tuple[str, ...] = ()


class PoliciesChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Policies that are new or other, and ids that are gone."""

    upsert: tuple[Policy, ...] = ()
    """Those that are there keep their place, new ones go to the end."""
    remove: tuple[int, ...] = ()
    order: tuple[int, ...] | None = None
    """Every id, in the order in which they are checked from now on; left out: as it was."""


class TopicsChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """First-level topics that came and went."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class ListenersChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Listeners that are new or other, by host and port, and those that are gone."""

    upsert: tuple[Listener, ...] = ()
    remove: tuple[tuple[str, int], ...] = ()


class CertificatesChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Certificates that are new or other, and names that are gone."""

    upsert: tuple[Certificate, ...] = ()
    remove: tuple[str, ...] = ()


class SectionChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes within sections; what is left out stays. The cluster section is replaced whole."""

    cluster: ClusterSection | None = None
    listeners: ListenersChange | None = None
    users: UsersChange | None = None
    policies: PoliciesChange | None = None
    topics: TopicsChange | None = None
    certificates: CertificatesChange | None = None


class ConfigurationChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of entries, from exactly ``base_revision`` to ``revision``.

    A node that holds another revision refuses (``revision_conflict``) and says which; then whole
    sections are sent. What is removed and was not there is no fault.
    """

    base_revision: int
    revision: int
    changes: SectionChanges
