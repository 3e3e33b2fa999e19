"""Ordered authorization policies: the first that matches decides, nothing matched refuses
(CONTRACT Z1, Z2, A7).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from broker_runtime.access.patterns import Identity, Template
from broker_runtime.access.rights import (
    EVERYTHING,
    Rights,
    Rule,
    RuleBook,
    combinations,
)
from broker_runtime.contract.configuration import Policy

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Host = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_KNOWN: Final = 4_096
"""So many sets of rules and addresses are kept; what is forgotten is worked out again."""


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
    """One policy: the rule, and to whom it speaks."""

    __slots__ = ("_client_id", "_ip", "_username", "is_for_all", "rule")

    def __init__(self, policy: Policy) -> None:
        self._client_id = _expression(policy.client_id)
        self._username = _expression(policy.username)
        self._ip = _network(policy.ip)
        self.is_for_all = self._client_id is None and self._username is None and self._ip is None
        self.rule = Rule(
            name=policy.name,
            allow=policy.effect == "allow",
            actions=frozenset(policy.actions),
            templates=tuple([Template(text, in_topic=True) for text in policy.topics]),
            mask=combinations(policy.qos, policy.retain),
        )

    def speaks_to(self, subject: Subject, address: Host | None, identity: Identity) -> bool:
        """Whether its conditions hold for a client."""
        if self._ip is not None and (address is None or address not in self._ip):
            return False
        return _fits(self._client_id, subject.client_id, identity) and _fits(
            self._username, subject.username, identity
        )


def _fits(template: Template | None, text: str, identity: Identity) -> bool:
    if template is None:
        return True
    pattern = template.bind(identity)
    return pattern is not None and pattern.matches(text)


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
        self._conditional = [
            place for place, statement in enumerate(self._statements) if not statement.is_for_all
        ]
        self._known: dict[tuple[int, ...], Rights] = {}
        self._addresses: dict[str, Host | None] = {}

    @property
    def allow_everything(self) -> bool:
        """Whether authorization is switched off."""
        return not self._enabled

    def rights_of(self, subject: Subject) -> Rights:
        """What a client may do. Clients to whom the very same rules speak share one object, or one
        book of rules when a rule holds variables."""
        if not self._enabled:
            return EVERYTHING
        held = self._conditions_held(subject) if self._conditional else ()
        shared = self._known.get(held)
        if shared is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            shared = self._known[held] = self._rights_under(held)
        if not shared.varies:
            return shared
        return shared.of(subject.client_id, subject.username, subject.certificate)

    def _conditions_held(self, subject: Subject) -> tuple[int, ...]:
        """Places of the policies whose conditions hold for a client."""
        address, identity = self._address(subject.host), Identity(subject.values())
        return tuple(
            [
                place
                for place in self._conditional
                if self._statements[place].speaks_to(subject, address, identity)
            ]
        )

    def _rights_under(self, held: tuple[int, ...]) -> Rights:
        rules = [
            statement.rule
            for place, statement in enumerate(self._statements)
            if statement.is_for_all or place in held
        ]
        return Rights(RuleBook(tuple(rules)))

    def _address(self, host: str) -> Host | None:
        if host not in self._addresses:
            if len(self._addresses) >= MAX_KNOWN:
                self._addresses.clear()
            self._addresses[host] = peer_address(host)
        return self._addresses[host]


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
