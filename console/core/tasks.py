"""Celery's entrance to the jobs: run one, sweep all."""

from __future__ import annotations

import uuid

from celery import shared_task

from console.core import jobs


@shared_task(name="jobs.run", acks_late=True, ignore_result=True)
def run_job(job_id: str) -> None:
    """Do one job."""
    jobs.run(uuid.UUID(job_id))


@shared_task(name="jobs.sweep", ignore_result=True)
def sweep_jobs() -> None:
    """Queue stale and forgotten jobs again; beat calls it every 5 s."""
    jobs.sweep()
