"""Pages of one's own account: API keys and the password."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from console.accounts.models import ApiKey
from console.accounts.services.access_keys import create_access_key
from console.core.actors import Actor
from console.core.models import AuditEntry
from tests.cast import browser_of, user_of

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db,
    pytest.mark.usefixtures("empty_cache", "quick_hashes"),
]

PASSWORD = "correct horse battery"
KEYS = "/account/keys/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def quick_hashes(settings: object) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]  # pytest-django's


@pytest.fixture
def browser(nobody: Actor) -> Client:
    return browser_of(nobody)


@pytest.fixture
def key(nobody: Actor) -> ApiKey:
    return create_access_key(nobody, user=user_of(nobody)).key


def test_the_list_shows_ones_own_keys_and_never_a_secret(
    browser: Client, key: ApiKey, owner: Actor
) -> None:
    other = create_access_key(owner, user=user_of(owner))
    page = browser.get(KEYS)
    assert key.secret_id in page.text
    assert other.key.secret_id not in page.text
    assert "Disable" in page.text


def test_the_list_asks_the_database_a_fixed_number_of_times(
    browser: Client, nobody: Actor, key: ApiKey, django_assert_num_queries: object
) -> None:
    create_access_key(nobody, user=user_of(nobody))
    with django_assert_num_queries(6):  # type: ignore[operator]  # session, user, owner, rights (2), keys
        browser.get(KEYS)


def test_htmx_gets_only_the_table(browser: Client, key: ApiKey) -> None:
    part = browser.get(KEYS, headers=HTMX)
    assert part.text.startswith('<div id="api-key-table"')
    assert "HX-Request" in part["Vary"]


def test_an_empty_list_says_what_to_do(browser: Client) -> None:
    assert "No API keys yet" in browser.get(KEYS).text


def test_a_new_keys_secret_is_shown_once_and_kept_by_no_cache(
    browser: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """SECURITY C11."""
    page = browser.post(KEYS + "create/")
    key = ApiKey.objects.get()
    assert page.status_code == 200
    assert page["Cache-Control"] == "no-store"
    secret = page.context["created"].secret_key
    assert page.text.count(secret) >= 1
    assert secret not in browser.get(KEYS).text
    assert secret not in caplog.text
    assert key.secret_id in browser.get(KEYS).text


def test_a_third_key_is_refused_with_the_code_of_the_api(browser: Client) -> None:
    browser.post(KEYS + "create/")
    browser.post(KEYS + "create/")
    page = browser.post(KEYS + "create/")
    entry = AuditEntry.objects.order_by("-id").first()
    assert page.status_code == 409
    assert "LimitExceeded" in page.text
    assert entry
    assert entry.request_id in page.text


def test_a_refusal_reaches_htmx_as_a_notice(browser: Client) -> None:
    browser.post(KEYS + "create/")
    browser.post(KEYS + "create/")
    answer = browser.post(KEYS + "create/", headers=HTMX)
    notice = json.loads(answer["HX-Trigger"])["toast"]
    assert (answer.status_code, notice["level"]) == (409, "bad")
    assert "LimitExceeded" in notice["text"]


def test_a_key_is_switched_off_and_on(browser: Client, key: ApiKey) -> None:
    for given, enabled in (({}, False), ({"enabled": "on"}, True)):
        answer = browser.post(f"{KEYS}{key.secret_id}/switch/", given)
        key.refresh_from_db()
        assert (answer["Location"], key.enabled) == (KEYS, enabled)


def test_a_key_is_deleted_after_a_question(browser: Client, key: ApiKey) -> None:
    asked = browser.get(f"{KEYS}{key.secret_id}/delete/")
    assert key.secret_id in asked.text
    assert ApiKey.objects.exists()
    assert browser.post(f"{KEYS}{key.secret_id}/delete/")["Location"] == KEYS
    assert not ApiKey.objects.exists()


def test_in_a_dialog_the_page_stays_and_the_table_is_told(browser: Client, key: ApiKey) -> None:
    address = f"{KEYS}{key.secret_id}/delete/"
    assert browser.get(address, headers=HTMX).text.lstrip().startswith("<dialog")
    answer = browser.post(address, headers=HTMX)
    events = json.loads(answer["HX-Trigger"])
    assert answer.status_code == 204
    assert list(events) == ["live:keys-changed", "toast", "dialog-close"]
    assert key.secret_id in events["toast"]["text"]


@pytest.mark.parametrize("act", ["switch", "delete"])
@pytest.mark.parametrize("whose", ["owner", "outsider"])
def test_keys_of_others_cannot_be_touched(
    browser: Client, request: pytest.FixtureRequest, whose: str, act: str
) -> None:
    """SECURITY C7, C8."""
    other: Actor = request.getfixturevalue(whose)
    key = create_access_key(other, user=user_of(other)).key
    answer = browser.post(f"{KEYS}{key.secret_id}/{act}/")
    assert answer.status_code == {"owner": 403, "outsider": 404}[whose]
    key.refresh_from_db()
    assert key.enabled


def test_the_address_decides_which_key_is_meant(
    browser: Client, nobody: Actor, key: ApiKey
) -> None:
    second = create_access_key(nobody, user=user_of(nobody)).key
    browser.post(f"{KEYS}{key.secret_id}/delete/", {"secret_id": second.secret_id})
    assert ApiKey.objects.get() == second


@pytest.mark.parametrize("address", [KEYS, KEYS + "AKIDx/delete/", "/account/password/"])
def test_pages_are_for_those_who_are_signed_in(address: str) -> None:
    assert Client().get(address)["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("address", [KEYS + "create/", KEYS + "AKIDx/switch/"])
def test_nothing_changes_by_get(browser: Client, address: str) -> None:
    """SECURITY C5."""
    assert browser.get(address).status_code == 405


def change(browser: Client, current: str, new: str, repeated: str | None = None):
    given = {"current_password": current, "password": new, "repeated": repeated or new}
    return browser.post("/account/password/", given)


@pytest.fixture
def with_password(nobody: Actor) -> Client:
    user = user_of(nobody)
    user.set_password(PASSWORD)
    user.save()
    return browser_of(nobody)


def test_a_changed_password_ends_every_other_session(with_password: Client, nobody: Actor) -> None:
    """ASVS 7.4.3."""
    other = browser_of(nobody)
    answer = change(with_password, PASSWORD, PASSWORD + "2")
    assert answer.status_code == 302
    assert with_password.get(KEYS).status_code == 200
    assert other.get(KEYS).status_code == 302
    assert user_of(nobody).check_password(PASSWORD + "2")


@pytest.mark.parametrize(
    ("current", "new", "repeated", "words"),
    [
        ("wrong", PASSWORD + "2", None, "current password is not right"),
        (PASSWORD, "short", None, "too short"),
        (PASSWORD, PASSWORD + "2", "another", "not the same"),
        (PASSWORD, "x" * 129, None, "128"),
        ("", PASSWORD + "2", None, "required"),
    ],
)
def test_a_refused_password_comes_back_with_the_form_and_without_what_was_typed(
    with_password: Client,
    nobody: Actor,
    current: str,
    new: str,
    repeated: str | None,
    words: str,
) -> None:
    answer = change(with_password, current, new, repeated)
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{new}"' not in answer.text
    assert user_of(nobody).check_password(PASSWORD)
