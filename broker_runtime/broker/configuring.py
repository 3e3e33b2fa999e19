"""Putting a configuration in force: everything is checked before anything changes (F11)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from broker_runtime.access.first_levels import NAME
from broker_runtime.access.policies import PolicyInvalid, PolicySet
from broker_runtime.auth.anonymous import AnonymousAuthenticator
from broker_runtime.auth.chain import Authenticator, Chain
from broker_runtime.auth.passwords import PasswordAuthenticator, UsersInvalid
from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.errors import ConfigurationInvalid
from broker_runtime.codec.reasons import ReasonCode
from broker_runtime.contract.configuration import (
    ClusterSection,
    Policy,
    Sections,
    UsersSection,
)

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core

HEADER_BYTES: Final = 128 * 1024
"""Room in a packet beside the payload: topic and properties."""

CHECKED_AT_ONCE: Final = 500
"""Clients looked at again in one tick after a change; 10,000 a second and more."""


class Configuring:
    """The sections in force, and the clients that have to be looked at again."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._policies: tuple[Policy, ...] = ()
        self._to_check: deque[Session] = deque()
        self._has_reaped = False
        core.chain = self._chain(UsersSection())

    def apply(self, sections: Sections) -> None:
        """Check, then apply.

        Raises:
            ConfigurationInvalid: nothing changed.
        """
        core = self._core
        cluster = sections.cluster or core.cluster
        policies = self._policies if sections.policies is None else sections.policies.policies
        access_changed = sections.policies is not None or sections.cluster is not None
        try:
            policy_set = self._policy_set(policies, cluster) if access_changed else None
            chain = None if sections.users is None else self._chain(sections.users)
            _check_cluster(cluster, core.cluster)
            _check_topics(sections)
        except (PolicyInvalid, UsersInvalid, ValueError) as error:
            raise ConfigurationInvalid(str(error)) from None
        # Nothing below this line fails.
        self._policies = policies
        if policy_set is not None:
            core.policies = policy_set
            core.access_epoch += 1
        if chain is not None:
            core.chain = chain
        if cluster is not None and sections.cluster is not None:
            self._set_cluster(cluster)
        if sections.topics is not None:
            core.first_levels.replace(sections.topics.names)
        core.routes.all_changed()
        if policy_set is not None or chain is not None:
            self._to_check.extend(
                s for s in core.sessions.by_client_id.values() if s.link is not None
            )
            self.check_some()

    def _policy_set(
        self, policies: tuple[Policy, ...], cluster: ClusterSection | None
    ) -> PolicySet:
        return PolicySet(policies, enabled=cluster is None or cluster.authorization_enabled)

    def _chain(self, users: UsersSection) -> Chain:
        authenticators: list[Authenticator] = []
        if users.users or users.verifier_key:
            authenticators.append(PasswordAuthenticator(users))
        if self._core.settings.allow_anonymous:
            authenticators.append(AnonymousAuthenticator(any_username=not authenticators))
        return Chain(authenticators)

    def _set_cluster(self, cluster: ClusterSection) -> None:
        core = self._core
        core.cluster = cluster
        core.max_message_bytes = cluster.max_message_bytes
        core.max_packet_bytes = cluster.max_message_bytes + HEADER_BYTES
        core.throttle.set_limit(cluster.tps_limit)
        core.throttle.set_client_rate(cluster.client_message_rate)
        core.first_levels.set_limits(
            maximum=cluster.max_topics, auto_create=cluster.auto_create_topics
        )
        core.journal.set_retention(cluster.message_retention_s)
        core.tree.strategies.default = cluster.shared_strategy
        core.tree.strategies.by_group = cluster.shared_strategies

    def reap_once(self) -> None:
        """Carry out what the last process left, as soon as rights can be judged (S14)."""
        core = self._core
        if not self._has_reaped and core.cluster is not None and core.is_started:
            self._has_reaped = True
            core.sessions.reap()
            core.backlog.recount()

    def check_some(self) -> None:
        """Look at some live clients again: those who may not stay are disconnected (A4)."""
        for _ in range(min(CHECKED_AT_ONCE, len(self._to_check))):
            session = self._to_check.popleft()
            if session.link is not None and not session.ended:
                self._check(session)

    def _check(self, session: Session) -> None:
        core, link, identity = self._core, session.link, session.identity
        assert link is not None, "asked by the caller"
        detail = None
        if identity is None or not core.chain.still_holds(identity):
            detail = "the user was removed, disabled or has another password"
        else:
            refused = core.rights_of(session).refuses_connect()
            if refused is not None:
                detail = f"the right to connect was withdrawn: {refused}"
        if core.cluster is not None and core.cluster.isolated:
            detail = "the cluster is isolated"
        if detail is not None:
            link.close(ReasonCode.NOT_AUTHORIZED, detail)


def _check_cluster(wanted: ClusterSection | None, now: ClusterSection | None) -> None:
    if wanted is None:
        return
    if now is not None and wanted.cluster_id != now.cluster_id:
        raise ValueError(f"cluster: this node serves {now.cluster_id!r}")
    for name in (
        "tps_limit",
        "max_connections",
        "max_subscriptions",
        "max_subscriptions_per_client",
        "max_topics",
        "max_message_bytes",
        "session_expiry_max_s",
        "message_retention_s",
    ):
        value = getattr(wanted, name)
        if value < 0:
            raise ValueError(f"cluster: {name}: 0 or more expected, not {value}")


def _check_topics(sections: Sections) -> None:
    if sections.topics is not None:
        for name in sections.topics.names:
            if NAME.match(name) is None:
                raise ValueError(f"topics: {name!r} is not a first-level topic name")
