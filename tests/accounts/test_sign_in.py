"""Signing in and out: limited, audited, and silent about which user names exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from console.accounts import sign_in
from console.accounts.models import User
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


@pytest.fixture
def quick_hashes(settings: object) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]  # pytest-django's


@pytest.fixture
def ada(quick_hashes: None, nobody: Actor) -> User:
    """A sub-user with a password."""
    user = user_of(nobody)
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def browser() -> Iterator[Client]:
    yield Client(REMOTE_ADDR="192.0.2.20")


def send(browser: Client, username: str, password: str, **more: str):
    return browser.post("/sign-in/", {"username": username, "password": password, **more})


def outcomes() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("action", "outcome", "code"))


def test_the_page_asks_for_name_and_password(browser: Client) -> None:
    page = browser.get("/sign-in/")
    assert page.status_code == 200
    assert 'autocomplete="current-password"' in page.text
    assert page["Cache-Control"] == "no-store"


def test_the_right_password_leads_to_the_front_door(browser: Client, ada: User) -> None:
    answer = send(browser, "nobody", PASSWORD)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert browser.get(KEYS).status_code == 200


def test_a_page_leads_through_sign_in_back_to_itself(browser: Client, ada: User) -> None:
    asked = browser.get(KEYS)
    assert asked["Location"] == "/sign-in/?next=%2Faccount%2Fkeys%2F"
    assert 'name="next" value="/account/keys/"' in browser.get(asked["Location"]).text
    assert send(browser, "nobody", PASSWORD, next=KEYS)["Location"] == KEYS


def test_a_part_that_htmx_asks_for_sends_the_whole_page_to_sign_in(browser: Client) -> None:
    answer = browser.get(KEYS, headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (200, "/sign-in/")


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example/",
        "https://evil.example/",
        "http:///evil.example",
        r"/\evil.example",
        r"\\evil.example",
        "javascript:alert(1)",
        "///evil.example",
        "\n//evil.example",
        "http:evil.example",
    ],
)
def test_nobody_is_led_to_another_site(browser: Client, ada: User, wanted: str) -> None:
    """SECURITY C14."""
    answer = send(browser, "nobody", PASSWORD, next=wanted)
    assert answer["Location"] == "/"


def test_the_session_gets_a_new_id(browser: Client, ada: User) -> None:
    """SECURITY C13: a session id that an attacker planted is worth nothing."""
    planted = browser.session
    planted["planted"] = True
    planted.save()
    before = browser.cookies["signalbox-session"].value
    send(browser, "nobody", PASSWORD)
    after = browser.cookies["signalbox-session"]
    assert after.value != before
    assert after["httponly"]
    assert after["samesite"] == "Lax"
    assert Client(headers={"cookie": f"signalbox-session={before}"}).get(KEYS).status_code == 302


def test_wrong_password_unknown_name_and_disabled_user_are_told_the_same(
    browser: Client, ada: User
) -> None:
    """ASVS 6.3.8."""
    answers = [send(browser, "nobody", "wrong"), send(browser, "no-such-user", "wrong")]
    User.objects.filter(pk=ada.pk).update(is_active=False)
    answers.append(send(browser, "nobody", PASSWORD))
    texts = {
        re.sub(r"[A-Za-z0-9]{64}", "", answer.text).replace("no-such-user", "nobody")
        for answer in answers
    }
    assert {answer.status_code for answer in answers} == {422}
    assert len(texts) == 1
    assert "AuthFailure" in texts.pop()
    assert browser.get(KEYS).status_code == 302


@pytest.mark.parametrize("username", ["nobody", "no-such-user"])
def test_a_refusal_computes_one_hash_whoever_is_named(
    browser: Client, ada: User, username: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASVS 6.3.8: the time of the answer tells nothing."""
    from django.contrib.auth.hashers import MD5PasswordHasher

    computed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        computed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    send(browser, username, "wrong")
    assert computed == ["wrong"]


def test_a_name_is_tried_ten_times_in_five_minutes(browser: Client, ada: User) -> None:
    """SECURITY C13; the right password does not help then."""
    for _attempt in range(10):
        assert "AuthFailure" in send(browser, "nobody", "wrong").text
    answer = send(browser, "nobody", PASSWORD)
    assert answer.status_code == 422
    assert "RequestLimitExceeded" in answer.text
    assert browser.get(KEYS).status_code == 302
    assert "AuthFailure" in send(browser, "someone-else", "wrong").text


def test_the_right_password_starts_the_count_anew(browser: Client, ada: User) -> None:
    for _attempt in range(9):
        send(browser, "nobody", "wrong")
    assert send(browser, "nobody", PASSWORD, next=KEYS)["Location"] == KEYS
    browser.post("/sign-out/")
    assert "AuthFailure" in send(browser, "nobody", "wrong").text


