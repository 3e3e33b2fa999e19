"""The pages of topics and of the test message (CONTRACT T1–T13)."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from clusters.gateway import (
    GetTopicActivity,
    NodeUnreachable,
    Published,
    PublishMessage,
    TopicActivity,
    TopicActivityList,
)
from clusters.models import Cluster
from console.core.actors import Actor
from tests.cast import FakeGateway, browser_of, user_of
from tests.pages.reading import (
    HTMX,
    assert_harmless,
    assert_leads_to_sign_in,
    assert_unknown,
    queries_of,
    rows_of,
    text_of,
)
from topics.models import Topic

pytestmark = [pytest.mark.database, pytest.mark.django_db]

MESSAGE_ID = "0006123456789ABC"
PAGES = (
    "topics/",
    "create-topic/",
    "topics/plant/",
    "topics/plant/edit/",
    "topics/plant/delete/",
    "topics/plant/publish/",
)
CHANGES = {
    "create-topic/": {"topic": "home"},
    "topics/plant/edit/": {"remark": "new"},
    "topics/plant/delete/": {},
    "topics/plant/publish/": {"below": "1", "payload": "x", "qos": "1", "encoding": "plain"},
}


@pytest.fixture
def runtime(runtime: FakeGateway) -> FakeGateway:
    """It takes messages and knows who subscribes."""
    runtime.answers |= {
        GetTopicActivity: lambda query: TopicActivityList(
            topics=tuple(
                TopicActivity(name=name, online_subscriptions=31, online_subscriber_clients=17)
                for name in query.names
            )
        ),
        PublishMessage: Published(message_id=MESSAGE_ID, matched_sessions=2),
    }
    return runtime


@pytest.fixture
def plant(running_cluster: Cluster, runtime: FakeGateway) -> Topic:
    return Topic.objects.create(cluster=running_cluster, name="plant", remark="<b>line 4</b>")


@pytest.fixture
def browser(owner: Actor) -> Client:
    return browser_of(owner)


def _at(topic: Topic, page: str) -> str:
    return f"/clusters/{topic.cluster.public_id}/{page}"


def _sent(runtime: FakeGateway) -> PublishMessage:
    return next(command for command in runtime.received if isinstance(command, PublishMessage))


@pytest.mark.parametrize("page", PAGES)
def test_signed_out_leads_to_the_sign_in_page(page: str, plant: Topic):
    assert_leads_to_sign_in(_at(plant, page))


@pytest.mark.parametrize("page", PAGES)
def test_topics_of_another_account_are_unknown_c7(page: str, plant: Topic, outsider: Actor):
    assert_unknown(browser_of(outsider), _at(plant, page))


@pytest.mark.parametrize("page", PAGES)
def test_a_reader_sees_every_page(page: str, plant: Topic, reader: Actor):
    assert browser_of(reader).get(_at(plant, page)).status_code == 200


def test_a_reader_is_offered_no_change(plant: Topic, reader: Actor):
    page = browser_of(reader).get(_at(plant, "topics/")).text
    for word in ("Create topic", "Test message", "Edit</a>", "Delete</a>"):
        assert word not in page.partition('id="topic-table"')[2]


@pytest.mark.parametrize(("page", "given"), CHANGES.items())
def test_a_reader_changes_nothing_c8(
    page: str, given: dict[str, str], plant: Topic, reader: Actor, runtime: FakeGateway
):
    answer = browser_of(reader).post(_at(plant, page), given)
    assert answer.status_code == 403
    assert "UnauthorizedOperation" in answer.text
    assert list(Topic.objects.values_list("name", "remark")) == [("plant", "<b>line 4</b>")]
    assert not any(isinstance(message, PublishMessage) for message in runtime.received)


@pytest.mark.parametrize(("page", "given"), CHANGES.items())
def test_nothing_changes_without_the_token_or_by_get_c5(
    page: str, given: dict[str, str], plant: Topic, owner: Actor, runtime: FakeGateway
):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user_of(owner))
    assert strict.post(_at(plant, page), given).status_code == 403
    assert strict.get(_at(plant, page), given).status_code == 200
    assert list(Topic.objects.values_list("name", "remark")) == [("plant", "<b>line 4</b>")]
    assert not any(isinstance(message, PublishMessage) for message in runtime.received)


def test_the_list_shows_topics_with_their_use_and_what_is_left(plant: Topic, browser: Client):
    Topic.objects.create(cluster=plant.cluster, name="auto", auto_created=True)
    page = browser.get(_at(plant, "topics/")).text
    assert_harmless(page)
    shown = text_of(page)
    for text in ("plant", "<b>line 4</b>", "31", "17", "by its first use", "by hand"):
        assert text in shown
    assert "2 topics exist, 98 can still be created." in shown


def test_the_list_is_searched_and_paged(plant: Topic, browser: Client):
    Topic.objects.bulk_create(
        Topic(cluster=plant.cluster, name=f"room-{number:02}") for number in range(25)
    )
    found = browser.get(_at(plant, "topics/"), {"search": "room-1"}).text
    assert ("room-11" in found, "room-02" in found) == (True, False)
    last = browser.get(_at(plant, "topics/"), {"page": "3", "page_size": "10"}).text
    assert ("room-24" in last, "room-02" in last) == (True, False)
    assert (
        "No topic has this in its name"
        in browser.get(_at(plant, "topics/"), {"search": "<svg onload=x>"}).text
    )
    assert browser.get(_at(plant, "topics/"), {"page": "999999"}).status_code == 200


def test_the_list_asks_the_database_as_often_for_many_topics_as_for_one(
    plant: Topic, browser: Client
):
    few = queries_of(browser, _at(plant, "topics/"))
    Topic.objects.bulk_create(
        Topic(cluster=plant.cluster, name=f"room-{number:02}") for number in range(15)
    )
    assert queries_of(browser, _at(plant, "topics/")) == few
    assert few <= 15  # who asks (5), the cluster thrice with its tags, its rows


def test_the_download_holds_all_topics_and_no_formula_c4(plant: Topic, browser: Client):
    Topic.objects.create(cluster=plant.cluster, name="-SUM", remark="=HYPERLINK(1)")
    head, *rows = rows_of(browser.get(_at(plant, "topics/"), {"format": "csv"}).content)
    assert head[:2] == ["Topic", "Description"]
    assert [row[:4] for row in rows] == [
        ["'-SUM", "'=HYPERLINK(1)", "31", "17"],
        ["plant", "<b>line 4</b>", "31", "17"],
    ]


def test_an_empty_list_says_what_to_do(running_cluster: Cluster, runtime, browser: Client):
    page = browser.get(f"/clusters/{running_cluster.public_id}/topics/").text
    assert "No topics yet" in page
    assert "0 topics exist" in text_of(page)


def test_without_the_runtime_the_topics_are_still_shown(
    plant: Topic, browser: Client, runtime: FakeGateway
):
    runtime.answers[GetTopicActivity] = NodeUnreachable("gone")
    for page in ("topics/", "topics/plant/"):
        answer = browser.get(_at(plant, page))
        assert answer.status_code == 200
        assert "Subscriptions are unknown now" in answer.text
        assert "plant" in answer.text


def test_one_topic_shows_what_is_known_of_it(plant: Topic, browser: Client):
    page = browser.get(_at(plant, "topics/plant/")).text
    assert_harmless(page)
    for text in ("<b>line 4</b>", "Online subscriptions 31", "Subscriber clients online 17"):
        assert text in text_of(page)
    assert "messages/?topic=plant/%23" in page


@pytest.mark.parametrize(("name", "status"), [("nothing", 404), ("a", 400), ("a b", 400)])
def test_a_topic_that_is_not_there_is_refused(
    name: str, status: int, plant: Topic, browser: Client
):
    for page in ("", "edit/", "delete/", "publish/"):
        assert browser.get(_at(plant, f"topics/{name}/{page}")).status_code == status


def test_the_dialog_says_how_many_topics_there_may_still_be(plant: Topic, browser: Client):
    dialog = browser.get(_at(plant, "create-topic/"), headers=HTMX).text
    assert dialog.lstrip().startswith("<dialog")
    assert "1 topics exist, 99 can still be created." in dialog
    assert 'data-counter-limit="100"' in dialog
    page = browser.get(_at(plant, "create-topic/")).text
    assert page.lstrip().startswith("<!doctype html>")
    assert "<dialog" in page


def test_a_topic_is_created_with_and_without_scripts(plant: Topic, browser: Client):
    answer = browser.post(_at(plant, "create-topic/"), {"topic": "home", "remark": "first"})
    assert answer["Location"] == _at(plant, "topics/")
    answer = browser.post(_at(plant, "create-topic/"), {"topic": "yard"}, headers=HTMX)
    assert answer.status_code == 204
    assert list(json.loads(answer["HX-Trigger"])) == [
        "live:topics-changed",
        "toast",
        "dialog-close",
    ]
    assert set(Topic.objects.values_list("name", flat=True)) == {"plant", "home", "yard"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "required"),
        ({"topic": "ab"}, "3 to 100 characters"),
        ({"topic": "a b c"}, "3 to 100 characters"),
        ({"topic": "<img src=x onerror=alert(1)>"}, "3 to 100 characters"),
        ({"topic": "home", "remark": "x" * 129}, "at most 128"),
        ({"topic": "plant"}, "exists already"),
    ],
)
def test_a_refused_topic_comes_back_with_the_message_at_its_field(
    given: dict[str, str], message: str, plant: Topic, browser: Client
):
    answer = browser.post(_at(plant, "create-topic/"), given, headers=HTMX)
    assert answer.status_code == 422
    assert message in text_of(answer.text)
    assert 'class="field-error"' in answer.text
    assert_harmless(answer.text)
    assert Topic.objects.count() == 1


def test_a_cluster_that_is_not_there_yet_is_said_so(
    plant: Topic, browser: Client, runtime: FakeGateway
):
    Cluster.objects.update(state=Cluster.State.CREATING)
    answer = browser.post(_at(plant, "create-topic/"), {"topic": "home"}, headers=HTMX)
    assert answer.status_code == 422
    assert "try again when it is running" in answer.text
    assert "FailedOperation.InstanceNotReady" in answer.text


def test_the_address_decides_which_cluster_and_topic_are_meant(
    plant: Topic, other_cluster: Cluster, browser: Client
):
    """SECURITY C7, ASVS 15.3.3."""
    other = Topic.objects.create(cluster=other_cluster, name="plant")
    given = {"remark": "mine", "instance_id": other_cluster.public_id, "topic": "other"}
    browser.post(_at(plant, "topics/plant/edit/"), given)
    other.refresh_from_db()
    plant.refresh_from_db()
    assert (other.remark, plant.remark) == ("", "mine")


def test_a_topic_is_deleted_after_a_dialog_that_names_what_is_lost(plant: Topic, browser: Client):
    dialog = browser.get(_at(plant, "topics/plant/delete/"), headers=HTMX).text
    for text in ("This machine", plant.cluster.public_id, "plant", "cannot be brought back"):
        assert text in dialog
    assert "data-confirm-next" in dialog
    answer = browser.post(_at(plant, "topics/plant/delete/"), headers=HTMX)
    assert answer.status_code == 204
    assert not Topic.objects.exists()


def test_a_test_message_leads_to_the_very_message(
    plant: Topic, browser: Client, runtime: FakeGateway
):
    given = {"below": "1/<b>", "payload": "a\r\nb", "qos": "2", "encoding": "plain", "retain": "on"}
    answer = browser.post(_at(plant, "topics/plant/publish/"), given, headers=HTMX)
    assert f'href="{_at(plant, f"messages/{MESSAGE_ID}/")}"' in answer.text
    assert "2 sessions are subscribed" in answer.text
    assert_harmless(answer.text)
    sent = _sent(runtime)
    assert (sent.topic, sent.payload, sent.qos, sent.retain, sent.publisher) == (
        "plant/1/<b>",
        b"a\nb",
        2,
        True,
        "console:owner",
    )


def test_without_scripts_it_leads_there_at_once(plant: Topic, browser: Client):
    given = {"payload": "//8=", "qos": "0", "encoding": "base64"}
    answer = browser.post(_at(plant, "topics/plant/publish/"), given)
    assert answer["Location"] == _at(plant, f"messages/{MESSAGE_ID}/")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"payload": ""}, "required"),
        ({"payload": "x" * 4097}, "at most 4096 can be sent"),
        ({"payload": "ä" * 2049}, "at most 4096 can be sent"),
        ({"payload": "%%%", "encoding": "base64"}, "not base64"),
        ({"payload": "x", "encoding": "rot13"}, "rot13"),
        ({"payload": "x", "qos": "3"}, "less than or equal to 2"),
        ({"payload": "x", "below": "a/+"}, "has no + and no #"),
        ({"payload": "x", "below": "#"}, "has no + and no #"),
        ({"payload": "x", "below": "a" * 901}, "at most 900"),
    ],
)
def test_a_refused_message_comes_back_and_is_not_sent(
    given: dict[str, str], message: str, plant: Topic, browser: Client, runtime: FakeGateway
):
    full = {"qos": "1", "encoding": "plain", **given}
    answer = browser.post(_at(plant, "topics/plant/publish/"), full, headers=HTMX)
    assert answer.status_code == 422
    assert message in text_of(answer.text)
    assert not any(isinstance(sent, PublishMessage) for sent in runtime.received)


def test_a_message_that_the_runtime_cannot_take_stays_in_its_dialog(
    plant: Topic, browser: Client, runtime: FakeGateway
):
    runtime.answers[PublishMessage] = NodeUnreachable("gone")
    given = {"payload": "keep me", "qos": "1", "encoding": "plain"}
    answer = browser.post(_at(plant, "topics/plant/publish/"), given, headers=HTMX)
    assert answer.status_code == 422
    assert "does not answer" in answer.text
    assert "keep me" in answer.text
