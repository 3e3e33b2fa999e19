"""A client's session as the broker holds it: connected or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from broker_runtime.access.rights import Rights
from broker_runtime.auth.chain import Identity
from broker_runtime.broker.timers import Timer
from broker_runtime.routing.retained import RetainedScan
from broker_runtime.session.inbound import Received
from broker_runtime.session.window import Progress, Window
from broker_runtime.storage.base import StoredMessage, SubscriptionRecord, WillRecord

if TYPE_CHECKING:
    from broker_runtime.broker.connection import Connection
    from broker_runtime.broker.plans import Entry


class RetainedRequest:
    """Retained messages that a subscription is still to be sent; ``found`` but not sent yet.

    ``repeated``: it was begun before a crash, so that some may have been sent.
    """

    __slots__ = ("found", "identifiers", "qos", "repeated", "scan", "topic_filter")

    def __init__(
        self,
        topic_filter: str,
        scan: RetainedScan[StoredMessage],
        qos: int,
        identifiers: tuple[int, ...],
        *,
        repeated: bool = False,
    ) -> None:
        self.topic_filter = topic_filter
        self.scan = scan
        self.qos = qos
        self.identifiers = identifiers
        self.repeated = repeated
        self.found: deque[StoredMessage] = deque()


class Session:
    """One session. Hashed by identity: it is the subscriber in the subscription tree.

    ``link`` None: not connected. ``durable``: outlives the connection. ``stored``: the store has a
    record of it (durable ones, and connected ones with a will). ``behind``: the log holds messages
    for it that were not offered yet; ``missed_seq`` is the newest that passed by meanwhile.
    """

    __slots__ = (
        "address",
        "after_save",
        "behind",
        "cache",
        "catching_up",
        "clean_start",
        "client_id",
        "connected_ms",
        "created_ms",
        "dirty",
        "disconnected_ms",
        "doubtful_seq",
        "durable",
        "ended",
        "epoch",
        "expiry_s",
        "expiry_timer",
        "host",
        "identity",
        "keep_alive_s",
        "link",
        "missed_seq",
        "progress",
        "protocol_version",
        "receivable",
        "received",
        "releasing",
        "resumed",
        "resumed_shared",
        "retained_done",
        "retained_requests",
        "rights",
        "rights_epoch",
        "stored",
        "subscriptions",
        "unsent",
        "username",
        "will",
        "will_timer",
        "window",
    )

    def __init__(  # noqa: PLR0915  # one statement for each attribute
        self, client_id: str, username: str, *, created_ms: int
    ) -> None:
        self.client_id = client_id
        self.username = username
        self.address = ""
        self.host = ""
        self.identity: Identity | None = None
        self.protocol_version = 0
        self.keep_alive_s = 0
        self.clean_start = True
        self.expiry_s = 0
        self.durable = False
        self.stored = False
        self.ended = False
        self.dirty = False
        self.epoch = 0
        self.created_ms = created_ms
        self.connected_ms = 0
        self.disconnected_ms = 0
        self.link: Connection | None = None
        self.will: WillRecord | None = None
        self.will_timer: Timer | None = None
        self.expiry_timer: Timer | None = None
        self.subscriptions: dict[str, SubscriptionRecord] = {}
        self.window = Window()
        self.received: Received[StoredMessage] = Received()
        self.progress = Progress(0)
        self.behind = False
        self.catching_up = False
        self.missed_seq = 0
        self.resumed: dict[int, list[int]] = {}
        """Message number → packet ids of what was in flight and is still to be found in the log."""
        self.resumed_shared: list[int] = []
        """Packet ids of copies of shared groups that are still to be sent again."""
        self.doubtful_seq = 0
        """QoS 1 messages of the log up to it may have been sent before (``SessionRecord``)."""
        self.unsent: set[int] = set()
        """Packet ids of QoS 2 messages that are sent once the packet id is durable."""
        self.releasing: set[int] = set()
        """Packet ids of QoS 2 messages whose PUBREL is sent once the PUBREC is durable."""
        self.after_save: list[Callable[[], None]] = []
        """What waits for the session to be durable (``Persistence.when_durable``)."""
        self.retained_requests: deque[RetainedRequest] = deque()
        self.retained_done: set[int] = set()
        """QoS 2 retained messages that the client has, while there are requests."""
        self.cache: dict[bytes, Entry] = {}
        """Topic as received → what publishing to it means (ENGINE, design rule 3)."""
        self.receivable: dict[tuple[str, int], bool] = {}
        """(topic, QoS) → whether a shared subscription may be served."""
        self.rights: Rights | None = None
        self.rights_epoch = -1
