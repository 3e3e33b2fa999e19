"""The reader's time zone comes from a cookie, which anybody may write."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from console.core.middleware import ZONE_COOKIE, reader_time_zone


def zone_within(cookie: str | None) -> str:
    """The zone that is current while a request with that cookie is answered."""
    request = HttpRequest()
    if cookie is not None:
        request.COOKIES[ZONE_COOKIE] = cookie
    middleware = reader_time_zone(lambda _: HttpResponse(timezone.get_current_timezone_name()))
    return middleware(request).content.decode()


@pytest.mark.parametrize("name", ["Asia/Shanghai", "Europe/Berlin", "America/Indiana/Knox", "UTC"])
def test_a_zone_of_the_database_is_used(name: str) -> None:
    assert zone_within(name) == name


@pytest.mark.parametrize(
    "name",
    [
        None,
        "",
        "Mars/Olympus",
        "../../../etc/passwd",
        "/etc/localtime",
        "Europe",
        "Europe/../Europe/Berlin",
        "tzdata.zi",
        "a\0b",
        "\ud800",
        "é",
        "A" * 65,
        "Asia/Shanghai\r\nSet-Cookie: a=b",
        "<script>",
    ],
)
def test_whatever_is_no_zone_is_ignored(name: str | None) -> None:
    assert zone_within(name) == "UTC"


def test_the_zone_of_one_request_is_not_that_of_the_next() -> None:
    assert zone_within("Asia/Tokyo") == "Asia/Tokyo"
    assert zone_within(None) == "UTC"
    assert timezone.get_current_timezone_name() == "UTC"
