"""Celery's entrance: run one job, sweep all of them, clear sessions that ended."""

from __future__ import annotations

import time
import uuid

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache

from console.core import jobs

PULSE_KEY = "worker-pulse"
"""Unix time at which a worker last did what beat asked; ``console.health`` reads it."""
PULSE_KEPT_S = 3600


@shared_task(name="jobs.run", acks_late=True, ignore_result=True)
def run_job(job_id: str) -> None:
    """Do one job."""
    jobs.run(uuid.UUID(job_id))


@shared_task(name="sessions.clear", ignore_result=True)
def clear_sessions() -> None:
    """Delete the rows of sign-ins that ended; beat calls it once a day."""
    SessionStore.clear_expired()


@shared_task(name="jobs.sweep", ignore_result=True)
def sweep_jobs() -> None:
    """Queue stale and forgotten jobs again; beat calls it every 5 s."""
    jobs.sweep()
    cache.set(PULSE_KEY, time.time(), PULSE_KEPT_S)
