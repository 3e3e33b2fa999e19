"""Audit trail and jobs: the two tables that belong to no app."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEntry(models.Model):
    """Who did what to which resource, from where, and how it ended (SECURITY C25). Never updated,
    never deleted by pages.
    """

    class Outcome(models.TextChoices):
        """How the action ended."""

        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")
        FAILED = "failed", _("Failed")

    at = models.DateTimeField(auto_now_add=True)
    account_uin = models.CharField(max_length=20, db_index=True)
    actor_uin = models.CharField(max_length=20)
    actor_name = models.CharField(max_length=150)
    entrance = models.CharField(max_length=8)
    source_ip = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=40)
    action = models.CharField(max_length=80, db_index=True)
    resource = models.CharField(max_length=300, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome)
    code = models.CharField(max_length=80, blank=True)
    parameters = models.JSONField(default=dict)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_name}: {self.outcome}"


class Job(models.Model):
    """Long work. The row is the truth; a Celery message only says "look at it"
    (``console.core.jobs``).
    """

    class State(models.TextChoices):
        """Where the work stands."""

        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=60)
    account_uin = models.CharField(max_length=20, db_index=True)
    subject = models.CharField(max_length=80, db_index=True)
    """Public id of what the work is about, e.g. a cluster's."""
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    step = models.PositiveSmallIntegerField(default=0)
    steps = models.PositiveSmallIntegerField(default=0)
    step_name = models.CharField(max_length=80, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    parameters = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=("state", "heartbeat_at"), name="job_by_state"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.state}"
