"""The rights evaluator: statements of effect, actions, resources and conditions (CONTRACT R3, R6,
R8, R10).

Pure: the caller brings the statements. Deny wins over allow; nothing matched refuses. Resources are
six segments, ``qcs::mqtt:${region}:uin/${uin}:instance/${InstanceId}``, matched segment by segment.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

EFFECTS = ("allow", "deny")
SEGMENTS = 6


class PolicyInvalid(ValueError):
    """A rights policy that cannot be read; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action acts on; ``id`` empty = the operation itself (``CreateInstance``, CONTRACT
    section 21).
    """

    account_uin: str
    kind: str = "instance"
    id: str = ""
    region: str = ""
    service: str = "mqtt"
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The six segments as text; ``*`` for an operation."""
        if not self.id:
            return "*"
        return f"qcs::{self.service}:{self.region}:uin/{self.account_uin}:{self.kind}/{self.id}"


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the evaluator."""

    action: str
    """With its service: ``mqtt:CreateTopic``."""
    resource: Resource
    source_ip: str = ""
    request_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy; conditions: operator → key → values, all of which must hold."""

    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def matches(self, request: Request) -> bool:
        """Whether the statement speaks of the request."""
        return (
            any(_action_matches(pattern, request.action) for pattern in self.actions)
            and any(_resource_matches(pattern, request.resource) for pattern in self.resources)
            and all(
                CONDITIONS[operator](keys, request) for operator, keys in self.conditions.items()
            )
        )


def is_allowed(statements: Sequence[Statement], request: Request) -> bool:
    """Deny wins over allow, nothing matched refuses (CONTRACT R3)."""
    effects = {statement.effect for statement in statements if statement.matches(request)}
    return effects == {"allow"}


def parse_policy(document: Any) -> tuple[Statement, ...]:
    """Read a policy ``{"version": "2.0", "statement": [...]}`` (CONTRACT R6).

    Raises:
        PolicyInvalid: with the place of the first thing that is wrong; unknown keys, operators and
        effects are wrong.
    """
    _expect_keys(document, "policy", required={"version", "statement"})
    if document["version"] != "2.0":
        raise PolicyInvalid('version: only "2.0" is known.')
    statements = document["statement"]
    if not isinstance(statements, list) or not statements:
        raise PolicyInvalid("statement: a list with at least one statement is needed.")
    return tuple(_parse_statement(item, f"statement[{i}]") for i, item in enumerate(statements))


def _parse_statement(item: Any, place: str) -> Statement:
    _expect_keys(item, place, required={"effect", "action", "resource"}, optional={"condition"})
    if item["effect"] not in EFFECTS:
        raise PolicyInvalid(f"{place}.effect: allow or deny, not {item['effect']!r}.")
    actions = _texts(item["action"], f"{place}.action")
    resources = _texts(item["resource"], f"{place}.resource")
    for pattern in resources:
        if pattern != "*" and len(pattern.split(":", SEGMENTS - 1)) != SEGMENTS:
            raise PolicyInvalid(
                f"{place}.resource: {pattern!r} has not six segments; write * or "
                "qcs::mqtt:REGION:uin/UIN:instance/ID."
            )
    return Statement(
        item["effect"],
        actions,
        resources,
        _parse_conditions(item.get("condition", {}), f"{place}.condition"),
    )


def _parse_conditions(item: Any, place: str) -> dict[str, dict[str, tuple[str, ...]]]:
    if not isinstance(item, dict):
        raise PolicyInvalid(f"{place}: an object is needed.")
    conditions: dict[str, dict[str, tuple[str, ...]]] = {}
    for operator, keys in item.items():
        if operator not in CONDITIONS:
            raise PolicyInvalid(
                f"{place}: unknown operator {operator!r}; known: {', '.join(CONDITIONS)}."
            )
        if not isinstance(keys, dict) or not keys:
            raise PolicyInvalid(f"{place}.{operator}: an object of key and values is needed.")
        allowed = ADDRESS_KEYS if operator in ADDRESS_OPERATORS else TAG_KEYS
        for key, values in keys.items():
            if key not in allowed:
                raise PolicyInvalid(
                    f"{place}.{operator}: unknown key {key!r}; known: {', '.join(allowed)}."
                )
            parsed = _texts(values, f"{place}.{operator}.{key}")
            _check_values(operator, parsed, f"{place}.{operator}.{key}")
            conditions.setdefault(operator, {})[key] = parsed
    return conditions


