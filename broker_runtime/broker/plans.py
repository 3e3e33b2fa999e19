"""What publishing to a topic means, worked out once: who may do it and who gets it.

An ``Entry`` belongs to one publisher and one topic; the ``Plan`` in it belongs to the topic alone.
Both are right while ``route.version`` is the version of the route cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker_runtime.access.first_levels import Admission
from broker_runtime.access.rights import Rights, combination
from broker_runtime.broker.client import Session
from broker_runtime.codec.publish import topic_of
from broker_runtime.codec.reasons import ReasonCode, Violation
from broker_runtime.routing.routes import Delivery, Route
from broker_runtime.routing.sharing import SharedGroup
from broker_runtime.session.negotiation import Offers

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core

DIRECT_PREFIX: Final = "$p2p/"
"""A message of the console for one client goes to this topic and the client id."""


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
"""Shared by all plans; nobody changes what a plan holds."""


class Receivers:
    """Sessions that get the same bytes, at ``qos``; but for packet ids, and for each protocol level
    its own. ``names``: (client id, QoS) of each, for the journal."""

    __slots__ = ("names", "qos", "sessions")

    def __init__(self, sessions: list[Session], qos: int) -> None:
        self.sessions = sessions
        self.qos = qos
        self.names = [(session.client_id, qos) for session in sessions]


class Reach:
    """Who gets the messages of a topic that are published at one QoS, the log apart.

    ``direct``: those that nothing is special about, first those that get them at that QoS, then
    those at a lower one; ``sessions`` are those of the first, ``names`` of all. ``slow``: the
    others.
    """

    __slots__ = ("direct", "names", "sessions", "slow")

    def __init__(self, deliveries: list[Delivery[Session]], qos: int) -> None:
        self.slow = _NOBODY
        for delivery in deliveries:
            if not _is_plain(delivery) or (qos and (delivery.qos < qos or _needs_log(delivery))):
                self._sort(deliveries, qos)
                return
        # The usual subscribers, and the price of a topic never seen.
        receivers = Receivers([delivery.subscriber for delivery in deliveries], qos)
        self.direct: tuple[Receivers, ...] = (receivers,)
        self.sessions = receivers.sessions
        self.names = receivers.names

    def _sort(self, deliveries: list[Delivery[Session]], qos: int) -> None:
        reached = [d for d in deliveries if not (qos and _needs_log(d))]
        by_qos: dict[int, list[Session]] = {qos: []}
        for delivery in reached:
            if _is_plain(delivery):
                by_qos.setdefault(min(qos, delivery.qos), []).append(delivery.subscriber)
        self.direct = tuple([Receivers(sessions, at) for at, sessions in by_qos.items()])
        self.sessions = self.direct[0].sessions
        self.names = [name for receivers in self.direct for name in receivers.names]
        self.slow = [d for d in reached if not _is_plain(d)]

    def is_empty(self) -> bool:
        """Whether nobody gets them but through the log or a shared group."""
        return not (self.names or self.slow)


class Plan:
    """Who gets the messages of a topic.

    ``whole``: at QoS 0; ``is_simple``: nothing is special about any of these. ``logged``: durable
    sessions that must get QoS 1 and 2 through the log;
    ``alike``: those of them that get QoS 1 as it came, ``unlike`` the others. What is said of QoS 1
    and 2 is worked out when the first such message comes.
    """

    __slots__ = (
        "_at",
        "_deliveries",
        "alike",
        "is_simple",
        "logged",
        "route",
        "shared",
        "unlike",
        "whole",
    )

    def __init__(self, route: Route[Session], deliveries: list[Delivery[Session]]) -> None:
        self.route = route
        self.shared: list[SharedGroup[Session]] = route.shared
        self.whole = Reach(deliveries, 0)
        self.is_simple = not self.whole.slow and not route.shared
        self._at: dict[int, Reach] = {0: self.whole}
        self._deliveries = deliveries
        self.logged = self.unlike = _NOBODY
        self.alike: list[Session] = []
        for delivery in deliveries:
            if _needs_log(delivery):
                self.logged = [d for d in deliveries if _needs_log(d)]
                self.alike = [d.subscriber for d in self.logged if _is_plain(d)]
                self.unlike = [d for d in self.logged if not _is_plain(d)]
                break

    def at(self, qos: int) -> Reach:
        """Who gets the messages that are published at this QoS, the log apart."""
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


def _is_plain(delivery: Delivery[Session]) -> bool:
    return not (
        delivery.identifiers
        or delivery.no_local
        or delivery.own is not None
        or delivery.retain_as_published
    )


class Entry:
    """Publishing to one topic by one client. ``mask``: allowed (QoS, retain) pairs."""

    __slots__ = ("mask", "plan", "refusal", "route", "topic")

    def __init__(self, topic: str, plan: Plan, mask: int, refusal: Refusal | None) -> None:
        self.topic = topic
        self.plan = plan
        self.route = plan.route
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
        rights = core.rights_of(session)
        refusal = self._unfit(raw_topic, topic)
        mask = 0 if refusal is not None else rights.publish_mask(topic) & self._offered
        if mask:
            refusal = self.admit(topic)
            mask = 0 if refusal is not None else mask
        entry = Entry(topic, self.plan(topic), mask, refusal)
        session.remember_topic(raw_topic, entry)
        return entry

    def plan(self, topic: str) -> Plan:
        """Who gets the messages of a topic; kept with the route, and right as long."""
        route = self._core.tree.match(topic)
        plan = route.plan
        if plan is None:
            plan = route.plan = Plan(route, self._allowed(topic, route.direct))
        assert isinstance(plan, Plan), "nobody else puts anything there"
        return plan

    def direct_plan(self, session: Session) -> Plan:
        """Exactly one client gets it, at the QoS it was published with."""
        delivery = Delivery(session, 2, False, False, (), None)
        return Plan(Route([delivery], [], -1), [delivery])

    def _allowed(self, topic: str, deliveries: list[Delivery[Session]]) -> list[Delivery[Session]]:
        """Those whose client may receive the topic now (SECURITY Z5, Z14, S6)."""
        if self._core.policies.allow_everything:
            return deliveries
        answers: dict[tuple[Rights, int], bool] = {}
        allowed = []
        for delivery in deliveries:
            key = (self._core.rights_of(delivery.subscriber).delivery, delivery.qos)
            answer = answers.get(key)
            if answer is None:
                answer = key[0].refuses_delivery(topic, qos=delivery.qos) is None
                answers[key] = answer
            if answer:
                allowed.append(delivery)
        return allowed

    def unfit_topic(self, topic: str) -> Refusal | None:
        """Why no client may publish to a topic, whatever its rights; None when one may."""
        return self._unfit(topic.encode(), topic)

    def _unfit(self, raw_topic: bytes, topic: str) -> Refusal | None:
        settings = self._core.settings
        if (
            topic[:1] != "$"
            and len(raw_topic) <= settings.max_topic_bytes
            and topic.count("/") < settings.max_topic_levels
        ):
            return None
        if topic.startswith("$"):
            return Refusal(
                ReasonCode.NOT_AUTHORIZED,
                "reserved_topic",
                "topics that begin with '$' belong to the server",
            )
        if len(raw_topic) > settings.max_topic_bytes:
            return Refusal(
                ReasonCode.TOPIC_NAME_INVALID,
                "topic_too_long",
                f"the topic is longer than {settings.max_topic_bytes} bytes",
            )
        return Refusal(
            ReasonCode.TOPIC_NAME_INVALID,
            "topic_too_deep",
            f"the topic has more than {settings.max_topic_levels} levels",
        )

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
