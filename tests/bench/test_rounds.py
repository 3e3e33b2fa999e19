"""What becomes of the generator's counts, and that all rows of the issue are there."""

from __future__ import annotations

import pytest

from tests.bench.brokers import BROKERS
from tests.bench.rounds import check, has_given_up, sorted_cpu
from tests.bench.samples import THROUGHPUT, failed, reading
from tests.bench.scenarios import SCENARIOS
from tests.bench.start import Failed


def test_the_broker_s_cpu_is_apart_from_that_of_the_processes_it_started():
    counts = sorted_cpu({"received": 10, "seconds": 1.0, "cpu_s": [0.5, 0.25, 0.125]})
    assert counts == {
        "received": 10,
        "seconds": 1.0,
        "broker_cpu_s": 0.5,
        "others_cpu_s": 0.375,
    }


def test_counts_without_cpu_stay_as_they_are():
    assert sorted_cpu({"connections": 10}) == {"connections": 10}


def test_a_reading_in_which_messages_got_lost_does_not_count():
    check({"lost": 0})
    with pytest.raises(Failed, match="3 messages never arrived"):
        check({"lost": 3})


def test_each_scenario_has_a_name_of_its_own_and_floors_of_both_builds():
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS) == 15
    for scenario in SCENARIOS:
        stricter = scenario.compiled <= scenario.pure
        assert stricter or not scenario.measures[0].is_cost, scenario.name


def test_a_broker_that_failed_a_scenario_twice_is_not_asked_again():
    broker, others = BROKERS["amqtt"], BROKERS["mosquitto"]
    once = [failed("amqtt", "slow"), reading("amqtt", 1), reading("mosquitto", 1)]
    assert not has_given_up(once, THROUGHPUT, broker)
    twice = [*once, failed("amqtt", "slow")]
    assert has_given_up(twice, THROUGHPUT, broker)
    assert not has_given_up(twice, THROUGHPUT, others)
