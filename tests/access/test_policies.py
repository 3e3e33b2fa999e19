"""Ordered policies with default deny, against an obvious evaluator (SECURITY group Z)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_runtime.access.policies import PolicyInvalid, PolicySet, Subject
from broker_runtime.access.rights import combination
from broker_runtime.codec import topics
from broker_runtime.contract.configuration import Policy


def policy(effect="allow", actions=("connect", "pub", "sub"), **fields):
    return Policy(id=1, name=fields.pop("name", "p"), effect=effect, actions=actions, **fields)


def rights(*policies, client_id="c1", username="u1", host="10.0.0.1", enabled=True, **certificate):
    subject = Subject(client_id, username, host, certificate)
    return PolicySet(policies, enabled=enabled).rights_of(subject)


def may_publish(granted, topic, *, qos=0, retain=False):
    return granted.refuses_publish(topic, qos=qos, retain=retain) is None


def test_no_policy_refuses_everything__Z1():
    nobody = rights()
    assert nobody.refuses_connect()
    assert not may_publish(nobody, "a")
    assert nobody.refuses_subscribe("a", qos=0)
    assert nobody.refuses_delivery("a", qos=0)


def test_authorization_switched_off_allows_everything():
    anybody = rights(policy("deny"), enabled=False)
    assert anybody.refuses_connect() is None
    assert may_publish(anybody, "a", qos=2, retain=True)
    assert anybody.refuses_subscribe("#", qos=2) is None


def test_the_first_policy_that_matches_decides__Z3():
    deny, allow = policy("deny", topics=("a/secret",), name="no"), policy(topics=("a/#",))
    assert not may_publish(rights(deny, allow), "a/secret")
    assert may_publish(rights(deny, allow), "a/open")
    assert may_publish(rights(allow, deny), "a/secret")


def test_a_refusal_names_the_deciding_policy():
    reason = rights(policy("deny", name="night shift")).refuses_connect()
    assert reason == "policy 'night shift' denies it"


def test_a_denied_part_of_a_wide_subscription_is_checked_at_delivery__Z5():
    granted = rights(policy("deny", topics=("secret/#",)), policy(topics=("#",)))
    for wide in ("#", "+/x"):
        assert granted.refuses_subscribe(wide, qos=1) is None
    assert granted.refuses_subscribe("secret/+", qos=1)
    assert granted.refuses_delivery("secret/x", qos=1)
    assert granted.refuses_delivery("open/x", qos=1) is None


@pytest.mark.parametrize("username", ["+", "#", "a/b"])
def test_a_value_that_reaches_beyond_its_level_allows_nothing__Z8(username):
    allow = policy(topics=("user/${Username}/#",))
    assert not may_publish(rights(allow, username=username), f"user/{username}/x")
    deny = policy("deny", topics=("user/${Username}/#",))
    everything = policy()
    assert not may_publish(rights(deny, everything, username="a/b"), "user/a/b/x")


def test_certificate_variables_never_match_without_a_certificate():
    allow = policy(topics=("dev/${Certificate.Subject.CommonName}",))
    named = {"Certificate.Subject.CommonName": "d1"}
    assert not may_publish(rights(allow), "dev/")
    assert may_publish(rights(allow, **named), "dev/d1")
    condition = policy(client_id="*${Certificate.Subject.CommonName}*")
    assert rights(condition).refuses_connect()
    assert rights(condition, client_id="x-d1-y", **named).refuses_connect() is None


def test_a_client_id_condition_with_the_username():
    condition = policy(client_id="*${Username}*")
    assert rights(condition, client_id="x-u1-y").refuses_connect() is None
    assert rights(condition, client_id="x-u2-y").refuses_connect()


@pytest.mark.parametrize(
    ("block", "host", "inside"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.5", "10.0.0.5", True),
        ("10.0.0.5", "10.0.0.6", False),
        ("192.168.0.0/16", "::ffff:10.1.2.3", False),
        ("::ffff:10.0.0.0/104", "10.9.9.9", True),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "10.0.0.1", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("10.0.0.0/8", "not an address", False),
    ],
)
def test_addresses_and_blocks__Z11(block, host, inside):
    assert (rights(policy(ip=block), host=host).refuses_connect() is None) is inside


def test_qos_and_retain_conditions__Z11():
    granted = rights(policy(topics=("a",), qos=(0,), retain=False))
    allowed = {
        (qos, retain)
        for qos in (0, 1, 2)
        for retain in (False, True)
        if may_publish(granted, "a", qos=qos, retain=retain)
    }
    assert allowed == {(0, False)}
    assert granted.publish_mask("a") == combination(0, False)
    assert granted.refuses_subscribe("a", qos=1)
    assert granted.refuses_subscribe("a", qos=0) is None


@pytest.mark.parametrize(
    "broken",
    [
        {"topics": ("a/#/b",)},
        {"topics": ("${Who}",)},
        {"ip": "10.0.0.0/99"},
        {"ip": "::/0/1"},
        {"qos": (3,)},
        {"actions": ()},
        {"client_id": "${Nobody}"},
    ],
)
def test_a_broken_policy_makes_no_set_and_is_named__Z2(broken):
    with pytest.raises(PolicyInvalid, match="night shift"):
        PolicySet([policy(name="night shift", **broken)], enabled=True)


def test_clients_to_whom_the_same_rules_speak_share_their_rights():
    policies = PolicySet([policy(topics=("a/#",))], enabled=True)
    first = policies.rights_of(Subject("c1", "u1", "10.0.0.1"))
    assert policies.rights_of(Subject("c2", "u2", "10.0.0.2")) is first
    own = PolicySet([policy(topics=("a/${ClientId}",))], enabled=True)
    assert own.rights_of(Subject("c1", "u1", "")) is not own.rights_of(Subject("c2", "u1", ""))


POLICIES = st.lists(
    st.builds(
        policy,
        effect=st.sampled_from(["allow", "deny"]),
        actions=st.sets(st.sampled_from(["pub", "sub"]), min_size=1).map(tuple),
        topics=st.lists(
            st.sampled_from(["#", "a/#", "a/+", "a/b", "+/b", "${Username}/x", "*b", "a/?"]),
            max_size=2,
        ).map(tuple),
        client_id=st.sampled_from(["", "c1", "c*", "z"]),
        username=st.sampled_from(["", "u1", "?1", "z"]),
        ip=st.sampled_from(["", "10.0.0.0/8", "11.0.0.0/8"]),
        qos=st.sets(st.sampled_from([0, 1, 2])).map(tuple),
        retain=st.sampled_from([None, True, False]),
    ),
    max_size=5,
)
TOPICS = st.sampled_from(["a", "a/b", "a/c", "b", "c/b", "u1/x", "u1/y", "a/b/c"])


def obvious(policies, action, topic, qos, retain):
    """Policy by policy, condition by condition, as the contract says it."""
    matching = {
        "#": lambda t: True,
        "*b": lambda t: t.endswith("b"),
        "a/?": lambda t: len(t) == 3 and t.startswith("a/"),
        "${Username}/x": lambda t: t == "u1/x",
    }
    for p in policies:
        topic_fits = not p.topics or any(
            matching.get(text, lambda t, text=text: topics.matches(text, t))(topic)
            for text in p.topics
        )
        fits = (
            action in p.actions
            and topic_fits
            and p.client_id in ("", "c1", "c*")
            and p.username in ("", "u1", "?1")
            and p.ip in ("", "10.0.0.0/8")
            and (not p.qos or qos in p.qos)
            and (action == "sub" or p.retain in (None, retain))
        )
        if fits:
            return p.effect == "allow"
    return False


@settings(deadline=None)
@given(POLICIES, TOPICS, st.sampled_from([0, 1, 2]), st.booleans())
def test_the_evaluator_agrees_with_the_obvious_one(policies, topic, qos, retain):
    granted = rights(*policies)
    expected = obvious(policies, "pub", topic, qos, retain)
    assert may_publish(granted, topic, qos=qos, retain=retain) is expected
    assert bool(granted.publish_mask(topic) & combination(qos, retain)) is expected
    delivered = granted.refuses_delivery(topic, qos=qos) is None
    assert delivered is obvious(policies, "sub", topic, qos, retain)
    assert bool(granted.delivery_mask(topic) >> qos & 1) is delivered
    assert (granted.refuses_subscribe(topic, qos=qos) is None) is delivered


def test_a_policy_with_variables_for_publishing_only_leaves_deliveries_shared():
    policies = PolicySet(
        [policy(actions=("pub",), topics=("own/${ClientId}/#",)), policy(actions=("sub",))],
        enabled=True,
    )
    one, two = (policies.rights_of(Subject(name, "u", "10.0.0.1")) for name in ("c1", "c2"))
    assert may_publish(one, "own/c1/x")
    assert not may_publish(one, "own/c2/x")
    assert one.delivery is two.delivery


def test_many_policies_answer_by_the_first_level():
    policies = [policy(topics=(f"site-{i}/${{ClientId}}/#",)) for i in range(500)]
    granted = rights(policy("deny", topics=("+/+/secret",)), *policies)
    assert may_publish(granted, "site-499/c1/t")
    assert not may_publish(granted, "site-499/c2/t")
    assert not may_publish(granted, "site-499/c1/secret")
    assert not may_publish(granted, "elsewhere/c1/t")
