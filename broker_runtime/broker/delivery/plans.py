"""What publishing to a topic means, worked out once: who may do it and who gets it.

An ``Entry`` belongs to one publisher and one topic; the ``Plan`` in it belongs to the topic alone.
Both are right while ``route.version`` is the version of the route cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker_runtime.access.first_levels import Admission
from broker_runtime.access.rights import Rights, combination
from broker_runtime.broker.clients.client import Session
from broker_runtime.codec.publish import topic_of
from broker_runtime.codec.reasons import ReasonCode, Violation
from broker_runtime.routing.routes import Delivery, Route
from broker_runtime.routing.sharing import SharedGroup
from broker_runtime.session.negotiation import Offers

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core

DIRECT_PREFIX: Final = "$p2p/"
"""A message of the console for one client goes to this topic and the client id."""


REFUSED: Final = (Admission.UNKNOWN, Admission.OVER_QUOTA)


class Refusal:
    """Why a PUBLISH is not taken."""

    __slots__ = ("counter", "detail", "event", "reason")

    def __init__(self, reason: ReasonCode, counter: str, detail: str) -> None:
        self.reason = reason
        self.counter = counter
        """Counted as ``dropped_<counter>``."""
        self.detail = detail
        self.event = "denied" if reason is ReasonCode.NOT_AUTHORIZED else "dropped"


_NOBODY: Final[list[Delivery[Session]]] = []
_NO_SESSIONS: Final[list[Session]] = []
"""Shared by all plans; nobody changes what a plan holds."""


class Receivers:
    """Sessions that get the same bytes, at ``qos``; but for packet ids, and for each protocol level
    its own. ``names``: (client id, QoS) of each, for the journal."""

    __slots__ = ("names", "qos", "sessions")

    def __init__(
        self, sessions: list[Session], qos: int, names: list[tuple[str, int]] | None = None
    ) -> None:
        self.sessions = sessions
        self.qos = qos
        self.names = names or [(session.client_id, qos) for session in sessions]


class Reach:
    """Who gets the messages of a topic that are published at one QoS, the log apart.

    ``direct``: those that nothing is special about, first those that get them at that QoS, then
    those at a lower one; ``sessions`` are those of the first, ``names`` of all. ``slow``: the
    others.
    """

    __slots__ = ("_direct", "_qos", "names", "sessions", "slow")

    def __init__(self, deliveries: list[Delivery[Session]], qos: int) -> None:
        self._qos = qos
        self._direct: tuple[Receivers, ...] | None = None
        self.slow = _NOBODY
        for delivery in deliveries:
            if delivery.is_special or (qos and (delivery.qos < qos or _needs_log(delivery))):
                self._sort(deliveries, qos)
                return
        # The usual subscribers, and the price of a topic never seen.
        self.sessions = [delivery.subscriber for delivery in deliveries]
        self.names = [(session.client_id, qos) for session in self.sessions]

    def _sort(self, deliveries: list[Delivery[Session]], qos: int) -> None:
        reached = [d for d in deliveries if not (qos and _needs_log(d))]
        by_qos: dict[int, list[Session]] = {qos: []}
        for delivery in reached:
            if not delivery.is_special:
                by_qos.setdefault(min(qos, delivery.qos), []).append(delivery.subscriber)
        direct = tuple([Receivers(sessions, at) for at, sessions in by_qos.items()])
        self._direct = direct
        self.sessions = direct[0].sessions
        self.names = [name for receivers in direct for name in receivers.names]
        self.slow = [d for d in reached if d.is_special]

    @property
    def direct(self) -> tuple[Receivers, ...]:
        """See above."""
        if self._direct is None:
            self._direct = (Receivers(self.sessions, self._qos, self.names),)
        return self._direct

    def is_empty(self) -> bool:
        """Whether nobody gets them but through the log or a shared group."""
        return not (self.names or self.slow)


class Plan:
    """Who gets the messages of a topic.

    ``whole``: at QoS 0; ``is_simple``: nothing is special about any of these. ``logged``: durable
    sessions that must get QoS 1 and 2 through the log; ``alike``: those of them that get QoS 1 as
    it came, ``unlike`` the others. What is said of QoS 1 and 2 is worked out when the first such
    message comes. It does not hold its route, which holds it: in a circle, every topic never seen
    would be left to the garbage collector.
    """

    __slots__ = (
        "_at",
        "_deliveries",
        "alike",
        "is_simple",
        "logged",
        "shared",
        "unlike",
        "whole",
    )

    def __init__(
        self, deliveries: list[Delivery[Session]], shared: list[SharedGroup[Session]]
    ) -> None:
        self.shared = shared
        self.whole = Reach(deliveries, 0)
        self.is_simple = not self.whole.slow and not shared
        self._at: dict[int, Reach] | None = None
        self._deliveries = deliveries
        self.logged = self.unlike = _NOBODY
        self.alike = _NO_SESSIONS
        for delivery in deliveries:
            if delivery.qos and delivery.subscriber.durable:
                self.logged = [d for d in deliveries if _needs_log(d)]
                self.alike = [d.subscriber for d in self.logged if not d.is_special]
                self.unlike = [d for d in self.logged if d.is_special]
                break

    def at(self, qos: int) -> Reach:
        """Who gets the messages that are published at this QoS, the log apart."""
        if qos == 0:
            return self.whole
        if self._at is None:
            self._at = {}
        reach = self._at.get(qos)
        if reach is None:
            reach = self._at[qos] = Reach(self._deliveries, qos)
        return reach

    def session_count(self) -> int:
        """How many sessions a message is handed to; a shared group is one."""
        return len(self.whole.names) + len(self.whole.slow) + len(self.shared)

    def reaches_anybody(self) -> bool:
        """Whether any subscription matches."""
        return bool(self.whole.names or self.whole.slow or self.shared)


def _needs_log(delivery: Delivery[Session]) -> bool:
    return delivery.qos > 0 and delivery.subscriber.durable


class Entry:
    """Publishing to one topic by one client. ``mask``: allowed (QoS, retain) pairs."""

    __slots__ = ("mask", "plan", "refusal", "route", "topic")

    def __init__(
        self,
        topic: str,
        route: Route[Session],
        plan: Plan,
        mask: int,
        refusal: Refusal | None,
    ) -> None:
        self.topic = topic
        self.route = route
        self.plan = plan
        self.mask = mask
        self.refusal = refusal


def _offered(offers: Offers) -> int:
    """The (QoS, retain) pairs that the node takes at all, as a mask."""
    kinds = (False, True) if offers.retained else (False,)
    return sum(combination(qos, kind) for qos in range(offers.maximum_qos + 1) for kind in kinds)


class Planner:
    """Works out entries and plans, and keeps them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._offered = _offered(core.offers)
        self._max_topic_bytes = core.settings.max_topic_bytes
        self._max_topic_levels = core.settings.max_topic_levels

    def entry(self, session: Session, raw_topic: bytes) -> Entry | Violation:
        """What a PUBLISH of this client to this topic means; a violation when it is no topic."""
        core = self._core
        cached = session.cache.get(raw_topic)
        if cached is not None and (
            cached.route.version == core.routes.version
            or core.routes.confirms(cached.topic, cached.route)
        ):
            return cached
        topic = topic_of(raw_topic)
        if isinstance(topic, Violation):
            return topic
        refusal: Refusal | None = None
        if (
            topic[0] == "$"
            or len(raw_topic) > self._max_topic_bytes
            or topic.count("/") >= self._max_topic_levels
        ):
            refusal = self.unfit_topic(topic)
        mask = 0
        if refusal is None:
            mask = core.rights_of(session).publish_mask(topic) & self._offered
        if mask:
            admission = core.admit_first_level(topic.partition("/")[0])
            if admission in REFUSED:
                refusal, mask = self.admit(topic), 0
        route = core.tree.match(topic)
        entry = Entry(topic, route, self._plan_of(topic, route), mask, refusal)
        session.remember_topic(raw_topic, entry)
        return entry

    def plan(self, topic: str) -> Plan:
        """Who gets the messages of a topic; kept with the route, and right as long."""
        return self._plan_of(topic, self._core.tree.match(topic))

    def _plan_of(self, topic: str, route: Route[Session]) -> Plan:
        plan = route.plan
        if plan is None:
            plan = route.plan = Plan(self._allowed(topic, route.direct), route.shared)
        assert isinstance(plan, Plan), "nobody else puts anything there"
        return plan

    def direct_plan(self, session: Session) -> Plan:
        """Exactly one client gets it, at the QoS it was published with."""
        delivery = Delivery(session, 2, False, False, (), None)
        return Plan([delivery], [])

    def _allowed(self, topic: str, deliveries: list[Delivery[Session]]) -> list[Delivery[Session]]:
        """Those whose client may receive the topic now (SECURITY Z5, Z14, S6)."""
        if self._core.policies.allow_everything:
            return deliveries
        core, epoch = self._core, self._core.access_epoch
        masks: dict[Rights, int] = {}
        asked: Rights | None = None
        mask, refused = 0, 0
        for delivery in deliveries:
            session = delivery.subscriber
            rights = session.rights
            if rights is None or session.rights_epoch != epoch:
                rights = core.rights_of(session)
            if rights is not asked:
                asked, shared = rights, rights.delivery
                mask = masks.get(shared, -1)
                if mask < 0:
                    mask = masks[shared] = shared.delivery_mask(topic)
            refused += not mask >> delivery.qos & 1
        if not refused:
            return deliveries
        return [d for d in deliveries if masks[core.rights_of(d.subscriber).delivery] >> d.qos & 1]

    def unfit_topic(self, topic: str) -> Refusal | None:
        """Why no client may publish to a topic, whatever its rights; None when one may."""
        if topic.startswith("$"):
            return Refusal(
                ReasonCode.NOT_AUTHORIZED,
                "reserved_topic",
                "topics that begin with '$' belong to the server",
            )
        if len(topic.encode()) > self._max_topic_bytes:
            return Refusal(
                ReasonCode.TOPIC_NAME_INVALID,
                "topic_too_long",
                f"the topic is longer than {self._max_topic_bytes} bytes",
            )
        if topic.count("/") >= self._max_topic_levels:
            return Refusal(
                ReasonCode.TOPIC_NAME_INVALID,
                "topic_too_deep",
                f"the topic has more than {self._max_topic_levels} levels",
            )
        return None

    def admit(self, topic: str) -> Refusal | None:
        """Why a client with the right to publish still may not: the first level (DECISIONS 2)."""
        name = topic.partition("/")[0]
        admission = self._core.admit_first_level(name)
        if admission is Admission.UNKNOWN:
            return Refusal(
                ReasonCode.TOPIC_NAME_INVALID,
                "unknown_topic",
                f"the first-level topic {name!r} does not exist",
            )
        if admission is Admission.OVER_QUOTA:
            return Refusal(
                ReasonCode.QUOTA_EXCEEDED,
                "topic_quota",
                f"the first-level topic {name!r} would exceed the topic quota",
            )
        return None