def _check_values(operator: str, values: tuple[str, ...], place: str) -> None:
    for value in values:
        if operator in ADDRESS_OPERATORS:
            try:
                ipaddress.ip_network(value, strict=False)
            except ValueError:
                raise PolicyInvalid(f"{place}: {value!r} is not an IP address or CIDR.") from None
        elif "&" not in value:
            raise PolicyInvalid(f"{place}: {value!r}: write a tag as key&value.")


def _expect_keys(
    item: Any, place: str, *, required: set[str], optional: set[str] | None = None
) -> None:
    if not isinstance(item, dict):
        raise PolicyInvalid(f"{place}: an object is needed.")
    missing = required - item.keys()
    if missing:
        raise PolicyInvalid(f"{place}: {', '.join(sorted(missing))} is missing.")
    unknown = item.keys() - required - (optional or set())
    if unknown:
        raise PolicyInvalid(f"{place}: unknown key {', '.join(sorted(map(str, unknown)))}.")


def _texts(value: Any, place: str) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values:
        raise PolicyInvalid(f"{place}: a text or a list of texts is needed.")
    if not all(isinstance(text, str) and text for text in values):
        raise PolicyInvalid(f"{place}: every entry is a text that is not empty.")
    return tuple(values)


def _action_matches(pattern: str, action: str) -> bool:
    """``*`` in a pattern stands for any characters; a pattern without service means ``mqtt``."""
    if pattern == "*":
        return True
    service, colon, name = pattern.rpartition(":")
    wanted = f"{service if colon else 'mqtt'}:{name}"
    return fnmatchcase(action, wanted.replace("[", "[[]").replace("?", "[?]"))


def _resource_matches(pattern: str, resource: Resource) -> bool:
    """Segment by segment; an empty segment of the pattern means any. Operations match only ``*``
    (CONTRACT R8).
    """
    if pattern == "*":
        return True
    if not resource.id:
        return False
    wanted = pattern.split(":", SEGMENTS - 1)
    actual = resource.name.split(":", SEGMENTS - 1)
    return len(wanted) == SEGMENTS and all(
        not want or fnmatchcase(have, want.replace("[", "[[]").replace("?", "[?]"))
        for want, have in zip(wanted, actual, strict=True)
    )


def _address_is_in(keys: Mapping[str, tuple[str, ...]], request: Request) -> bool:
    try:
        address = ipaddress.ip_address(request.source_ip)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return all(
        any(address in ipaddress.ip_network(value, strict=False) for value in values)
        for values in keys.values()
    )


def _address_is_not_in(keys: Mapping[str, tuple[str, ...]], request: Request) -> bool:
    return bool(request.source_ip) and not _address_is_in(keys, request)


def _tags_of(key: str, request: Request) -> set[str]:
    tags = request.resource.tags if key == "qcs:resource_tag" else request.request_tags
    return {f"{name}&{value}" for name, value in tags.items()}


def _any_tag_matches(keys: Mapping[str, tuple[str, ...]], request: Request) -> bool:
    return all(_tags_of(key, request) & set(values) for key, values in keys.items())


def _tags_are_all(keys: Mapping[str, tuple[str, ...]], request: Request) -> bool:
    """The thing's tags equal all tags of the policy (CONTRACT R10, ``string_equal``)."""
    return all(_tags_of(key, request) == set(values) for key, values in keys.items())


ADDRESS_OPERATORS = ("ip_equal", "ip_not_equal")
ADDRESS_KEYS = ("qcs:ip",)
TAG_KEYS = ("qcs:resource_tag", "qcs:request_tag")
CONDITIONS: dict[str, Callable[[Mapping[str, tuple[str, ...]], Request], bool]] = {
    "ip_equal": _address_is_in,
    "ip_not_equal": _address_is_not_in,
    "for_any_value:string_equal": _any_tag_matches,
    "string_equal": _tags_are_all,
}
