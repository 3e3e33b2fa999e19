"""From users and sessions to actors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.test import Client

from console.accounts.actors import actor_of_session
from console.accounts.models import User
from console.core.actors import Actor
from tests.cast import browser_of, make_sub_user, user_of

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def sign_out(browser: Client, user: User) -> None:
    browser.post("/sign-out/")


def disable(browser: Client, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(browser: Client, user: User) -> None:
    user.set_password("correct horse battery")
    user.save()


def delete(browser: Client, user: User) -> None:
    user.delete()


def session_of(browser: Client) -> SessionBase:
    """A session as a socket holds it: read once, when it was opened."""
    session = browser.session
    session.load()
    return session


def test_an_open_session_is_its_users_with_the_rights_of_now(nobody: Actor, owner: Actor) -> None:
    user = user_of(nobody)
    session = session_of(browser_of(nobody))
    before = actor_of_session(user, session)
    make_sub_user(user_of(owner))
    user.attachments.create(policy_name="QcloudMQTTReadOnlyAccess")
    after = actor_of_session(user, session)
    assert before
    assert after
    assert before.uin == after.uin == nobody.uin
    assert len(after.statements) == len(before.statements) + 1


@pytest.mark.parametrize("end", [sign_out, disable, change_password, delete])
def test_a_session_that_ended_is_nobodys(
    nobody: Actor, end: Callable[[Client, User], None]
) -> None:
    """SECURITY C6."""
    user, browser = user_of(nobody), browser_of(nobody)
    session = session_of(browser)
    end(browser, user_of(nobody))
    assert actor_of_session(user, session) is None


def test_a_session_of_nobody_is_nobodys(db: None) -> None:
    assert actor_of_session(None, Client().session) is None


def test_a_session_that_went_to_another_user_is_not_the_first_ones(
    nobody: Actor, reader: Actor
) -> None:
    session = session_of(browser_of(reader))
    assert actor_of_session(user_of(nobody), session) is None
