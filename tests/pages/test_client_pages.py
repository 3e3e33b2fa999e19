"""The pages of clients: the live list, one client, the kick (CONTRACT K2–K10)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client as Browser

from broker_runtime.contract.queries import PacketCount
from clusters.gateway import (
    Client,
    ClientEvent,
    ClientEventList,
    ClientPage,
    GetClient,
    KickClient,
    Kicked,
    ListClientEvents,
    ListClients,
    NodeRefused,
    NodeUnreachable,
    Subscription,
)
from clusters.models import Cluster
from console.core.actors import Actor
from tests.cast import FakeGateway, browser_of, user_of
from tests.pages.reading import (
    HOSTILE,
    HTMX,
    assert_harmless,
    assert_leads_to_sign_in,
    assert_unknown,
    queries_of,
    rows_of,
    text_of,
)

pytestmark = [pytest.mark.database, pytest.mark.django_db]

PAGES = ("clients/", "clients/detail/?client=sensor", "clients/kick/?client=sensor")
KICK = "clients/kick/?client=sensor"


def _client(client_id: str = "sensor", **changes: Any) -> Client:
    values: dict[str, Any] = {
        "client_id": client_id,
        "username": "line",
        "address": "192.0.2.7:50000",
        "protocol_version": 5,
        "keep_alive_s": 60,
        "connected": True,
        "clean_start": False,
        "session_expiry_s": 3600,
        "created_ms": 1_700_000_000_000,
        "connected_ms": 1_700_000_001_000,
        "disconnected_ms": 0,
        "bytes_received": 2048,
        "bytes_sent": 4096,
        "inflight": 2,
        "backlog": 3,
        "subscriptions": (Subscription(topic_filter="home/#", qos=1, unacknowledged=2, backlog=3),),
        "packets": (
            PacketCount(direction="received", packet_type="PUBLISH", qos=1, count=1204),
            PacketCount(direction="sent", packet_type="PINGRESP", qos=-1, count=9),
        ),
    }
    return Client(**{**values, **changes})


def _event(event: str, reason: str = "", **changes: Any) -> ClientEvent:
    values: dict[str, Any] = {"client_id": "sensor", "username": "line", "address": "192.0.2.7:5"}
    return ClientEvent(
        **{**values, "at_ms": 1_700_000_000_000, "event": event, "reason": reason, **changes}
    )


@pytest.fixture
def runtime(runtime: FakeGateway) -> FakeGateway:
    """It has one client, which connected a while ago."""
    runtime.answers |= {
        ListClients: ClientPage(clients=(_client(),), total=1),
        GetClient: lambda query: _client(query.client_id),
        KickClient: Kicked(was_connected=True, session_deleted=False),
        ListClientEvents: ClientEventList(events=(_event("connected"),)),
    }
    return runtime


@pytest.fixture
def home(running_cluster: Cluster, runtime: FakeGateway) -> str:
    """Where the pages of the owner's cluster are."""
    return f"/clusters/{running_cluster.public_id}/"


@pytest.fixture
def browser(owner: Actor) -> Browser:
    return browser_of(owner)


def _kicks(runtime: FakeGateway) -> list[KickClient]:
    return [command for command in runtime.received if isinstance(command, KickClient)]


@pytest.mark.parametrize("page", PAGES)
def test_signed_out_leads_to_the_sign_in_page(page: str, home: str):
    assert_leads_to_sign_in(home + page)


@pytest.mark.parametrize("page", PAGES)
def test_clients_of_another_account_are_unknown_c7(page: str, home: str, outsider: Actor):
    assert_unknown(browser_of(outsider), home + page)


@pytest.mark.parametrize("page", PAGES[:2])
def test_without_a_right_there_is_nothing_to_see(page: str, home: str, nobody: Actor):
    answer = browser_of(nobody).get(home + page)
    assert answer.status_code == 403
    assert "UnauthorizedOperation" in answer.text


def test_a_reader_sees_the_clients_and_cannot_disconnect_them_c8(
    home: str, reader: Actor, runtime: FakeGateway
):
    browser = browser_of(reader)
    assert "Disconnect</a>" not in browser.get(home + "clients/").text
    answer = browser.post(home + KICK)
    assert answer.status_code == 403
    assert "UnauthorizedOperation" in answer.text
    assert _kicks(runtime) == []


