"""Which language a person reads: as the browser says, unless they chose one (DECISIONS 17)."""

from __future__ import annotations

import pytest
from django.test import Client

from console.core.actors import Actor
from tests.cast import browser_of, user_of

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("empty_cache")]

COOKIE = "signalbox-language"
OVERVIEW = "/overview/"


def language_of(browser: Client, address: str = "/sign-in/", **headers: str) -> str:
    """The language that a page says it is in."""
    page = browser.get(address, headers=headers).text
    return page.split('<html lang="', 1)[1].split('"', 1)[0]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("*", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-hans"),
        ("zh", "zh-hans"),
        ("zh-Hans-CN", "zh-hans"),
        ("zh-SG", "zh-hans"),
        ("zh-TW,zh;q=0.9", "zh-hans"),
        ("en;q=0.5,zh-CN;q=0.6", "zh-hans"),
        ("fr-FR,fr;q=0.9", "en"),
        ("fr,zh-CN;q=0.4", "zh-hans"),
        (";;q=x,,\u00e9", "en"),
        ("zh-" + "x" * 900, "en"),
    ],
)
def test_a_new_reader_gets_the_language_of_the_browser(accepted: str, language: str) -> None:
    assert language_of(Client(), **{"accept-language": accepted}) == language


def test_answers_differ_by_the_language_of_the_browser_for_every_cache() -> None:
    assert "Accept-Language" in Client().get("/sign-in/")["Vary"]


def test_what_was_chosen_beats_what_the_browser_says() -> None:
    browser = Client(headers={"accept-language": "zh-CN"})
    browser.post("/language/", {"language": "en"})
    assert language_of(browser) == "en"


@pytest.mark.parametrize("language", ["", "fr", "zh_Hans", "../../etc", "zh-hans\r\nX: y"])
def test_a_language_that_is_not_offered_changes_nothing(owner: Actor, language: str) -> None:
    browser = browser_of(owner)
    browser.post("/language/", {"language": language})
    assert language_of(browser, OVERVIEW) == "en"
    assert user_of(owner).language == ""


@pytest.mark.parametrize("language", ["fr", "../zh-hans", "x" * 9000, ""])
def test_a_cookie_with_another_language_is_ignored(language: str) -> None:
    browser = Client(headers={"accept-language": "zh-CN"})
    browser.cookies[COOKIE] = language
    assert language_of(browser) == "zh-hans"


def test_looking_at_an_address_switches_no_language(owner: Actor) -> None:
    assert browser_of(owner).get("/language/?language=zh-hans").status_code == 405
    assert user_of(owner).language == ""


def test_one_readers_choice_is_not_anothers(owner: Actor, reader: Actor) -> None:
    browser_of(owner).post("/language/", {"language": "zh-hans"})
    assert user_of(owner).language == "zh-hans"
    assert user_of(reader).language == ""
    assert language_of(browser_of(reader), OVERVIEW) == "en"


@pytest.mark.parametrize("accepted", ["en", "zh-CN"])
def test_every_page_offers_each_language_under_its_own_name(owner: Actor, accepted: str) -> None:
    for browser, address in ((Client(), "/sign-in/"), (browser_of(owner), OVERVIEW)):
        page = browser.get(address, headers={"accept-language": accepted}).text
        assert 'lang="en">English</button>' in page.replace(' aria-current="true"', "")
        assert 'lang="zh-hans">简体中文</button>' in page.replace(' aria-current="true"', "")


def test_refusals_by_a_form_itself_come_in_the_readers_language() -> None:
    chinese = Client(headers={"accept-language": "zh-CN"})
    assert "这个字段是必填项。" in chinese.post("/sign-in/", {}).text
    assert (
        "用户名或密码不正确。"
        in chinese.post("/sign-in/", {"username": "nobody-at-all", "password": "wrong"}).text
    )


def test_a_page_that_is_not_there_says_so_in_the_readers_language() -> None:
    answer = Client(headers={"accept-language": "zh-CN"}).get("/nothing/here/")
    assert answer.status_code == 404
    assert "页面不存在" in answer.text
