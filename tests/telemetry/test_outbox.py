"""What waits for the console: order, bounds, and nothing left out uncounted."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from broker_runtime.contract.queries import ClientEvent
from broker_runtime.contract.reports import Applied, ClientEvents, MetricsReport, TopicsCreated
from broker_runtime.telemetry.outbox import (
    EVENT_BYTES_PER_REPORT,
    EVENTS_PER_REPORT,
    TOPICS_PER_REPORT,
    Outbox,
)


def event(number: int) -> ClientEvent:
    return ClientEvent(
        at_ms=number, client_id="sensor", username="", address="", event="connected", reason=""
    )


def metrics(at_ms: int) -> MetricsReport:
    return MetricsReport(at_ms=at_ms, started_ms=0, revision=1, gauges={}, counters={})


def test_nothing_waits_in_a_new_outbox():
    assert Outbox().take() == []


def test_reports_are_taken_once_when_confirmed():
    outbox = Outbox()
    outbox.set_applied(Applied(revision=1, applied_at_ms=5))
    outbox.add_topics(["plant"])
    outbox.add_metrics(metrics(1))
    outbox.add_event(event(1))

    batch = outbox.take()
    outbox.confirm()

    assert batch == [
        Applied(revision=1, applied_at_ms=5),
        TopicsCreated(names=("plant",)),
        metrics(1),
        ClientEvents(events=(event(1),)),
    ]
    assert outbox.take() == []


def test_what_was_not_confirmed_is_taken_again_before_what_is_newer():
    outbox = Outbox()
    outbox.add_event(event(1))
    outbox.add_metrics(metrics(1))
    outbox.add_topics(["plant"])
    outbox.take()
    outbox.add_event(event(2))
    outbox.add_metrics(metrics(2))
    outbox.add_topics(["yard"])

    outbox.restore()

    assert outbox.take() == [
        TopicsCreated(names=("plant", "yard")),
        metrics(1),
        metrics(2),
        ClientEvents(events=(event(1), event(2))),
    ]


def test_a_newer_revision_is_not_undone_by_an_older_one_on_its_way():
    outbox = Outbox()
    outbox.set_applied(Applied(revision=1, applied_at_ms=1))
    outbox.take()
    outbox.set_applied(Applied(revision=2, applied_at_ms=2))

    outbox.restore()

    assert outbox.take() == [Applied(revision=2, applied_at_ms=2)]


def test_too_many_events_leave_the_newest_and_the_count_of_the_rest():
    outbox = Outbox(max_events=3)
    for number in range(10):
        outbox.add_event(event(number))

    assert outbox.take() == [ClientEvents(events=(event(7), event(8), event(9)), left_out=7)]
    assert outbox.left_out_events == 7


def test_too_many_metrics_leave_the_newest():
    outbox = Outbox(max_metrics=2)
    for number in range(5):
        outbox.add_metrics(metrics(number))

    assert outbox.take() == [metrics(3), metrics(4)]
    assert outbox.left_out_metrics == 3


def test_topics_stay_known_as_untaken_until_confirmed():
    outbox = Outbox()
    outbox.add_topics(["plant"])
    outbox.take()
    outbox.add_topics(["yard"])
    before = outbox.untaken_topics

    outbox.confirm()

    assert before == ("plant", "yard")
    assert outbox.untaken_topics == ("yard",)


def test_long_lists_are_cut_into_reports():
    outbox = Outbox()
    outbox.add_topics([f"t{n}" for n in range(TOPICS_PER_REPORT + 1)])
    for number in range(EVENTS_PER_REPORT + 1):
        outbox.add_event(event(number))

    sizes = [
        len(report.events if isinstance(report, ClientEvents) else report.names)
        for report in outbox.take()
        if isinstance(report, ClientEvents | TopicsCreated)
    ]

    assert sizes == [TOPICS_PER_REPORT, 1, EVENTS_PER_REPORT, 1]


def test_no_report_is_longer_than_the_console_takes_and_what_alone_is_longer_is_counted():
    outbox = Outbox()
    for client_id in ("a" * 65_535, "b" * 65_535, "\1" * 65_535, "c"):
        named = msgspec.structs.replace(event(1), client_id=client_id, username="u" * 65_535)
        for _ in range(4):
            outbox.add_event(named)
    outbox.add_event(msgspec.structs.replace(event(1), client_id="\1" * 131_070))

    reports = [report for report in outbox.take() if isinstance(report, ClientEvents)]

    assert (
        max(len(msgspec.json.encode(report)) for report in reports) < EVENT_BYTES_PER_REPORT + 100
    )
    assert sum(len(report.events) for report in reports) == 16
    assert sum(report.left_out for report in reports) == outbox.left_out_events == 1


@given(
    steps=st.lists(st.sampled_from(["event", "topic", "take+confirm", "take+restore"])),
    max_events=st.integers(1, 4),
)
def test_every_event_is_taken_or_counted_and_every_topic_is_taken(steps, max_events):
    outbox = Outbox(max_events=max_events)
    made, left_out = 0, 0
    taken: list[int] = []
    topics: list[str] = []
    for step in [*steps, "take+confirm"]:
        if step == "event":
            outbox.add_event(event(made))
            made += 1
        elif step == "topic":
            outbox.add_topics([f"t{len(topics)}"])
            topics.append(f"t{len(topics)}")
        else:
            batch = outbox.take()
            if step == "take+restore":
                outbox.restore()
                continue
            outbox.confirm()
            for report in batch:
                if isinstance(report, ClientEvents):
                    taken += [e.at_ms for e in report.events]
                    left_out += report.left_out
                elif isinstance(report, TopicsCreated):
                    topics = [name for name in topics if name not in report.names]

    assert len(taken) + left_out == made
    assert taken == sorted(set(taken))
    assert topics == []
