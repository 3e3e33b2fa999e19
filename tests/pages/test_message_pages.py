"""Message query: its form, its answer, its time zone, its download (CONTRACT M1–M3, M6)."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from clusters.gateway import GetMessage, GetTrace, ListMessages, MessageList, NodeUnreachable, Trace
from clusters.models import Cluster
from console.core.actors import Actor
from tests.cast import FakeGateway, browser_of, make_cluster
from tests.pages.reading import (
    HOSTILE,
    assert_harmless,
    assert_leads_to_sign_in,
    assert_unknown,
    queries_of,
    rows_of,
    text_of,
)
from tests.pages.stored_messages import (
    ANSWERS,
    MESSAGE_ID,
    STORED_MS,
    consumed,
    message,
    step,
    summary,
)

pytestmark = [pytest.mark.database, pytest.mark.django_db]

ASKED = {"topic": "plant/#", "start_time": "1700000000000", "max_number": "100"}
SHANGHAI = "Asia/Shanghai"


@pytest.fixture
def runtime(runtime: FakeGateway) -> FakeGateway:
    """It has one message, which nobody was subscribed to."""
    runtime.answers |= ANSWERS
    return runtime


@pytest.fixture
def home(running_cluster: Cluster, runtime: FakeGateway) -> str:
    """Where the pages of the owner's cluster are."""
    return f"/clusters/{running_cluster.public_id}/messages/"


@pytest.fixture
def detail(home: str) -> str:
    return f"{home}{MESSAGE_ID}/"


@pytest.fixture
def browser(owner: Actor) -> Client:
    return browser_of(owner)


def _questions(runtime: FakeGateway) -> list[ListMessages]:
    return [query for query in runtime.received if isinstance(query, ListMessages)]


@pytest.mark.parametrize("page", ["", f"{MESSAGE_ID}/", f"{MESSAGE_ID}/body/"])
def test_signed_out_leads_to_the_sign_in_page(page: str, home: str):
    assert_leads_to_sign_in(home + page)
    assert_leads_to_sign_in("/messages/")


@pytest.mark.parametrize("page", ["", f"{MESSAGE_ID}/", f"{MESSAGE_ID}/body/"])
def test_messages_of_another_account_are_unknown_c7(page: str, home: str, outsider: Actor):
    assert_unknown(browser_of(outsider), home + page)


def test_the_search_cannot_be_turned_to_another_accounts_cluster_c7(
    home: str, browser: Client, other_cluster: Cluster, runtime: FakeGateway
):
    for query in ({}, ASKED):
        answer = browser.get("/messages/", {**query, "instance_id": other_cluster.public_id})
        assert answer.status_code == 404
        assert "ResourceNotFound.Instance" in answer.text
    turned = browser.get(home, {**ASKED, "instance_id": other_cluster.public_id})
    assert turned.status_code == 200
    assert _questions(runtime) != []


@pytest.mark.parametrize("page", ["", f"{MESSAGE_ID}/", f"{MESSAGE_ID}/body/"])
def test_without_a_right_nothing_is_read(page: str, home: str, nobody: Actor, runtime: FakeGateway):
    for address in (home + page, "/messages/"):
        answer = browser_of(nobody).get(address, ASKED)
        assert answer.status_code == 403
    assert runtime.received == []


def test_a_reader_may_search_and_read(home: str, detail: str, reader: Actor):
    browser = browser_of(reader)
    assert "plant/0" in browser.get(home, ASKED).text
    assert "Message body" in browser.get(detail).text


def test_the_page_asks_nothing_before_one_does(home: str, browser: Client, runtime: FakeGateway):
    page = browser.get(home)
    assert page.status_code == 200
    assert _questions(runtime) == []
    started = int(page.context["form"].initial["start_time"])
    assert 0 <= time.time() * 1000 - started - 30 * 60_000 < 60_000


