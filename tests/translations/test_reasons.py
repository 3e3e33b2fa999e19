"""What a runtime says of refusals and ends is told in the reader's language."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.utils import translation

from broker_runtime.codec.reasons import DESCRIPTIONS, ReasonCode
from monitoring.reasons import RESULTS, SENTENCES, in_words
from tests.architecture.files import ROOT


@pytest.fixture(autouse=True)
def chinese() -> Iterator[None]:
    with translation.override("zh-hans"):
        yield


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


RUNTIME = "".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "broker_runtime").rglob("*.py"))
)


@pytest.mark.parametrize("sentence", sorted(SENTENCES))
def test_the_runtime_says_what_is_translated_here(sentence: str) -> None:
    assert sentence in RUNTIME
    assert is_chinese(in_words("refused", sentence))


@pytest.mark.parametrize("result", sorted(RESULTS))
def test_every_result_is_one_of_the_runtimes(result: str) -> None:
    assert f'"{result}"' in RUNTIME


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("publish to 'a/b': not authorized", "发布到 'a/b'：未授权"),
        ("publish to \"it's\": policy 'x' denies it", "发布到 \"it's\"：被策略 'x' 拒绝"),
        ("subscribe to '#': no policy allows all topics of this filter", None),
        ("will to 'a': no policy allows this client to publish here", None),
        ("messages to this client were dropped: queue_full", None),
        ("the right to connect was withdrawn: policy 'x' denies it", None),
        ("publish to 'a': the first-level topic 'a' does not exist", None),
        ("publish to 'a': the first-level topic 'a' would exceed the topic quota", None),
        ("publish to 'a': the message is larger than 4096 bytes (7 more times)", None),
        ("publish to 'a': the topic is longer than 1024 bytes", None),
        ("publish to 'a': the topic has more than 128 levels", None),
        ("more clients were refused or denied than are listed one by one: 12", None),
        ("disconnected by the client: disconnected, will to be published", None),
    ],
)
def test_a_reason_with_something_put_in_is_translated_whole(reason: str, words: str | None) -> None:
    told = in_words("denied", reason)
    assert words is None or told == words
    for english in ("the ", "to ", "policy", "more", "client", "denies", "queue_full"):
        assert english not in told


def test_keep_alive_and_take_over_are_known() -> None:
    for code in (ReasonCode.KEEP_ALIVE_TIMEOUT, ReasonCode.SESSION_TAKEN_OVER):
        assert is_chinese(in_words("disconnected", DESCRIPTIONS[code]))


@pytest.mark.parametrize("event", ["subscribed", "unsubscribed"])
def test_a_topic_filter_is_never_taken_for_words(event: str) -> None:
    for topic_filter in ("connection lost", "publish to 'a': not authorized", "queue_full"):
        assert in_words(event, topic_filter) == topic_filter


@pytest.mark.parametrize(
    "reason", ["", "the protocol name is not MQTT", "%(why)s", "%s %d", "100 %"]
)
def test_another_reason_is_shown_as_it_is(reason: str) -> None:
    assert in_words("disconnected", reason) == reason


def test_a_name_with_percent_signs_is_put_in_as_it_is() -> None:
    assert "'%(why)s%s'" in in_words("denied", "publish to '%(why)s%s': not authorized")


def test_long_reasons_are_told_at_once() -> None:
    began_s = time.perf_counter()
    in_words("denied", "publish to '" + "': " * 5_000)
    in_words("denied", "x (1 more times)" * 2_000)
    assert time.perf_counter() - began_s < 1.0
