"""The list of jobs: whose it is (SECURITY C7)."""

from __future__ import annotations

import pytest

from clusters.models import Cluster
from clusters.selectors import describe_instance_jobs
from console.core.actors import Actor
from console.core.models import Job
from tests.cast import make_cluster
from tests.clusters.test_instance_reads import on, restricted

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_denied_cluster_is_not_in_the_list_of_jobs_either(
    owner: Actor, running_cluster: Cluster
) -> None:
    """SECURITY C7: a job names its cluster and says why it failed."""
    hidden = make_cluster(owner.account_uin)
    for subject in (running_cluster.public_id, hidden.public_id, "mqtt-released"):
        Job.objects.create(kind="create-cluster", account_uin=owner.account_uin, subject=subject)
    actor = restricted(
        owner,
        {"effect": "allow", "action": "mqtt:*", "resource": "*"},
        {"effect": "deny", "action": "mqtt:*", "resource": on(hidden)},
    )

    subjects = {job.subject for job in describe_instance_jobs(actor)}

    assert subjects == {running_cluster.public_id, "mqtt-released"}
