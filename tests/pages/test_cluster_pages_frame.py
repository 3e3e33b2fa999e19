"""The head and the tabs that every page of a cluster shows."""

from __future__ import annotations

import pytest

from clusters.gateway import GetNodeState, NodeUnreachable
from clusters.models import Cluster, Node
from console.core.actors import Actor
from tests.cast import FakeGateway, browser_of

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def _head(actor: Actor, cluster: Cluster) -> str:
    answer = browser_of(actor).get(f"/clusters/{cluster.public_id}/head/", {"tab": "topics"})
    assert answer.status_code == 200
    return answer.text


def test_the_head_says_name_state_edition_uptime_and_that_the_configuration_is_applied(
    owner: Actor, applied_cluster: Cluster, runtime: FakeGateway
):
    head = _head(owner, applied_cluster)

    for text in ("north", "Running", applied_cluster.public_id, "Basic", "up 2 h", "applied "):
        assert text in head


def test_the_head_says_what_the_runtime_waits_for(
    owner: Actor, running_cluster: Cluster, runtime: FakeGateway
):
    Node.objects.filter(cluster=running_cluster).update(obstacle="The node does not answer.")

    head = _head(owner, running_cluster)

    assert "waiting for the runtime" in head
    assert 'title="The node does not answer."' in head


def test_a_page_stands_when_the_runtime_does_not_answer(
    owner: Actor, applied_cluster: Cluster, runtime: FakeGateway
):
    runtime.answers[GetNodeState] = NodeUnreachable("gone")

    assert "the runtime does not answer" in _head(owner, applied_cluster)


def test_a_cluster_of_another_account_is_unknown(
    outsider: Actor, running_cluster: Cluster, runtime: FakeGateway
):
    answer = browser_of(outsider).get(f"/clusters/{running_cluster.public_id}/head/")

    assert answer.status_code == 404
    assert "ResourceNotFound.Instance" in answer.text


def test_a_page_of_a_cluster_that_was_deleted_leads_to_the_list(owner: Actor):
    answer = browser_of(owner).get("/clusters/mqtt-99999999/head/", headers={"HX-Request": "true"})

    assert answer.headers["HX-Redirect"] == "/clusters/"


def test_a_page_that_showed_the_creation_is_loaded_anew_when_the_cluster_runs(
    owner: Actor, applied_cluster: Cluster, runtime: FakeGateway
):
    answer = browser_of(owner).get(
        f"/clusters/{applied_cluster.public_id}/head/",
        {"tab": "basic", "state": "CREATING"},
        headers={"HX-Request": "true"},
    )

    assert answer.headers["HX-Refresh"] == "true"


def test_a_page_whose_cluster_is_being_deleted_leads_to_the_progress(
    owner: Actor, applied_cluster: Cluster, runtime: FakeGateway
):
    """The dialog's own page too: loaded anew, it would ask once more."""
    applied_cluster.state = Cluster.State.DELETING
    applied_cluster.save()

    answer = browser_of(owner).get(
        f"/clusters/{applied_cluster.public_id}/head/",
        {"tab": "basic", "state": "RUNNING"},
        headers={"HX-Request": "true"},
    )

    assert answer.headers["HX-Redirect"] == f"/clusters/{applied_cluster.public_id}/"


def test_a_reader_is_offered_no_change(
    reader: Actor, applied_cluster: Cluster, runtime: FakeGateway
):
    head = _head(reader, applied_cluster)

    for page in ("edit", "tags", "resize", "delete"):
        assert f"/{page}/" not in head
