"""Deleting clusters and trying a failed creation again (CONTRACT section 4)."""

from __future__ import annotations

import pytest

from clusters.models import Cluster
from clusters.resources import InstanceNotReady
from console.core.actors import Actor
from console.core.models import Job
from tests.calls import call, refusal_of
from tests.cast import make_cluster
from tests.clusters.api import read_by_sdk
from topics.models import Topic
from topics.services import create_topic

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.mark.parametrize(
    "state", ["RUNNING", "ABNORMAL", "OVERDUE", "CREATE_FAILURE", "DELETE_FAILURE"]
)
def test_deletion_marks_the_cluster_and_leaves_the_work_to_a_job(owner: Actor, state: str) -> None:
    cluster = make_cluster(owner.account_uin, state=state)
    assert read_by_sdk("DeleteInstance", call(owner, "DeleteInstance", cluster))
    cluster.refresh_from_db()
    assert cluster.state == Cluster.State.DELETING
    assert Job.objects.get().kind == "delete-cluster"


@pytest.mark.parametrize("state", ["CREATING", "DELETING", "MODIFYING"])
def test_deletion_waits_for_what_is_under_way(owner: Actor, state: str) -> None:
    cluster = make_cluster(owner.account_uin, state=state)
    refusal = refusal_of(owner, "DeleteInstance", InstanceId=cluster.public_id)
    assert refusal.full_code == "FailedOperation.InstanceNotReady"
    assert not Job.objects.exists()


def test_a_cluster_with_topics_is_not_deleted_and_the_refusal_says_what_is_left_c30(
    owner: Actor, running_cluster: Cluster
) -> None:
    for name in ("home", "plant"):
        Topic.objects.create(cluster=running_cluster, name=name)
    refusal = refusal_of(owner, "DeleteInstance", InstanceId=running_cluster.public_id)
    assert refusal.full_code == "ResourceInUse"
    assert "2 topics" in refusal.message
    running_cluster.refresh_from_db()
    assert running_cluster.state == Cluster.State.RUNNING


def test_topics_of_other_clusters_do_not_matter(
    owner: Actor, running_cluster: Cluster, other_cluster: Cluster
) -> None:
    Topic.objects.create(cluster=other_cluster, name="home")
    call(owner, "DeleteInstance", running_cluster)


def test_a_protected_cluster_is_deleted_only_after_the_protection_is_off(
    owner: Actor, running_cluster: Cluster
) -> None:
    call(owner, "ModifyInstance", running_cluster, DeleteProtect=True)
    refusal = refusal_of(owner, "DeleteInstance", InstanceId=running_cluster.public_id)
    assert refusal.full_code == "FailedOperation.DeleteProtect"
    call(owner, "ModifyInstance", running_cluster, DeleteProtect=False)
    call(owner, "DeleteInstance", running_cluster)


def test_a_topic_cannot_slip_into_a_cluster_that_is_being_deleted(
    owner: Actor, running_cluster: Cluster
) -> None:
    call(owner, "DeleteInstance", running_cluster)
    stale = running_cluster  # read before the deletion, as by a request that overlaps it
    assert stale.state == Cluster.State.RUNNING
    with pytest.raises(InstanceNotReady, match="Deleting"):
        create_topic(owner, cluster=stale, topic="late")
    assert not Topic.objects.exists()


def test_a_failed_creation_is_tried_again(owner: Actor) -> None:
    cluster = make_cluster(owner.account_uin, state="CREATE_FAILURE", state_reason="no port")
    assert call(owner, "RetryCreateInstance", cluster) == {"InstanceId": cluster.public_id}
    cluster.refresh_from_db()
    assert (cluster.state, cluster.state_reason) == ("CREATING", "")
    assert Job.objects.get().kind == "create-cluster"


def test_only_a_failed_creation_can_be_tried_again(owner: Actor, running_cluster: Cluster) -> None:
    refusal = refusal_of(owner, "RetryCreateInstance", InstanceId=running_cluster.public_id)
    assert refusal.full_code == "FailedOperation.InstanceNotReady"
