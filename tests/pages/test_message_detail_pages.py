"""The page of one message and its trace (CONTRACT M4, M5)."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.test import Client

from clusters.gateway import GetMessage, GetTrace, NodeRefused, NodeUnreachable, Trace, TraceStep
from clusters.models import Cluster
from console.core.actors import Actor
from tests.cast import FakeGateway, browser_of
from tests.pages.reading import assert_harmless, read, text_of
from tests.pages.stored_messages import ANSWERS, MESSAGE_ID, consumed, message, step

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def runtime(runtime: FakeGateway) -> FakeGateway:
    """It has one message, which nobody was subscribed to."""
    runtime.answers |= ANSWERS
    return runtime


@pytest.fixture
def home(running_cluster: Cluster, runtime: FakeGateway) -> str:
    """Where the messages of the owner's cluster are."""
    return f"/clusters/{running_cluster.public_id}/messages/"


@pytest.fixture
def detail(home: str) -> str:
    return f"{home}{MESSAGE_ID}/"


@pytest.fixture
def browser(owner: Actor) -> Client:
    return browser_of(owner)


def test_a_message_is_shown_whole(detail: str, browser: Client, runtime: FakeGateway):
    runtime.answers[GetMessage] = message(
        user_properties=(("site", "north"), ("site", "south")),
        content_type="application/json",
        response_topic="plant/answers",
        correlation_data=b"\x00\xff",
        payload_format=1,
        expiry_s=3600,
    )
    page = browser.get(detail).text
    shown = text_of(page)
    for text in (
        MESSAGE_ID,
        '{ "t": 21 }',
        "Retained yes",
        "Size 9 B",
        "site north site south",
        "Content type application/json",
        "Response topic plant/answers",
        "Payload format UTF-8 text",
        "Expires after 1 h",
        "00 ff",
        "2023-11-14 22:13:20.123",
    ):
        assert text in shown
    assert "clients/detail/?client=sensor" in page


def test_a_message_of_the_console_leads_to_no_client(
    detail: str, browser: Client, runtime: FakeGateway
):
    runtime.answers[GetMessage] = message(client_id="console:owner")
    page = browser.get(detail).text
    assert "console:owner" in page
    assert "?client=console" not in page


@pytest.mark.parametrize(
    ("back", "kept"),
    [
        ("/messages/?topic=plant/%23&start_time=1", True),
        ("//evil.example/x", False),
        ("https://evil.example/", False),
        ("javascript:alert(1)", False),
        ("/\\evil.example", False),
    ],
)
def test_the_way_back_leads_to_the_search_and_nowhere_else_c14(
    back: str, kept: bool, detail: str, browser: Client
):
    page = browser.get(detail, {"back": back})
    assert (page.context["back"] == back) is kept
    if not kept:
        assert page.context["back"].startswith("/clusters/")
        assert back not in [attributes.get("href") for _tag, attributes in read(page.text).elements]


def test_the_body_is_a_file_that_no_browser_opens_c3(
    detail: str, browser: Client, runtime: FakeGateway
):
    runtime.answers[GetMessage] = message(payload=b"<script>alert(1)</script>")
    answer = browser.get(f"{detail}body/")
    assert answer.content == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == f'attachment; filename="{MESSAGE_ID}.bin"'
    assert answer["Content-Security-Policy"].startswith("sandbox")
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "payload",
    [b"", b"\x00" * 20_000, b"[" * 100_000, b"\xef\xbb\xbf{}", b"<svg onload=x>", b"{" * 4_000_000],
    ids=["empty", "binary", "deep", "bom", "svg", "large"],
)
def test_any_body_is_shown_bounded_c3(
    payload: bytes, detail: str, browser: Client, runtime: FakeGateway
):
    runtime.answers[GetMessage] = message(payload=payload)
    answer = browser.get(detail)
    assert answer.status_code == 200
    assert len(answer.content) < 800_000
    assert_harmless(answer.text)


