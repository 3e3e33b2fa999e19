"""When memory counts as flat, and the table of what disturbances cost."""

from __future__ import annotations

from tests.bench.brokers import BROKERS
from tests.bench.bystanders import CALM, DISTURBANCES, rows
from tests.bench.soak import Sample, after_warm_up, growth, is_flat, judge

MINUTE_OF_NOISE = [(float(s), 100e6 + (s % 3) * 1e6) for s in range(60)]
LEAK = [(float(s), 100e6 + s * 1e6) for s in range(60)]


def test_growth_is_that_of_the_line_through_the_samples():
    assert growth(LEAK) == 59e6
    assert abs(growth(MINUTE_OF_NOISE)) < 0.2e6
    assert growth(LEAK[:1]) == 0


def test_noise_is_flat_and_a_leak_is_not():
    assert is_flat(MINUTE_OF_NOISE)
    assert not is_flat(LEAK)


def test_memory_that_falls_is_flat():
    assert is_flat([(at_s, -value) for at_s, value in LEAK])


def test_the_first_third_is_warm_up():
    samples = [Sample(float(at_s), 1, 1, 1) for at_s in range(10)]
    assert [sample.at_s for sample in after_warm_up(samples)] == [3, 4, 5, 6, 7, 8, 9]


def test_a_disturbance_is_shown_as_a_multiple_of_calm():
    broker = BROKERS["uvloop"]
    other = next(what for what in DISTURBANCES if what != CALM)
    found = {(CALM, "uvloop"): (40.0, 200.0, 50.0), (other, "uvloop"): (60.0, 800.0, 58.0)}
    _head, calm, disturbed, *rest = rows(found, [broker])
    assert calm == [CALM, "uvloop", "40", "1.0×", "200", "1.0×", "50"]
    assert disturbed == [other, "uvloop", "60", "1.5×", "800", "4.0×", "58"]
    assert all(row[2] == "failed" for row in rest)


def samples(*, leak_bytes: int) -> list[Sample]:
    return [
        Sample(at * 5.0, 100_000_000 + at * leak_bytes, 50_000_000, at * 10_000_000)
        for at in range(100)
    ]


def test_a_soak_is_good_when_memory_is_flat_and_nothing_was_lost():
    counted = {"sent": 10_000_000, "seconds": 500, "lost": 0, "late": 0, "p50_us": 40, "p99_us": 90}
    lines, is_good = judge(samples(leak_bytes=0), counted)
    assert is_good
    assert "memory of the broker: flat (about 100 MB, +0.0 MB in 345 s)" in lines
    assert "disk: 100 bytes a message" in lines
    assert not judge(samples(leak_bytes=0), {**counted, "lost": 1})[1]
    lines, is_good = judge(samples(leak_bytes=1_000_000), counted)
    assert not is_good
    assert any("NOT FLAT" in line for line in lines)


def test_a_soak_that_is_too_short_says_so():
    counted = {"sent": 1, "seconds": 1, "lost": 0, "late": 0, "p50_us": 1, "p99_us": 1}
    assert judge(samples(leak_bytes=0)[:1], counted)[1] is False
