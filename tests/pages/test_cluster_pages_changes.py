"""The dialogs of a cluster: edit, tags, specification, deletion."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clusters.gateway import ClientEvent, ClientEventList, ListClientEvents, NodeUnreachable
from clusters.models import Cluster
from console.core.actors import Actor
from tests.cast import FakeGateway, browser_of
from topics.models import Topic

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("runtime")]

EDIT = {"name": "renamed", "remark": "new words", "message_rate": "5", "auto_create_topics": "on"}
FORMS: dict[str, dict[str, Any]] = {
    "edit": EDIT,
    "tags": {"tag_list_key": ["env"], "tag_list_value": ["prod"]},
    "resize": {"sku_code": "pro_6k"},
    "delete": {"confirmation": "north"},
}
MOST_QUERIES = 26


@pytest.fixture(autouse=True)
def _queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs in these tests: the job's row is what counts."""
    monkeypatch.setattr("console.core.jobs.dispatch", lambda job_id: None)


def _address(cluster: Cluster, page: str = "") -> str:
    return f"/clusters/{cluster.public_id}/{page}/" if page else f"/clusters/{cluster.public_id}/"


def _written(cluster: Cluster) -> tuple[object, ...]:
    cluster.refresh_from_db()
    tags = {tag.key: tag.value for tag in cluster.tags.all()}
    return (cluster.name, cluster.sku_code, cluster.state, cluster.remark, str(tags))


@pytest.mark.parametrize("page", ["", "aside", "latest", "progress", *FORMS])
def test_a_page_of_another_accounts_cluster_is_not_found(
    outsider: Actor, running_cluster: Cluster, page
):
    answer = browser_of(outsider).get(_address(running_cluster, page))

    assert answer.status_code == 404
    assert "ResourceNotFound.Instance" in answer.text


@pytest.mark.parametrize("page", ["", *FORMS])
def test_a_page_asks_who_is_not_signed_in(client, running_cluster: Cluster, page):
    answer = client.get(_address(running_cluster, page))

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize("page", FORMS)
def test_a_reader_is_refused_with_the_code_and_nothing_changes(
    reader: Actor, running_cluster: Cluster, page
):
    before = _written(running_cluster)

    answer = browser_of(reader).post(_address(running_cluster, page), FORMS[page])

    assert answer.status_code == 403
    assert "UnauthorizedOperation" in answer.text
    assert _written(running_cluster) == before


@pytest.mark.parametrize("page", FORMS)
def test_nobody_changes_the_cluster_of_another_account(
    outsider: Actor, running_cluster: Cluster, page
):
    before = _written(running_cluster)

    answer = browser_of(outsider).post(_address(running_cluster, page), FORMS[page])

    assert answer.status_code == 404
    assert _written(running_cluster) == before


@pytest.mark.parametrize("page", FORMS)
def test_a_dialog_is_a_part_for_htmx_and_a_page_of_its_own_without_scripts(
    owner: Actor, running_cluster: Cluster, page
):
    browser = browser_of(owner)

    part = browser.get(_address(running_cluster, page), headers={"HX-Request": "true"}).text
    whole = browser.get(_address(running_cluster, page)).text

    assert "<dialog" in part
    assert "<html" not in part
    assert "<html" in whole
    assert "<dialog" in whole


def test_editing_writes_name_description_and_switches(owner: Actor, running_cluster: Cluster):
    answer = browser_of(owner).post(_address(running_cluster, "edit"), EDIT)

    assert answer.headers["Location"] == _address(running_cluster)
    running_cluster.refresh_from_db()
    assert running_cluster.name == "renamed"
    assert running_cluster.remark == "new words"
    assert running_cluster.message_rate == 5
    assert running_cluster.auto_create_topics
    assert not running_cluster.authorization_enabled
    assert not running_cluster.delete_protection


def test_a_saved_dialog_closes_and_tells_the_parts_around_it(
    owner: Actor, running_cluster: Cluster
):
    answer = browser_of(owner).post(
        _address(running_cluster, "edit"), EDIT, headers={"HX-Request": "true"}
    )

    assert answer.status_code == 204
    events = json.loads(answer.headers["HX-Trigger"])
    assert list(events) == ["live:cluster-changed", "toast", "dialog-close"]


