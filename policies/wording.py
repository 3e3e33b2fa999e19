"""What a policy says, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from django.utils.translation import gettext as _

RETAINED, NOT_RETAINED = 1, 2
"""``AuthorizationPolicy.Retain``; 3 is both."""


class Statement(Protocol):
    """A policy, or what a form says of one."""

    @property
    def effect(self) -> str: ...
    @property
    def actions(self) -> Sequence[str]: ...
    @property
    def topics(self) -> Sequence[str]: ...
    @property
    def username(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def ip(self) -> str: ...
    @property
    def qos(self) -> Sequence[int]: ...
    @property
    def retain(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Said:
    """The parts of a sentence: who may do what, where, under which conditions."""

    is_allowing: bool
    actions: list[str]
    topics: list[str]
    """Patterns; empty means every topic."""
    conditions: list[tuple[str, str]]
    """Of what they speak, and the value or pattern; empty means always."""
    speaks_of_topics: bool
    """False when it only decides about connecting, for which topics do not count."""


def said(statement: Statement) -> Said:
    """A policy in plain words."""
    words = {"connect": _("connect"), "pub": _("publish"), "sub": _("subscribe")}
    return Said(
        is_allowing=statement.effect == "allow",
        actions=[words.get(action, action) for action in statement.actions],
        topics=list(statement.topics),
        conditions=list(_conditions(statement)),
        speaks_of_topics=bool({"pub", "sub"} & set(statement.actions)),
    )


def _conditions(statement: Statement) -> list[tuple[str, str]]:
    found = []
    if statement.username not in ("", "*"):
        found.append((_("username is"), statement.username))
    if statement.client_id not in ("", "*"):
        found.append((_("client ID is"), statement.client_id))
    if statement.ip:
        found.append((_("comes from"), statement.ip))
    if 0 < len(set(statement.qos)) < 3:
        found.append((_("QoS is"), _(" or ").join(str(qos) for qos in sorted(statement.qos))))
    if statement.retain == RETAINED:
        found.append((_("message is"), _("retained")))
    elif statement.retain == NOT_RETAINED:
        found.append((_("message is"), _("not retained")))
    return found
