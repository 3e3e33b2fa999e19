"""Revisions, atomicity and durability of the configuration a node holds."""

from __future__ import annotations

import stat

import pytest

from broker_runtime.broker.errors import Refused
from broker_runtime.contract.configuration import Configuration, Sections, TopicsSection
from broker_runtime.control.configuration_file import CURRENT, DRAFT, PREVIOUS
from tests.control.fakes import FakeNode, cluster_section, whole, with_topics, with_users


@pytest.fixture
def node(tmp_path):
    return FakeNode(tmp_path)


@pytest.fixture
def restarted(tmp_path):
    """Makes the node again on the same folder."""
    return lambda: FakeNode(tmp_path)


async def test_a_new_node_holds_nothing_and_says_so(node):
    await node.keeper.resume()

    assert node.keeper.revision == 0
    assert node.keeper.obstacle == "no configuration yet"


async def test_a_whole_configuration_is_applied_and_answered_with_its_revision(node):
    applied = await node.keeper.apply(whole(7))

    assert applied.revision == 7
    assert node.keeper.obstacle == ""
    assert node.applied == [applied]


async def test_a_change_from_a_revision_the_node_does_not_hold_changes_nothing(node):
    await node.keeper.apply(whole(3))

    answer = await node.keeper.apply(with_topics(5, 6, "plant"))

    assert answer.revision == 3
    assert len(node.broker.sections) == 1


async def test_a_change_touches_only_its_sections_and_survives_a_restart(node, restarted):
    await node.keeper.apply(whole(3, 1883))
    await node.keeper.apply(with_users(3, 4))
    await node.keeper.apply(with_topics(4, 5, "plant"))

    again = restarted()
    await again.keeper.resume()

    held = again.broker.sections[0]
    assert again.keeper.revision == 5
    assert held.topics.names == ("plant",)
    assert held.users.users[0].username == "sensor"
    assert held.listeners.listeners[0].port == 1883
    assert node.broker.sections[-1] == Sections(topics=TopicsSection(names=("plant",)))


async def test_a_change_whose_base_is_older_than_what_is_held_is_applied(node):
    await node.keeper.apply(whole(3))
    await node.keeper.apply(with_topics(3, 5, "plant"))

    answer = await node.keeper.apply(with_topics(4, 6, "plant", "yard"))

    assert answer.revision == 6


async def test_the_same_configuration_twice_is_applied_once(node):
    first = await node.keeper.apply(whole(3))
    await node.keeper.apply(with_topics(3, 4, "plant"))
    repeated = await node.keeper.apply(with_topics(3, 4, "plant"))

    assert first.revision == 3
    assert repeated.revision == 4
    assert len(node.broker.sections) == 2


async def test_the_same_whole_configuration_twice_is_applied_once(node):
    await node.keeper.apply(whole(3))
    await node.keeper.apply(whole(3))

    assert len(node.broker.sections) == 1


async def test_a_whole_configuration_of_an_older_revision_replaces_what_is_held(node):
    """The console's database was restored from a copy: what it says now is what counts."""
    await node.keeper.apply(whole(9))

    answer = await node.keeper.apply(whole(4))

    assert answer.revision == 4
    assert node.keeper.revision == 4


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        (Configuration(base_revision=0, revision=1, sections=Sections()), "sections.cluster"),
        (with_topics(4, 4, "plant"), "revision"),
        (with_topics(-1, 4, "plant"), "revision"),
        (whole(2**70), "revision"),
        (whole(2, cluster=cluster_section("mqtt-other123")), "sections.cluster.cluster_id"),
        (whole(2, topics=TopicsSection(names=("bad",))), "topics.names[0]"),
    ],
    ids=["incomplete", "no-step", "negative", "too-great", "other-cluster", "broker-refuses"],
)
async def test_f11_an_invalid_configuration_is_refused_and_the_old_one_stays(
    node, restarted, tmp_path, configuration, message
):
    await node.keeper.apply(whole(1, 1883))

    with pytest.raises(Refused, match=message.replace("[", r"\[")) as refused:
        await node.keeper.apply(configuration)

    again = restarted()
    await again.keeper.resume()
    assert refused.value.code == "malformed"
    assert node.keeper.revision == again.keeper.revision == 1
    assert not (tmp_path / DRAFT).exists()


async def test_f11_a_configuration_that_cannot_be_kept_is_refused_before_it_is_applied(
    node, tmp_path
):
    await node.keeper.apply(whole(1))
    (tmp_path / DRAFT).mkdir()

    with pytest.raises(Refused) as refused:
        await node.keeper.apply(with_topics(1, 2, "plant"))

    assert refused.value.code == "storage"
    assert node.keeper.revision == 1
    assert len(node.broker.sections) == 1


async def test_f11_a_damaged_configuration_file_gives_way_to_the_previous_one(
    node, restarted, tmp_path, caplog
):
    await node.keeper.apply(whole(1, 1883))
    await node.keeper.apply(with_topics(1, 2, "plant"))
    content = (tmp_path / CURRENT).read_bytes()

    for damaged in (content[: len(content) // 2], content.replace(b"plant", b"plane"), b"\xff\x00"):
        (tmp_path / CURRENT).write_bytes(damaged)
        caplog.clear()
        again = restarted()
        await again.keeper.resume()

        assert again.keeper.revision == 1
        assert "configuration_unreadable" in caplog.text
        assert "configuration_previous_used" in caplog.text


async def test_f11_a_configuration_cut_at_any_byte_never_stops_the_node(node, restarted, tmp_path):
    await node.keeper.apply(whole(1))
    content = (tmp_path / CURRENT).read_bytes()

    for length in range(0, len(content), 7):
        (tmp_path / CURRENT).write_bytes(content[:length])
        again = restarted()
        await again.keeper.resume()
        assert again.keeper.revision == 0


async def test_a_configuration_the_broker_no_longer_takes_leaves_the_node_up_and_not_ready(
    node, restarted
):
    await node.keeper.apply(whole(1))
    again = restarted()

    async def refuse(wanted):
        raise Refused("malformed", "listeners: not of this version")

    again.keeper._configure = refuse
    await again.keeper.resume()

    assert again.keeper.revision == 0
    assert "not of this version" in again.keeper.obstacle


async def test_the_files_can_be_read_by_their_owner_only(node, tmp_path):
    await node.keeper.apply(whole(1))
    await node.keeper.apply(with_topics(1, 2, "plant"))

    for name in (CURRENT, PREVIOUS):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
