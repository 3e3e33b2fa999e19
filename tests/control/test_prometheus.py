"""The text that Prometheus reads."""

from __future__ import annotations

from broker_runtime.control.prometheus import render

LABELS = {"cluster": "mqtt-abcd1234", "node": "mqtt-abcd1234-n0"}
WHO = 'cluster="mqtt-abcd1234",node="mqtt-abcd1234-n0"'


def test_a_gauge_and_a_counter_have_help_and_type():
    assert render(LABELS, {"connections": 3}, {"messages_received": 5}) == (
        "# HELP signalbox_connections Clients connected now.\n"
        "# TYPE signalbox_connections gauge\n"
        f"signalbox_connections{{{WHO}}} 3\n"
        "# HELP signalbox_messages_received_total PUBLISH packets taken from clients.\n"
        "# TYPE signalbox_messages_received_total counter\n"
        f"signalbox_messages_received_total{{{WHO}}} 5\n"
    )


def test_counters_of_one_family_are_one_metric_with_a_label():
    text = render(
        {},
        {},
        {
            "packets_received_publish": 1,
            "acl_publish_success": 2,
            "packets_received_pingreq": 3,
            "dropped_queue_full": 4,
            "acl_subscribe_failure": 5,
        },
    )

    assert text.count("# TYPE signalbox_packets_received_total counter") == 1
    assert 'signalbox_packets_received_total{type="publish"} 1\n' in text
    assert 'signalbox_packets_received_total{type="pingreq"} 3\n' in text
    assert 'signalbox_acl_total{action="publish",result="success"} 2\n' in text
    assert 'signalbox_acl_total{action="subscribe",result="failure"} 5\n' in text
    assert 'signalbox_dropped_total{reason="queue_full"} 4\n' in text


def test_a_counter_nobody_described_has_a_name_prometheus_takes():
    text = render({}, {}, {"odd-name.here": 1})

    assert "signalbox_odd_name_here_total 1\n" in text
    assert "# HELP signalbox_odd_name_here_total Odd-name.here.\n" in text


def test_quotes_backslashes_and_line_ends_in_labels_are_escaped():
    text = render({"cluster": 'a"b\\c\nd'}, {"connections": 1}, {})

    assert 'signalbox_connections{cluster="a\\"b\\\\c\\nd"} 1\n' in text
