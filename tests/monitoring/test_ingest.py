"""From reports to samples and minutes: restarts, gaps, repetitions, clocks that jump, rubbish."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.ingest import (
    LATE_AT_MOST_MS,
    MAX_NAMES,
    MAX_NUMBER,
    MetricsReport,
    NodeState,
    ReportUnreadable,
    Step,
    advance,
    decode_report,
)
from tests.monitoring.reports import START_MS, metrics


def follow(*reports: MetricsReport) -> list[Step]:
    """The steps of reports, one after the other."""
    steps: list[Step] = []
    state: NodeState | None = None
    for report in reports:
        steps.append(advance(report, state))
        state = steps[-1].state
    return steps


def produced(steps: list[Step]) -> list[float | None]:
    return [step.sample.values["produced"] if step.sample else None for step in steps]


def test_the_first_report_only_lays_the_ground() -> None:
    (step,) = follow(metrics(0, messages_received=1_000_000))
    assert (step.sample, step.finished, step.state.totals) == (None, None, None)


def test_a_rate_is_the_increase_over_the_time_between_two_reports() -> None:
    steps = follow(metrics(0, messages_received=100), metrics(2.5, messages_received=200))
    assert produced(steps) == [None, 40.0]


def test_gauges_come_as_they_are_and_missing_ones_as_nothing() -> None:
    sample = follow(metrics(0), metrics(1, connections=12, retained=3))[-1].sample
    assert sample is not None
    assert (sample.values["connections"], sample.values["subscriptions"]) == (12.0, 0.0)


def test_throttled_are_publishers_and_connects_together() -> None:
    sample = follow(metrics(0), metrics(1, publish_throttled=2, connect_throttled=3))[-1].sample
    assert sample is not None
    assert sample.values["throttled"] == 5.0


def test_after_a_restart_counters_begin_at_zero_and_time_at_the_start() -> None:
    reborn_ms = START_MS + 8_000
    steps = follow(
        metrics(0, messages_received=900),
        metrics(10, began_ms=reborn_ms, messages_received=30),
    )
    assert produced(steps) == [None, 15.0]


def test_a_restart_with_the_clock_set_back_still_counts() -> None:
    steps = follow(
        metrics(7_200, messages_received=900),
        metrics(1, began_ms=START_MS, messages_received=30),
    )
    assert produced(steps) == [None, 30.0]


def test_a_gap_is_averaged_over_itself() -> None:
    steps = follow(metrics(0, messages_received=0), metrics(600, messages_received=6_000))
    assert produced(steps) == [None, 10.0]
    totals = steps[-1].state.totals
    assert totals is not None
    assert (totals.covered_ms, totals.counters) == (600_000, {"messages_received": 6_000})


def test_a_report_that_comes_twice_or_late_counts_once() -> None:
    first, second, third = (metrics(s, messages_received=10 * s) for s in (1, 2, 3))
    steps = follow(first, second, third, second, third, first)
    assert produced(steps) == [None, 10.0, 10.0, None, None, None]
    assert steps[-1].state == steps[2].state


def test_a_clock_that_was_set_far_back_does_not_silence_a_node() -> None:
    back = -(LATE_AT_MOST_MS / 1000) - 1
    steps = follow(metrics(0, messages_received=5), metrics(back, messages_received=8))
    assert produced(steps) == [None, 3.0]


def test_a_counter_that_fell_without_a_restart_is_no_increase() -> None:
    assert produced(follow(metrics(0, messages_received=5), metrics(1, messages_received=3)))[
        -1
    ] == pytest.approx(0.0)


def test_a_minute_ends_with_the_first_report_of_the_next() -> None:
    steps = follow(
        metrics(0),
        metrics(30, messages_received=60, connections=9),
        metrics(59, messages_received=90, connections=4),
        metrics(60, messages_received=91, connections=1),
    )
    assert [step.finished is not None for step in steps] == [False, False, False, True]
    finished = steps[-1].finished
    assert finished is not None
    assert (finished.minute, finished.samples) == (START_MS // 60_000, 2)
    assert finished.counters == {"messages_received": 90}
    assert (finished.peaks["connections"], finished.peaks["produced"]) == (9.0, 2.0)
    totals = steps[-1].state.totals
    assert totals is not None
    assert totals.counters == {"messages_received": 1}


@given(
    st.lists(
        st.tuples(st.integers(-2_000_000, 2_000_000), st.integers(0, MAX_NUMBER), st.booleans()),
        max_size=30,
    )
)
def test_whatever_clocks_and_counters_do_rates_are_finite_and_never_negative(
    steps: list[tuple[int, int, bool]],
) -> None:
    state: NodeState | None = None
    for offset_ms, count, restarted in steps:
        began_ms = START_MS + offset_ms if restarted else START_MS
        report = metrics(offset_ms / 1000, began_ms=began_ms, messages_received=count)
        step = advance(report, state)
        state = step.state
        if step.sample is not None:
            assert 0 <= step.sample.values["produced"] <= MAX_NUMBER * 1000
        assert msgspec.json.decode(msgspec.json.encode(state), type=NodeState) == state


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_random_bytes_are_a_report_or_unreadable_and_nothing_else(content: str | bytes) -> None:
    try:
        decode_report(content)
    except ReportUnreadable as error:
        assert len(str(error)) <= 200


def spoilt(**changes: Any) -> bytes:
    wanted = {"at_ms": 1, "started_ms": 1, "revision": 1, "gauges": {}, "counters": {}}
    return msgspec.json.encode({"type": "metrics", **wanted, **changes})


@pytest.mark.parametrize(
    "content",
    [
        spoilt(gauges={"connections": -1}),
        spoilt(gauges={"connections": MAX_NUMBER + 1}),
        spoilt(gauges={"connections": 1.5}),
        spoilt(gauges={"connections": "many"}),
        spoilt(counters={"x" * 81: 1}),
        spoilt(counters={f"c{number}": 1 for number in range(MAX_NAMES + 1)}),
        spoilt(at_ms=-1),
        spoilt(at_ms=2**52),
        spoilt(started_ms=10**400),
        spoilt(at_ms=None),
        b'{"type": "topics_created", "names": [1]}',
        b'{"type": "taken", "count": 1}',
        b"[" * 100_000,
        "\ud800",
    ],
)
def test_numbers_out_of_range_and_wrong_types_are_unreadable(content: bytes | str) -> None:
    with pytest.raises(ReportUnreadable):
        decode_report(content)


def test_unknown_fields_of_a_newer_node_are_passed_over() -> None:
    assert decode_report(spoilt(colour="blue")) == decode_report(spoilt())
