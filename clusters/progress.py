"""The steps of the long work on clusters: what they are called, and how far one job is."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext, gettext_noop

from console.core.models import Job

CREATION = (
    gettext_noop("Reserving ports"),
    gettext_noop("Starting the node"),
    gettext_noop("Sending the configuration"),
    gettext_noop("Opening for clients"),
)
DELETION = (
    gettext_noop("Stopping the node"),
    gettext_noop("Waiting for its end"),
    gettext_noop("Deleting its data"),
    gettext_noop("Deleting the cluster"),
)
STEPS = {"create-cluster": CREATION, "delete-cluster": DELETION}
"""Kind of job → its steps, in the order in which the handler takes them."""


@dataclass(frozen=True, slots=True)
class Step:
    """A line of ``components/steps.html``; ``state`` is done, running, failed or waiting."""

    label: str
    state: str
    note: str = ""
    time: str = ""


def steps_of(job: Job | None) -> list[Step]:
    """The steps of a job on a cluster as a page shows them; none for other jobs.

    Why one failed, the cluster itself says (``state_reason``).
    """
    if job is None:
        return []
    names = STEPS.get(job.kind, ())
    return [
        Step(gettext(name), state := _state(job, number), _note(job, state))
        for number, name in enumerate(names, start=1)
    ]


def _state(job: Job, number: int) -> str:
    if number < job.step or job.state == Job.State.SUCCEEDED:
        return "done"
    if number > max(job.step, 1):
        return "waiting"
    if job.state == Job.State.FAILED:
        return "failed"
    return "running" if job.state == Job.State.RUNNING else "waiting"


def _note(job: Job, state: str) -> str:
    if state == "running" and job.attempt > 1:
        return gettext("Attempt %(n)d: the worker before stopped in the middle.") % {
            "n": job.attempt
        }
    return ""
