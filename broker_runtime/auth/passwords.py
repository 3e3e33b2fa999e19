"""Username and password against keyed verifiers (DECISIONS 14) or salted hashes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Iterable

from broker_runtime.auth.chain import Answer, AuthRefusal, Credentials, Identity
from broker_runtime.auth.hashes import HashInvalid, PasswordHash, parse_hash
from broker_runtime.codec.reasons import ReasonCode
from broker_runtime.contract.configuration import User, UsersSection

_WRONG = AuthRefusal(ReasonCode.BAD_USER_NAME_OR_PASSWORD, "bad username or password")
_HEX_LENGTH = 64


class UsersInvalid(ValueError):
    """The users section cannot be used; the message names the entry."""


class PasswordAuthenticator:
    """Answers for every client that sends a username.

    A verifier is a keyed digest, or a hash of ``mosquitto_passwd`` (``hashes``).

    Raises:
        UsersInvalid: the section is malformed; nothing is taken over from it.
    """

    name = "password"

    def __init__(self, section: UsersSection) -> None:
        self._key = _key(section)
        self._verifiers: dict[str, bytes] = {}
        self._hashes: dict[str, PasswordHash] = {}
        for user in section.users:
            if user.username in self._verifiers:
                raise UsersInvalid(f"users: {user.username!r} is there twice")
            verifier = self._verifier(user)
            # A disabled user has no verifier that a password can meet, and costs the same as a
            # wrong one.
            self._verifiers[user.username] = verifier if user.enabled else b""
        self._decoy = _decoy(self._hashes.values())

    def _verifier(self, user: User) -> bytes:
        if not user.verifier.startswith("$"):
            return _keyed(user.username, user.verifier)
        try:
            self._hashes[user.username] = parse_hash(user.verifier)
        except HashInvalid as error:
            raise UsersInvalid(f"users: the verifier of {user.username!r}: {error}") from None
        return user.verifier.encode()

    def authenticate(self, credentials: Credentials) -> Answer | Awaitable[Answer]:
        """Constant cost, whether the user exists or not (SECURITY A2)."""
        if credentials.username is None:
            return None
        kept = self._verifiers.get(credentials.username, b"")
        hashed = self._hashes.get(credentials.username)
        if hashed is None and not kept:
            hashed = self._decoy
        if hashed is None:
            return self._verdict(credentials, kept, self._is_keyed(credentials, kept))
        password = credentials.password or b""
        if hashed.is_quick:
            return self._verdict(credentials, kept, hashed.matches(password))
        return self._later(credentials, kept, hashed)

    async def _later(self, credentials: Credentials, kept: bytes, hashed: PasswordHash) -> Answer:
        """A slow hash is worked out beside the event loop."""
        matches = await asyncio.to_thread(hashed.matches, credentials.password or b"")
        return self._verdict(credentials, kept, matches)

    def _is_keyed(self, credentials: Credentials, kept: bytes) -> bool:
        assert credentials.username is not None, "asked before"
        text = credentials.username.encode() + b"\0" + (credentials.password or b"")
        shown = hmac.digest(self._key, text, hashlib.sha256)
        return hmac.compare_digest(shown, kept or bytes(len(shown)))

    def _verdict(self, credentials: Credentials, kept: bytes, matches: bool) -> Answer:
        if not matches or not kept or credentials.password is None or credentials.username is None:
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
    is_used = any(not user.verifier.startswith("$") for user in section.users)
    if is_used and len(key) < 16:
        raise UsersInvalid("users: verifier_key is shorter than 16 bytes")
    return key


def _decoy(hashes: Iterable[PasswordHash]) -> PasswordHash | None:
    """What an unknown user is measured by where users have hashes: the slowest of them, so that
    the answer takes no less time."""
    slowest = max((h.iterations for h in hashes), default=None)
    return None if slowest is None else PasswordHash(slowest, b"decoy", bytes(64))


def _keyed(username: str, text: str) -> bytes:
    try:
        verifier = bytes.fromhex(text)
    except ValueError:
        verifier = b""
    if len(text) != _HEX_LENGTH or len(verifier) != _HEX_LENGTH // 2:
        raise UsersInvalid(f"users: the verifier of {username!r} is not {_HEX_LENGTH} hex digits")
    return verifier
