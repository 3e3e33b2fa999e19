"""Desired configuration reaches the nodes: at once, by the sweep, after every kind of trouble."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction

from clusters.gateway import NodeRefused
from clusters.models import Cluster, Node
from clusters.resources import change_configuration, node_seen
from console import provisioning
from console.core.actors import Actor
from tests.cast import make_cluster
from tests.provisioning.fake_node import FakeNode
from topics.models import Topic
from topics.services import create_topic

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("empty_cache")]


def row_of(cluster: Cluster) -> Node:
    return Node.objects.select_related("cluster").get(cluster=cluster)


def push(cluster: Cluster) -> bool:
    return provisioning.push(row_of(cluster).node_id, limit_s=1.0)


def change(cluster: Cluster, *sections: str) -> None:
    with transaction.atomic():
        change_configuration(cluster, *sections)


def is_up_to_date(cluster: Cluster, node: FakeNode) -> bool:
    row = row_of(cluster)
    return node.revision == row.applied_revision == row.cluster.revision


def test_a_new_node_gets_everything(running_cluster: Cluster, node: FakeNode) -> None:
    assert push(running_cluster)
    (configuration,) = node.received
    assert (configuration.base_revision, configuration.revision) == (0, 1)
    row = row_of(running_cluster)
    assert (row.applied_revision, row.obstacle) == (1, "")
    assert row.applied_at is not None


def test_a_change_is_pushed_after_its_commit_and_carries_only_what_changed(
    owner: Actor,
    running_cluster: Cluster,
    node: FakeNode,
    django_capture_on_commit_callbacks: Any,
) -> None:
    push(running_cluster)
    with django_capture_on_commit_callbacks(execute=True):
        create_topic(owner, cluster=running_cluster, topic="home")
        assert node.revision == 1, "nothing is sent before the commit"
    configuration = node.received[-1]
    assert (configuration.base_revision, configuration.revision) == (1, 2)
    assert configuration.sections.topics is not None
    assert configuration.sections.topics.names == ("home",)
    assert configuration.sections.users is None
    assert configuration.sections.cluster is None
    assert is_up_to_date(running_cluster, node)


def test_several_changes_that_were_missed_go_together(
    running_cluster: Cluster, node: FakeNode
) -> None:
    push(running_cluster)
    for section in ("topics", "users", "topics"):
        change(running_cluster, section)
    assert push(running_cluster)
    sections = node.received[-1].sections
    assert sections.topics is not None
    assert sections.users is not None
    assert sections.policies is None
    assert node.revision == 4


def test_a_node_that_is_up_to_date_is_left_alone(running_cluster: Cluster, node: FakeNode) -> None:
    push(running_cluster)
    assert push(running_cluster)
    assert len(node.received) == 1


def test_a_node_that_does_not_answer_gets_the_change_from_the_sweep(
    running_cluster: Cluster, node: FakeNode
) -> None:
    node.answers = False
    assert not push(running_cluster)
    row = row_of(running_cluster)
    assert (row.applied_revision, row.obstacle) == (0, "The node does not answer.")
    node.answers = True
    assert provisioning.sweep() == 1
    assert is_up_to_date(running_cluster, node)
    assert row_of(running_cluster).obstacle == ""
    assert provisioning.sweep() == 0


def test_the_sweep_leaves_stopped_nodes_alone(running_cluster: Cluster, node: FakeNode) -> None:
    Node.objects.update(desired_state=Node.DesiredState.STOPPED)
    assert provisioning.sweep() == 0
    assert node.received == []


def test_sweeps_do_not_pile_up(running_cluster: Cluster, node: FakeNode) -> None:
    cache.add("provisioning.sweep", True, timeout=30)
    assert provisioning.sweep() == 0
    cache.delete("provisioning.sweep")
    assert provisioning.sweep() == 1


def test_a_sweep_that_fails_does_not_keep_the_next_one_away(
    running_cluster: Cluster, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(provisioning, "push", lambda node_id, limit_s: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            provisioning.sweep()
    assert provisioning.sweep() == 1


def test_a_refusal_is_kept_for_the_page(running_cluster: Cluster, node: FakeNode) -> None:
    node.refusal = NodeRefused("malformed", "listeners[0]: port 1883 is taken")
    assert not push(running_cluster)
    row = row_of(running_cluster)
    assert (row.applied_revision, row.obstacle) == (0, "listeners[0]: port 1883 is taken")
    node.refusal = None
    assert push(running_cluster)
    assert row_of(running_cluster).obstacle == ""


def test_a_node_that_lost_its_folder_says_so_and_gets_everything(
    running_cluster: Cluster, node: FakeNode
) -> None:
    push(running_cluster)
    node.lose_everything()
    node_seen.send(Node, node_id=row_of(running_cluster).node_id, revision=0)
    assert is_up_to_date(running_cluster, node)
    assert node.received[-1].base_revision == 0


def test_a_node_that_came_back_with_an_older_revision_is_brought_up_to_date(
    running_cluster: Cluster, node: FakeNode
) -> None:
    push(running_cluster)
    for _ in range(3):
        change(running_cluster, "topics")
    push(running_cluster)
    node.revision = 2
    node_seen.send(Node, node_id=row_of(running_cluster).node_id, revision=2)
    assert is_up_to_date(running_cluster, node)
    assert node.received[-1].base_revision == 2


def test_a_node_that_silently_fell_behind_gets_everything_with_the_next_change(
    running_cluster: Cluster, node: FakeNode
) -> None:
    push(running_cluster)
    change(running_cluster, "topics")
    push(running_cluster)
    node.lose_everything()
    change(running_cluster, "users")
    assert push(running_cluster)
    assert is_up_to_date(running_cluster, node)
    assert [c.base_revision for c in node.received[-2:]] == [2, 0]


def test_a_node_from_the_future_gets_the_consoles_word_after_a_restore(
    running_cluster: Cluster, node: FakeNode
) -> None:
    push(running_cluster)
    node.revision = 9  # the database is a copy from before
    node_seen.send(Node, node_id=row_of(running_cluster).node_id, revision=9)
    assert node.revision == 1
    assert is_up_to_date(running_cluster, node)


def test_a_node_nobody_knows_and_one_that_shall_stop_get_nothing(
    running_cluster: Cluster, node: FakeNode
) -> None:
    node_seen.send(Node, node_id="mqtt-zzzzzzzz-n0", revision=0)
    Node.objects.update(desired_state=Node.DesiredState.STOPPED)
    node_seen.send(Node, node_id=row_of(running_cluster).node_id, revision=0)
    assert node.received == []


@pytest.mark.parametrize("first", ["full", "partial"])
def test_two_pushes_that_race_leave_the_newest_revision_in_force(
    first: str, running_cluster: Cluster, node: FakeNode
) -> None:
    if first == "partial":
        push(running_cluster)
        change(running_cluster, "topics")

    def another_push() -> None:
        change(running_cluster, "users")
        assert push(running_cluster)

    node.meanwhile = another_push
    assert push(running_cluster)
    assert is_up_to_date(running_cluster, node)


def test_a_slow_full_push_that_lands_last_does_not_take_the_node_back(
    running_cluster: Cluster, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow push was built at revision 1; while it was on its way, revision 2 was applied."""
    configure = node.configure

    def slow(configuration: Any, *, timeout_s: float) -> Any:
        monkeypatch.setattr(node, "configure", configure)
        change(running_cluster, "users")
        assert push(running_cluster)
        assert node.revision == 2
        return configure(configuration, timeout_s=timeout_s)

    monkeypatch.setattr(node, "configure", slow)
    assert push(running_cluster)
    assert is_up_to_date(running_cluster, node)
    assert node.revision == 2


def test_a_push_gives_up_when_its_time_is_over(
    running_cluster: Cluster, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not provisioning.push(row_of(running_cluster).node_id, limit_s=0.0)
    assert node.received == []


def test_pushes_of_one_cluster_do_not_touch_another(
    owner: Actor, running_cluster: Cluster, node: FakeNode
) -> None:
    other = make_cluster(owner.account_uin)
    Topic.objects.create(cluster=other, name="elsewhere")
    push(running_cluster)
    assert node.received[0].sections.topics is not None
    assert node.received[0].sections.topics.names == ()
    assert row_of(other).applied_revision == 0
