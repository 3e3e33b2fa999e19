"""Tags and filters: what they write, and that what a device sent stays text."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.template import RequestContext, Template
from django.test import RequestFactory
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from console.core.templatetags import signalbox

HOSTILE = '"><img src=x onerror=alert(1)>'


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(max_length=64, help_text="3 to 64 letters.")
    body = forms.CharField(widget=forms.Textarea, required=False)
    edition = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    agreed = forms.BooleanField()


def _render(source: str, **context: object) -> str:
    loads = "{% load signalbox navigation %}"
    request = RequestFactory().get(str(context.pop("path", "/")))
    return Template(loads + source).render(RequestContext(request, context))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (1204, "1,204"),
        (1204.0, "1,204"),
        (3.25, "3.2"),
        (1234.5, "1,234"),
        (None, "—"),
        ("", "—"),
    ],
)
def test_numbers_are_grouped(value: float | None, written: str) -> None:
    assert signalbox.number(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (4096, "4 KB"),
        (1536, "1.5 KB"),
        (5 * 1024**2, "5 MB"),
        (3 * 1024**5, "3,072.0 TB"),
        (None, "—"),
    ],
)
def test_sizes_go_in_steps_of_1024(value: float | None, written: str) -> None:
    assert signalbox.filesize(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (3_542_400, "41 d"),
        (90_061, "1 d 1 h"),
        (-5, "0 s"),
        (None, "—"),
    ],
)
def test_durations_have_at_most_two_units(seconds: float | None, written: str) -> None:
    assert signalbox.duration_s(seconds) == written


@pytest.mark.parametrize(
    ("ms", "written"),
    [(0, "0 ms"), (999, "999 ms"), (1500, "1.5 s"), (2000, "2 s"), (200_000, "3 min 20 s")],
)
def test_short_durations_are_finer(ms: int, written: str) -> None:
    assert signalbox.duration_ms(ms) == written


def test_an_instant_is_written_in_the_readers_zone_with_milliseconds() -> None:
    """DECISIONS 17"""
    at = datetime(2026, 10, 10, 12, 26, 18, 42_000, tzinfo=UTC)

    with timezone.override(ZoneInfo("Asia/Shanghai")):
        from_datetime = signalbox.datetime_ms(at)
        from_ms = signalbox.datetime_ms(int(at.timestamp() * 1000))

    assert ">2026-10-10 20:26:18.042</time>" in from_datetime
    assert 'datetime="2026-10-10T12:26:18.042Z"' in from_datetime
    assert from_ms == from_datetime


@pytest.mark.parametrize("value", [None, 0, 10**30, -(10**30)])
def test_no_instant_is_a_dash(value: int | None) -> None:
    assert signalbox.datetime_ms(value) == "—"
    assert signalbox.datetime_s(value) == "—"
    assert signalbox.clock_s(value) == "—"


@given(st.integers())
def test_any_integer_can_be_asked_for_as_an_instant(value: int) -> None:
    assert signalbox.datetime_ms(value)


def test_a_meter_warns_near_its_limit() -> None:
    low, middle, high = (signalbox.meter("TPS", used, 100) for used in (69, 70, 90))

    assert "meter-mid" not in low and "meter-high" not in low
    assert "meter-mid" in middle
    assert "meter-high" in high


def test_a_meter_without_limit_or_beyond_it_stays_in_its_bar() -> None:
    assert 'class="meter-fill" width="0.0%"' in signalbox.meter("TPS", 5, 0)
    assert 'class="meter-fill" width="100.0%"' in signalbox.meter("TPS", 500, 100)


@given(st.lists(st.none() | st.floats(min_value=0, max_value=1e12), max_size=50))
def test_a_sparkline_stays_inside_its_box(values: list[float | None]) -> None:
    svg = signalbox.sparkline(values)
    line = svg.rpartition('points="')[2].partition('"')[0]
    points = [tuple(map(float, point.split(","))) for point in line.split()]

    assert len(points) == max(2, len(values))
    assert all(0 <= x <= 118 and 0 <= y <= 30 for x, y in points)


@pytest.mark.parametrize(
    "source",
    [
        "{{ hostile|shown }}",
        "{% icon 'copy' label=hostile %}",
        "{% meter hostile 1 2 %}",
        "{% sparkline curve label=hostile %}",
        "{% state_pill hostile %}",
        "{% payload hostile %}",
        "{% include 'components/copy.html' with text=hostile what=hostile %}",
        "{% include 'components/pill.html' with text=hostile %}",
        "{% include 'components/snippet.html' with title=hostile code=hostile %}",
        "{% include 'components/banner.html' with title=hostile text=hostile %}",
        "{% include 'components/kpi.html' with label=hostile value=hostile note=hostile %}",
        "{% include 'components/chart.html' with key=hostile title=hostile url=hostile %}",
        "{% include 'components/key_values.html' with pairs=pairs %}",
        "{% include 'components/empty.html' with title=hostile text=hostile %}",
        "{% include 'components/tags.html' with tags=tags %}",
        "{% include 'components/dialog_confirm.html' with name=hostile loss=hostile %}",
        "{% include 'components/dialog_confirm.html' with title=hostile phrase=hostile %}",
    ],
)
def test_markup_from_outside_is_shown_as_text(source: str) -> None:
    """C1"""
    html = _render(
        source,
        hostile=HOSTILE,
        curve=[1.0, 2.0],
        pairs=[(HOSTILE, HOSTILE)],
        tags=[{"key": HOSTILE, "value": HOSTILE}],
    )

    assert "<img" not in html
    assert "&lt;img" in html


def test_an_unknown_state_is_shown_as_it_is() -> None:
    assert "pill-off" in signalbox.state_pill("FUTURE")
    assert "FUTURE" in signalbox.state_pill("FUTURE")


@pytest.mark.parametrize(
    ("name", "letters"),
    [("owner", "OW"), ("ada.lovelace", "AL"), ("a", "A"), ("", "?"), ("@", "?"), ("x@y.z", "X")],
)
def test_initials_come_from_the_words_of_the_name(name: str, letters: str) -> None:
    assert signalbox.initials(name) == letters


def test_a_field_ties_help_errors_and_counter_to_its_input() -> None:
    html = _render('{% field form.name counter="characters" %}', form=SampleForm({"name": ""}))

    assert 'aria-describedby="id_name_help id_name_error id_name_left"' in html
    assert 'aria-invalid="true"' in html
    assert 'data-counter="id_name_left"' in html and 'data-counter-limit="64"' in html
    for described in ("id_name_help", "id_name_error", "id_name_left"):
        assert html.count(f'id="{described}"') == 1


def test_a_field_that_may_stay_empty_says_so() -> None:
    assert "optional" in _render("{% field form.body %}", form=SampleForm())
    assert "optional" not in _render("{% field form.name %}", form=SampleForm())


def test_choices_are_a_fieldset_and_a_check_box_stands_before_its_label() -> None:
    choices = _render("{% field form.edition %}", form=SampleForm())
    check = _render("{% field form.agreed %}", form=SampleForm())

    assert "<fieldset" in choices and "<legend" in choices
    assert check.index("<input") < check.index("<label")


def test_pages_and_sizes_keep_the_search() -> None:
    from django.core.paginator import Paginator

    page = Paginator(list(range(95)), 10).get_page(5)
    html = _render('{% pagination page target="part" %}', page=page, path="/x/?search=a%26b&page=5")

    assert 'href="?search=a%26b&amp;page=6"' in html
    assert 'href="?search=a%26b&amp;page_size=50"' in html
    assert 'aria-current="page">5<' in html
    assert "95 items" in html


def test_the_first_page_has_no_way_back() -> None:
    from django.core.paginator import Paginator

    html = _render('{% pagination page target="part" %}', page=Paginator([], 20).get_page(1))

    assert "Previous page" not in html and "Next page" not in html


def test_the_region_is_named() -> None:
    assert signalbox.region_name() == "This machine"
    assert signalbox.region_name("mars") == "mars"