def test_nobody_is_disconnected_without_the_token_or_by_get_c5(
    home: str, owner: Actor, runtime: FakeGateway
):
    strict = Browser(enforce_csrf_checks=True)
    strict.force_login(user_of(owner))
    assert strict.post(home + KICK).status_code == 403
    assert strict.get(home + KICK).status_code == 200
    assert _kicks(runtime) == []


def test_the_list_shows_who_is_there(home: str, browser: Browser):
    shown = text_of(browser.get(home + "clients/").text)
    for text in ("sensor", "Connected", "line", "192.0.2.7:50000", "MQTT 5.0", "1 session match"):
        assert text in shown
    assert "Without a search at most 1,024 of them are listed" in shown


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({}, ListClients()),
        ({"search": "sens"}, ListClients(search="sens")),
        ({"state": "1"}, ListClients(state="connected")),
        ({"state": "2", "search": "x"}, ListClients(state="disconnected", search="x")),
        ({"state": "7"}, ListClients()),
    ],
)
def test_search_and_state_reach_the_runtime(
    query: dict[str, str], asked: ListClients, home: str, browser: Browser, runtime: FakeGateway
):
    browser.get(home + "clients/", query)
    assert asked in runtime.received


def test_the_list_says_that_there_are_more_than_it_shows(
    home: str, browser: Browser, runtime: FakeGateway
):
    runtime.answers[ListClients] = ClientPage(clients=(_client(),), total=60_000)
    shown = text_of(browser.get(home + "clients/", {"search": "s"}).text)
    assert "60,000 sessions match" in shown
    assert "type more of the client ID" in shown


def test_the_list_is_paged_and_costs_the_same_for_many(
    home: str, browser: Browser, runtime: FakeGateway
):
    few = queries_of(browser, home + "clients/")
    many = tuple(_client(f"client-{number:03}") for number in range(120))
    runtime.answers[ListClients] = ClientPage(clients=many, total=120)
    assert queries_of(browser, home + "clients/") == few
    assert few <= 13  # who asks (5), the cluster thrice with its tags, its nodes
    last = browser.get(home + "clients/", {"page": "2", "page_size": "100"}).text
    assert ("client-119" in last, "client-099" in last) == (True, False)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_client_calls_itself_is_text_c1(
    hostile: str, home: str, browser: Browser, runtime: FakeGateway
):
    """SECURITY C1, C2, S19: in the list, on its page, in the dialog, and in its events."""
    client = _client(
        hostile,
        username=hostile,
        address=hostile,
        subscriptions=(Subscription(topic_filter=hostile, qos=0),),
    )
    runtime.answers |= {
        ListClients: ClientPage(clients=(client,), total=1),
        GetClient: client,
        ListClientEvents: ClientEventList(
            events=(_event("denied", hostile), _event(hostile, hostile))
        ),
    }
    named = f"?client={quote(hostile, safe='')}"
    for page in ("clients/", f"clients/detail/{named}", f"clients/kick/{named}"):
        for headers in ({}, HTMX):
            answer = browser.get(home + page, headers=headers)
            assert answer.status_code == 200
            assert_harmless(answer.text)
    listed = browser.get(home + "clients/").text
    visible = hostile.replace("\n", "\\n").replace("\t", "\\t").replace("\u202e", "\\u202e")
    assert " ".join(visible.split()) in text_of(listed)
    browser.get(home + f"clients/detail/{named}")
    assert GetClient(client_id=hostile) in runtime.received


def test_the_download_computes_nothing_c4(home: str, browser: Browser, runtime: FakeGateway):
    evil = _client("=cmd|' /C calc'!A0", username="@SUM(1)", address="+1")
    runtime.answers[ListClients] = ClientPage(clients=(evil,), total=1)
    _head, row = rows_of(browser.get(home + "clients/", {"format": "csv"}).content)
    assert row[:4] == ["'=cmd|' /C calc'!A0", "yes", "'@SUM(1)", "'+1"]


