"""Celery's entrance of the core."""

from __future__ import annotations

import datetime

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from console.core.tasks import clear_sessions

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_only_sign_ins_that_ended_are_cleared() -> None:
    now = timezone.now()
    for key, hours in (("ended", -1), ("open", 1)):
        Session.objects.create(
            session_key=key, session_data="", expire_date=now + datetime.timedelta(hours=hours)
        )
    clear_sessions()
    assert [session.session_key for session in Session.objects.all()] == ["open"]
