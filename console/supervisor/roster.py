"""Who runs, who should, and what to do next: the supervisor's decisions, without any process.

Pure: time is an argument (seconds of a monotonic clock), and what is to be done is returned. The
caller carries out each step and reports with ``started`` and ``ended``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum

from console.supervisor.specification import ProcessSpecification, Stage

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
STEADY_AFTER_S = 30.0
"""A process that lived this long is steady: its next death counts as its first."""


class State(StrEnum):
    """What the status file says of a process."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"


class Act(Enum):
    """What the caller is to do with a process."""

    START = "start"
    STOP = "stop"
    KILL = "kill"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing for the caller to do now."""

    act: Act
    specification: ProcessSpecification


@dataclass(slots=True)
class Member:
    """One process, alive or waiting for its next start."""

    specification: ProcessSpecification
    since_s: float
    """When it came into its present state."""
    due_s: float
    """Waiting: when to start it. Stopping: when to kill it."""
    state: State = State.WAITING
    pid: int | None = None
    restarts: int = 0
    deaths_in_a_row: int = 0


def pause_s(deaths_in_a_row: int, *, first_at_once: bool) -> float:
    """Time to wait before the next start, after so many deaths with no steady life between."""
    doublings = deaths_in_a_row - 1 - first_at_once
    if doublings < 0:
        return 0.0
    # 2 ** 16 is far past the limit; without a bound the power would grow into a huge number.
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(doublings, 16))


class Roster:
    """The processes that should run, and those that do."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self._wanted: dict[str, ProcessSpecification] = {}
        self._closing = False

    def want(self, specifications: Iterable[ProcessSpecification]) -> None:
        """Say which processes should run from now on; ``due`` then tells how to get there."""
        self._wanted = {specification.name: specification for specification in specifications}

    def close(self, stage: Stage) -> None:
        """Want this stage and the later ones no more; from now on, start nothing at all."""
        self._closing = True
        self.want(each for each in self._wanted.values() if each.stage < stage)

    def due(self, now_s: float) -> list[Step]:
        """Return what is to be done now. Each step is returned once and must be carried out."""
        self._admit_and_dismiss(now_s)
        steps = [self._step(member, now_s) for member in self.members.values()]
        return [step for step in steps if step is not None]

    def next_due_s(self) -> float | None:
        """When ``due`` will next have something because of time alone; None: never."""
        return min(
            (member.due_s for member in self.members.values() if member.state != State.RUNNING),
            default=None,
        )

    def started(self, name: str, pid: int, now_s: float) -> None:
        """Note that a start succeeded."""
        member = self.members[name]
        member.state, member.pid, member.since_s = State.RUNNING, pid, now_s

    def ended(self, name: str, now_s: float) -> float | None:
        """Note that a process died, or could not be started.

        Returns: seconds until it is started again; None where it was meant to end.
        """
        member = self.members[name]
        member.pid = None
        if self._closing:
            del self.members[name]
            return None
        if member.state == State.STOPPING:
            if name in self._wanted:  # it was stopped to be started in another way
                self._wait(member, now_s, pause=0.0)
            else:
                del self.members[name]
            return None
        lived_s = now_s - member.since_s if member.state == State.RUNNING else 0.0
        if lived_s >= STEADY_AFTER_S:
            member.deaths_in_a_row = 0
        member.deaths_in_a_row += 1
        member.restarts += 1
        at_once = member.specification.first_restart_at_once
        pause = pause_s(member.deaths_in_a_row, first_at_once=at_once)
        self._wait(member, now_s, pause=pause)
        return pause

    def stand(self, stage: Stage) -> bool:
        """Whether a process of this stage, or a later one, is still alive or waiting."""
        return any(member.specification.stage >= stage for member in self.members.values())

    def _wait(self, member: Member, now_s: float, *, pause: float) -> None:
        member.state, member.since_s, member.due_s = State.WAITING, now_s, now_s + pause

    def _admit_and_dismiss(self, now_s: float) -> None:
        for name, specification in self._wanted.items():
            member = self.members.get(name)
            if member is None:
                if not self._closing:
                    self.members[name] = Member(specification, since_s=now_s, due_s=now_s)
            elif member.state == State.WAITING and member.specification != specification:
                # What made it die may be what was changed: try at once.
                member.specification, member.due_s = specification, now_s
        for name, member in list(self.members.items()):
            if member.state == State.WAITING and (self._closing or name not in self._wanted):
                del self.members[name]

    def _step(self, member: Member, now_s: float) -> Step | None:
        specification = member.specification
        if member.state == State.RUNNING:
            if self._wanted.get(specification.name) == specification:
                return None
            member.state, member.since_s = State.STOPPING, now_s
            member.due_s = now_s + specification.stop_limit_s
            return Step(Act.STOP, specification)
        if member.due_s > now_s:
            return None
        if member.state == State.STOPPING:
            member.due_s = float("inf")
            return Step(Act.KILL, specification)
        member.specification = self._wanted[specification.name]
        member.due_s = float("inf")
        return Step(Act.START, member.specification)
