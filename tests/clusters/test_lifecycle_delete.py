"""Jobs that remove clusters, and what a worker's death at each step costs: nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clusters import node_folder
from clusters.models import Cluster, Endpoint, Node
from clusters.services.instances import delete_instance
from console.core.actors import Actor
from console.core.models import Job
from tests.clusters.worker import FakeClock, deletable, die_and_be_replaced, work_on
from tests.provisioning.fake_node import FakeNode
from topics.models import Topic

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("stage")]

STEPS = (1, 2, 3, 4)


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_any_step_of_deletion_loses_nothing(
    step: int, owner: Actor, node: FakeNode, killed_at: Callable[[int], None]
) -> None:
    cluster = deletable(owner)
    node.answers = False
    killed_at(step)
    job = die_and_be_replaced(cluster)
    assert (job.state, job.attempt) == (Job.State.SUCCEEDED, 2)
    assert not Cluster.objects.exists()
    assert not Node.objects.exists()
    assert not node_folder.path_of(f"{cluster.public_id}-n0").exists()


def test_deletion_stops_the_node_then_removes_its_data_and_its_rows(
    owner: Actor, node: FakeNode, clock: FakeClock
) -> None:
    cluster = deletable(owner)
    folder = node_folder.path_of(f"{cluster.public_id}-n0")
    seen: list[tuple[str, bool]] = []

    def look() -> None:
        seen.append((Node.objects.get().desired_state, folder.exists()))
        node.answers = clock.now < 1

    clock.during = look
    assert work_on(cluster).state == Job.State.SUCCEEDED
    assert set(seen) == {("stopped", True)}, "data stays as long as the node runs"
    assert not folder.exists()
    assert not Cluster.objects.exists()
    assert not Endpoint.objects.exists()


def test_everything_that_belongs_to_the_cluster_goes_with_it(owner: Actor, node: FakeNode) -> None:
    cluster = deletable(owner)
    Topic.objects.create(cluster=cluster, name="late")  # came by its first use meanwhile
    node.answers = False
    work_on(cluster)
    assert not Topic.objects.exists()


def test_a_node_that_does_not_stop_fails_the_deletion_and_keeps_its_data(
    owner: Actor, clock: FakeClock
) -> None:
    cluster = deletable(owner)
    job = work_on(cluster)
    assert job.state == Job.State.FAILED
    cluster.refresh_from_db()
    assert cluster.state == Cluster.State.DELETE_FAILURE
    assert "did not stop" in cluster.state_reason
    assert node_folder.path_of(f"{cluster.public_id}-n0").exists()


def test_data_that_cannot_be_deleted_fails_the_deletion_which_can_be_asked_for_again(
    owner: Actor, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = deletable(owner)
    node.answers = False

    def refuse(node_id: str) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(node_folder, "remove", refuse)
        assert work_on(cluster).state == Job.State.FAILED
    cluster.refresh_from_db()
    assert cluster.state == Cluster.State.DELETE_FAILURE
    assert "Permission denied" in cluster.state_reason
    delete_instance(owner, cluster=cluster)
    assert work_on(cluster).state == Job.State.SUCCEEDED
    assert not Cluster.objects.exists()
