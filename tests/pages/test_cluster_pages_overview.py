"""The overview: all clusters at a glance, and what to do when there is none."""

from __future__ import annotations

import pytest

from clusters.models import Cluster
from console.core.actors import Actor
from console.core.models import Job
from tests.cast import browser_of, make_cluster

pytestmark = [pytest.mark.database, pytest.mark.django_db]

MOST_QUERIES = 20


def _overview(actor: Actor) -> str:
    answer = browser_of(actor).get("/overview/")
    assert answer.status_code == 200
    return answer.text


def test_who_is_not_signed_in_is_asked_to(client):
    assert client.get("/overview/").headers["Location"].startswith("/sign-in/")


def test_a_new_account_is_led_to_its_first_cluster(owner: Actor):
    page = _overview(owner)

    assert "Create your first cluster" in page
    assert 'href="/clusters/create/"' in page


def test_clusters_are_counted_by_state(owner: Actor, other_cluster: Cluster):
    make_cluster(owner.account_uin)
    make_cluster(owner.account_uin)
    make_cluster(owner.account_uin, state=Cluster.State.CREATE_FAILURE)

    page = _overview(owner)

    assert 'href="/clusters/?state=RUNNING"' in page
    assert 'href="/clusters/?state=CREATE_FAILURE"' in page
    assert "2 running" in page
    assert other_cluster.public_id not in page


def test_the_newest_jobs_say_how_far_they_are_or_why_they_failed(
    owner: Actor, running_cluster: Cluster
):
    Job.objects.create(
        kind="create-cluster",
        account_uin=owner.account_uin,
        subject=running_cluster.public_id,
        state=Job.State.RUNNING,
        step=2,
        steps=4,
        step_name="Starting the node",
    )
    Job.objects.create(
        kind="delete-cluster",
        account_uin=owner.account_uin,
        subject="mqtt-gone0000",
        state=Job.State.FAILED,
        error="<b>The node did not stop</b>",
    )
    Job.objects.create(kind="create-cluster", account_uin="900000000000", subject="mqtt-other000")

    page = _overview(owner)

    assert "Step 2 of 4: Starting the node" in page
    assert "&lt;b&gt;The node did not stop&lt;/b&gt;" in page
    assert "mqtt-gone0000" in page
    assert "mqtt-other000" not in page


def test_a_reader_sees_the_overview_and_is_offered_no_creation(
    reader: Actor, running_cluster: Cluster
):
    page = _overview(reader)

    assert running_cluster.public_id in page
    assert "/clusters/create/" not in page


def test_who_has_no_rights_is_refused_with_the_code(nobody: Actor):
    answer = browser_of(nobody).get("/overview/")

    assert answer.status_code == 403
    assert "UnauthorizedOperation" in answer.text


def test_more_clusters_cost_no_more_queries(
    owner: Actor, running_cluster: Cluster, django_assert_max_num_queries
):
    browser = browser_of(owner)
    with django_assert_max_num_queries(MOST_QUERIES) as queries:
        browser.get("/overview/")
    before = len(queries)
    for _number in range(12):
        make_cluster(owner.account_uin)

    with django_assert_max_num_queries(before):
        browser.get("/overview/")
