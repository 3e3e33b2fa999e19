"""The gate: the one frame in which anything is read or changed.

A page, the cloud API, the command line and a task all call the functions that ``@action`` wraps.
The gate authorises the actor by the action's name on a resource, runs the function in the right
unit of work and writes the audit trail.

    @action("CreateTopic", resource=cluster_resource, kind="change")
    def create_topic(actor: Actor, *, cluster: Cluster, topic: str, remark: str = "") -> Topic: ...
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, cast

from django.db import models, transaction
from django.utils.translation import gettext as _

from console.core.actors import Actor
from console.core.errors import ActionError, UnauthorizedOperation
from console.core.models import AuditEntry
from console.core.rights import Resource

Kind = Literal["change", "command", "read"]
P = ParamSpec("P")
R = TypeVar("R")
ResourceOf = Callable[[Actor, Mapping[str, Any]], Resource]

_running: ContextVar[str] = ContextVar("running_action", default="")
TAGS_PARAMETER = "tag_list"
"""Argument of every action that brings tags: key → value."""
_AUDITED_TEXT_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A registered action.

    ``kind``: ``change`` runs in one durable transaction with its audit row; ``command`` is audited
    without holding a transaction while a runtime answers; ``read`` is authorised only (its refusals
    are audited).
    """

    name: str
    service: str
    kind: Kind
    function: Callable[..., Any]
    resource: ResourceOf
    secret_parameters: frozenset[str]
    audited: bool
    internal: bool
    """Only the product itself may run it; it has no form and no entrance from outside."""

    @property
    def full_name(self) -> str:
        """With its service, as rights policies name it: ``mqtt:CreateTopic``."""
        return f"{self.service}:{self.name}"


REGISTRY: dict[str, Action] = {}


def action(
    name: str,
    *,
    resource: ResourceOf,
    kind: Kind,
    service: str = "mqtt",
    secret_parameters: tuple[str, ...] = (),
    audited: bool | None = None,
    internal: bool = False,
) -> Callable[[Callable[Concatenate[Actor, P], R]], Callable[Concatenate[Actor, P], R]]:
    """Register a function as the action ``name`` and put the gate before it.

    Args:
        resource: What the action acts on, from the actor and the keyword arguments.
        secret_parameters: Arguments that never reach the audit trail.
        audited: Whether success is audited; by default everything but reads.
    """

    def register(
        function: Callable[Concatenate[Actor, P], R],
    ) -> Callable[Concatenate[Actor, P], R]:
        if function.__name__ != snake_case(name):
            raise TypeError(f"The function of {name} must be called {snake_case(name)}.")
        if name in REGISTRY:
            raise TypeError(f"{name} is registered twice.")
        record = Action(
            name=name,
            service=service,
            kind=kind,
            function=function,
            resource=resource,
            secret_parameters=frozenset(secret_parameters),
            audited=kind != "read" if audited is None else audited,
            internal=internal,
        )
        REGISTRY[name] = record

        @functools.wraps(function)
        def gate(actor: Actor, *args: P.args, **parameters: P.kwargs) -> R:
            if args:
                raise TypeError(f"{name}: arguments after the actor are keywords.")
            return cast(R, _pass(record, actor, parameters))

        return cast(Callable[Concatenate[Actor, P], R], gate)

    return register


def account_resource(actor: Actor, parameters: Mapping[str, Any]) -> Resource:
    """The resource of operation-level actions: the account as a whole (CONTRACT section 21)."""
    return Resource(account_uin=actor.account_uin)


def snake_case(name: str) -> str:
    """``DescribeInsVPCEndpoints`` → ``describe_ins_vpc_endpoints``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _pass(record: Action, actor: Actor, parameters: Mapping[str, Any]) -> Any:
    if _running.get():
        raise RuntimeError(
            f"{record.name} was called inside {_running.get()}: no action calls an action."
        )
    resource = record.resource(actor, parameters)
    token = _running.set(record.name)
    try:
        _authorise(record, actor, resource, parameters)
        return _run(record, actor, resource, parameters)
    except ActionError as refusal:
        _audit(record, actor, resource, parameters, AuditEntry.Outcome.REFUSED, refusal.full_code)
        raise
    except Exception:
        _audit(record, actor, resource, parameters, AuditEntry.Outcome.FAILED, "InternalError")
        raise
    finally:
        _running.reset(token)


def _authorise(
    record: Action, actor: Actor, resource: Resource, parameters: Mapping[str, Any]
) -> None:
    if record.internal:
        allowed = actor.is_system
    else:
        tags = parameters.get(TAGS_PARAMETER)
        allowed = actor.may(record.full_name, resource, request_tags=tags)
    if not allowed:
        raise UnauthorizedOperation(
            _(
                "%(who)s may not perform %(action)s on %(resource)s. "
                "Ask the account's owner for the right."
            )
            % {"who": actor.name, "action": record.full_name, "resource": resource.name}
        )


def _run(record: Action, actor: Actor, resource: Resource, parameters: Mapping[str, Any]) -> Any:
    if record.kind == "change":
        with transaction.atomic(durable=True):
            result = record.function(actor, **parameters)
            _audit(record, actor, resource, parameters, AuditEntry.Outcome.DONE, "")
        return result
    result = record.function(actor, **parameters)
    if record.audited:
        _audit(record, actor, resource, parameters, AuditEntry.Outcome.DONE, "")
    return result


def _audit(
    record: Action,
    actor: Actor,
    resource: Resource,
    parameters: Mapping[str, Any],
    outcome: AuditEntry.Outcome,
    code: str,
) -> None:
    AuditEntry.objects.create(
        account_uin=actor.account_uin,
        actor_uin=actor.uin,
        actor_name=actor.name,
        entrance=actor.entrance,
        source_ip=actor.source_ip,
        request_id=actor.request_id,
        action=record.full_name,
        resource=resource.name,
        outcome=outcome,
        code=code,
        parameters={
            name: "***" if name in record.secret_parameters else _audited(value)
            for name, value in parameters.items()
        },
    )


def _audited(value: Any) -> Any:
    """What the audit trail keeps of an argument: short, JSON, without the content of things."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if isinstance(value, models.Model):
        return str(getattr(value, "public_id", value.pk))
    if isinstance(value, list | tuple):
        return [_audited(item) for item in value[:20]]
    return str(value)[:_AUDITED_TEXT_LENGTH]
