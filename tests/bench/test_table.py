"""The table: medians, ratios, and floors that hold or do not."""

from __future__ import annotations

import pytest

from tests.bench.samples import PACED, THROUGHPUT, failed, reading
from tests.bench.table import cell, compare, figure, floor_text, holds, markdown, plain, ratios


def test_a_cell_is_the_median_of_the_rounds_that_succeeded():
    rounds = [reading("ours", received, round=i) for i, received in enumerate((900, 100, 300))]
    found = cell([*rounds, failed("ours", "stalled")], THROUGHPUT, "ours")
    assert found.medians == (300.0, 150.0)
    assert found.others_cpu == 0.25
    assert found.failures == ("stalled",)


def test_a_cell_without_a_good_round_says_why():
    assert cell([failed("ours", "stalled")], THROUGHPUT, "ours").failures == ("stalled",)
    assert cell([], THROUGHPUT, "ours").failures == ()


def test_ratios_are_of_each_measure_and_none_when_one_side_failed():
    ours = cell([reading("ours", 800, cpu_s=0.5)], THROUGHPUT, "ours")
    peer = cell([reading("peer", 400)], THROUGHPUT, "peer")
    assert ratios(ours, peer) == (4.0, 2.0)
    assert ratios(ours, cell([], THROUGHPUT, "peer")) == ()


@pytest.mark.parametrize(
    ("ratio", "scenario", "expected"),
    [
        (4.0, THROUGHPUT, True),
        (3.99, THROUGHPUT, False),
        (1.1, PACED, True),
        (1.11, PACED, False),
    ],
)
def test_a_floor_is_a_least_ratio_and_for_a_cost_a_greatest(ratio, scenario, expected):
    assert holds(ratio, scenario.pure, scenario.measures[0]) is expected


def test_a_floor_reads_as_in_the_issue():
    assert floor_text(1.3, THROUGHPUT.measures[0]) == "≥ 1.3×"
    assert floor_text(2, PACED.measures[0]) == "≤ 2×"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2_345_678, "2.35 M"),
        (234_567, "235 k"),
        (23_456, "23.5 k"),
        (2_345, "2345"),
        (23.45, "23.4"),
        (0.1234, "0.123"),
    ],
)
def test_a_figure_has_three_digits_that_count(value, text):
    assert figure(value) == text


def test_a_row_shows_both_ratios_and_whether_the_floor_holds():
    readings = [reading("ours", 800, cpu_s=0.5), reading("peer", 400)]
    head, row = compare(readings, [THROUGHPUT], "ours", "peer", floor="pure")
    shown = dict(zip(head, row, strict=True))
    assert (shown["ratio"], shown["wall-clock"]) == ("4.00×", "2.00×")
    assert shown["with indexer"] == "2.00×"
    assert (shown["floor"], shown["holds"]) == ("≥ 4×", "yes")
    assert shown["indexer core"] == "25%"
    assert compare(readings, [THROUGHPUT], "ours", "peer", floor="compiled")[1][-1] == "NO"


def test_a_failed_scenario_is_printed_as_failed():
    readings = [failed("ours", "stalled"), reading("peer", 400)]
    head, row = compare(readings, [THROUGHPUT], "ours", "peer", floor="pure")
    shown = dict(zip(head, row, strict=True))
    assert (shown["ours"], shown["ratio"], shown["holds"]) == ("failed", "–", "–")


def test_what_was_not_measured_is_left_open():
    rows = compare([reading("peer", 400)], [THROUGHPUT], "ours", "peer", floor="pure")
    assert rows[1][1:3] == ["400", "–"]


def test_tables_are_aligned_in_a_terminal_and_ruled_in_markdown():
    rows = [["scenario", "ours"], ["fan-in", "12"]]
    assert plain(rows) == "scenario  ours\nfan-in      12"
    assert markdown(rows) == "| scenario | ours |\n| --- | ---: |\n| fan-in | 12 |"
