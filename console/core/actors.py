"""Who acts: the person, key or task on whose behalf an action runs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from console.core.rights import Request, Resource, Statement, is_allowed

Entrance = Literal["page", "api", "cli", "task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An authenticated caller. ``account_uin`` is the tenant: everything it may ever see belongs to
    it.
    """

    uin: str
    account_uin: str
    name: str
    entrance: Entrance
    is_owner: bool = False
    is_system: bool = False
    """The product itself (lifecycle tasks, telemetry); it alone may run internal actions."""
    statements: tuple[Statement, ...] = ()
    source_ip: str = ""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def may(
        self, action: str, resource: Resource, *, request_tags: Mapping[str, str] | None = None
    ) -> bool:
        """Whether the actor has the right to ``action`` (``mqtt:CreateTopic``) on ``resource``.

        ``request_tags``: the tags that the request brings (``qcs:request_tag``, CONTRACT R10).
        """
        if resource.account_uin != self.account_uin:
            return False
        if self.is_owner or self.is_system:
            return True
        request = Request(
            action=action,
            resource=resource,
            source_ip=self.source_ip,
            request_tags=request_tags or {},
        )
        return is_allowed(self.statements, request)


def system_actor(account_uin: str) -> Actor:
    """The product itself, acting within one account."""
    return Actor(
        uin="system", account_uin=account_uin, name="system", entrance="task", is_system=True
    )
