"""The keeper: decisions carried out by a launcher, and what the operator is told."""

from __future__ import annotations

import pytest

from console.supervisor.keeper import Keeper, describe
from console.supervisor.specification import ProcessSpecification, Stage


class FakeLauncher:
    """Remembers what it was asked; its processes do nothing."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.cannot_start: set[str] = set()
        self.lines: dict[str, str] = {}

    def start(self, specification: ProcessSpecification) -> int:
        if specification.name in self.cannot_start:
            raise FileNotFoundError(2, "No such file or directory")
        self.calls.append(("start", specification.name))
        return 1000 + len(self.calls)

    def stop(self, name: str) -> None:
        self.calls.append(("stop", name))

    def kill(self, name: str) -> None:
        self.calls.append(("kill", name))

    def last_line(self, name: str) -> str:
        return self.lines.get(name, "")


class FakeClock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def launcher() -> FakeLauncher:
    return FakeLauncher()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def keeper(launcher: FakeLauncher, clock: FakeClock, said: list[str]) -> Keeper:
    return Keeper(launcher, say=said.append, clock=clock)


def process(name: str, stage: Stage = Stage.WEB) -> ProcessSpecification:
    return ProcessSpecification(name=name, command=(name,), stage=stage, stop_limit_s=5.0)


def test_a_dead_process_is_started_again_after_its_pause(keeper, launcher, clock, said):
    keeper.want([process("web")])
    launcher.lines["web"] = "out of memory"
    keeper.ended("web", 1)
    assert keeper.pause_s(1.0) == pytest.approx(0.2)
    clock.now_s = 0.2
    keeper.turn()
    assert launcher.calls == [("start", "web"), ("start", "web")]
    assert said == [
        "web stopped with status 1; it starts again in 0.2 s. Its last line: out of memory"
    ]


def test_a_process_that_cannot_be_started_is_reported_and_tried_again(
    keeper, launcher, clock, said
):
    launcher.cannot_start.add("web")
    keeper.want([process("web")])
    assert said == [
        "web cannot be started (web: No such file or directory); again in 0.2 s.",
    ]
    launcher.cannot_start.clear()
    clock.now_s = 0.2
    keeper.turn()
    assert launcher.calls == [("start", "web")]


def test_a_process_that_does_not_stop_is_killed_and_that_is_said(keeper, launcher, clock, said):
    keeper.want([process("web")])
    keeper.want([])
    clock.now_s = 5.0
    keeper.turn()
    assert launcher.calls == [("start", "web"), ("stop", "web"), ("kill", "web")]
    assert said == ["web did not stop in 5 s: killed."]


def test_an_expected_end_is_not_reported(keeper, launcher, said):
    keeper.want([process("web")])
    keeper.want([])
    keeper.ended("web", 0)
    assert said == []
    assert keeper.is_clear_of(Stage.VALKEY)


def test_killing_all_reaches_what_runs_and_what_is_stopping(keeper, launcher):
    keeper.want([process("web"), process("beat", Stage.BEAT)])
    keeper.want([process("web")])
    keeper.kill_all()
    assert ("kill", "web") in launcher.calls
    assert ("kill", "beat") in launcher.calls
    keeper.ended("web", -9)
    keeper.ended("beat", -9)
    assert keeper.is_clear_of(Stage.VALKEY)


def test_nothing_due_waits_for_the_longest_pause(keeper):
    keeper.want([process("web")])
    assert keeper.pause_s(1.0) == 1.0


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "stopped with status 0"),
        (3, "stopped with status 3"),
        (-9, "was ended by SIGKILL"),
        (-250, "was ended by signal 250"),
    ],
)
def test_an_end_is_described_by_its_status_or_its_signal(status, words):
    assert describe(status) == words
