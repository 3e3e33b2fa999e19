"""``GET /healthz``: 200 when everything is up, else what is missing and nothing more."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client

from clusters.gateway import GetNodeState, NodeRefused, NodeState, NodeUnreachable
from clusters.models import Cluster, Node
from console import health
from console.core.tasks import PULSE_KEY, sweep_jobs
from console.health import find_missing
from tests.cast import FakeGateway, make_cluster

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db,
    pytest.mark.usefixtures("empty_cache"),
]

NOW_S = 1_791_662_778.0


@pytest.fixture
def report(tmp_path: Path) -> Callable[..., Path]:
    """Writes what the supervisor would: ``report(worker="waiting")``; returns the home."""

    def write(*, age_s: float = 0.5, since_s: float = 1.0, **states: str) -> Path:
        processes = {
            name: {"pid": 1, "state": state, "restarts": 0, "since_ms": (NOW_S - since_s) * 1000}
            for name, state in {"worker": "running", "beat": "running", **states}.items()
        }
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        status = {"at_ms": (NOW_S - age_s) * 1000, "processes": processes}
        (folder / "supervisor.json").write_text(json.dumps(status))
        return tmp_path

    return write


@pytest.fixture
def runtime_says(monkeypatch: pytest.MonkeyPatch) -> Callable[[Cluster, bool | Exception], None]:
    """Lays out what the runtime of a cluster answers: whether it serves, or that it does not."""
    answers: dict[int, FakeGateway] = {}

    def lay_out(cluster: Cluster, ready: bool | Exception) -> None:
        state = NodeState(
            cluster_id=cluster.public_id,
            node_id=f"{cluster.public_id}-n0",
            revision=1,
            ready=ready is True,
            reason="",
            started_ms=1,
            connections=0,
            listeners=(),
        )
        answer = ready if isinstance(ready, Exception) else state
        answers[cluster.pk] = FakeGateway({GetNodeState: answer})

    monkeypatch.setattr(health, "gateway_of", lambda node: answers[node.cluster_id])
    return lay_out


def test_nothing_is_missing_when_everything_runs(
    report: Callable[..., Path], runtime_says: Callable[[Cluster, bool | Exception], None]
) -> None:
    cluster = make_cluster("100000000001")
    runtime_says(cluster, True)
    home = report(**{f"{cluster.public_id}-n0": "running"})
    assert find_missing(home, now_s=NOW_S) == {}


def test_a_runtime_that_runs_and_does_not_serve_is_named(
    report: Callable[..., Path], runtime_says: Callable[[Cluster, bool | Exception], None]
) -> None:
    clusters = [make_cluster("100000000001") for _ in range(3)]
    gone, refusing = NodeUnreachable("gone"), NodeRefused("unauthorized", "no")
    answers: tuple[bool | Exception, ...] = (False, gone, refusing)
    for cluster, answer in zip(clusters, answers, strict=True):
        runtime_says(cluster, answer)
    names = [f"{cluster.public_id}-n0" for cluster in clusters]
    home = report(**dict.fromkeys(names, "running"))
    assert find_missing(home, now_s=NOW_S) == dict.fromkeys(names, "not ready")


def test_a_runtime_of_a_cluster_in_the_making_need_not_serve_yet(
    report: Callable[..., Path], runtime_says: Callable[[Cluster, bool | Exception], None]
) -> None:
    cluster = make_cluster("100000000001", state=Cluster.State.CREATING)
    runtime_says(cluster, False)
    home = report(**{f"{cluster.public_id}-n0": "running"})
    assert find_missing(home, now_s=NOW_S) == {}


@pytest.mark.parametrize("state", ["waiting", "stopping"])
@pytest.mark.parametrize("name", ["worker", "beat"])
def test_a_process_that_does_not_run_is_named(
    report: Callable[..., Path], name: str, state: str
) -> None:
    assert find_missing(report(**{name: state}), now_s=NOW_S) == {name: state}


def test_a_runtime_that_should_run_is_named(report: Callable[..., Path]) -> None:
    cluster = make_cluster("100000000001")
    assert find_missing(report(), now_s=NOW_S) == {f"{cluster.public_id}-n0": "absent"}


def test_a_runtime_that_should_not_run_is_not_missed(report: Callable[..., Path]) -> None:
    make_cluster("100000000001", state=Cluster.State.DELETING)
    Node.objects.update(desired_state=Node.DesiredState.STOPPED)
    assert find_missing(report(), now_s=NOW_S) == {}


def test_a_supervisor_that_stopped_reporting_is_named(report: Callable[..., Path]) -> None:
    assert find_missing(report(age_s=11), now_s=NOW_S) == {"supervisor": "does not report"}


@pytest.mark.parametrize("text", [None, "", "{", "[]", "1", '{"at_ms": "x"}', '{"at_ms": 1}'])
def test_a_report_that_cannot_be_read_is_a_missing_supervisor(
    tmp_path: Path, text: str | None
) -> None:
    (tmp_path / "run").mkdir()
    if text is not None:
        (tmp_path / "run" / "supervisor.json").write_text(text)
    assert find_missing(tmp_path, now_s=NOW_S) == {"supervisor": "does not report"}


def test_a_worker_that_runs_without_working_is_named(report: Callable[..., Path]) -> None:
    assert find_missing(report(since_s=29), now_s=NOW_S) == {}
    assert find_missing(report(since_s=31), now_s=NOW_S) == {"worker": "does not work"}
    cache.set(PULSE_KEY, NOW_S - 29)
    assert find_missing(report(since_s=1000), now_s=NOW_S) == {}
    cache.set(PULSE_KEY, NOW_S - 31)
    assert find_missing(report(since_s=1000), now_s=NOW_S) == {"worker": "does not work"}


def test_the_sweep_that_beat_asks_for_is_the_workers_pulse(db: None) -> None:
    sweep_jobs()
    assert float(cache.get(PULSE_KEY)) > 0


def test_a_valkey_that_is_away_is_named(
    report: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError("redis://user:secret@cache")

    monkeypatch.setattr(cache, "get", away)
    assert find_missing(report(), now_s=NOW_S) == {"valkey": "does not answer"}


def test_a_database_that_is_away_is_named(
    report: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise ConnectionError("postgres://user:secret@db")

    monkeypatch.setattr(connection, "cursor", away)
    assert find_missing(report(), now_s=NOW_S) == {"database": "does not answer"}


def test_the_page_answers_503_with_what_is_missing_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = dataclasses.replace(settings.ENVIRONMENT, home=tmp_path)
    monkeypatch.setattr(settings, "ENVIRONMENT", changed)
    answer = Client().get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unavailable",
        "missing": {"supervisor": "does not report"},
    }


def test_the_page_answers_200_when_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "find_missing", lambda home, now_s: {})
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert Client().post("/healthz").status_code == 405
