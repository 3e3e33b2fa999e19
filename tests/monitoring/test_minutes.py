"""The minutes' rows: written, written again, deleted when they are old."""

from __future__ import annotations

import time

import pytest
from django.conf import settings
from django.utils import timezone

from clusters.models import Cluster
from monitoring.models import MinuteMetric
from monitoring.records import KEPT_DAYS
from monitoring.tasks import trim
from tests.monitoring.measurements import MINUTE, known, minute

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_old_minutes_are_deleted_and_younger_ones_kept(running_cluster: Cluster) -> None:
    present = int(time.time()) // 60
    for minutes_ago in (0, KEPT_DAYS * 1440 - 2, KEPT_DAYS * 1440 + 2, 80 * 1440):
        minute(running_cluster, MINUTE - present + minutes_ago)
    assert trim() == 2
    assert MinuteMetric.objects.count() == 2
    assert str(MinuteMetric.objects.first()).startswith(known(running_cluster).node_id)


def test_beat_trims_every_hour() -> None:
    assert settings.CELERY_BEAT_SCHEDULE["trim-metrics"] == {
        "task": "monitoring.trim",
        "schedule": 3600.0,
    }


def test_the_node_is_seen_when_its_minute_is_written(running_cluster: Cluster) -> None:
    before = timezone.now()
    minute(running_cluster, 1)
    seen = running_cluster.nodes.get().last_seen_at
    assert seen is not None
    assert seen >= before