@pytest.mark.parametrize(
    ("page", "changes", "said"),
    [
        ("edit", {"name": ""}, "This field is required."),
        ("edit", {"name": "no spaces"}, "3 to 64 characters"),
        ("edit", {"remark": "x" * 129}, "at most 128 characters"),
        ("edit", {"message_rate": "-1"}, "greater than or equal to 0"),
        ("edit", {"message_rate": "much"}, "Enter a whole number."),
        ("resize", {"sku_code": ""}, "This field is required."),
        ("resize", {"sku_code": "no-such"}, "There is no specification no-such"),
        ("resize", {"sku_code": "platinum_200k"}, "cannot become PLATINUM"),
        ("tags", {"tag_list_key": [""]}, "a tag key has 1 to 127 characters"),
        ("delete", {"confirmation": ""}, "Type the name of the cluster"),
        ("delete", {"confirmation": "nord"}, "Type the name of the cluster"),
    ],
)
def test_a_bad_field_is_refused_in_the_dialog_and_nothing_changes(
    owner: Actor, running_cluster: Cluster, page, changes, said
):
    before = _written(running_cluster)

    answer = browser_of(owner).post(
        _address(running_cluster, page),
        {**FORMS[page], **changes},
        headers={"HX-Request": "true"},
    )

    assert answer.status_code == 422
    assert answer.text.lstrip().startswith("<dialog")
    assert said in answer.text
    assert _written(running_cluster) == before


def test_a_tag_of_any_signs_survives_the_dialog(owner: Actor, running_cluster: Cluster):
    browser_of(owner).post(
        _address(running_cluster, "tags"),
        {"tag_list_key": ["a:b", "<i>"], "tag_list_value": ["x, y: z", '"'], "extra": "1"},
    )

    assert {tag.key: tag.value for tag in running_cluster.tags.all()} == {
        "a:b": "x, y: z",
        "<i>": '"',
    }
    assert "<i>" not in browser_of(owner).get(_address(running_cluster, "tags")).text


def test_the_specification_offers_what_the_edition_can_become(
    owner: Actor, running_cluster: Cluster
):
    page = browser_of(owner).get(_address(running_cluster, "resize")).text

    assert "pro_6k" in page
    assert "basic_2k" in page
    assert "platinum" not in page
    browser_of(owner).post(_address(running_cluster, "resize"), {"sku_code": "pro_6k"})
    running_cluster.refresh_from_db()
    assert (running_cluster.edition, running_cluster.tps_limit) == ("PRO", 6_000)


def test_the_name_deletes_the_cluster_and_leads_to_the_progress(
    owner: Actor, running_cluster: Cluster
):
    answer = browser_of(owner).post(_address(running_cluster, "delete"), {"confirmation": "north"})

    assert answer.headers["Location"] == _address(running_cluster)
    running_cluster.refresh_from_db()
    assert running_cluster.state == Cluster.State.DELETING
    page = browser_of(owner).get(_address(running_cluster)).text
    assert "Deleting the cluster" in page


def test_a_cluster_that_holds_topics_is_not_deleted_and_says_what_is_left(
    owner: Actor, running_cluster: Cluster
):
    Topic.objects.create(cluster=running_cluster, name="line")
    browser = browser_of(owner)

    shown = browser.get(_address(running_cluster, "delete")).text
    refused = browser.post(_address(running_cluster, "delete"), {"confirmation": "north"})

    assert "still holds 1 topic" in shown
    assert 'name="confirmation"' not in shown
    assert refused.status_code == 422
    assert "1 topics" in refused.text
    running_cluster.refresh_from_db()
    assert running_cluster.state == Cluster.State.RUNNING


def test_the_page_shows_endpoints_snippets_limits_and_what_the_cluster_is(
    reader: Actor, applied_cluster: Cluster
):
    page = browser_of(reader).get(_address(applied_cluster)).text

    endpoint = applied_cluster.endpoints.get()
    assert f"-p {endpoint.port}" in page
    assert f"client.connect(&quot;127.0.0.1&quot;, {endpoint.port})" in page
    for text in ("mqtt-tcp", "basic_2k", "60,000", "No client yet", "mosquitto_sub"):
        assert text in page
    assert _address(applied_cluster, "edit") not in page


def test_what_devices_wrote_shows_as_text(
    owner: Actor, applied_cluster: Cluster, runtime: FakeGateway
):
    """SECURITY C1"""
    event = ClientEvent(
        at_ms=1_700_000_000_000,
        client_id="<img src=x onerror=alert(1)>\u202e",
        username="",
        address="192.0.2.7:50000",
        event="refused",
        reason="<b>why</b>",
    )
    runtime.answers[ListClientEvents] = ClientEventList(events=(event,))

    page = browser_of(owner).get(_address(applied_cluster)).text

    assert "<img" not in page
    assert "\u202e" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;\\u202e was refused — &lt;b&gt;why&lt;/b&gt;" in page


def test_the_page_stands_when_the_runtime_cannot_say_what_its_clients_did(
    owner: Actor, applied_cluster: Cluster, runtime: FakeGateway
):
    runtime.answers[ListClientEvents] = NodeUnreachable("gone")

    answer = browser_of(owner).get(_address(applied_cluster))

    assert answer.status_code == 200
    assert "does not answer" in answer.text


def test_the_page_costs_a_bounded_number_of_queries(
    owner: Actor, applied_cluster: Cluster, django_assert_max_num_queries
):
    browser = browser_of(owner)

    with django_assert_max_num_queries(MOST_QUERIES):
        browser.get(_address(applied_cluster))
