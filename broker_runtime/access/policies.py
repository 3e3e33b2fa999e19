"""Ordered authorization policies: the first that matches decides, nothing matched refuses
(CONTRACT Z1, Z2, A7).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from broker_runtime.access.patterns import Pattern, Template, literal_in_topic
from broker_runtime.access.rights import EVERYTHING, Rights, Rule, combinations
from broker_runtime.contract.configuration import Policy

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Host = ipaddress.IPv4Address | ipaddress.IPv6Address


class PolicyInvalid(ValueError):
    """A policy that cannot be used; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks: what the conditions of policies look at."""

    client_id: str
    username: str
    host: str
    """Address of the peer, without port."""
    certificate: Mapping[str, str] = field(default_factory=dict)
    """Variable name (``Certificate.Subject.CommonName`` …) → value; empty without a client
    certificate.
    """

    def values(self) -> dict[str, str]:
        """Variable name → value."""
        return {"Username": self.username, "ClientId": self.client_id, **self.certificate}


def peer_address(host: str) -> Host | None:
    """Address of a peer; an IPv4 address mapped into IPv6 is that IPv4 address (SECURITY Z11)."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


class _Statement:
    """One policy, parsed."""

    __slots__ = ("_client_id", "_ip", "_rule", "_templates", "_username", "policy")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._client_id = _expression(policy.client_id)
        self._username = _expression(policy.username)
        self._ip = _network(policy.ip)
        self._templates = tuple(Template(text, in_topic=True) for text in policy.topics)
        fixed = not any(template.variables for template in self._templates)
        combinations(policy.qos, policy.retain)
        self._rule = self._bound({}, shared=True) if fixed else None

    def rule_for(
        self, subject: Subject, address: Host | None, values: Mapping[str, str]
    ) -> Rule | None:
        """What the policy says to this client; None when it does not speak of it."""
        if self._ip is not None and (address is None or address not in self._ip):
            return None
        for template, text in (
            (self._client_id, subject.client_id),
            (self._username, subject.username),
        ):
            if template is not None:
                pattern = template.bind(values)
                if pattern is None or not pattern.matches(text):
                    return None
        return self._rule or self._bound(values, shared=False)

    def _bound(self, values: Mapping[str, str], *, shared: bool) -> Rule:
        policy = self.policy
        allow = policy.effect == "allow"
        patterns = tuple(
            pattern
            for template in self._templates
            if (pattern := _bind_topic(template, values, allow)) is not None
        )
        return Rule(
            name=policy.name,
            allow=allow,
            actions=frozenset(policy.actions),
            patterns=patterns,
            any_topic=not self._templates,
            mask=combinations(policy.qos, policy.retain),
            shared=shared,
        )


def _bind_topic(template: Template, values: Mapping[str, str], allow: bool) -> Pattern | None:
    """An *allow* with a value that would reach beyond its level allows nothing; a *deny* takes it
    literally (Z8).
    """
    if allow and not all(literal_in_topic(values.get(name, "")) for name in template.variables):
        return None
    return template.bind(values)


class PolicySet:
    """All policies of a cluster, in order.

    Args:
        policies: as configured; the order is the order of checking.
        enabled: False lets every authenticated client do anything (DECISIONS 3).

    Raises:
        PolicyInvalid: one of them cannot be used. No set comes into being (SECURITY Z2).
    """

    def __init__(self, policies: Sequence[Policy], *, enabled: bool) -> None:
        self._enabled = enabled
        self._statements = [_parsed(policy) for policy in policies]
        self._shared: dict[tuple[int, ...], Rights] = {}

    @property
    def allow_everything(self) -> bool:
        """Whether authorization is switched off."""
        return not self._enabled

    def rights_of(self, subject: Subject) -> Rights:
        """What a client may do. Clients to whom the very same rules speak share one object."""
        if not self._enabled:
            return EVERYTHING
        address, values = peer_address(subject.host), subject.values()
        rules = tuple(
            rule
            for statement in self._statements
            if (rule := statement.rule_for(subject, address, values)) is not None
        )
        key = tuple(map(id, rules))
        shared = self._shared.get(key)
        if shared is not None and shared.rules == rules:
            return shared
        rights = Rights(rules)
        if all(rule.shared for rule in rules):
            self._shared[key] = rights
        return rights


def _parsed(policy: Policy) -> _Statement:
    try:
        if not policy.actions:
            raise ValueError("no action")
        return _Statement(policy)
    except ValueError as error:
        raise PolicyInvalid(f"policies: policy {policy.name!r}: {error}") from None


def _expression(text: str) -> Template | None:
    """Empty and ``*``: any (CONTRACT Z6)."""
    return None if text in ("", "*") else Template(text, in_topic=False)


def _network(text: str) -> Network | None:
    if not text:
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"ip: {text!r} is neither an address nor a CIDR block") from None
    base = network.network_address
    mapped = base.ipv4_mapped if isinstance(base, ipaddress.IPv6Address) else None
    if mapped is None:
        return network
    return ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}", strict=False)
