"""The pages of authorization policies (CONTRACT Z1–Z9)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from clusters.models import Cluster
from console.core.actors import Actor
from policies.examples import EXAMPLES
from policies.models import AuthorizationPolicy
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

VALID: dict[str, Any] = {
    "policy_name": "press-publishes",
    "effect": "allow",
    "actions": ["connect", "pub"],
    "topics": "home/#\r\ndevice/+",
    "username": "*${Username}*",
    "client_id": "",
    "ip": "10.0.0.0/8",
    "qos": ["0", "1"],
    "retain": "2",
    "remark": "",
    "priority": "",
}


@pytest.fixture
def policy(running_cluster: Cluster, runtime: FakeGateway) -> AuthorizationPolicy:
    return _policy(running_cluster)


@pytest.fixture
def browser(owner: Actor) -> Client:
    return browser_of(owner)


def _policy(cluster: Cluster, **changes: Any) -> AuthorizationPolicy:
    values: dict[str, Any] = {
        "name": "deny-root",
        "priority": 5,
        "effect": "deny",
        "actions": ["connect"],
        "username": "*root*",
        "remark": "<u>old</u>",
    }
    return AuthorizationPolicy.objects.create(cluster=cluster, **{**values, **changes})


def _at(policy: AuthorizationPolicy, page: str) -> str:
    return f"/clusters/{policy.cluster.public_id}/{page}".replace("ID", str(policy.pk))


PAGES = ("policies/", "create-policy/", "policies/ID/edit/", "policies/ID/delete/")
CHANGES = {
    "create-policy/": {**VALID, "step": "create"},
    "policies/ID/edit/": VALID,
    "policies/ID/delete/": {},
}


@pytest.mark.parametrize("page", PAGES)
def test_signed_out_leads_to_the_sign_in_page(page: str, policy: AuthorizationPolicy):
    assert_leads_to_sign_in(_at(policy, page))


@pytest.mark.parametrize("page", PAGES)
def test_policies_of_another_account_are_unknown_c7(
    page: str, policy: AuthorizationPolicy, outsider: Actor
):
    assert_unknown(browser_of(outsider), _at(policy, page))


@pytest.mark.parametrize(("page", "given"), CHANGES.items())
def test_a_reader_sees_the_policies_and_changes_none_c8(
    page: str, given: dict[str, Any], policy: AuthorizationPolicy, reader: Actor
):
    browser = browser_of(reader)
    listed = browser.get(_at(policy, "policies/")).text
    assert "deny-root" in listed
    assert "Delete</a>" not in listed
    answer = browser.post(_at(policy, page), given)
    assert answer.status_code == 403
    assert "UnauthorizedOperation" in answer.text
    assert AuthorizationPolicy.objects.get().name == "deny-root"


@pytest.mark.parametrize(("page", "given"), CHANGES.items())
def test_nothing_changes_without_the_token_or_by_get_c5(
    page: str, given: dict[str, Any], policy: AuthorizationPolicy, owner: Actor
):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user_of(owner))
    assert strict.post(_at(policy, page), given).status_code == 403
    assert strict.get(_at(policy, page), given).status_code == 200
    assert AuthorizationPolicy.objects.get().name == "deny-root"


def test_the_list_says_in_order_what_each_policy_says(policy: AuthorizationPolicy, browser: Client):
    _policy(
        policy.cluster,
        name="工厂",
        priority=2,
        effect="allow",
        actions=["pub", "sub"],
        topics=["home/#", "a/<b>"],
        username="",
        ip="10.0.0.0/8",
        qos=[0, 1],
        retain=1,
    )
    page = browser.get(_at(policy, "policies/")).text
    assert_harmless(page)
    shown = text_of(page)
    assert shown.index("工厂") < shown.index("deny-root")
    for text in (
        "Allow publish, subscribe home/# a/<b> comes from 10.0.0.0/8",
        "QoS is 0 or 1 message is retained",
        "Deny connect — username is *root*",
        "<u>old</u>",
    ):
        assert text in shown


def test_an_empty_list_explains_that_everything_is_denied(
    running_cluster: Cluster, runtime, browser: Client
):
    address = f"/clusters/{running_cluster.public_id}/policies/"
    page = browser.get(address).text
    assert "Without a policy every request is refused" in page
    assert "No policies yet" in page
    Cluster.objects.update(authorization_enabled=False)
    assert "Authorization is switched off" in browser.get(address).text


def test_the_list_asks_the_database_as_often_for_many_policies_as_for_one(
    policy: AuthorizationPolicy, browser: Client
):
    few = queries_of(browser, _at(policy, "policies/"))
    for number in range(12):
        _policy(policy.cluster, name=f"more-{number}", priority=100 + number)
    assert queries_of(browser, _at(policy, "policies/")) == few
    assert few <= 13  # who asks (5), the cluster twice with its tags, its rows
    found = browser.get(_at(policy, "policies/"), {"search": "MORE-1"}).text
    assert ("more-11" in found, "deny-root" in found) == (True, False)


def test_the_download_computes_nothing_c4(policy: AuthorizationPolicy, browser: Client):
    _policy(policy.cluster, name="-1-2", priority=9, topics=["=1+1/#"], actions=["pub"])
    head, first, second = rows_of(browser.get(_at(policy, "policies/"), {"format": "csv"}).content)
    assert head[2] == "Policy name"
    assert first[:5] == ["1", "5", "deny-root", "Deny", "connect"]
    assert (second[2], second[5]) == ("'-1-2", "'=1+1/#")


def test_a_policy_is_created_once_it_was_read_again_z6(
    policy: AuthorizationPolicy, browser: Client
):
    page = browser.post(_at(policy, "create-policy/"), VALID)
    assert page.status_code == 200
    assert AuthorizationPolicy.objects.count() == 1
    shown = text_of(page.text)
    for text in (
        "Effect Allow",
        "connect, publish",
        "home/# device/+",
        "username is *${Username}*",
        "comes from 10.0.0.0/8",
        "QoS is 0 or 1",
        "message is not retained",
        "checked last, as number 2",
    ):
        assert text in shown
    sent: dict[str, list[str]] = {}
    for name, value in page.context["sent"]:
        sent.setdefault(name, []).append(value)
    answer = browser.post(_at(policy, "create-policy/"), {**sent, "step": "create"})
    assert answer["Location"] == _at(policy, "policies/")
    created = AuthorizationPolicy.objects.get(name="press-publishes")
    assert (created.actions, created.topics) == (["connect", "pub"], ["home/#", "device/+"])
    assert (created.qos, created.retain, created.priority) == ([0, 1], 2, 6)


def test_one_can_go_back_to_the_form_with_what_was_typed(
    policy: AuthorizationPolicy, browser: Client
):
    page = browser.post(_at(policy, "create-policy/"), {**VALID, "step": "edit"}).text
    assert 'value="press-publishes"' in page
    assert "device/+" in page
    assert AuthorizationPolicy.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"policy_name": ""}, "required"),
        ({"policy_name": "a"}, "3 to 64 characters"),
        ({"policy_name": "a b c"}, "3 to 64 characters"),
        ({"effect": "perhaps"}, "perhaps"),
        ({"actions": []}, "required"),
        ({"actions": ["fly"]}, "fly is not an action"),
        ({"topics": "a/#/b"}, "# must be the whole last level"),
        ({"topics": "\n".join(f"t{number}" for number in range(51))}, "at most 50 topics"),
        ({"username": "${Nobody}"}, "unknown variable"),
        ({"client_id": "${Username"}, "closing brace is missing"),
        ({"ip": "<img src=x onerror=alert(1)>"}, "neither an IP address"),
        ({"qos": ["7"]}, "7 is not a QoS"),
        ({"retain": "9"}, "9"),
        ({"priority": "0"}, "greater than or equal to 1"),
        ({"remark": "x" * 129}, "at most 128"),
    ],
)
def test_a_refused_policy_comes_back_with_the_message_at_its_field(
    changed: dict[str, Any], message: str, policy: AuthorizationPolicy, browser: Client
):
    for step in ("review", "create"):
        answer = browser.post(_at(policy, "create-policy/"), {**VALID, **changed, "step": step})
        assert answer.status_code == 422
        assert message in text_of(answer.text)
        assert 'class="field-error"' in answer.text
        assert_harmless(answer.text)
    assert AuthorizationPolicy.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"policy_name": "deny-root"}, "FailedOperation.DuplicatePolicy"),
        ({"priority": "5"}, "FailedOperation.DuplicatePriority"),
    ],
)
def test_what_is_taken_is_refused_with_the_code_of_the_api(
    changed: dict[str, str], code: str, policy: AuthorizationPolicy, browser: Client
):
    given = {**VALID, **changed, "step": "create"}
    answer = browser.post(_at(policy, "create-policy/"), given)
    assert answer.status_code == 422
    assert code in answer.text


def test_a_refused_policy_keeps_hostile_text_as_text_c1(
    policy: AuthorizationPolicy, browser: Client
):
    for hostile in HOSTILE:
        given = dict.fromkeys(VALID, hostile)
        assert_harmless(browser.post(_at(policy, "create-policy/"), given).text)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.key)
def test_every_example_fills_the_form_with_a_policy_that_is_valid_z9(
    example: Any, policy: AuthorizationPolicy, browser: Client
):
    page = browser.get(_at(policy, "create-policy/"), {"example": example.key})
    form = page.context["form"]
    given = {name: form[name].value() for name in VALID if form[name].value() is not None}
    answer = browser.post(_at(policy, "create-policy/"), {**given, "step": "create"})
    assert answer.status_code == 302
    created = AuthorizationPolicy.objects.get(name=example.key)
    assert (created.effect, tuple(created.topics)) == (example.effect, example.topics)
    assert (created.username, created.client_id, created.ip) == (
        example.username,
        example.client_id,
        example.ip,
    )


def test_a_policy_is_copied_under_a_new_name(policy: AuthorizationPolicy, browser: Client):
    form = browser.get(_at(policy, "create-policy/"), {"copy": policy.pk}).context["form"]
    assert (form["username"].value(), form["policy_name"].value()) == ("*root*", "")
    unknown = browser.get(_at(policy, "create-policy/"), {"copy": "x", "example": "y"})
    assert unknown.status_code == 200


def test_a_policy_is_changed(policy: AuthorizationPolicy, browser: Client):
    form = browser.get(_at(policy, "policies/ID/edit/")).context["form"]
    assert form["username"].value() == "*root*"
    answer = browser.post(_at(policy, "policies/ID/edit/"), {**VALID, "priority": "3"})
    assert answer["Location"] == _at(policy, "policies/")
    policy.refresh_from_db()
    assert (policy.name, policy.effect, policy.priority) == ("press-publishes", "allow", 3)
    refused = browser.post(_at(policy, "policies/ID/edit/"), {**VALID, "ip": "x"})
    assert refused.status_code == 422
    assert "neither an IP address" in refused.text


def test_a_policy_is_deleted_after_a_dialog_that_names_what_is_lost(
    policy: AuthorizationPolicy, browser: Client
):
    dialog = browser.get(_at(policy, "policies/ID/delete/"), headers=HTMX).text
    for text in ("This machine", policy.cluster.public_id, "deny-root", "decide instead"):
        assert text in dialog
    assert browser.post(_at(policy, "policies/ID/delete/"), headers=HTMX).status_code == 204
    assert not AuthorizationPolicy.objects.exists()


def test_a_policy_of_another_cluster_cannot_be_reached_through_ones_own_c7(
    policy: AuthorizationPolicy, other_cluster: Cluster, browser: Client
):
    other = _policy(other_cluster, name="theirs")
    for page in ("edit", "delete"):
        address = _at(policy, f"policies/{other.pk}/{page}/")
        assert browser.get(address).status_code == 404
        given = {**VALID, "instance_id": other_cluster.public_id, "id": str(other.pk)}
        assert browser.post(address, given).status_code == 404
    other.refresh_from_db()
    assert other.name == "theirs"