@pytest.mark.parametrize(("name", "status"), [("xyz", 400), ("0006123456789AB", 400)])
def test_what_is_no_message_id_is_refused(name: str, status: int, home: str, browser: Client):
    for page in ("", "body/"):
        assert browser.get(f"{home}{quote(name)}/{page}").status_code == status


def test_a_message_that_is_gone_is_unknown(detail: str, browser: Client, runtime: FakeGateway):
    runtime.answers[GetMessage] = NodeRefused("not_found", "no such message")
    for page in ("", "body/"):
        answer = browser.get(detail + page)
        assert answer.status_code == 404
        assert "ResourceNotFound.Message" in answer.text


def test_without_the_runtime_the_page_of_a_message_says_so(
    detail: str, browser: Client, runtime: FakeGateway
):
    runtime.answers[GetMessage] = NodeUnreachable("gone")
    answer = browser.get(detail)
    assert answer.status_code == 200
    assert "The message cannot be read now" in answer.text


@pytest.mark.parametrize("result", [NodeUnreachable("gone"), NodeRefused("storage", "disk")])
def test_a_trace_that_cannot_be_read_does_not_hide_the_message(
    result: Exception, detail: str, browser: Client, runtime: FakeGateway
):
    runtime.answers[GetTrace] = result
    page = browser.get(detail).text
    assert "The trace cannot be read now" in page
    assert "Message body" in page


def test_the_trace_says_why_nobody_got_the_message(
    detail: str, browser: Client, runtime: FakeGateway
):
    shown = text_of(browser.get(detail).text)
    assert "Accepted, no subscriber" in shown
    assert "No session was subscribed to this topic when the message came." in shown
    runtime.answers[GetTrace] = NodeRefused("not_found", "none")
    assert "Nothing is recorded of how this message came in." in browser.get(detail).text


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ((consumed("PUBLISH", qos=0),), "Sent; QoS 0 is not confirmed"),
        ((consumed("PUBLISH"),), "Sent, not confirmed yet"),
        ((consumed("PUBLISH"), consumed("PUBACK")), "Delivered"),
        ((consumed("PUBLISH", qos=2), consumed("PUBREC", qos=2)), "Received, QoS 2 not"),
        ((consumed("PUBREC", qos=2), consumed("PUBCOMP", qos=2)), "Delivered"),
        ((consumed("QUEUE"),), "Waiting for the client"),
        ((consumed("QUEUE"), consumed("PUBLISH", "sent_again")), "Sent, not confirmed yet"),
        ((consumed("DROP", "queue_full"),), "Not delivered: more messages were waiting"),
        ((consumed("DROP", "too_large"),), "Not delivered: it is larger than the client accepts"),
        ((consumed("DROP", "brand_new"),), "Not delivered: brand new"),
        ((consumed("PUBACK", "quota_exceeded"),), "Refused by the client: quota exceeded"),
    ],
)
def test_the_trace_says_in_words_how_it_stands_with_each_client(
    steps: tuple[TraceStep, ...], outcome: str, detail: str, browser: Client, runtime: FakeGateway
):
    runtime.answers[GetTrace] = Trace(steps=(step("produce", "PUBLISH"), *steps))
    shown = text_of(browser.get(detail).text)
    assert outcome in shown
    assert "Accepted" in shown


def test_the_trace_is_grouped_by_client_searched_and_paged(
    detail: str, browser: Client, runtime: FakeGateway
):
    steps = [step("produce", "PUBLISH")]
    for number in range(30):
        steps.append(consumed("PUBLISH", client_id=f"wall-{number:02}"))
        steps.append(consumed("PUBACK", client_id=f"wall-{number:02}"))
    runtime.answers[GetTrace] = Trace(steps=tuple(steps))
    first = browser.get(detail).text
    assert first.count("<details") == 20
    assert "wall-25" in browser.get(detail, {"page": "2"}).text
    one = browser.get(detail, {"client": "wall-07"}).text
    assert (one.count("<details"), "wall-08" in one) == (1, False)
    none = browser.get(detail, {"client": "wall"}).text
    assert "not meant for a client of exactly this ID" in none
