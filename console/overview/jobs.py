"""Jobs on clusters in words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.core.models import Job

TITLES = {
    "create-cluster": gettext_lazy("Create cluster"),
    "delete-cluster": gettext_lazy("Delete cluster"),
}
LEVELS = {
    Job.State.QUEUED: "off",
    Job.State.RUNNING: "info",
    Job.State.SUCCEEDED: "ok",
    Job.State.FAILED: "bad",
}


def shown_job(job: Job, cluster_name: str) -> dict[str, Any]:
    """What the overview says of a job; ``cluster_name`` is empty when the cluster is gone."""
    return {
        "id": job.id,
        "title": TITLES.get(job.kind, job.kind),
        "subject": job.subject,
        "cluster_name": cluster_name,
        "state": job.get_state_display(),
        "level": LEVELS[Job.State(job.state)],
        "is_busy": job.state == Job.State.RUNNING,
        "note": _note(job),
        "created_at": job.created_at,
    }


def _note(job: Job) -> str:
    if job.state == Job.State.FAILED:
        return job.error
    if job.state == Job.State.RUNNING and job.step_name:
        return _("Step %(n)d of %(steps)d: %(name)s") % {
            "n": job.step,
            "steps": job.steps,
            "name": _(job.step_name),
        }
    return ""
