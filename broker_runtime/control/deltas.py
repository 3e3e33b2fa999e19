"""From a change of entries to the whole sections that it makes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

import msgspec

from broker_runtime.broker.errors import Refused
from broker_runtime.contract.configuration import (
    CertificatesSection,
    ListenersSection,
    PoliciesChange,
    PoliciesSection,
    Policy,
    SectionChanges,
    Sections,
    TopicsSection,
    UsersSection,
)

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


def changed_sections(held: Sections, changes: SectionChanges) -> Sections:
    """The sections that differ afterwards, each whole; the others are None.

    Args:
        held: every section that is in force.

    Raises:
        Refused: ``malformed``: the change contradicts itself.
    """
    return Sections(
        cluster=changes.cluster,
        listeners=_listeners(held, changes),
        users=_users(held, changes),
        policies=_policies(held, changes.policies),
        topics=_topics(held, changes),
        certificates=_certificates(held, changes),
    )


def _listeners(held: Sections, changes: SectionChanges) -> ListenersSection | None:
    change = changes.listeners
    if change is None:
        return None
    now = (held.listeners or ListenersSection()).listeners
    entries = _entries("listeners", now, change.upsert, change.remove, lambda x: (x.host, x.port))
    return ListenersSection(listeners=entries)


def _users(held: Sections, changes: SectionChanges) -> UsersSection | None:
    change = changes.users
    if change is None:
        return None
    section = held.users or UsersSection()
    entries = _entries("users", section.users, change.upsert, change.remove, lambda x: x.username)
    return msgspec.structs.replace(section, users=entries)


def _topics(held: Sections, changes: SectionChanges) -> TopicsSection | None:
    change = changes.topics
    if change is None:
        return None
    now = (held.topics or TopicsSection()).names
    return TopicsSection(names=_entries("topics", now, change.add, change.remove, lambda x: x))


def _certificates(held: Sections, changes: SectionChanges) -> CertificatesSection | None:
    change = changes.certificates
    if change is None:
        return None
    now = (held.certificates or CertificatesSection()).certificates
    entries = _entries("certificates", now, change.upsert, change.remove, lambda x: x.name)
    return CertificatesSection(certificates=entries)


def _policies(held: Sections, change: PoliciesChange | None) -> PoliciesSection | None:
    if change is None:
        return None
    now = (held.policies or PoliciesSection()).policies
    entries = _entries("policies", now, change.upsert, change.remove, lambda x: x.id)
    return PoliciesSection(policies=_ordered(entries, change.order))


def _ordered(policies: tuple[Policy, ...], order: tuple[int, ...] | None) -> tuple[Policy, ...]:
    if order is None:
        return policies
    by_id = {policy.id: policy for policy in policies}
    if len(order) != len(by_id) or set(order) != by_id.keys():
        raise Refused("malformed", "changes.policies.order: every id once, and no other, expected")
    return tuple(by_id[number] for number in order)


def _entries(
    section: str,
    now: Iterable[T],
    upsert: Iterable[T],
    remove: Iterable[K],
    key: Callable[[T], K],
) -> tuple[T, ...]:
    """Entries keep their places; new ones come behind."""
    by_key = {key(entry): entry for entry in now}
    gone = set(remove)
    for entry in upsert:
        if key(entry) in gone:
            raise Refused("malformed", f"changes.{section}: {key(entry)!r} is there and removed")
        by_key[key(entry)] = entry
    return tuple(entry for k, entry in by_key.items() if k not in gone)
