"""The rights evaluator (CONTRACT R3, R6, R8, R10)."""

from __future__ import annotations

from typing import Any

import pytest

from console.core.rights import PolicyInvalid, Request, Resource, is_allowed, parse_policy

CLUSTER = Resource(account_uin="100", id="mqtt-a1", region="local", tags={"env": "prod"})
OPERATION = Resource(account_uin="100")


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"version": "2.0", "statement": list(statements)}


def statement(**changes: Any) -> dict[str, Any]:
    return {"effect": "allow", "action": ["mqtt:*"], "resource": ["*"], **changes}


def allowed(
    document: dict[str, Any],
    action: str = "mqtt:CreateTopic",
    resource: Resource = CLUSTER,
    source_ip: str = "192.0.2.7",
) -> bool:
    return is_allowed(
        parse_policy(document), Request(action=action, resource=resource, source_ip=source_ip)
    )


def test_nothing_matched_refuses() -> None:
    assert not is_allowed((), Request(action="mqtt:CreateTopic", resource=CLUSTER))


def test_an_allow_of_everything_allows() -> None:
    assert allowed(policy(statement()))


def test_a_deny_beats_an_allow() -> None:
    assert not allowed(policy(statement(), statement(effect="deny", action=["mqtt:CreateTopic"])))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("mqtt:CreateTopic", True),
        ("CreateTopic", True),
        ("mqtt:Create*", True),
        ("*", True),
        ("mqtt:DescribeTopic", False),
        ("cam:*", False),
        ("mqtt:createtopic", False),
        ("mqtt:CreateTopi?", False),
        ("mqtt:[C]reateTopic", False),
    ],
)
def test_only_a_star_is_a_wildcard_of_actions(pattern: str, expected: bool) -> None:
    assert allowed(policy(statement(action=[pattern]))) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("qcs::mqtt::uin/100:instance/mqtt-a1", True),
        ("qcs::mqtt:local:uin/100:instance/mqtt-a1", True),
        ("qcs::mqtt:elsewhere:uin/100:instance/mqtt-a1", False),
        ("qcs::mqtt::uin/100:instance/*", True),
        ("qcs::mqtt::uin/200:instance/mqtt-a1", False),
        ("qcs::mqtt::uin/100:instance/mqtt-b2", False),
        ("qcs::mqtt::uin/100:topic/mqtt-a1", False),
    ],
)
def test_resources_match_segment_by_segment(pattern: str, expected: bool) -> None:
    assert allowed(policy(statement(resource=[pattern]))) is expected


def test_an_operation_needs_a_grant_on_all_resources() -> None:
    specific = policy(statement(resource=["qcs::mqtt::uin/100:instance/*"]))
    assert not allowed(specific, "mqtt:CreateInstance", OPERATION)
    assert allowed(policy(statement()), "mqtt:CreateInstance", OPERATION)


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("ip_equal", ["192.0.2.0/24"], True),
        ("ip_equal", ["198.51.100.1", "192.0.2.7"], True),
        ("ip_equal", ["198.51.100.0/24"], False),
        ("ip_not_equal", ["198.51.100.0/24"], True),
        ("ip_not_equal", ["192.0.2.7"], False),
    ],
)
def test_a_source_address_limits_a_statement(
    operator: str, values: list[str], expected: bool
) -> None:
    document = policy(statement(condition={operator: {"qcs:ip": values}}))
    assert allowed(document) is expected


def test_a_mapped_address_counts_as_its_ipv4_address() -> None:
    document = policy(statement(condition={"ip_equal": {"qcs:ip": ["192.0.2.0/24"]}}))
    assert allowed(document, source_ip="::ffff:192.0.2.7")


def test_an_unknown_source_address_meets_no_address_condition() -> None:
    for operator in ("ip_equal", "ip_not_equal"):
        document = policy(statement(condition={operator: {"qcs:ip": ["192.0.2.0/24"]}}))
        assert not allowed(document, source_ip="")


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("for_any_value:string_equal", ["env&prod", "team&iot"], True),
        ("for_any_value:string_equal", ["env&test"], False),
        ("string_equal", ["env&prod"], True),
        ("string_equal", ["env&prod", "team&iot"], False),
    ],
)
def test_tags_of_the_cluster_limit_a_statement(
    operator: str, values: list[str], expected: bool
) -> None:
    document = policy(statement(condition={operator: {"qcs:resource_tag": values}}))
    assert allowed(document) is expected


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ([], "policy"),
        ({"version": "2.0"}, "statement is missing"),
        ({"version": "1.0", "statement": []}, "version"),
        (policy(), "statement"),
        (policy(statement(effect="ALLOW ")), "statement[0].effect"),
        (policy(statement(action=[])), "statement[0].action"),
        (policy(statement(action=[7])), "statement[0].action"),
        (policy(statement(resource=["qcs::mqtt"])), "statement[0].resource"),
        (policy(statement(extra=1)), "unknown key extra"),
        (policy(statement(condition={"like": {"qcs:ip": ["1.2.3.4"]}})), "unknown operator"),
        (policy(statement(condition={"ip_equal": {"qcs:ip": ["1.2.3"]}})), "not an IP"),
        (policy(statement(condition={"ip_equal": {"qcs:tag": ["1.2.3.4"]}})), "unknown key"),
        (policy(statement(condition={"string_equal": {"qcs:resource_tag": ["env"]}})), "key&value"),
    ],
)
def test_a_policy_that_cannot_be_read_says_where(document: Any, place: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parse_policy(document)
    assert place in str(refused.value)
