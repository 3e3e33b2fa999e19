"""Changes of entries: what they make of sections, and when they are refused."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_runtime.broker.errors import Refused
from broker_runtime.contract.configuration import (
    Certificate,
    CertificatesChange,
    CertificatesSection,
    ConfigurationChange,
    Listener,
    ListenersChange,
    ListenersSection,
    PoliciesChange,
    PoliciesSection,
    Policy,
    SectionChanges,
    Sections,
    TopicsChange,
    TopicsSection,
    User,
    UsersChange,
    UsersSection,
)
from broker_runtime.control.deltas import changed_sections
from clusters.gateway import NodeRefused
from tests.control.fakes import CLUSTER, FakeNode, cluster_section, whole
from tests.control.test_api import caller_of
from tests.listeners.certificates import make
from tests.node.process import NodeProcess


def made_of(held, changes) -> Any:
    """The sections that differ afterwards."""
    return changed_sections(held, changes)


def user(name, digit="0"):
    return User(username=name, verifier=digit * 64)


def policy(number, effect="allow"):
    return Policy(id=number, name=f"p{number}", effect=effect, actions=("pub",))


def change(base, revision, **changes):
    return ConfigurationChange(
        base_revision=base, revision=revision, changes=SectionChanges(**changes)
    )


names = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("0123456789abcdef"))


@given(names, names)
def test_a_change_from_one_state_to_another_makes_the_other(before, after):
    held = Sections(users=UsersSection(verifier_key="11" * 16, users=users_of(before)))
    wanted = UsersChange(
        upsert=tuple(user(n, d) for n, d in after.items() if before.get(n) != d),
        remove=tuple(n for n in before if n not in after),
    )

    made = made_of(held, SectionChanges(users=wanted))

    assert made.users.verifier_key == "11" * 16
    assert set(made.users.users) == set(users_of(after))
    assert (made.cluster, made.policies, made.topics, made.listeners) == (None,) * 4


def users_of(digits):
    return tuple(user(name, digit) for name, digit in digits.items())


def test_every_section_has_its_change():
    assert set(SectionChanges.__struct_fields__) == set(Sections.__struct_fields__)


def test_policies_keep_their_places_unless_an_order_is_given():
    held = Sections(policies=PoliciesSection(policies=(policy(1), policy(2), policy(3))))
    kept = PoliciesChange(upsert=(policy(4), policy(2, "deny")), remove=(1, 9))
    moved = PoliciesChange(order=(3, 1, 2))

    assert made_of(held, SectionChanges(policies=kept)).policies == PoliciesSection(
        policies=(policy(2, "deny"), policy(3), policy(4))
    )
    ordered = made_of(held, SectionChanges(policies=moved)).policies
    assert [p.id for p in ordered.policies] == [3, 1, 2]


def test_listeners_topics_and_certificates_are_told_apart_by_what_names_them():
    one = Listener(kind="tcp", host="127.0.0.1", port=1)
    two = Listener(kind="tcp", host="127.0.0.1", port=2)
    old = Certificate(name="a", chain="old", key="old")
    held = Sections(
        listeners=ListenersSection(listeners=(one, two)),
        topics=TopicsSection(names=("x", "y")),
        certificates=CertificatesSection(certificates=(old,)),
    )
    secure = msgspec.structs.replace(one, kind="tls", certificate="a")
    new = msgspec.structs.replace(old, chain="new")

    made = made_of(
        held,
        SectionChanges(
            listeners=ListenersChange(upsert=(secure,), remove=(("127.0.0.1", 2),)),
            topics=TopicsChange(add=("z", "x"), remove=("y", "w")),
            certificates=CertificatesChange(upsert=(new,)),
        ),
    )

    assert made.listeners.listeners == (secure,)
    assert made.topics.names == ("x", "z")
    assert made.certificates.certificates == (new,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"policies": PoliciesChange(order=(1,))}, "every id once"),
        ({"policies": PoliciesChange(order=(1, 1))}, "every id once"),
        ({"policies": PoliciesChange(order=(1, 2, 3))}, "every id once"),
        ({"topics": TopicsChange(add=("x",), remove=("x",))}, "'x' is there and removed"),
    ],
)
def test_a_change_that_contradicts_itself_is_refused(changes, words):
    held = Sections(policies=PoliciesSection(policies=(policy(1), policy(2))))
    with pytest.raises(Refused, match=words):
        changed_sections(held, SectionChanges(**changes))


async def test_a_change_is_kept_like_whole_sections(tmp_path):
    node = FakeNode(tmp_path)
    await node.keeper.apply(whole(3))

    applied = await node.keeper.change(
        change(3, 4, topics=TopicsChange(add=("plant",)), cluster=cluster_section(tps_limit=9))
    )

    again = FakeNode(tmp_path)
    await again.keeper.resume()
    assert applied.revision == again.keeper.revision == 4
    resumed: Any = again.broker.sections[0]
    assert resumed.topics.names == ("plant",)
    assert resumed.cluster.tps_limit == 9
    assert len(resumed.users.users) == 1
    assert node.broker.sections[-1].users is None


@pytest.mark.parametrize("base", [2, 4])
async def test_a_change_from_another_revision_is_refused_with_the_one_that_is_held(tmp_path, base):
    node = FakeNode(tmp_path)
    await node.keeper.apply(whole(3))

    with pytest.raises(Refused, match="holds 3") as refused:
        await node.keeper.change(change(base, 9, topics=TopicsChange(add=("plant",))))

    assert refused.value.code == "revision_conflict"
    assert node.keeper.revision == 3


@pytest.mark.parametrize(("base", "revision"), [(0, 1), (3, 3), (3, 2), (-1, 4), (3, 2**53)])
async def test_revisions_that_cannot_be_are_refused(tmp_path, base, revision):
    node = FakeNode(tmp_path)
    await node.keeper.apply(whole(3))

    with pytest.raises(Refused, match="revision"):
        await node.keeper.change(change(base, revision))


async def test_f11_a_change_that_the_broker_cannot_use_leaves_everything_as_it_was(tmp_path):
    node = FakeNode(tmp_path)
    await node.keeper.apply(whole(3))

    with pytest.raises(Refused, match="cannot be used"):
        await node.keeper.change(change(3, 4, topics=TopicsChange(add=("bad",))))

    assert node.keeper.revision == 3
    assert (await node.keeper.change(change(3, 4))).revision == 4


async def test_a_conflict_answers_409_and_what_is_unknown_400(tmp_path):
    async with caller_of(FakeNode(tmp_path)) as caller:
        await caller.node.keeper.apply(whole(3))
        body = {"base_revision": 2, "revision": 4, "changes": {"topics": {"add": ["plant"]}}}
        path = "/v1/configuration"

        conflict = await caller.send("PATCH", path, json.dumps(body).encode())
        body["base_revision"] = 3
        applied = await caller.send("PATCH", path, json.dumps(body).encode())
        body["changes"] = {"topcs": {}}
        unknown = await caller.send("PATCH", path, json.dumps(body).encode())

    assert (conflict[0], conflict[1]["code"]) == (409, "revision_conflict")
    assert (applied[0], applied[1]["revision"]) == (200, 4)
    assert (unknown[0], unknown[1]["code"]) == (400, "malformed")
    assert "topcs" in unknown[1]["message"]


def test_a_real_node_takes_changes_and_opens_what_they_ask_for(tmp_path):
    """Through the gateway of the console, against a node as a process."""
    node = NodeProcess(tmp_path)
    try:
        node.start(node.managed)
        node.configure(whole(1, node.mqtt_port))
        certificate = make("plant")
        listener = Listener(kind="tls", host="127.0.0.1", port=node.mqtt_port, certificate="plant")
        wanted = change(
            1,
            2,
            listeners=ListenersChange(upsert=(listener,)),
            certificates=CertificatesChange(upsert=(certificate,)),
        )

        assert node.gateway.change(wanted, timeout_s=10).revision == 2
        node.wait_ready()
        with pytest.raises(NodeRefused) as refused:
            node.gateway.change(wanted, timeout_s=10)
        assert refused.value.code == "revision_conflict"
        node.kill()
        node.start_ready(node.managed)
        assert (node.data / "configuration.json").stat().st_mode & 0o077 == 0
        assert certificate.key.splitlines()[1] not in node.log
        assert CLUSTER in node.metrics()
    finally:
        node.close()
