"""Who a client is: the chain of authenticators (SECURITY A2 to A6)."""

from __future__ import annotations

import hashlib
import hmac
import inspect
from base64 import b64encode

import pytest

from broker_runtime.auth.anonymous import AnonymousAuthenticator
from broker_runtime.auth.chain import AuthRefusal, Chain, Credentials, Identity
from broker_runtime.auth.passwords import PasswordAuthenticator, UsersInvalid
from broker_runtime.codec.reasons import ReasonCode
from broker_runtime.contract.configuration import User, UsersSection

KEY = "11" * 32


def verifier(username, password):
    text = f"{username}\0{password}".encode()
    return hmac.new(bytes.fromhex(KEY), text, hashlib.sha256).hexdigest()


def users(*names, enabled=True, password="right"):
    return UsersSection(
        verifier_key=KEY,
        users=tuple(
            User(username=name, verifier=verifier(name, password), enabled=enabled)
            for name in names
        ),
    )


def credentials(username="anna", password=b"right"):
    return Credentials(client_id="c", username=username, password=password, host="10.0.0.1")


def test_the_right_password_gives_an_identity():
    verdict = Chain([PasswordAuthenticator(users("anna"))]).authenticate(credentials())
    assert isinstance(verdict, Identity)
    assert verdict.username == "anna"


@pytest.mark.parametrize(
    "wrong",
    [
        credentials(password=b"wrong"),
        credentials(password=None),
        credentials(password=b""),
        credentials(username="nobody"),
        credentials(username=""),
        credentials(password=b"right\0"),
        credentials(password=b"x" * 65_535),
        credentials(username="an", password=b"na\0right"),
    ],
)
def test_unknown_user_and_wrong_password_look_the_same__A2_A3(wrong):
    verdict = Chain([PasswordAuthenticator(users("anna"))]).authenticate(wrong)
    assert verdict == AuthRefusal(ReasonCode.BAD_USER_NAME_OR_PASSWORD, "bad username or password")


def test_a_disabled_user_is_refused():
    chain = Chain([PasswordAuthenticator(users("anna", enabled=False))])
    assert isinstance(chain.authenticate(credentials()), AuthRefusal)


def test_silence_refuses__A6():
    for authenticators in ([], [PasswordAuthenticator(users("anna"))]):
        verdict = Chain(authenticators).authenticate(credentials(username=None, password=None))
        assert isinstance(verdict, AuthRefusal)
        assert verdict.reason is ReasonCode.NOT_AUTHORIZED


def test_anonymous_serves_who_gives_no_name():
    chain = Chain(
        [PasswordAuthenticator(users("anna")), AnonymousAuthenticator(any_username=False)]
    )
    assert isinstance(chain.authenticate(credentials(username=None, password=None)), Identity)
    assert isinstance(chain.authenticate(credentials(password=b"wrong")), AuthRefusal)


class Late:
    name = "late"

    def __init__(self, answer):
        self._answer = answer

    async def authenticate(self, credentials):
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def still_holds(self, identity):
        return True


async def settled(chain: Chain) -> Identity | AuthRefusal:
    """What a chain answers that has to wait for it."""
    answer = chain.authenticate(credentials())
    assert inspect.isawaitable(answer)
    return await answer


async def test_an_authenticator_may_take_its_time_and_the_chain_goes_on():
    chain = Chain([Late(None), PasswordAuthenticator(users("anna"))])
    assert isinstance(await settled(chain), Identity)
    early = Chain([Late(Identity(username="x", authenticator="late")), Late(None)])
    answer = await settled(early)
    assert isinstance(answer, Identity)
    assert answer.username == "x"
    silent = Chain([Late(None), Late(None)])
    assert isinstance(await settled(silent), AuthRefusal)


class Broken:
    name = "broken"

    def authenticate(self, credentials):
        raise RuntimeError("boom")

    def still_holds(self, identity):
        return True


async def test_an_authenticator_that_fails_refuses__A5():
    anyone = AnonymousAuthenticator(any_username=True)
    at_once = Chain([Broken(), anyone]).authenticate(credentials())
    later = await settled(Chain([Late(RuntimeError("boom")), anyone]))
    assert at_once == later
    assert isinstance(at_once, AuthRefusal)
    assert at_once.reason is ReasonCode.SERVER_UNAVAILABLE


def test_an_identity_ends_with_its_credential__A4():
    identity = PasswordAuthenticator(users("anna")).authenticate(credentials())
    assert isinstance(identity, Identity)
    assert Chain([PasswordAuthenticator(users("anna", "ben"))]).still_holds(identity)
    for section in (users("ben"), users("anna", enabled=False), users("anna", password="new")):
        assert not Chain([PasswordAuthenticator(section)]).still_holds(identity)
    assert not Chain([]).still_holds(identity)
    anonymous = Identity(username="", authenticator="anonymous")
    assert Chain([AnonymousAuthenticator(any_username=False)]).still_holds(anonymous)


@pytest.mark.parametrize(
    "section",
    [
        UsersSection(verifier_key="zz"),
        UsersSection(verifier_key="11", users=users("a").users),
        UsersSection(verifier_key=KEY, users=(User(username="a", verifier="12"),)),
        UsersSection(verifier_key=KEY, users=(User(username="a", verifier="g" * 64),)),
        UsersSection(verifier_key=KEY, users=users("a").users * 2),
    ],
)
def test_a_malformed_users_section_is_refused__F11(section):
    with pytest.raises(UsersInvalid):
        PasswordAuthenticator(section)


async def test_hashed_passwords_quick_and_slow_ones_and_users_that_are_not_there():
    quick = "$7$101$" + b64encode(b"salt").decode() + "$"
    quick += b64encode(hashlib.pbkdf2_hmac("sha512", b"right", b"salt", 101)).decode()
    slow = "$7$2000$" + b64encode(b"salt").decode() + "$"
    slow += b64encode(hashlib.pbkdf2_hmac("sha512", b"right", b"salt", 2_000)).decode()
    section = UsersSection(
        users=(
            User(username="anna", verifier=quick),
            User(username="ben", verifier=slow),
            User(username="carl", verifier=quick, enabled=False),
        )
    )
    authenticator = PasswordAuthenticator(section)

    async def verdict(username, password):
        answer = authenticator.authenticate(credentials(username, password))
        return await answer if inspect.isawaitable(answer) else answer

    for username in ("anna", "ben"):
        identity = await verdict(username, b"right")
        assert isinstance(identity, Identity)
        assert authenticator.still_holds(identity)
        assert isinstance(await verdict(username, b"wrong"), AuthRefusal)
    # A2: one that is not there takes as long as the slowest, so beside the event loop too.
    assert inspect.isawaitable(unknown := authenticator.authenticate(credentials("dora")))
    assert isinstance(await unknown, AuthRefusal)
    assert isinstance(await verdict("carl", b"right"), AuthRefusal)
    assert isinstance(await verdict("anna", None), AuthRefusal)


def test_a_verifier_that_is_no_hash_is_refused_with_the_user():
    with pytest.raises(UsersInvalid, match="'anna'"):
        PasswordAuthenticator(UsersSection(users=(User(username="anna", verifier="$9$x"),)))
