"""A worker of the lifecycle jobs within the test: it works, dies, and is replaced."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from django.utils import timezone

from clusters import node_folder
from clusters.models import Cluster
from clusters.services.instances import create_instance, delete_instance
from console.core import jobs
from console.core.actors import Actor
from console.core.models import Job
from tests.cast import make_cluster


class Killed(BaseException):
    """The worker was killed: nothing of it runs any more, not even an ``except``."""


class FakeClock:
    """Time passes only when somebody pauses; ``during`` runs in every pause."""

    def __init__(self) -> None:
        self.now = 0.0
        self.during: Callable[[], None] = lambda: None

    def pause(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.now += seconds
        self.during()


def start(owner: Actor, name: str = "north") -> Cluster:
    """A cluster whose creation was asked for."""
    return create_instance(owner, instance_type="BASIC", name=name, sku_code="basic_2k")


def newest_job(cluster: Cluster) -> Job:
    """The last work that was asked for."""
    job = Job.objects.filter(subject=cluster.public_id).first()
    assert job is not None
    return job


def work_on(cluster: Cluster) -> Job:
    """A worker does the newest job of the cluster."""
    job = newest_job(cluster)
    assert jobs.run(job.id)
    job.refresh_from_db()
    return job


def deletable(owner: Actor) -> Cluster:
    """A running cluster with a folder full of data, whose deletion was asked for."""
    cluster = make_cluster(owner.account_uin)
    folder = node_folder.path_of(cluster.nodes.get().node_id)
    folder.mkdir(parents=True)
    (folder / "sessions").write_bytes(b"data")
    delete_instance(owner, cluster=cluster)
    return cluster


def die_and_be_replaced(cluster: Cluster) -> Job:
    """The worker dies on its job; its heartbeat grows old; another worker takes over."""
    job = newest_job(cluster)
    with pytest.raises(Killed):
        jobs.run(job.id)
    assert not jobs.run(job.id), "nobody takes a job whose heartbeat is fresh"
    Job.objects.update(heartbeat_at=timezone.now() - datetime.timedelta(seconds=60))
    return work_on(cluster)
