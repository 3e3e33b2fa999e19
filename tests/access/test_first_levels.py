"""First-level topics: made by their first use, up to a quota (CONTRACT T1 to T4)."""

from __future__ import annotations

from broker_runtime.access.first_levels import Admission, FirstLevels


def levels(*, maximum=2, auto_create=True, names=()):
    first = FirstLevels()
    first.set_limits(maximum=maximum, auto_create=auto_create)
    first.replace(names)
    return first


def test_a_first_use_creates_a_topic_up_to_the_quota():
    first = levels(names=("home",))
    assert first.admit("home") is Admission.EXISTS
    assert first.admit("plant") is Admission.CREATED
    assert first.admit("plant") is Admission.EXISTS
    assert first.admit("third") is Admission.OVER_QUOTA


def test_without_the_switch_an_unknown_topic_stays_unknown():
    assert levels(auto_create=False).admit("plant") is Admission.UNKNOWN


def test_names_that_are_no_topic_names_take_no_quota():
    first = levels(maximum=0)
    for name in ("", "$SYS", "ab", "a b c", "日本語", "x" * 101, "abc\n"):
        assert first.admit(name) is Admission.PLAIN


def test_once_the_console_named_a_created_topic_its_list_decides():
    first = levels()
    first.admit("plant")
    first.replace(())
    assert first.admit("plant") is Admission.EXISTS
    first.replace(("plant",))
    first.replace(())
    assert first.admit("plant") is Admission.CREATED