@pytest.mark.parametrize("page", PAGES[:2])
def test_without_the_runtime_the_page_says_so(
    page: str, home: str, browser: Browser, runtime: FakeGateway
):
    for query in (ListClients, GetClient, ListClientEvents):
        runtime.answers[query] = NodeUnreachable("gone")
    answer = browser.get(home + page)
    assert answer.status_code == 200
    assert "does not answer" in answer.text
    assert "cannot be shown now" in answer.text


def test_an_empty_list_says_what_to_do(home: str, browser: Browser, runtime: FakeGateway):
    runtime.answers[ListClients] = ClientPage(clients=(), total=0)
    assert "No clients yet" in browser.get(home + "clients/").text
    assert "No session matches" in browser.get(home + "clients/", {"search": "x"}).text


def test_one_client_shows_its_session_packets_and_events(
    home: str, browser: Browser, runtime: FakeGateway
):
    runtime.answers[ListClientEvents] = ClientEventList(
        events=(
            _event("kicked", "disconnected from the console"),
            _event("denied", "publish to 'a/b': no policy allows this client to publish here"),
            _event("danced", ""),
        )
    )
    shown = text_of(browser.get(home + PAGES[1]).text)
    for text in (
        "Keep alive 1 min",
        "Session expires after 1 h",
        "Bytes received 2 KB",
        "Bytes sent 4 KB",
        "Sent, not confirmed 2",
        "Waiting messages 3",
        "home/# 1 2 3",
        "PUBLISH 1 1,204",
        "PINGRESP — 9",
        "Disconnected by an operator: disconnected from the console",
        "Denied by the policies: publish to 'a/b'",
        "Danced",
    ):
        assert text in shown


def test_a_client_that_never_got_in_is_shown_by_its_events(
    home: str, browser: Browser, runtime: FakeGateway
):
    runtime.answers[GetClient] = NodeRefused("not_found", "no such session")
    refused = _event("refused", "bad username or password")
    runtime.answers[ListClientEvents] = ClientEventList(events=(refused,))
    answer = browser.get(home + PAGES[1])
    assert answer.status_code == 200
    assert "Connection refused: bad username or password" in text_of(answer.text)
    runtime.answers[ListClientEvents] = ClientEventList(events=())
    assert browser.get(home + PAGES[1]).status_code == 404


@pytest.mark.parametrize("page", ["clients/detail/", "clients/kick/"])
def test_an_address_without_a_client_is_refused(page: str, home: str, browser: Browser):
    answer = browser.get(home + page)
    assert answer.status_code == 400
    assert "MissingParameter" in answer.text


@pytest.mark.parametrize(("given", "deletes"), [({}, False), ({"delete_session": "on"}, True)])
def test_a_client_is_disconnected_after_a_dialog(
    given: dict[str, str], deletes: bool, home: str, browser: Browser, runtime: FakeGateway
):
    dialog = browser.get(home + KICK, headers=HTMX).text
    for text in ("This machine", "sensor", "data-confirm-next", "Delete its session, too"):
        assert text in dialog
    answer = browser.post(home + KICK, {**given, "client_id": "another"}, headers=HTMX)
    assert answer.status_code == 204
    assert list(json.loads(answer["HX-Trigger"]))[0] == "live:clients-changed"
    assert _kicks(runtime) == [KickClient(client_id="sensor", delete_session=deletes)]
    assert browser.post(home + KICK)["Location"] == home + "clients/"


def test_a_client_that_went_meanwhile_cannot_be_disconnected(
    home: str, browser: Browser, runtime: FakeGateway
):
    runtime.answers |= {
        KickClient: NodeRefused("not_found", "no such session"),
        GetClient: NodeRefused("not_found", "no such session"),
    }
    assert browser.get(home + KICK).status_code == 404
    assert browser.post(home + KICK).status_code == 404


def test_a_kick_that_the_runtime_cannot_take_says_so_in_its_dialog(
    home: str, browser: Browser, runtime: FakeGateway
):
    runtime.answers[KickClient] = NodeUnreachable("gone")
    answer = browser.post(home + KICK, headers=HTMX)
    assert answer.status_code == 422
    assert "does not answer" in answer.text
