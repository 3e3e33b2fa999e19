"""From CONNECT to CONNACK: named steps, each of which may refuse."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from broker_runtime.access.policies import Subject
from broker_runtime.access.rights import EVERYTHING, Rights
from broker_runtime.auth.chain import AuthRefusal, Credentials, Identity, Verdict
from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.clients.client_ids import TakeOvers, new_client_id
from broker_runtime.broker.clients.sessions import will_record
from broker_runtime.broker.links.answers import send_refusal
from broker_runtime.broker.links.states import CLOSED, NEW
from broker_runtime.broker.links.writing import write_at_once
from broker_runtime.codec.encoder import encode
from broker_runtime.codec.packets import CONNACK, V5, V31, Connect
from broker_runtime.codec.reasons import ReasonCode, Violation
from broker_runtime.session.aliases import OutboundAliases
from broker_runtime.session.negotiation import (
    UNLIMITED_PACKET_BYTES,
    ConnectRefusal,
    Limits,
    Terms,
    negotiate,
)
from broker_runtime.storage.base import StoreHealth

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection
    from broker_runtime.contract.configuration import ClusterSection

_UNKNOWN: Final = Identity(username="", authenticator="")

CONNACKS_4: Final = (b"\x20\x02\x00\x00", b"\x20\x02\x01\x00")
"""CONNACK before MQTT 5, without and with Session Present."""


class Request:
    """A CONNECT under decision."""

    __slots__ = ("connect", "identity", "limits", "link", "rights", "terms")

    def __init__(self, link: Connection, connect: Connect, terms: Terms, limits: Limits) -> None:
        self.link = link
        self.connect = connect
        self.terms = terms
        self.limits = limits
        self.identity = _UNKNOWN
        self.rights: Rights | None = None


class Handshake:
    """Decides CONNECTs. A client that is refused leaves nothing behind, its will least of all
    (S15)."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._known_limits: Limits | None = None
        self._limited_by: tuple[ClusterSection | None, int] = (None, 0)
        self._plain_connacks: dict[bool, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._take_overs = TakeOvers()
        self._delayed: dict[str, Request] = {}

    def forget(self, link: Connection) -> None:
        """The connection was decided, or is gone."""
        self._core.entrance.undecided.discard(link)
        request, link.request = link.request, None
        if request is not None and self._delayed:
            client_id = request.terms.client_id
            if self._delayed.get(client_id) is request:
                del self._delayed[client_id]

    def turn_away(self, link: Connection, detail: str) -> None:
        """Close without an answer: the peer has not shown that it speaks MQTT (P01)."""
        self._count_refusal(link, "", "", detail)
        link.shut(detail, keep_will=False)

    def refuse_malformed(self, link: Connection, violation: Violation) -> None:
        """A CONNECT that breaks the rules; answered if its version is known."""
        link.version = violation.reply_version
        send_refusal(link, violation.reason, violation.detail)
        self.turn_away(link, violation.detail)

    # -- the steps ---------------------------------------------------------------------------------

    def begin(self, link: Connection, connect: Connect) -> None:
        """Take a CONNECT. The answer may come later: the caller stops reading until then.
        [MQTT-3.2.2-16]"""
        link.version = connect.protocol_version
        link.level = 5 if connect.protocol_version == V5 else 4
        asked = connect.properties
        link.explains = asked.request_problem_information == 1
        link.max_packet_bytes = asked.maximum_packet_bytes or UNLIMITED_PACKET_BYTES
        limits = self._limits()
        terms = negotiate(connect, limits, new_client_id=new_client_id)
        if isinstance(terms, ConnectRefusal):
            send_refusal(link, terms.reason, terms.detail)
            self._count_refusal(link, connect.client_id, connect.username or "", terms.detail)
            link.shut(terms.detail, keep_will=False)
            return
        request = Request(link, connect, terms, limits)
        link.request = request
        refusal = self._node_refuses()
        if refusal is not None:
            self.refuse(link, *refusal)
            return
        verdict = self._core.chain.authenticate(
            Credentials(
                client_id=terms.client_id,
                username=connect.username,
                password=connect.password,
                host=link.host,
            )
        )
        if isinstance(verdict, Identity | AuthRefusal):
            self._authenticated(request, verdict)
        else:
            task = self._core.loop.create_task(self._authenticate_later(request, verdict))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _limits(self) -> Limits:
        """What is granted under the configuration of now."""
        core, settings, cluster = self._core, self._core.settings, self._core.cluster
        known, (of_cluster, packet_bytes) = self._known_limits, self._limited_by
        if known is None or of_cluster is not cluster or packet_bytes != core.max_packet_bytes:
            self._limited_by = (cluster, core.max_packet_bytes)
            self._plain_connacks.clear()
            known = self._known_limits = Limits(
                keep_alive_max_s=settings.keep_alive_max_s,
                session_expiry_max_s=cluster.session_expiry_max_s if cluster else 0,
                receive_maximum=settings.receive_maximum,
                topic_alias_maximum=settings.topic_alias_maximum,
                max_packet_bytes=core.max_packet_bytes,
                inflight_maximum=settings.inflight_maximum,
                offers=core.offers,
            )
        return known

    def _node_refuses(self) -> tuple[ReasonCode, str] | None:
        core = self._core
        if core.cluster is None:
            return ReasonCode.SERVER_UNAVAILABLE, "the node has no configuration yet"
        if core.cluster.isolated:
            return ReasonCode.SERVER_UNAVAILABLE, "the cluster is isolated"
        if core.is_stopping:
            return ReasonCode.SERVER_SHUTTING_DOWN, "the node is stopping"
        health, why = core.store.health()
        if health is not StoreHealth.OK:
            return ReasonCode.SERVER_UNAVAILABLE, f"the store cannot be written: {why}"
        return None

    async def _authenticate_later(self, request: Request, verdict: Awaitable[Verdict]) -> None:
        answer = await verdict
        if request.link.state != CLOSED:
            self._authenticated(request, answer)
            self._core.plan_flush()

    def _authenticated(self, request: Request, verdict: Verdict) -> None:
        core, link, terms = self._core, request.link, request.terms
        if isinstance(verdict, AuthRefusal):
            core.stats.auth_failure += 1
            self.refuse(link, verdict.reason, verdict.detail)
            return
        core.stats.auth_success += 1
        request.identity = verdict
        if core.policies.allow_everything:
            request.rights = EVERYTHING
        else:
            subject = Subject(terms.client_id, verdict.username, link.host)
            request.rights = core.policies.rights_of(subject)
        detail = request.rights.refuses_connect()
        if detail is not None:
            core.stats.acl_connect_failure += 1
            self.refuse(link, ReasonCode.NOT_AUTHORIZED, detail)
            return
        core.stats.acl_connect_success += 1
        refusal = self._will_refused(request, request.rights) or self._occupied(request)
        if refusal is not None:
            self.refuse(link, *refusal)
            return
        self._take_over_or_wait(request)

    def _will_refused(self, request: Request, rights: Rights) -> tuple[ReasonCode, str] | None:
        """A will that may not be published refuses the CONNECT (S16, S17)."""
        will = request.connect.will
        if will is None:
            return None
        unfit = self._core.planner.unfit_topic(will.topic)
        if unfit is not None:
            return unfit.reason, f"will: {unfit.detail}"
        detail = rights.refuses_publish(will.topic, qos=will.qos, retain=will.retain)
        if detail is not None:
            return ReasonCode.NOT_AUTHORIZED, f"will to {will.topic[:200]!r}: {detail}"
        if len(will.payload) > self._core.max_message_bytes:
            return ReasonCode.PACKET_TOO_LARGE, "the will is larger than a message may be"
        return None

    def _occupied(self, request: Request) -> tuple[ReasonCode, str] | None:
        core = self._core
        assert core.cluster is not None, "asked before"
        existing = core.sessions.by_client_id.get(request.terms.client_id)
        is_connected = existing is not None and existing.link is not None
        if existing is not None and is_connected:
            if existing.username != request.identity.username:  # S2
                return ReasonCode.NOT_AUTHORIZED, "the client id is in use by another user"
        elif core.sessions.connected >= core.cluster.max_connections:
            core.stats.connect_throttled += 1
            return ReasonCode.QUOTA_EXCEEDED, "too many connections"
        return None

    # -- take-over ---------------------------------------------------------------------------------

    def _take_over_or_wait(self, request: Request) -> None:
        """Programs that fight for a client id are slowed down, so that they cost little (S1)."""
        core, client_id = self._core, request.terms.client_id
        existing = core.sessions.by_client_id.get(client_id)
        if existing is None or existing.link is None:
            self._accept(request)
            return
        delay_s = self._take_overs.delay_s(client_id, core.clock.monotonic_s())
        if not delay_s:
            self._accept(request)
            return
        earlier = self._delayed.get(client_id)
        if earlier is not None:
            self.refuse(
                earlier.link,
                ReasonCode.SERVER_BUSY,
                "another connection with the same client id came while this one had to wait",
            )
        self._delayed[client_id] = request
        core.timers.at(core.clock.monotonic_s() + delay_s, lambda: self._waited(request))

    def _waited(self, request: Request) -> None:
        if self._delayed.get(request.terms.client_id) is not request:
            return
        del self._delayed[request.terms.client_id]
        refusal = self._occupied(request)
        if refusal is not None:
            self.refuse(request.link, *refusal)
        else:
            self._accept(request)
        self._core.plan_flush()

    # -- the session -------------------------------------------------------------------------------

    def _accept(self, request: Request) -> None:
        # [MQTT-3.1.2-4] [MQTT-3.1.2-6] [MQTT-3.1.3-2] [MQTT-3.1.4-4] [MQTT3-3.1.2-4]
        # [MQTT3-3.1.3-2] [MQTT3-3.1.4-3]
        core, link, terms = self._core, request.link, request.terms
        self._displace(terms.client_id)
        session = core.sessions.by_client_id.get(terms.client_id)
        if session is not None and (
            terms.clean_start or session.username != request.identity.username  # S5
        ):
            core.sessions.end(session)
            session = None
        is_present = session is not None
        if session is None:
            session = core.sessions.create(terms.client_id, request.identity.username)
        self._adopt(session, request)
        link.session = session
        session.behind = session.durable and is_present
        core.sessions.attach(session, link)
        if session.durable or session.will is not None or session.stored:
            session.stored = True
            core.persistence.save(session, lambda: self._confirm(request, is_present))
        else:
            self._confirm(request, is_present)

    def _displace(self, client_id: str) -> None:
        """[MQTT-3.1.4-3] the older connection ends; its will is due as after any loss.
        [MQTT3-3.1.4-2]"""
        core = self._core
        existing = core.sessions.by_client_id.get(client_id)
        if existing is None or existing.link is None:
            return
        core.stats.takeovers += 1
        core.events.note(
            "taken_over",
            client_id=client_id,
            username=existing.username,
            address=existing.link.address,
            reason="another connection came with the same client id",
        )
        existing.link.close(
            ReasonCode.SESSION_TAKEN_OVER, "another connection took the client id over"
        )

    def _adopt(self, session: Session, request: Request) -> None:
        """Put the terms of this connection into the session. [MQTT-3.1.2-7] [MQTT3-3.1.2-8]"""
        core, link, terms = self._core, request.link, request.terms
        # One that is resumed stays durable to the end of this connection, whatever the new expiry
        # [MQTT-3.1.2-5]: the log holds what waits for it.
        durable = terms.session_expiry_s > 0 or session.durable
        if session.subscriptions and (session.host != link.host or session.durable != durable):
            core.tree.touch(session.subscriptions)  # what it may receive, or how, can differ
        session.identity = request.identity
        session.address = link.address
        session.host = link.host
        session.rights = request.rights
        session.rights_epoch = core.access_epoch
        session.forget_receivable()
        session.protocol_version = terms.protocol_version
        session.keep_alive_s = terms.keep_alive_s
        session.clean_start = terms.clean_start
        session.expiry_s = terms.session_expiry_s
        session.durable = durable
        session.will = will_record(request.connect.will)
        session.window.quota = terms.outbound_quota

    def _confirm(self, request: Request, is_present: bool) -> None:
        # [MQTT-3.1.4-5] [MQTT-3.2.0-1] [MQTT-3.2.0-2] [MQTT3-3.1.4-4] [MQTT3-3.2.0-1]
        core, link, terms = self._core, request.link, request.terms
        session = link.session
        if session is None or session.link is not link:
            return
        self.forget(link)
        core.stats.connect_success += 1
        connack = self._connack(request, is_present)
        if len(connack) > link.max_packet_bytes:
            link.shut("the CONNACK is larger than the client takes", keep_will=True)
            return
        write_at_once(core, link, CONNACK, connack)
        if terms.alias_maximum:
            link.level, link.aliases_out = 6, OutboundAliases(terms.alias_maximum)
        link.go_live(terms.keep_alive_s)
        core.events.add(
            "connected",
            client_id=session.client_id,
            username=session.username,
            address=session.address,
            reason="the session was resumed" if is_present else "",
        )
        if is_present:
            core.sessions.resume(session, link)
        link.take_waiting()
        core.plan_flush()

    def _connack(self, request: Request, is_present: bool) -> bytes:
        """Most clients get the same two."""
        terms, limits = request.terms, request.limits
        if terms.protocol_version < V5:
            # MQTT 3.1 has no Session Present.
            return CONNACKS_4[is_present and terms.protocol_version > V31]
        if terms.changed is not None or limits is not self._known_limits:
            return encode(terms.accepted(session_present=is_present, limits=limits), V5)
        plain = self._plain_connacks.get(is_present)
        if plain is None:
            accepted = terms.accepted(session_present=is_present, limits=limits)
            plain = self._plain_connacks[is_present] = encode(accepted, V5)
        return plain

    # -- refusing ----------------------------------------------------------------------------------

    def refuse(
        self, link: Connection, reason: ReasonCode, detail: str, server_reference: str = ""
    ) -> None:
        """Refuse a connection whose CONNECT is under decision, or has not come yet.
        [MQTT-3.1.4-6] [MQTT-3.2.2-7] [MQTT3-3.1.4-5] [MQTT3-3.2.2-5]"""
        request = link.request
        if request is None or link.state == NEW:
            self.turn_away(link, detail)
            return
        username = request.connect.username or ""
        send_refusal(link, reason, detail, server_reference)
        self._count_refusal(link, request.terms.client_id, username, detail)
        link.shut(detail, keep_will=False)

    def _count_refusal(self, link: Connection, client_id: str, username: str, detail: str) -> None:
        self._core.stats.connect_failure += 1
        self._core.events.note(
            "refused",
            client_id=client_id,
            username=username,
            address=link.address,
            reason=detail,
        )

    async def stop(self) -> None:
        """End what is still being decided."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in list(self._core.entrance.undecided):
            self.refuse(link, ReasonCode.SERVER_SHUTTING_DOWN, "the node is stopping")
