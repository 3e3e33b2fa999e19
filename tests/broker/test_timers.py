"""The timer wheel."""

from __future__ import annotations

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from broker_runtime.broker.timers import RESOLUTION_S, TimerWheel


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1_000), max_size=30),
    st.lists(st.floats(0.01, 400), min_size=1, max_size=10),
)
def test_every_timer_fires_once_never_early_and_at_most_one_resolution_late(deadlines, steps):
    wheel, now_s = TimerWheel(0.0), 0.0
    told: list[int] = []
    for number, deadline_s in enumerate(deadlines):
        wheel.at(deadline_s, partial(told.append, number))
    for step in steps:
        now_s += step
        wheel.advance(now_s)
        assert len(told) == len(set(told))
        for number, deadline_s in enumerate(deadlines):
            if deadline_s + 2 * RESOLUTION_S <= now_s:
                assert number in told
            if deadline_s > now_s:
                assert number not in told


def test_a_cancelled_timer_does_not_fire_and_one_may_set_another():
    wheel, fired = TimerWheel(0.0), []

    def set_another() -> None:
        wheel.at(2, lambda: fired.append("yes"))

    wheel.at(1, lambda: fired.append("no")).cancel()
    wheel.at(1, set_another)
    wheel.advance(1.5)
    assert fired == []
    wheel.advance(3)
    assert fired == ["yes"]
    wheel.advance(1_000_000)
    assert fired == ["yes"]
