"""The supervisor's decisions: who starts, stops and starts again, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.supervisor.roster import (
    LONGEST_PAUSE_S,
    STEADY_AFTER_S,
    Act,
    Roster,
    State,
    pause_s,
)
from console.supervisor.specification import ProcessSpecification, Stage


def specification(name: str = "web", **changes: object) -> ProcessSpecification:
    values: dict[str, object] = {
        "name": name,
        "command": (name,),
        "stage": Stage.WEB,
        "stop_limit_s": 5.0,
    }
    return ProcessSpecification(**(values | changes))  # type: ignore[arg-type]  # checked at run time


def acts(roster: Roster, now_s: float) -> list[tuple[Act, str]]:
    return [(step.act, step.specification.name) for step in roster.due(now_s)]


def running(*names: str, now_s: float = 0.0, **changes: object) -> Roster:
    roster = Roster()
    roster.want([specification(name, **changes) for name in names])
    for step in roster.due(now_s):
        roster.started(step.specification.name, 100, now_s)
    return roster


def test_what_is_wanted_is_started_once():
    roster = Roster()
    roster.want([specification("web"), specification("beat")])
    assert acts(roster, 0.0) == [(Act.START, "web"), (Act.START, "beat")]
    roster.started("web", 1, 0.0)
    assert acts(roster, 1.0) == []


def test_what_is_no_longer_wanted_is_stopped_once_and_then_forgotten():
    roster = running("web")
    roster.want([])
    assert acts(roster, 1.0) == [(Act.STOP, "web")]
    assert acts(roster, 2.0) == []
    assert roster.ended("web", 2.0) is None
    assert roster.members == {}


def test_what_does_not_stop_in_time_is_killed_once():
    roster = running("web")
    roster.want([])
    acts(roster, 1.0)
    assert roster.next_due_s() == 6.0
    assert acts(roster, 5.9) == []
    assert acts(roster, 6.0) == [(Act.KILL, "web")]
    assert acts(roster, 60.0) == []


def test_a_changed_process_is_stopped_and_started_in_its_new_way():
    roster = running("web")
    changed = specification("web", command=("web", "--other-port"))
    roster.want([changed])
    assert acts(roster, 1.0) == [(Act.STOP, "web")]
    roster.ended("web", 2.0)
    steps = roster.due(2.0)
    assert [(step.act, step.specification) for step in steps] == [(Act.START, changed)]
    assert roster.members["web"].restarts == 0


def test_a_process_wanted_again_while_it_stops_comes_back():
    roster = running("web")
    roster.want([])
    acts(roster, 1.0)
    roster.want([specification("web")])
    assert acts(roster, 1.5) == []
    roster.ended("web", 2.0)
    assert acts(roster, 2.0) == [(Act.START, "web")]


def test_pauses_double_up_to_the_longest():
    roster = running("web")
    now_s = 0.0
    pauses = []
    for _ in range(8):
        pause = roster.ended("web", now_s)
        assert pause is not None
        pauses.append(pause)
        assert acts(roster, now_s + pause - 0.01) == []
        now_s += pause
        assert acts(roster, now_s) == [(Act.START, "web")]
        roster.started("web", 100, now_s)
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0])
    assert roster.members["web"].restarts == 8


def test_the_first_restart_of_a_runtime_is_immediate_and_the_second_is_not():
    roster = running("mqtt-abcdefgh-n0", first_restart_at_once=True)
    assert roster.ended("mqtt-abcdefgh-n0", 1.0) == 0.0
    assert acts(roster, 1.0) == [(Act.START, "mqtt-abcdefgh-n0")]
    roster.started("mqtt-abcdefgh-n0", 101, 1.0)
    assert roster.ended("mqtt-abcdefgh-n0", 1.1) == pytest.approx(0.2)


def test_a_steady_life_makes_the_next_death_the_first():
    roster = running("web")
    for _ in range(4):
        roster.ended("web", 0.0)
        roster.started("web", 100, 0.0)
    assert roster.ended("web", STEADY_AFTER_S) == pytest.approx(0.2)


def test_a_process_that_could_not_be_started_waits_like_one_that_died():
    roster = Roster()
    roster.want([specification("web")])
    roster.due(0.0)
    assert roster.ended("web", 0.0) == pytest.approx(0.2)
    assert acts(roster, 0.2) == [(Act.START, "web")]


def test_a_process_no_longer_wanted_while_it_waits_is_never_started():
    roster = running("web")
    roster.ended("web", 1.0)
    roster.want([])
    assert acts(roster, 99.0) == []
    assert roster.members == {}


def test_a_change_ends_the_wait_of_a_process_that_keeps_dying():
    roster = running("web")
    for _ in range(6):
        roster.ended("web", 1.0)
    changed = specification("web", command=("web", "--repaired"))
    roster.want([changed])
    assert [step.specification for step in roster.due(1.0)] == [changed]


def test_a_later_stage_stands_as_long_as_one_of_its_processes_does():
    roster = running("runtime", stage=Stage.RUNTIME)
    assert roster.stand(Stage.RUNTIME)
    assert roster.stand(Stage.WEB)
    roster.want([])
    roster.due(1.0)
    assert roster.stand(Stage.RUNTIME)
    roster.ended("runtime", 1.0)
    assert not roster.stand(Stage.VALKEY)


def test_once_the_end_has_begun_nothing_is_started_again():
    roster = running("web", "worker")
    roster.ended("web", 1.0)
    roster.close(Stage.RUNTIME)
    assert acts(roster, 99.0) == []
    assert set(roster.members) == {"worker"}
    assert roster.ended("worker", 99.0) is None
    assert roster.members == {}
    roster.want([specification("web")])
    assert acts(roster, 100.0) == []


def test_closing_a_stage_stops_it_and_leaves_the_earlier_ones():
    roster = running("web")
    roster.want([specification("web"), specification("beat", stage=Stage.BEAT)])
    for step in roster.due(0.0):
        roster.started(step.specification.name, 7, 0.0)
    roster.close(Stage.BEAT)
    assert acts(roster, 1.0) == [(Act.STOP, "beat")]
    roster.ended("beat", 1.0)
    roster.close(Stage.VALKEY)
    assert acts(roster, 1.0) == [(Act.STOP, "web")]


@given(st.integers(1, 10_000), st.booleans())
def test_a_pause_is_never_longer_than_the_longest_nor_shorter_than_the_one_before(deaths, at_once):
    pause = pause_s(deaths, first_at_once=at_once)
    assert 0.0 <= pause <= LONGEST_PAUSE_S
    assert pause <= pause_s(deaths + 1, first_at_once=at_once)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["want", "drop", "change", "die"]),
        st.sampled_from(["a", "b"]),
        st.floats(0, 40),
    ),
    max_size=40,
)


class World:
    """Real processes as a roster should see them; fails where the two part."""

    def __init__(self) -> None:
        self.roster = Roster()
        self.wanted: dict[str, ProcessSpecification] = {}
        self.alive: set[str] = set()
        self.now_s = 0.0

    def happen(self, event: str, name: str) -> None:
        if event == "want":
            self.wanted.setdefault(name, specification(name))
        elif event == "drop":
            self.wanted.pop(name, None)
        elif event == "change" and name in self.wanted:
            self.wanted[name] = specification(name, command=(name, str(self.now_s)))
        elif event == "die" and name in self.alive:
            self.die(name)
        self.roster.want(self.wanted.values())

    def die(self, name: str) -> None:
        self.alive.remove(name)
        self.roster.ended(name, self.now_s)

    def settle(self) -> None:
        for step in self.roster.due(self.now_s):
            name = step.specification.name
            assert (name in self.alive) is (step.act is not Act.START)
            if step.act is Act.START:
                assert step.specification == self.wanted[name]
                self.alive.add(name)
                self.roster.started(name, 1, self.now_s)

    def let_stopping_ones_end(self) -> None:
        for name in sorted(self.alive):
            if self.roster.members[name].state is State.STOPPING:
                self.die(name)


@given(EVENTS)
def test_no_order_of_events_starts_a_running_process_or_loses_one(events):
    world = World()
    for event, name, passed_s in events:
        world.now_s += passed_s
        world.happen(event, name)
        world.settle()
    for _ in range(3):  # stop what is to stop, wait for what waits, start what is to start
        world.now_s += LONGEST_PAUSE_S
        world.settle()
        world.let_stopping_ones_end()
    world.settle()
    assert world.alive == set(world.wanted) == set(world.roster.members)
