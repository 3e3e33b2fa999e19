"""What a node tells the console without being asked: one JSON object per WebSocket message.

The node opens ``ws://<console>/internal/telemetry/`` with the headers ``Authorization: Bearer
<telemetry token>``, ``Signalbox-Node`` and ``Signalbox-Contract``; it sends ``Hello`` first, then
``MetricsReport`` each second and the other reports as they happen. The console answers with
``Taken``, the only thing it ever says. While it is away the node keeps the newest reports (bounded)
and sends them after the next ``Hello``.
"""

from __future__ import annotations

import msgspec

from broker_runtime.contract.queries import ClientEvent


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """Opens the stream; the console answers by pushing what configuration is missing."""

    cluster_id: str
    node_id: str
    revision: int
    started_ms: int
    version: str


class MetricsReport(msgspec.Struct, frozen=True, kw_only=True, tag="metrics"):
    """Gauges now and counters since the process began (the console takes differences)."""

    at_ms: int
    started_ms: int
    """Changes when the process restarted: counters began again at zero."""
    revision: int
    gauges: dict[str, int]
    """``connections``, ``sessions``, ``subscriptions``, ``retained``, ``inflight``, ``backlog``,
    ``rss_bytes``.
    """
    counters: dict[str, int]
    """``messages_received``, ``messages_sent``, ``bytes_received``, ``bytes_sent``, ``tps_units``
    (weighted, DECISIONS 6), ``packets_received_<type>``, ``packets_sent_<type>``,
    ``connect_success``, ``connect_failure``, ``connect_throttled``, ``publish_throttled``,
    ``auth_success``, ``auth_failure``, ``acl_<connect|publish|subscribe>_<success|failure>``,
    ``dropped_<reason>``.
    """


class ClientEvents(msgspec.Struct, frozen=True, kw_only=True, tag="client_events"):
    """Client events of the last moments, oldest first; when too many, only the newest are sent and
    the rest counted.
    """

    events: tuple[ClientEvent, ...]
    left_out: int = 0


class TopicsCreated(msgspec.Struct, frozen=True, kw_only=True, tag="topics_created"):
    """First-level topics that came into being by their first use (DECISIONS 2)."""

    names: tuple[str, ...]


class Applied(msgspec.Struct, frozen=True, kw_only=True, tag="applied"):
    """A configuration revision is in force."""

    revision: int
    applied_at_ms: int


Report = Hello | MetricsReport | ClientEvents | TopicsCreated | Applied


class Taken(msgspec.Struct, frozen=True, kw_only=True, tag="taken"):
    """Console → node: how many reports of this connection are dealt with, ``Hello`` included.

    What they brought is written; what is not taken is sent again on the next connection.
    """

    count: int
