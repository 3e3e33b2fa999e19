"""Jobs that bring clusters to life, and what a worker's death at each step costs: nothing."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from clusters.gateway import NodeRefused
from clusters.models import Cluster, Endpoint, Node
from clusters.services import lifecycle as steps
from clusters.services.instances import delete_instance, retry_create_instance
from console.core import jobs
from console.core.actions import REGISTRY, snake_case
from console.core.actors import Actor, system_actor
from console.core.errors import ActionError, UnauthorizedOperation
from console.core.models import AuditEntry, Job
from tests.clusters.worker import (
    FakeClock,
    Killed,
    die_and_be_replaced,
    newest_job,
    start,
    work_on,
)
from tests.provisioning.fake_node import FakeNode

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("stage")]

STEPS = (1, 2, 3, 4)


def test_a_cluster_is_brought_to_life(owner: Actor, node: FakeNode) -> None:
    cluster = start(owner)
    job = work_on(cluster)
    assert (job.state, job.step, job.steps) == (Job.State.SUCCEEDED, 4, 4)
    cluster.refresh_from_db()
    assert cluster.state == Cluster.State.RUNNING
    row = cluster.nodes.get()
    assert row.node_id == f"{cluster.public_id}-n0"
    assert row.cluster_public_id == cluster.public_id
    assert (row.control_host, row.desired_state) == ("127.0.0.1", "running")
    assert row.applied_revision == node.revision == cluster.revision


def test_its_endpoint_is_a_free_port_of_the_range(
    owner: Actor, settings: Any, node: FakeNode
) -> None:
    cluster = start(owner)
    work_on(cluster)
    endpoint = cluster.endpoints.get()
    assert endpoint.port == settings.ENVIRONMENT.mqtt_ports[0]
    assert (endpoint.kind, endpoint.scope) == ("mqtt-tcp", "private")
    assert endpoint.host == settings.ENVIRONMENT.mqtt_host
    assert node.sections.listeners is not None
    assert [(li.kind, li.port) for li in node.sections.listeners.listeners] == [
        ("tcp", endpoint.port)
    ]


def test_ports_that_are_held_or_reserved_are_skipped(
    owner: Actor, settings: Any, bindable: set[int]
) -> None:
    first, second, third = settings.ENVIRONMENT.mqtt_ports
    bindable.add(first)
    clusters = [start(owner, "one"), start(owner, "two")]
    for cluster in clusters:
        work_on(cluster)
    assert [c.endpoints.get().port for c in clusters] == [second, third]


def test_a_port_that_another_cluster_snatched_at_the_same_time_is_left_to_it(
    owner: Actor, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _third = settings.ENVIRONMENT.mqtt_ports
    winner, loser = start(owner, "winner"), start(owner, "loser")
    work_on(winner)
    choices = iter((first, second))  # the first was chosen before the winner had written it
    monkeypatch.setattr(steps, "free_mqtt_port", lambda ports, bind_host, taken: next(choices))
    assert work_on(loser).state == Job.State.SUCCEEDED
    assert loser.endpoints.get().port == second


def test_without_a_free_port_the_creation_fails_with_the_reason_and_can_be_tried_again(
    owner: Actor, settings: Any, bindable: set[int]
) -> None:
    bindable.update(settings.ENVIRONMENT.mqtt_ports)
    cluster = start(owner)
    job = work_on(cluster)
    assert job.state == Job.State.FAILED
    cluster.refresh_from_db()
    assert cluster.state == Cluster.State.CREATE_FAILURE
    assert "SIGNALBOX_MQTT_PORTS" in cluster.state_reason
    bindable.clear()
    retry_create_instance(owner, cluster=cluster)
    assert work_on(cluster).state == Job.State.SUCCEEDED
    cluster.refresh_from_db()
    assert (cluster.state, cluster.state_reason) == ("RUNNING", "")


def test_a_node_that_never_answers_fails_the_creation_after_a_minute(
    owner: Actor, node: FakeNode, clock: FakeClock
) -> None:
    node.answers = False
    cluster = start(owner)
    job = work_on(cluster)
    assert job.state == Job.State.FAILED
    assert 60 <= clock.now < 62
    cluster.refresh_from_db()
    assert cluster.state == Cluster.State.CREATE_FAILURE
    assert "connection refused" in cluster.state_reason
    assert cluster.nodes.get().desired_state == "stopped"
    assert not cluster.endpoints.exists(), "the port is free for others"


def test_a_node_that_comes_up_slowly_is_waited_for_with_a_beating_heart(
    owner: Actor, node: FakeNode, clock: FakeClock
) -> None:
    node.answers = False
    cluster = start(owner)
    job = newest_job(cluster)
    beats = set()

    def look() -> None:
        beats.add(Job.objects.get(id=job.id).heartbeat_at)
        node.answers = clock.now > 30

    clock.during = look
    assert work_on(cluster).state == Job.State.SUCCEEDED
    assert len(beats) >= 10


def test_a_node_that_refuses_its_configuration_fails_the_creation_with_its_words(
    owner: Actor, node: FakeNode
) -> None:
    node.refusal = NodeRefused("malformed", "listeners[0]: the port is taken")
    cluster = start(owner)
    assert work_on(cluster).state == Job.State.FAILED
    cluster.refresh_from_db()
    assert "the port is taken" in cluster.state_reason


def test_a_new_attempt_takes_another_port_when_the_old_one_was_snatched(
    owner: Actor, settings: Any, node: FakeNode, bindable: set[int]
) -> None:
    node.refusal = NodeRefused("malformed", "listeners[0]: the port is taken")
    cluster = start(owner)
    work_on(cluster)
    first, second, _third = settings.ENVIRONMENT.mqtt_ports
    control_port = cluster.nodes.get().control_port
    bindable.update({first, control_port})
    node.refusal = None
    retry_create_instance(owner, cluster=cluster)
    work_on(cluster)
    assert cluster.endpoints.get().port == second
    row = cluster.nodes.get()
    assert row.control_port != control_port
    assert row.desired_state == "running"


def test_a_failed_creation_can_be_deleted(owner: Actor, node: FakeNode) -> None:
    node.answers = False
    cluster = start(owner)
    work_on(cluster)
    delete_instance(owner, cluster=cluster)
    assert work_on(cluster).state == Job.State.SUCCEEDED
    assert not Cluster.objects.exists()


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_any_step_of_creation_loses_nothing(
    step: int, owner: Actor, killed_at: Callable[[int], None]
) -> None:
    cluster = start(owner)
    killed_at(step)
    job = die_and_be_replaced(cluster)
    assert (job.state, job.attempt) == (Job.State.SUCCEEDED, 2)
    cluster.refresh_from_db()
    assert cluster.state == Cluster.State.RUNNING
    assert (Node.objects.count(), Endpoint.objects.count()) == (1, 1)


def test_a_worker_killed_after_the_last_step_leaves_a_job_that_ends_well(
    owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = start(owner)

    def die(job: Job) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "_finish", die)
        with pytest.raises(Killed):
            jobs.run(newest_job(cluster).id)
    Job.objects.update(heartbeat_at=timezone.now() - datetime.timedelta(seconds=60))
    assert work_on(cluster).state == Job.State.SUCCEEDED
    cluster.refresh_from_db()
    assert cluster.state == Cluster.State.RUNNING


def test_a_worker_that_was_only_slow_stops_when_another_one_took_over(
    owner: Actor, node: FakeNode, clock: FakeClock
) -> None:
    node.answers = False
    cluster = start(owner)

    def take_over() -> None:
        Job.objects.update(attempt=7)

    clock.during = take_over
    job = work_on(cluster)
    assert (job.state, job.attempt) == (Job.State.RUNNING, 7)
    cluster.refresh_from_db()
    assert cluster.state == Cluster.State.CREATING


def test_every_step_is_audited_as_the_products_own(owner: Actor) -> None:
    cluster = start(owner)
    work_on(cluster)
    by_system = AuditEntry.objects.filter(actor_uin="system").order_by("id")
    assert [entry.action for entry in by_system] == [
        "mqtt:ReserveInstancePorts",
        "mqtt:CompleteInstanceCreation",
    ]
    assert {entry.account_uin for entry in by_system} == {owner.account_uin}


INTERNAL = ("ReserveInstancePorts", "CompleteInstanceCreation", "StopInstanceNodes")


@pytest.mark.parametrize("name", INTERNAL)
def test_nobody_but_the_product_may_take_its_steps(
    name: str, owner: Actor, running_cluster: Cluster
) -> None:
    assert REGISTRY[name].internal
    with pytest.raises(UnauthorizedOperation):
        getattr(steps, snake_case(name))(owner, cluster=running_cluster)


@pytest.mark.parametrize("name", INTERNAL)
def test_a_step_never_moves_a_cluster_that_moved_on(
    name: str, owner: Actor, running_cluster: Cluster
) -> None:
    with pytest.raises(ActionError, match="by now"):
        getattr(steps, snake_case(name))(system_actor(owner.account_uin), cluster=running_cluster)
    running_cluster.refresh_from_db()
    assert running_cluster.state == Cluster.State.RUNNING
