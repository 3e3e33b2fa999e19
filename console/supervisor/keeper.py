"""Carries out the roster's decisions with a launcher, and tells the operator what happens."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable

from console.supervisor.launcher import Launcher
from console.supervisor.roster import Act, Roster, Step
from console.supervisor.specification import ProcessSpecification, Stage

Say = Callable[[str], None]
"""Shows the operator one line."""
Clock = Callable[[], float]
"""Seconds of a clock that never goes back."""


class Keeper:
    """Keeps the wanted processes running, one ``turn`` at a time; never waits itself."""

    def __init__(self, launcher: Launcher, *, say: Say, clock: Clock) -> None:
        self.roster = Roster()
        self._launcher = launcher
        self._say = say
        self._clock = clock

    def want(self, specifications: Iterable[ProcessSpecification]) -> None:
        """Say which processes should run from now on, and begin to bring that about."""
        self.roster.want(specifications)
        self.turn()

    def turn(self) -> None:
        """Do everything that is due."""
        for step in self.roster.due(self._clock()):
            self._carry_out(step)

    def pause_s(self, longest_s: float) -> float:
        """How long nothing will be due, unless a process ends or something else is wanted."""
        due_s = self.roster.next_due_s()
        return longest_s if due_s is None else max(0.0, min(longest_s, due_s - self._clock()))

    def ended(self, name: str, status: int) -> None:
        """Note that a process ended, and do what follows from it."""
        pause_s = self.roster.ended(name, self._clock())
        if pause_s is not None:
            last_line = self._launcher.last_line(name)
            words = f" Its last line: {last_line}" if last_line else ""
            soon = "now" if pause_s == 0 else f"in {pause_s:.1f} s"
            self._say(f"{name} {describe(status)}; it starts again {soon}.{words}")
        self.turn()

    def close(self, stage: Stage) -> None:
        """Begin to stop this stage and the later ones; from now on nothing is started any more."""
        self.roster.close(stage)
        self.turn()

    def kill_all(self) -> None:
        """End everything at once; nothing is started any more."""
        self.close(min(Stage))
        for name in self.roster.members:
            self._launcher.kill(name)

    def is_clear_of(self, stage: Stage) -> bool:
        """Whether every process of this stage and the later ones has ended."""
        return not self.roster.stand(stage)

    def _carry_out(self, step: Step) -> None:
        name = step.specification.name
        if step.act is Act.STOP:
            self._launcher.stop(name)
        elif step.act is Act.KILL:
            self._say(f"{name} did not stop in {step.specification.stop_limit_s:.0f} s: killed.")
            self._launcher.kill(name)
        else:
            self._start(step.specification)

    def _start(self, specification: ProcessSpecification) -> None:
        name = specification.name
        try:
            pid = self._launcher.start(specification)
        except OSError as problem:
            pause_s = self.roster.ended(name, self._clock()) or 0.0
            program = specification.command[0]
            reason = problem.strerror or problem
            self._say(f"{name} cannot be started ({program}: {reason}); again in {pause_s:.1f} s.")
        else:
            self.roster.started(name, pid, self._clock())


def describe(status: int) -> str:
    """Say how a process ended; a negative status is the signal that ended it."""
    if status >= 0:
        return f"stopped with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
