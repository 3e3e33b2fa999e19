"""The pages of users (CONTRACT A4–A8, SECURITY C11)."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from authn.models import MqttUser
from authn.passwords import password_of, set_password
from clusters.models import Cluster
from console.core.actors import Actor
from console.core.models import AuditEntry
from policies.models import AuthorizationPolicy
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

pytestmark = [pytest.mark.database, pytest.mark.django_db]

SECRET = "open-sesame-42"
PAGES = ("users/", "create-user/", "users/line/edit/", "users/line/delete/", "users/line/password/")
CHANGES = {
    "create-user/": {"username": "press"},
    "users/line/edit/": {"remark": "new"},
    "users/line/delete/": {},
}
REFUSED = "Without an authorization policy every request is refused"


@pytest.fixture
def line(running_cluster: Cluster, runtime: FakeGateway) -> MqttUser:
    return _user(running_cluster, "line", remark="<i>old</i>")


@pytest.fixture
def browser(owner: Actor) -> Client:
    return browser_of(owner)


def _user(cluster: Cluster, username: str, *, remark: str = "") -> MqttUser:
    user = MqttUser(cluster=cluster, username=username, remark=remark)
    set_password(user, SECRET)
    user.save()
    return user


def _at(user: MqttUser, page: str) -> str:
    return f"/clusters/{user.cluster.public_id}/{page}"


@pytest.mark.parametrize("page", PAGES)
def test_signed_out_leads_to_the_sign_in_page(page: str, line: MqttUser):
    assert_leads_to_sign_in(_at(line, page))


@pytest.mark.parametrize("page", PAGES)
def test_users_of_another_account_are_unknown_c7(page: str, line: MqttUser, outsider: Actor):
    assert_unknown(browser_of(outsider), _at(line, page))


def test_a_reader_sees_the_users_and_is_offered_nothing(line: MqttUser, reader: Actor):
    page = browser_of(reader).get(_at(line, "users/")).text
    assert "line" in page
    for word in ("Create user", "View password", "Delete</a>"):
        assert word not in page.partition('id="user-table"')[2]


@pytest.mark.parametrize(("page", "given"), CHANGES.items())
def test_a_reader_changes_nothing_c8(
    page: str, given: dict[str, str], line: MqttUser, reader: Actor
):
    answer = browser_of(reader).post(_at(line, page), given)
    assert answer.status_code == 403
    assert "UnauthorizedOperation" in answer.text
    assert list(MqttUser.objects.values_list("username", "remark")) == [("line", "<i>old</i>")]


def test_a_reader_sees_no_password(line: MqttUser, reader: Actor):
    answer = browser_of(reader).get(_at(line, "users/line/password/"))
    assert answer.status_code == 403
    assert SECRET not in answer.text


@pytest.mark.parametrize(("page", "given"), CHANGES.items())
def test_nothing_changes_without_the_token_or_by_get_c5(
    page: str, given: dict[str, str], line: MqttUser, owner: Actor
):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user_of(owner))
    assert strict.post(_at(line, page), given).status_code == 403
    assert strict.get(_at(line, page), given).status_code == 200
    assert list(MqttUser.objects.values_list("username", "remark")) == [("line", "<i>old</i>")]


def test_the_list_shows_users_and_never_a_password_c11(line: MqttUser, browser: Client):
    page = browser.get(_at(line, "users/"))
    assert_harmless(page.text)
    assert "<i>old</i>" in text_of(page.text)
    assert "••••••••" in page.text
    assert SECRET not in page.text
    assert page["Cache-Control"] == "no-store"


def test_the_list_is_searched_paged_and_downloaded(line: MqttUser, browser: Client):
    for number in range(12):
        _user(line.cluster, f"press-{number:02}")
    found = browser.get(_at(line, "users/"), {"search": "press-1"}).text
    assert ("press-11" in found, "press-02" in found) == (True, False)
    second = browser.get(_at(line, "users/"), {"page": "2", "page_size": "10"}).text
    assert ("user-line" in second, "press-11" in second) == (True, False)
    download = browser.get(_at(line, "users/"), {"format": "csv"})
    assert len(rows_of(download.content)) == 14
    assert SECRET not in download.content.decode()


def test_the_list_asks_the_database_as_often_for_many_users_as_for_one(
    line: MqttUser, browser: Client
):
    few = queries_of(browser, _at(line, "users/"))
    for number in range(12):
        _user(line.cluster, f"press-{number:02}")
    assert queries_of(browser, _at(line, "users/")) == few
    assert few <= 16  # who asks (5), the cluster four times with its tags, its rows


def test_it_says_when_no_policy_lets_anybody_in_a7(line: MqttUser, browser: Client):
    for page in ("users/",):
        text = browser.get(_at(line, page)).text
        assert REFUSED in text
        assert f'href="{_at(line, "policies/")}"' in text
    AuthorizationPolicy.objects.create(
        cluster=line.cluster, name="all", priority=1, effect="allow", actions=["connect"]
    )
    assert REFUSED not in browser.get(_at(line, "users/")).text


def test_it_says_nothing_of_policies_when_authorization_is_off(line: MqttUser, browser: Client):
    Cluster.objects.update(authorization_enabled=False)
    assert REFUSED not in browser.get(_at(line, "users/")).text


def test_an_empty_list_says_what_to_do(running_cluster: Cluster, runtime, browser: Client):
    page = browser.get(f"/clusters/{running_cluster.public_id}/users/").text
    assert "No users yet" in page


def test_without_the_runtime_users_can_be_seen_and_created(
    line: MqttUser, browser: Client, monkeypatch: pytest.MonkeyPatch
):
    def away(node: object) -> None:
        raise AssertionError("users need no runtime")

    Cluster.objects.update(state=Cluster.State.ABNORMAL)
    assert browser.get(_at(line, "users/")).status_code == 200
    monkeypatch.setattr("clusters.nodes.gateway_of", away)
    answer = browser.post(_at(line, "create-user/"), {"username": "press"}, headers=HTMX)
    assert answer.status_code == 200
    assert MqttUser.objects.filter(username="press").exists()


def test_a_new_user_comes_with_its_password_to_copy(line: MqttUser, browser: Client):
    answer = browser.post(_at(line, "create-user/"), {"username": "press"}, headers=HTMX)
    password = password_of(MqttUser.objects.get(username="press"))
    assert answer.text.lstrip().startswith("<dialog")
    assert f'data-copy="{password}"' in answer.text
    assert "The user is created" in answer.text
    assert "live:users-changed" in json.loads(answer["HX-Trigger"])
    assert answer["Cache-Control"] == "no-store"
    seen = AuditEntry.objects.filter(action="mqtt:ViewUserPasswords").get()
    assert password not in str(seen.parameters)


def test_without_scripts_it_leads_to_the_password(line: MqttUser, browser: Client):
    given = {"username": "press", "password": "my-own_1", "remark": "mine"}
    answer = browser.post(_at(line, "create-user/"), given)
    assert answer["Location"] == _at(line, "users/press/password/")
    assert "my-own_1" in browser.get(answer["Location"]).text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "required"),
        ({"username": "a b"}, "1 to 32 characters"),
        ({"username": "x" * 33}, "at most 32"),
        ({"username": "<svg onload=x>"}, "1 to 32 characters"),
        ({"username": "press", "password": "a b"}, "1 to 64 characters"),
        ({"username": "press", "password": "x" * 65}, "at most 64"),
        ({"username": "press", "remark": "x" * 129}, "at most 128"),
        ({"username": "line"}, "exists already"),
    ],
)
def test_a_refused_user_comes_back_with_the_message_at_its_field(
    given: dict[str, str], message: str, line: MqttUser, browser: Client
):
    answer = browser.post(_at(line, "create-user/"), given, headers=HTMX)
    assert answer.status_code == 422
    assert message in text_of(answer.text)
    assert 'class="field-error"' in answer.text
    assert_harmless(answer.text)
    assert MqttUser.objects.count() == 1


def test_a_password_is_viewed_in_a_dialog_that_warns_and_the_view_is_audited(
    line: MqttUser, browser: Client
):
    answer = browser.get(_at(line, "users/line/password/"), headers=HTMX)
    assert SECRET in answer.text
    assert "Who knows it can act as this client" in answer.text
    assert answer["Cache-Control"] == "no-store"
    assert AuditEntry.objects.filter(action="mqtt:ViewUserPasswords", outcome="done").exists()


@pytest.mark.parametrize(("name", "status"), [("nobody", 404), ("a b", 400)])
def test_a_user_that_is_not_there_is_refused(
    name: str, status: int, line: MqttUser, browser: Client
):
    for page in ("edit", "delete", "password"):
        assert browser.get(_at(line, f"users/{name}/{page}/")).status_code == status


def test_a_description_is_changed(line: MqttUser, browser: Client):
    assert "&lt;i&gt;old" in browser.get(_at(line, "users/line/edit/"), headers=HTMX).text
    answer = browser.post(_at(line, "users/line/edit/"), {"remark": "new"}, headers=HTMX)
    assert answer.status_code == 204
    line.refresh_from_db()
    assert (line.remark, password_of(line)) == ("new", SECRET)


def test_a_user_is_deleted_after_a_dialog_that_names_what_is_lost(line: MqttUser, browser: Client):
    dialog = browser.get(_at(line, "users/line/delete/"), headers=HTMX).text
    for text in ("This machine", line.cluster.public_id, "line", "disconnected at once"):
        assert text in dialog
    assert browser.post(_at(line, "users/line/delete/"))["Location"] == _at(line, "users/")
    assert not MqttUser.objects.exists()


def test_the_address_decides_which_user_is_meant(
    line: MqttUser, other_cluster: Cluster, browser: Client
):
    """SECURITY C7, ASVS 15.3.3."""
    other = _user(other_cluster, "line")
    given = {"instance_id": other_cluster.public_id, "username": "line"}
    browser.post(_at(line, "users/line/delete/"), given)
    assert list(MqttUser.objects.all()) == [other]