def test_an_address_tries_a_hundred_names_in_five_minutes(browser: Client, ada: User) -> None:
    for _attempt in range(100):
        sign_in.BY_ADDRESS.take("192.0.2.20")
    assert "RequestLimitExceeded" in send(browser, "nobody", PASSWORD).text
    elsewhere = Client(REMOTE_ADDR="192.0.2.21")
    assert send(elsewhere, "nobody", PASSWORD, next=KEYS)["Location"] == KEYS


def test_a_forged_proxy_header_is_another_address_for_nobody(browser: Client, ada: User) -> None:
    """SECURITY C14, ASVS 4.1.3."""
    for _attempt in range(100):
        sign_in.BY_ADDRESS.take("192.0.2.20")
    answer = browser.post(
        "/sign-in/",
        {"username": "nobody", "password": PASSWORD},
        headers={"X-Forwarded-For": "198.51.100.1", "X-Real-IP": "198.51.100.1"},
    )
    assert "RequestLimitExceeded" in answer.text


def test_when_attempts_cannot_be_counted_nobody_signs_in(
    browser: Client, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASVS 16.5.3: fails closed."""

    def away(*args: object, **kwargs: object) -> None:
        raise ConnectionError("valkey is away")

    monkeypatch.setattr(cache, "add", away)
    answer = send(browser, "nobody", PASSWORD)
    assert "ResourceUnavailable" in answer.text
    assert browser.get(KEYS).status_code == 302


def test_signing_in_and_out_is_audited_refusals_too(browser: Client, ada: User) -> None:
    """SECURITY C25."""
    send(browser, "nobody", "wrong")
    send(browser, "nobody", PASSWORD)
    browser.post("/sign-out/")
    assert outcomes() == [
        ("cam:SignIn", "refused", "AuthFailure"),
        ("cam:SignIn", "done", ""),
        ("cam:SignOut", "done", ""),
    ]
    entry = AuditEntry.objects.order_by("id").first()
    assert entry
    assert (entry.account_uin, entry.source_ip) == (ada.account_uin, "192.0.2.20")
    assert PASSWORD not in str([vars(entry) for entry in AuditEntry.objects.all()])


def test_signing_out_ends_the_session_and_needs_a_post(owner: Actor) -> None:
    """SECURITY C5."""
    browser = browser_of(owner)
    assert browser.get("/sign-out/").status_code == 405
    stolen = browser.cookies["signalbox-session"].value
    assert browser.post("/sign-out/")["Location"] == "/sign-in/"
    assert Client(headers={"cookie": f"signalbox-session={stolen}"}).get(KEYS).status_code == 302


@pytest.mark.parametrize("address", ["/sign-in/", "/sign-out/", "/language/", KEYS + "create/"])
def test_a_post_without_the_pages_token_is_refused(owner: Actor, address: str) -> None:
    """SECURITY C5."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user_of(owner))
    assert browser.post(address, {"username": "owner", "password": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("", PASSWORD),
        ("nobody", ""),
        ("n" * 65, PASSWORD),
        ("nobody", "x" * 129),
        ("no\0body", PASSWORD),
        ("nobody", "x\0"),
        ("<script>alert(1)</script>", PASSWORD),
    ],
)
def test_bad_input_comes_back_with_the_form(
    browser: Client, ada: User, username: str, password: str
) -> None:
    answer = send(browser, username, password)
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert password not in answer.text or not password


def test_who_is_signed_in_is_led_on(owner: Actor) -> None:
    assert browser_of(owner).get("/sign-in/?next=/account/keys/")["Location"] == KEYS


def test_the_language_follows_the_user_to_another_browser(browser: Client, ada: User) -> None:
    """DECISIONS 17."""
    send(browser, "nobody", PASSWORD, next=KEYS)
    browser.post("/language/", {"language": "zh-hans", "next": KEYS})
    ada.refresh_from_db()
    assert ada.language == "zh-hans"
    other = Client()
    send(other, "nobody", PASSWORD, next=KEYS)
    assert other.cookies["signalbox-language"].value == "zh-hans"
    assert 'lang="zh-hans"' in other.get(KEYS).text


def test_who_is_not_signed_in_chooses_the_language_of_the_browser(browser: Client) -> None:
    answer = browser.post("/language/", {"language": "zh-hans", "next": "/sign-in/"})
    assert answer["Location"] == "/sign-in/"
    assert 'lang="zh-hans"' in browser.get("/sign-in/").text


def test_choosing_a_language_leads_to_no_other_site(browser: Client) -> None:
    """SECURITY C14."""
    answer = browser.post("/language/", {"language": "en", "next": "//evil.example/"})
    assert answer["Location"] == "/"


def test_who_is_over_the_limit_does_not_fill_the_audit_trail(browser: Client, ada: User) -> None:
    """SECURITY C25: strangers write one row of it for an address and window, whatever they send."""
    for _attempt in range(100):
        sign_in.BY_ADDRESS.take("192.0.2.20")
    for number in range(5):
        assert "RequestLimitExceeded" in send(browser, f"somebody-{number}", PASSWORD).text

    refused = AuditEntry.objects.filter(action="cam:SignIn", code="RequestLimitExceeded")
    assert refused.count() == 1
