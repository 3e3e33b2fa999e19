"""Long work that survives everything: the ``Job`` row is the truth, Celery only carries "look at
this one".

A handler is a generator: each ``yield`` names the step that begins, and is where the job shows its
progress and its heartbeat. A worker that is killed leaves a row with an old heartbeat; the sweep
gives it to another, which runs the handler again from the start. So every step must find out
whether it was done already.
"""

from __future__ import annotations

import datetime
import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from console.core.errors import ActionError
from console.core.events import account_group, cluster_group, send
from console.core.models import Job

logger = logging.getLogger(__name__)

STALE_AFTER = datetime.timedelta(seconds=15)
"""A running job whose heartbeat is older belongs to a worker that died; handlers beat at least
every 5 s.
"""
QUEUED_TOO_LONG = datetime.timedelta(seconds=5)
"""A queued job that nobody took by then has lost its message."""
MAX_ATTEMPTS = 20

Handler = Callable[[Job], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """How jobs of one kind are done; ``failed`` is called once when the work is given up."""

    handler: Handler
    steps: int
    failed: Callable[[Job, str], None]


KINDS: dict[str, Kind] = {}


def job_kind(
    name: str, *, steps: int, failed: Callable[[Job, str], None]
) -> Callable[[Handler], Handler]:
    """Register the handler of a kind of job, with the number of its steps."""

    def register(handler: Handler) -> Handler:
        KINDS[name] = Kind(handler, steps, failed)
        return handler

    return register


def enqueue(
    kind: str, *, account_uin: str, subject: str, parameters: dict[str, Any] | None = None
) -> Job:
    """Write the job in the caller's transaction and hand it to a worker after commit."""
    job = Job.objects.create(
        kind=kind,
        account_uin=account_uin,
        subject=subject,
        steps=KINDS[kind].steps,
        parameters=parameters or {},
    )
    transaction.on_commit(lambda: dispatch(job.id), robust=True)
    return job


def dispatch(job_id: uuid.UUID) -> None:
    """Ask a worker to look at the job; when the queue is down, the sweep asks again."""
    from console.core.tasks import run_job

    try:
        run_job.delay(str(job_id))
    except Exception:
        logger.exception("job not queued, the sweep will try again job=%s", job_id)


def run(job_id: uuid.UUID) -> bool:
    """Do the job when nobody else does; return whether this call worked on it."""
    job = _claim(job_id)
    if job is None:
        return False
    kind = KINDS[job.kind]
    try:
        for number, step_name in enumerate(kind.handler(job), start=1):
            _advance(job, number, step_name)
    except LostClaim:
        logger.warning("job taken over by another worker job=%s", job.id)
    except ActionError as refusal:
        _give_up(job, kind, refusal.message)
    except Exception:
        logger.exception(
            "job failed, it will be tried again job=%s attempt=%s", job.id, job.attempt
        )
        if job.attempt >= MAX_ATTEMPTS:
            _give_up(job, kind, "The work failed repeatedly; the worker's log says why.")
    else:
        _finish(job)
    return True


class LostClaim(Exception):
    """Another worker runs this job now; stop."""


def beat(job: Job) -> None:
    """Say that the worker lives; raise ``LostClaim`` when the job went to another one."""
    now = timezone.now()
    held = Job.objects.filter(id=job.id, attempt=job.attempt, state=Job.State.RUNNING)
    if not held.update(heartbeat_at=now):
        raise LostClaim(str(job.id))
    job.heartbeat_at = now


def sweep() -> int:
    """Give stale and forgotten jobs to a worker again; return how many."""
    now = timezone.now()
    stale = Q(state=Job.State.RUNNING, heartbeat_at__lt=now - STALE_AFTER)
    forgotten = Q(state=Job.State.QUEUED, created_at__lt=now - QUEUED_TOO_LONG)
    ids = list(Job.objects.filter(stale | forgotten).values_list("id", flat=True))
    for job_id in ids:
        dispatch(job_id)
    return len(ids)


def _claim(job_id: uuid.UUID) -> Job | None:
    """Take a job that is queued or whose worker died; one UPDATE decides between two that try."""
    now = timezone.now()
    free = Q(state=Job.State.QUEUED) | Q(
        state=Job.State.RUNNING, heartbeat_at__lt=now - STALE_AFTER
    )
    claimed = Job.objects.filter(free, id=job_id).update(
        state=Job.State.RUNNING, heartbeat_at=now, attempt=F("attempt") + 1
    )
    return Job.objects.get(id=job_id) if claimed else None


def _advance(job: Job, number: int, step_name: str) -> None:
    beat(job)
    job.step, job.step_name = number, step_name
    job.save(update_fields=["step", "step_name"])
    _tell(job)


def _finish(job: Job) -> None:
    job.state, job.step, job.finished_at = Job.State.SUCCEEDED, job.steps, timezone.now()
    job.save(update_fields=["state", "step", "finished_at"])
    _tell(job)


def _give_up(job: Job, kind: Kind, reason: str) -> None:
    kind.failed(job, reason)
    job.state, job.error, job.finished_at = Job.State.FAILED, reason, timezone.now()
    job.save(update_fields=["state", "error", "finished_at"])
    _tell(job)


def _tell(job: Job) -> None:
    for group in (cluster_group(job.subject), account_group(job.account_uin)):
        send(group, {"event": "jobs-changed"})
