"""Jobs: done by one worker at a time, taken over when it dies, given up in the end."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from console.core import jobs
from console.core.errors import LimitExceeded
from console.core.jobs import KINDS, MAX_ATTEMPTS, QUEUED_TOO_LONG, STALE_AFTER, job_kind
from console.core.models import Job

pytestmark = [pytest.mark.database, pytest.mark.django_db]

START = datetime.datetime(2026, 10, 10, 12, 0, tzinfo=datetime.UTC)


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime.datetime:
        return self.now

    def pass_time(self, span: datetime.timedelta) -> None:
        self.now += span


class Work:
    """A kind of job that a test directs."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.given_up: list[str] = []
        self.during: Callable[[Job], None] = lambda job: None

    def handle(self, job: Job) -> Iterator[str]:
        yield "first"
        self.during(job)
        self.done.append("first")
        yield "second"
        self.done.append("second")

    def failed(self, job: Job, reason: str) -> None:
        self.given_up.append(reason)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock)
    return clock


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[uuid.UUID]:
    """What workers were asked to look at, instead of a queue."""
    asked: list[uuid.UUID] = []
    monkeypatch.setattr(jobs, "dispatch", asked.append)
    return asked


@pytest.fixture
def work(clock: Clock) -> Iterator[Work]:
    work = Work()
    job_kind("test", steps=2, failed=work.failed)(work.handle)
    yield work
    del KINDS["test"]


def enqueue() -> Job:
    return jobs.enqueue("test", account_uin="1", subject="mqtt-00000001")


def test_a_job_is_handed_to_a_worker_only_after_commit(
    work: Work,
    queue: list[uuid.UUID],
    django_capture_on_commit_callbacks: Callable[..., list[Callable[[], None]]],
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:  # type: ignore[attr-defined]  # a context manager
        job = enqueue()
        assert queue == []
    for callback in callbacks:
        callback()
    assert queue == [job.id]
    assert (job.state, job.steps) == ("queued", 2)


def test_a_job_runs_through_its_steps(work: Work) -> None:
    job = enqueue()

    assert jobs.run(job.id)

    job.refresh_from_db()
    assert work.done == ["first", "second"]
    assert (job.state, job.step, job.attempt) == ("succeeded", 2, 1)
    assert job.finished_at == START


def test_its_step_can_be_seen_while_it_runs(work: Work) -> None:
    seen: list[tuple[int, str]] = []
    work.during = lambda job: seen.extend(
        Job.objects.filter(id=job.id).values_list("step", "step_name")
    )
    jobs.run(enqueue().id)
    assert seen == [(1, "first")]


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_a_finished_job_is_not_done_again(work: Work, state: str) -> None:
    job = enqueue()
    Job.objects.filter(id=job.id).update(state=state)
    assert not jobs.run(job.id)
    assert work.done == []


def test_a_job_that_is_gone_is_not_done(work: Work) -> None:
    assert not jobs.run(uuid.uuid4())


def test_a_job_that_another_worker_does_is_left_to_it(work: Work, clock: Clock) -> None:
    job = enqueue()
    second: list[bool] = []
    work.during = lambda running: second.append(jobs.run(running.id))

    jobs.run(job.id)

    assert second == [False]
    assert work.done == ["first", "second"]


def test_a_job_whose_worker_died_is_done_by_another_from_the_start(
    work: Work, clock: Clock
) -> None:
    job = enqueue()
    Job.objects.filter(id=job.id).update(state="running", attempt=1, heartbeat_at=clock.now)

    clock.pass_time(STALE_AFTER)
    assert not jobs.run(job.id)
    clock.pass_time(datetime.timedelta(seconds=1))
    assert jobs.run(job.id)

    job.refresh_from_db()
    assert (job.state, job.attempt) == ("succeeded", 2)
    assert work.done == ["first", "second"]


def test_a_heartbeat_keeps_the_job(work: Work, clock: Clock) -> None:
    def long_step(job: Job) -> None:
        for _second in range(4):
            clock.pass_time(STALE_AFTER - datetime.timedelta(seconds=1))
            jobs.beat(job)
        assert not jobs.run(job.id)

    work.during = long_step
    job = enqueue()
    jobs.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.attempt) == ("succeeded", 1)


def test_a_worker_that_lost_its_job_stops_and_spoils_nothing(work: Work, clock: Clock) -> None:
    def fall_asleep(job: Job) -> None:
        work.during = lambda job: None
        clock.pass_time(STALE_AFTER * 2)
        assert jobs.run(job.id)
        work.done.append("woke up")

    work.during = fall_asleep
    job = enqueue()
    jobs.run(job.id)

    job.refresh_from_db()
    assert (job.state, job.attempt) == ("succeeded", 2)
    assert work.done == ["first", "second", "woke up", "first"]
    assert work.given_up == []


def test_a_failing_job_is_tried_again_until_it_is_given_up(work: Work, clock: Clock) -> None:
    def break_down(job: Job) -> None:
        raise OSError("unreachable")

    work.during = break_down
    job = enqueue()
    for attempt in range(1, MAX_ATTEMPTS):
        assert jobs.run(job.id)
        job.refresh_from_db()
        assert (job.state, job.attempt) == ("running", attempt)
        clock.pass_time(STALE_AFTER * 2)
    assert work.given_up == []

    jobs.run(job.id)

    job.refresh_from_db()
    assert job.state == "failed"
    assert len(work.given_up) == 1
    assert job.error == work.given_up[0]
    assert "unreachable" not in job.error


def test_a_refused_job_is_given_up_at_once_with_the_reason(work: Work) -> None:
    def refuse(job: Job) -> None:
        raise LimitExceeded("no port is free")

    work.during = refuse
    job = enqueue()
    jobs.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "no port is free")
    assert work.given_up == ["no port is free"]


def test_the_sweep_asks_again_for_stale_and_forgotten_jobs_only(
    work: Work, clock: Clock, queue: list[uuid.UUID]
) -> None:
    fresh, forgotten, stale, running, done = (enqueue() for _number in range(5))
    Job.objects.filter(id=stale.id).update(state="running", heartbeat_at=clock.now)
    Job.objects.filter(id=done.id).update(state="succeeded")
    clock.pass_time(STALE_AFTER + QUEUED_TOO_LONG)
    Job.objects.filter(id=running.id).update(state="running", heartbeat_at=clock.now)
    Job.objects.filter(id=fresh.id).update(created_at=clock.now)

    assert jobs.sweep() == 2
    assert set(queue) == {forgotten.id, stale.id}


def test_a_queue_that_is_down_loses_no_job(
    work: Work, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from console.core.tasks import run_job

    def down(job_id: str) -> None:
        raise ConnectionError("valkey is away")

    monkeypatch.setattr(run_job, "delay", down)
    job = enqueue()
    jobs.dispatch(job.id)
    assert Job.objects.get(id=job.id).state == "queued"
    assert "sweep will try again" in caplog.text
