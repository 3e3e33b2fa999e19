"""The judge of foreign suites is itself judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.suites.mosquitto_tolerance import is_refusal, same_but_for_announcements
from tests.suites.verdicts import Verdict, explanations, judge, report

PASSED = Verdict("paho", "test_ping", "passed")
FAILED = Verdict("paho", "test_limit", "failed", "AssertionError: 10 != 20")
EXPLAINED = {"paho": {"test_limit": "it wants a limit of 20"}}


def test_a_failure_that_is_explained_is_no_surprise() -> None:
    judgement = judge([PASSED, FAILED], EXPLAINED)
    assert judgement.holds
    assert "it wants a limit of 20" in report(judgement, EXPLAINED)


def test_a_failure_that_nobody_explained_is_a_surprise() -> None:
    judgement = judge([PASSED, FAILED], {})
    assert judgement.unexplained == (FAILED,)
    assert not judgement.holds


def test_an_explanation_that_is_not_needed_any_more_is_a_surprise() -> None:
    judgement = judge([PASSED], {"paho": {"test_ping": "an old story"}})
    assert judgement.outdated == (PASSED,)
    assert not judgement.holds


def test_an_explanation_must_say_something(tmp_path: Path) -> None:
    file = tmp_path / "explained.toml"
    file.write_text('[paho]\ntest_limit = " "\n')
    with pytest.raises(ValueError, match=r"\[paho\] 'test_limit' is not explained"):
        explanations(file)


def test_the_explanations_of_the_project_are_readable() -> None:
    assert {"mosquitto", "paho-3.1.1", "paho-5.0"} >= set(explanations())


def test_a_connack_may_announce_other_limits_but_no_other_answer() -> None:
    theirs = bytes.fromhex("2009 00 00 06 22000a 210014")
    ours = bytes.fromhex("200e 00 00 0b 2103e8 220020 2700420000")
    assert same_but_for_announcements(ours, theirs)
    assert not same_but_for_announcements(bytes.fromhex("200e 01") + ours[3:], theirs)
    assert not same_but_for_announcements(ours, bytes.fromhex("200c 00 00 09 22000a 210014 13003c"))


def test_words_before_a_close_are_a_refusal_and_a_welcome_is_not() -> None:
    assert is_refusal(bytes.fromhex("2003 00 81 00"), b"")
    assert not is_refusal(bytes.fromhex("2003 00 00 00"), b"")
