"""Username and password against keyed verifiers (DECISIONS 14)."""

from __future__ import annotations

import hashlib
import hmac

from broker_runtime.auth.chain import Answer, AuthRefusal, Credentials, Identity
from broker_runtime.codec.reasons import ReasonCode
from broker_runtime.contract.configuration import UsersSection

_WRONG = AuthRefusal(ReasonCode.BAD_USER_NAME_OR_PASSWORD, "bad username or password")
_HEX_LENGTH = 64


class UsersInvalid(ValueError):
    """The users section cannot be used; the message names the entry."""


class PasswordAuthenticator:
    """Answers for every client that sends a username.

    Raises:
        UsersInvalid: the section is malformed; nothing is taken over from it.
    """

    name = "password"

    def __init__(self, section: UsersSection) -> None:
        self._key = _key(section)
        self._verifiers: dict[str, bytes] = {}
        for user in section.users:
            if user.username in self._verifiers:
                raise UsersInvalid(f"users: {user.username!r} is there twice")
            verifier = _verifier(user.username, user.verifier)
            # A disabled user has no verifier that a password can meet, and costs the same as a
            # wrong one.
            self._verifiers[user.username] = verifier if user.enabled else b""

    def authenticate(self, credentials: Credentials) -> Answer:
        """Constant cost, whether the user exists or not (SECURITY A2)."""
        if credentials.username is None:
            return None
        kept = self._verifiers.get(credentials.username, b"")
        text = credentials.username.encode() + b"\0" + (credentials.password or b"")
        shown = hmac.digest(self._key, text, hashlib.sha256)
        if not hmac.compare_digest(shown, kept or bytes(len(shown))) or not kept:
            return _WRONG
        if credentials.password is None:
            return _WRONG
        return Identity(
            username=credentials.username, authenticator=self.name, credential=kept.hex()
        )

    def still_holds(self, identity: Identity) -> bool:
        """False once the user is removed, disabled, or has another password."""
        kept = self._verifiers.get(identity.username, b"")
        return bool(kept) and kept.hex() == identity.credential


def _key(section: UsersSection) -> bytes:
    try:
        key = bytes.fromhex(section.verifier_key)
    except ValueError:
        raise UsersInvalid("users: verifier_key is not hexadecimal") from None
    if section.users and len(key) < 16:
        raise UsersInvalid("users: verifier_key is shorter than 16 bytes")
    return key


def _verifier(username: str, text: str) -> bytes:
    try:
        verifier = bytes.fromhex(text)
    except ValueError:
        verifier = b""
    if len(text) != _HEX_LENGTH or len(verifier) != _HEX_LENGTH // 2:
        raise UsersInvalid(f"users: the verifier of {username!r} is not {_HEX_LENGTH} hex digits")
    return verifier
