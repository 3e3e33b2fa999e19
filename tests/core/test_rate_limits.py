"""Counters of attempts, in the cache that all web processes share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.core.cache import cache
from redis import Redis

from console.core.rate_limits import RateLimit

pytestmark = pytest.mark.usefixtures("empty_cache")


def test_so_many_attempts_are_allowed_and_no_more() -> None:
    limit = RateLimit(name="test", most=3, window_s=60)
    assert [limit.take("x") for _ in range(5)] == [True, True, True, False, False]


def test_each_subject_and_each_limit_counts_for_itself() -> None:
    one, other = (RateLimit(name=name, most=1, window_s=60) for name in ("one", "other"))
    assert [one.take("x"), one.take("y"), other.take("x")] == [True, True, True]
    assert not one.take("x")


def test_forgetting_starts_anew() -> None:
    limit = RateLimit(name="test", most=1, window_s=60)
    limit.take("x")
    limit.forget("x")
    assert limit.take("x")


def test_the_window_ends_by_itself_and_is_not_prolonged_by_attempts() -> None:
    limit = RateLimit(name="test", most=1, window_s=60)
    key = cache.make_key(limit._key("x"))
    with Redis.from_url(settings.ENVIRONMENT.redis_url) as server:
        limit.take("x")
        assert 0 < server.ttl(key) <= 60
        server.expire(key, 30)
        limit.take("x")
        assert 0 < server.ttl(key) <= 30


@pytest.mark.parametrize("subject", ["", "\0", "\ud800", "ü" * 10_000, "a b\r\nc"])
def test_a_strangers_text_is_a_subject_like_any(subject: str) -> None:
    limit = RateLimit(name="test", most=1, window_s=60)
    assert [limit.take(subject), limit.take(subject)] == [True, False]


def test_attempts_at_the_same_time_gain_nothing() -> None:
    limit = RateLimit(name="test", most=5, window_s=60)
    with ThreadPoolExecutor(8) as pool:
        allowed = list(pool.map(lambda _number: limit.take("x"), range(40)))
    assert allowed.count(True) == 5
