"""What an operator may tune on a node, beside the configuration that the console pushes."""

from __future__ import annotations

from dataclasses import dataclass

from broker_runtime.session.negotiation import Offers


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Limits of one node. The first four are DECISIONS 19."""

    keep_alive_max_s: int = 65_535
    receive_maximum: int = 1_000
    """Inbound QoS 1 and 2 messages that a client may have unacknowledged."""
    topic_alias_maximum: int = 32
    max_connect_bytes: int = 512 * 1024
    """Largest CONNECT, so that a stranger cannot make the node keep more (P05, P18)."""
    max_topic_bytes: int = 4_096
    max_topic_levels: int = 200
    connect_timeout_s: float = 10.0
    max_handshakes: int = 2_000
    """Connections that may be open without having sent a CONNECT (E1)."""
    accept_rate: int = 0
    """Connections per second that are let in, twice as many in a burst; 0: no limit (E1)."""
    half_received_max_bytes: int = 256 * 1024 * 1024
    """Packets of all clients that came in part; beyond it those who keep the most are ended."""
    inflight_maximum: int = 1_000
    """Outbound QoS 1 and 2 messages unacknowledged by one client, whatever greater number it
    offers.
    """
    pending_max_messages: int = 1_000
    """Messages waiting for room in the window of one client."""
    outbox_max_bytes: int = 8 * 1024 * 1024
    """Bytes waiting to be written to one client, and bytes waiting for room in its window."""
    unstored_max_bytes: int = 64 * 1024 * 1024
    """Messages given to the store and not confirmed; beyond it publishers are not read from."""
    unreleased_max_bytes: int = 64 * 1024 * 1024
    """QoS 2 messages of one client that await their PUBREL (S9)."""
    retained_max_messages: int = 1_000_000
    retained_max_bytes: int = 1024 * 1024 * 1024
    queue_max_messages: int = 1_000_000
    queue_max_bytes: int = 1024 * 1024 * 1024
    """What the log may hold for one session whose client is away; beyond it the oldest go."""
    queue_max_age_s: int = 7 * 86_400
    """How long it holds a message for a client that is away (DECISIONS 16)."""
    checkpoint_interval_s: float = 0.2
    """A dirty durable session is saved at most this often (CLUSTERING 3.8: bounds the duplicates
    after a crash).
    """
    tps_weight_bytes: int = 4_096
    """A message weighs one for each started so many bytes of payload (DECISIONS 6)."""
    maximum_qos: int = 2
    without_retained: bool = False
    without_wildcards: bool = False
    without_identifiers: bool = False
    without_shared: bool = False
    """Parts of MQTT that are left out (MQTT 5.0 §3.2.2.3)."""
    response_prefix: str = ""
    """Clients that ask for Response Information get this, "/" and their id; "": nothing."""
    sys_interval_s: int = 10
    """Time between two publications of the counters under ``$SYS``; 0: never."""
    allow_anonymous: bool = False
    """Serve clients without username (the standalone form)."""

    @property
    def offers(self) -> Offers:
        """What of MQTT is offered."""
        return Offers(
            maximum_qos=self.maximum_qos,
            retained=not self.without_retained,
            wildcard_subscriptions=not self.without_wildcards,
            subscription_identifiers=not self.without_identifiers,
            shared_subscriptions=not self.without_shared,
            response_prefix=self.response_prefix,
        )
