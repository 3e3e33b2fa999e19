"""The shared state of a node, and the hub through which its parts find each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from broker_runtime.access.first_levels import Admission, FirstLevels
from broker_runtime.access.policies import PolicySet, Subject
from broker_runtime.access.rights import Rights
from broker_runtime.auth.chain import Chain
from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.clients.sessions import Sessions
from broker_runtime.broker.clients.subscribing import Subscribing
from broker_runtime.broker.clock import Clock
from broker_runtime.broker.delivery.fan_out import FanOut
from broker_runtime.broker.delivery.plans import Planner
from broker_runtime.broker.delivery.publishing import Publishing
from broker_runtime.broker.delivery.sending import Sending
from broker_runtime.broker.durable.backlog import Backlog
from broker_runtime.broker.durable.catch_up import CatchUp
from broker_runtime.broker.durable.persistence import Persistence
from broker_runtime.broker.durable.shared_groups import SharedGroups
from broker_runtime.broker.hot.durable_path import DurablePath
from broker_runtime.broker.links.back_pressure import BackPressure
from broker_runtime.broker.links.connection import Connection
from broker_runtime.broker.links.entrance import Entrance
from broker_runtime.broker.links.half_received import HalfReceived
from broker_runtime.broker.links.handshake import Handshake
from broker_runtime.broker.links.patrol import Patrol
from broker_runtime.broker.links.throttle import Throttle
from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.broker.timers import TimerWheel
from broker_runtime.broker.watching.announcements import Announcements
from broker_runtime.broker.watching.counters import Counters
from broker_runtime.broker.watching.events import EventLog
from broker_runtime.broker.watching.stats import Stats
from broker_runtime.codec.publish import PlainProperties
from broker_runtime.contract.configuration import ClusterSection
from broker_runtime.routing.retained import RetainedTree
from broker_runtime.routing.subscriptions import SubscriptionTree
from broker_runtime.storage.base import DurableStore, Journal, StoredMessage


class Core:
    """State and parts. Everything happens on one event loop, in one thread."""

    def __init__(
        self,
        *,
        node_id: str,
        store: DurableStore,
        journal: Journal,
        clock: Clock,
        settings: BrokerSettings,
    ) -> None:
        self.node_id = node_id
        self.store = store
        self.journal = journal
        self.clock = clock
        self.settings, self.offers = settings, settings.offers
        self.stats = Stats()
        self.is_started = self.is_stopping = False
        self.open_links: set[Connection] = set()
        """Connections whose transport is open, those that are closing included."""
        self.drained = asyncio.Event()
        """Set when the last of them is gone."""
        self.cluster: ClusterSection | None = None
        self.policies = PolicySet((), enabled=True)
        self.chain = Chain(())
        self.access_epoch = 0
        """Grows when policies change; rights of an older epoch are worked out anew."""
        self.first_levels = FirstLevels()
        self.on_topics_created: Callable[[Sequence[str]], None] = lambda names: None
        self.tree: SubscriptionTree[Session] = SubscriptionTree()
        self.routes = self.tree.cache
        self.retained: RetainedTree[StoredMessage] = RetainedTree()
        self.now_s = clock.monotonic_s()
        """Coarse monotonic time, set at every tick: good enough for keep-alive."""
        self.timers = TimerWheel(self.now_s)
        self.events = EventLog(journal, clock)
        self.last_seq = 0
        """The greatest message number given out."""
        self.committed_seq = 0
        """Messages of the log up to it were handed to the sessions that are up to date."""
        self.trimmed_seq = 0
        """The store was told that messages up to it are not needed."""
        self.max_message_bytes = self.max_packet_bytes = 0
        """Largest packet taken from a client: the largest message and its headers."""
        self.weight_bytes = settings.tps_weight_bytes
        self.dirty: list[Connection] = []
        """Connections that have something to write at the end of this tick."""
        self._flush_planned = False
        self._created: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._make_parts()

    def _make_parts(self) -> None:
        self.patrol = Patrol(self, self.now_s)
        self.plain_properties = PlainProperties()
        self.throttle = Throttle(self)
        self.back_pressure = BackPressure(self)
        self.half_received = HalfReceived(self)
        self.planner = Planner(self)
        self.sending = Sending(self)
        self.fan_out = FanOut(self)
        self.publishing = Publishing(self)
        self.durable_path = DurablePath(self)
        self.subscribing = Subscribing(self)
        self.persistence = Persistence(self)
        self.sessions = Sessions(self)
        self.catch_up = CatchUp(self)
        self.backlog = Backlog(self)
        self.shared = SharedGroups(self)
        self.entrance = Entrance(self)
        self.handshake = Handshake(self)
        self.announcements = Announcements(self)
        self.events.announce = self.announcements.note
        self.counters = Counters(self)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop everything runs on; known once the broker has started."""
        assert self._loop is not None, "the broker is used only after start()"
        return self._loop

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run on this loop from now on."""
        self._loop = loop

    def now_ms(self) -> int:
        """Wall time in milliseconds since 1970."""
        return self.clock.wall_us() // 1000

    def next_seq(self) -> int:
        """A number for a message, greater than all before, close to the microsecond of now."""
        self.last_seq = max(self.last_seq + 1, self.clock.wall_us())
        return self.last_seq

    def rights_of(self, session: Session) -> Rights:
        """What a client may do under the policies of now."""
        if session.rights is None or session.rights_epoch != self.access_epoch:
            subject = Subject(session.client_id, session.username, session.host)
            session.rights = self.policies.rights_of(subject)
            session.rights_epoch = self.access_epoch
            session.forget_receivable()
        return session.rights

    def admit_first_level(self, name: str) -> Admission:
        """Whether a message may go under a first-level topic; tells of those that came to be."""
        admission = self.first_levels.admit(name)
        if admission is Admission.CREATED:
            self._created.append(name)
        return admission

    def tell_created_topics(self) -> None:
        """Hand on the first-level topics made since the last call."""
        if self._created:
            created, self._created = self._created, []
            self.on_topics_created(created)

    def plan_flush(self) -> None:
        """Write what is in the outboxes at the end of this tick of the loop: one write for each
        connection however much there is (ENGINE, design rule 1)."""
        if not self._flush_planned and self.dirty:
            self._flush_planned = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_planned = False
        links, self.dirty[:] = self.dirty[:], ()
        for link in links:
            link.flush()