def test_the_question_reaches_the_runtime_and_the_answer_the_table(
    home: str, browser: Client, runtime: FakeGateway
):
    page = browser.get(home, {**ASKED, "max_number": "500"})
    assert _questions(runtime) == [
        ListMessages(topic_filter="plant/#", from_ms=1_700_000_000_000, limit=500)
    ]
    shown = text_of(page.text)
    for text in (MESSAGE_ID, "sensor", "plant/0", "2023-11-14 22:13:20.123", "9 B", "1 message"):
        assert text in shown


def test_an_instant_is_read_and_shown_in_the_readers_time_zone(
    home: str, browser: Client, runtime: FakeGateway
):
    browser.cookies["signalbox-timezone"] = SHANGHAI
    typed = {**ASKED, "start_time": "2023-11-15T06:13:20.007"}
    answer = browser.get(home, typed)
    assert answer.status_code == 302
    assert parse_qs(urlsplit(answer["Location"]).query)["start_time"] == ["1700000000007"]
    page = browser.get(answer["Location"]).text
    assert 'value="2023-11-15T06:13:20.007"' in page
    assert "Time zone: Asia/Shanghai" in page
    assert "2023-11-15 06:13:20.123" in text_of(page)


@pytest.mark.parametrize("zone", ["../../etc/passwd", "Mars/Olympus", "x" * 5000, "/", "Europe"])
def test_a_time_zone_that_is_none_counts_as_utc(zone: str, home: str, browser: Client):
    browser.cookies["signalbox-timezone"] = zone
    page = browser.get(home, ASKED)
    assert page.status_code == 200
    assert "Time zone: UTC" in page.text


