"""A client's session as the broker holds it: connected or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from broker_runtime.access.rights import Rights
from broker_runtime.auth.chain import Identity
from broker_runtime.broker.timers import Timer
from broker_runtime.routing.retained import RetainedScan
from broker_runtime.session.inbound import Received
from broker_runtime.session.window import Progress, Window
from broker_runtime.storage.base import StoredMessage, SubscriptionRecord, WillRecord

if TYPE_CHECKING:
    from broker_runtime.broker.delivery.plans import Entry
    from broker_runtime.broker.hot.runs import Run
    from broker_runtime.broker.links.connection import Connection


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


_NO_REQUESTS: Final[deque[RetainedRequest]] = deque()
_NOTHING_RESUMED: Final[dict[int, list[int]]] = {}
_NO_ACTIONS: Final[list[Callable[[], None]]] = []
_NOTHING_SHARED: Final[list[int]] = []
_NO_IDS: Final[set[int]] = set()
_NONE_HELD: Final[deque[int]] = deque()
_NO_TOPICS: Final[dict[bytes, Entry]] = {}
_NOT_ASKED: Final[dict[tuple[str, int], bool]] = {}
"""Stand in every session for what it does not have yet: there may be very many that do nothing.
Only the methods below, and who puts another in its place, add to one."""

MAX_CACHED_TOPICS: Final = 1_024
MAX_ANSWERS: Final = 1_024
"""Of ``receivable``, for each session."""


class Session:
    """One session. Hashed by identity: it is the subscriber in the subscription tree.

    ``link`` None: not connected. ``durable``: outlives the connection. ``stored``: the store has a
    record of it (durable ones, and connected ones with a will). ``behind``: the log holds messages
    for it that were not offered yet; ``missed_seq`` is the newest that passed by meanwhile.
    """

    __slots__ = (
        "_received",
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
        "held_back",
        "host",
        "identity",
        "keep_alive_s",
        "link",
        "missed_seq",
        "progress",
        "protocol_version",
        "queued_bytes",
        "queued_messages",
        "receivable",
        "releasing",
        "resumed",
        "resumed_shared",
        "retained_done",
        "retained_requests",
        "rights",
        "rights_epoch",
        "shrinking",
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
        self._received: Received[StoredMessage, Run] | None = None
        self.progress = Progress(0)
        self.behind = False
        self.catching_up = False
        self.missed_seq = 0
        self.queued_messages = self.queued_bytes = 0
        """What passed by while the client was away or slow, and is still in the log for it."""
        self.shrinking = False
        """Whether the oldest of it is being dropped."""
        self.held_back = _NONE_HELD
        """Packet ids of messages in flight that the client, back with a smaller Receive Maximum,
        was not sent again yet, in order."""
        self.resumed = _NOTHING_RESUMED
        """Message number → packet ids of what was in flight and is still to be found in the log."""
        self.resumed_shared = _NOTHING_SHARED
        """Packet ids of copies of shared groups that are still to be sent again."""
        self.doubtful_seq = 0
        """QoS 1 messages of the log up to it may have been sent before (``SessionRecord``)."""
        self.unsent = _NO_IDS
        """Packet ids of QoS 2 messages that are sent once the packet id is durable."""
        self.releasing = _NO_IDS
        """Packet ids of QoS 2 messages whose PUBREL is sent once the PUBREC is durable."""
        self.after_save = _NO_ACTIONS
        """What waits for the session to be durable (``Persistence.when_durable``)."""
        self.retained_requests = _NO_REQUESTS
        self.retained_done = _NO_IDS
        """QoS 2 retained messages that the client has, while there are requests."""
        self.cache = _NO_TOPICS
        """Topic as received → what publishing to it means (ENGINE, design rule 3)."""
        self.receivable = _NOT_ASKED
        """(topic, QoS) → whether a shared subscription may be served."""
        self.rights: Rights | None = None
        self.rights_epoch = -1

    @property
    def received(self) -> Received[StoredMessage, Run]:
        """QoS 2 messages of the client that await their PUBREL."""
        if self._received is None:
            self._received = Received()
        return self._received

    def unreleased(self) -> int:
        """How many QoS 2 messages of the client await their PUBREL."""
        return 0 if self._received is None else self._received.unreleased()

    def request_retained(self, requests: list[RetainedRequest]) -> None:
        """Send what subscriptions bring, after what earlier ones did."""
        if self.retained_requests is _NO_REQUESTS:
            self.retained_requests = deque()
        self.retained_requests.extend(requests)

    def when_saved(self, action: Callable[[], None]) -> None:
        """Wait for the session to be durable."""
        if self.after_save is _NO_ACTIONS:
            self.after_save = []
        self.after_save.append(action)

    def not_sent_yet(self, packet_id: int) -> None:
        """A QoS 2 message waits for its packet id to be durable."""
        if self.unsent is _NO_IDS:
            self.unsent = set()
        self.unsent.add(packet_id)

    def not_released_yet(self, packet_id: int) -> None:
        """A PUBREL waits for its PUBREC to be durable."""
        if self.releasing is _NO_IDS:
            self.releasing = set()
        self.releasing.add(packet_id)

    def has_retained(self, seq: int) -> None:
        """The client has a QoS 2 retained message."""
        if self.retained_done is _NO_IDS:
            self.retained_done = set()
        self.retained_done.add(seq)

    def retained_are_sent(self) -> None:
        """Nothing is requested any more."""
        self.retained_requests, self.retained_done = _NO_REQUESTS, _NO_IDS

    def forget_messages(self) -> None:
        """The session is over; somebody may hold it for a while (a plan that is not current)."""
        if not self.window.is_unused():
            self.window = Window()
        self._received = None
        self.queued_messages = self.queued_bytes = 0

    def hold_back(self, packet_id: int) -> None:
        """A message in flight has to wait before it is sent again."""
        if self.held_back is _NONE_HELD:
            self.held_back = deque()
        self.held_back.append(packet_id)

    def forget_held_back(self) -> None:
        """Another connection: all in flight is to be sent again."""
        self.held_back = _NONE_HELD

    def remember_topic(self, raw_topic: bytes, entry: Entry) -> None:
        """What publishing to a topic means; a hostile client must not fill the memory with
        made-up ones."""
        if self.cache is _NO_TOPICS or len(self.cache) >= MAX_CACHED_TOPICS:
            self.cache = {}
        self.cache[raw_topic] = entry

    def forget_topics(self) -> None:
        """The client is gone."""
        self.cache = _NO_TOPICS

    def remember_receivable(self, topic: str, qos: int, answer: bool) -> None:
        """Whether a shared subscription may be served, until the rights change."""
        if self.receivable is _NOT_ASKED or len(self.receivable) >= MAX_ANSWERS:
            self.receivable = {}
        self.receivable[topic, qos] = answer

    def forget_receivable(self) -> None:
        """The rights changed."""
        self.receivable = _NOT_ASKED