@pytest.mark.parametrize("minutes", [5, 30, 60, 360, 1440])
def test_a_preset_becomes_an_instant_in_the_address(minutes: int, home: str, browser: Client):
    given = {**ASKED, "last": str(minutes)}
    answer = browser.get(home, given)
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert "last" not in query
    ago_ms = time.time() * 1000 - int(query["start_time"][0])
    assert 0 <= ago_ms - minutes * 60_000 < 60_000
    assert browser.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"topic": ""}, "required"),
        ({"topic": "a/#/b"}, "# must be the whole last level"),
        ({"topic": "a+"}, "# must be the whole last level"),
        ({"topic": "x" * 1025}, "at most 1024"),
        ({"start_time": ""}, "required"),
        ({"start_time": "<img src=x onerror=alert(1)>"}, "is not an instant"),
        ({"start_time": "-1"}, "is not an instant"),
        ({"start_time": "9" * 5000}, "whole number"),
        ({"start_time": "9" * 15}, "less than or equal"),
        ({"start_time": "1969-01-01T00:00"}, "greater than or equal to 0"),
        ({"max_number": "0"}, "greater than or equal to 1"),
        ({"max_number": "1025"}, "less than or equal to 1024"),
        ({"max_number": "many"}, "whole number"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_at_its_field_and_not_asked(
    changed: dict[str, str], message: str, home: str, browser: Client, runtime: FakeGateway
):
    for address in (home, "/messages/"):
        answer = browser.get(address, {**ASKED, **changed})
        assert answer.status_code == 422
        assert message in text_of(answer.text)
        assert 'class="field-error"' in answer.text
        assert_harmless(answer.text)
    assert _questions(runtime) == []


def test_results_are_paged_and_cost_the_same_for_many(
    home: str, browser: Client, runtime: FakeGateway
):
    address = f"{home}?topic=plant/%23&start_time=1700000000000&max_number=100&page_size=10"
    few = queries_of(browser, address)
    many = tuple(summary(number) for number in range(100))
    runtime.answers[ListMessages] = MessageList(messages=many)
    assert queries_of(browser, address) == few
    assert few <= 13  # who asks (5), the cluster thrice with its tags, its nodes
    last = browser.get(address + "&page=10").text
    assert ("plant/99" in last, "plant/10<" in last) == (True, False)
    assert "There may be more." in last
    assert f"start_time={STORED_MS + 99}" in last


def test_a_search_that_ran_out_of_time_says_so_and_can_go_on(
    home: str, browser: Client, runtime: FakeGateway
):
    runtime.answers[ListMessages] = MessageList(messages=(summary(1),), complete=False)
    page = browser.get(home, ASKED).text
    assert "ran out of time" in page
    assert "Go on from the last one" in page


def test_an_empty_answer_says_what_to_look_at(home: str, browser: Client, runtime: FakeGateway):
    runtime.answers[ListMessages] = MessageList(messages=())
    page = browser.get(home, ASKED).text
    assert "No message from then on" in page
    assert "Topics are case-sensitive" in page


@pytest.mark.parametrize("address", ["", "/messages/"])
def test_without_the_runtime_the_question_stays(
    address: str, home: str, browser: Client, runtime: FakeGateway
):
    runtime.answers[ListMessages] = NodeUnreachable("gone")
    answer = browser.get(address or home, ASKED)
    assert answer.status_code == 200
    assert "The messages cannot be read now" in answer.text
    assert 'value="plant/#"' in answer.text


def test_a_cluster_that_does_not_run_says_so(home: str, browser: Client):
    Cluster.objects.update(state=Cluster.State.OVERDUE)
    answer = browser.get(home, ASKED)
    assert answer.status_code == 200
    assert "this needs a running cluster" in answer.text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_devices_wrote_is_text_c1(
    hostile: str, home: str, detail: str, browser: Client, runtime: FakeGateway
):
    """SECURITY C1, C2, C3: in results, message, properties, body and trace."""
    runtime.answers |= {
        ListMessages: MessageList(messages=(summary(topic=hostile, client_id=hostile),)),
        GetMessage: message(
            topic=hostile,
            client_id=hostile,
            username=hostile,
            address=hostile,
            payload=hostile.encode(),
            user_properties=((hostile, hostile), (hostile, "again")),
            content_type=hostile,
            response_topic=hostile,
            correlation_data=hostile.encode(),
            payload_format=1,
            expiry_s=60,
        ),
        GetTrace: Trace(
            steps=(
                step("produce", "PUBLISH", hostile, client_id=hostile),
                consumed("PUBLISH", client_id=hostile),
                consumed(hostile, hostile, client_id=hostile),
            )
        ),
    }
    for address in (home + "?topic=%23&start_time=1&max_number=100", detail):
        answer = browser.get(address)
        assert answer.status_code == 200
        assert_harmless(answer.text)
    visible = hostile.replace("\n", "\\n").replace("\t", "\\t").replace("\u202e", "\\u202e")
    shown = text_of(answer.text)
    assert shown.count(" ".join(visible.split())) >= 6
    echoed = browser.get(home, {**ASKED, "topic": hostile})
    assert_harmless(echoed.text if echoed.status_code != 302 else "")
    assert_harmless(browser.get(detail, {"client": hostile}).text)


def test_the_download_computes_nothing_c4(home: str, browser: Client, runtime: FakeGateway):
    evil = summary(topic="=1+1", client_id="@SUM(1)")
    runtime.answers[ListMessages] = MessageList(messages=(evil,))
    head, row = rows_of(browser.get(home, {**ASKED, "format": "csv"}).content)
    assert head == ["Message ID", "Client ID", "Topic", "QoS", "Retained", "Stored", "Bytes"]
    assert row[1:] == ["'@SUM(1)", "'=1+1", "1", "no", "2023-11-14T22:13:20.123+00:00", "9"]


def test_the_search_remembers_the_cluster_that_was_chosen(
    home: str, owner: Actor, running_cluster: Cluster, browser: Client
):
    """CONTRACT U6."""
    newer = make_cluster(owner.account_uin, name="west")
    assert browser.get("/messages/").context["cluster"] == newer
    browser.get("/messages/", {"instance_id": running_cluster.public_id})
    assert browser.get("/messages/").context["cluster"] == running_cluster
    running_cluster.delete()
    assert browser.get("/messages/").context["cluster"] == newer


def test_the_search_without_any_cluster_says_what_to_do(browser: Client):
    assert "No clusters yet" in browser.get("/messages/").text
