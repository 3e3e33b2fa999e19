"""The chain of authenticators: the first that answers decides, silence refuses (A5, A6)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Protocol

from broker_runtime.codec.reasons import ReasonCode

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class Credentials:
    """What a CONNECT brings to prove who it is. Never logged. (Not frozen: one is made for each
    CONNECT, and a frozen one takes four times as long.)"""

    client_id: str
    username: str | None
    password: bytes | None
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the client is.

    ``credential`` changes when what proved the identity is no longer valid: a live client whose
    credential is not ``Authenticator.credential`` any more is disconnected (SECURITY A4).
    """

    username: str
    authenticator: str
    credential: str = ""


@dataclass(frozen=True, slots=True)
class AuthRefusal:
    """Why the client is refused: a reason code for it, plain words for the operator."""

    reason: ReasonCode
    detail: str


Answer = Identity | AuthRefusal | None
"""None: this authenticator has nothing to say, ask the next."""


class Authenticator(Protocol):
    """One way to prove an identity. Answers at once, or later when it must ask elsewhere."""

    @property
    def name(self) -> str:
        """Short name, for events."""
        ...

    def authenticate(self, credentials: Credentials) -> Answer | Awaitable[Answer]:
        """Identity, refusal, or None to let the next one answer."""
        ...

    def still_holds(self, identity: Identity) -> bool:
        """Whether an identity that this authenticator gave is still good."""
        ...


SILENCE = AuthRefusal(ReasonCode.NOT_AUTHORIZED, "no way to authenticate accepts this client")
FAILED = AuthRefusal(ReasonCode.SERVER_UNAVAILABLE, "an authenticator failed")

Verdict = Identity | AuthRefusal


class Chain:
    """Asks authenticators in order. An authenticator that raises refuses (fail closed)."""

    def __init__(self, authenticators: Sequence[Authenticator]) -> None:
        self._authenticators = tuple(authenticators)

    def authenticate(self, credentials: Credentials) -> Verdict | Awaitable[Verdict]:
        """The verdict; an awaitable when an authenticator needs time."""
        return self._ask(credentials, 0)

    def _ask(self, credentials: Credentials, first: int) -> Verdict | Awaitable[Verdict]:
        for place in range(first, len(self._authenticators)):
            try:
                answer = self._authenticators[place].authenticate(credentials)
            except Exception:
                logger.exception("authenticator=%s failed", self._authenticators[place].name)
                return FAILED
            if answer is None:
                continue
            if isinstance(answer, Identity | AuthRefusal):
                return answer
            return self._later(answer, credentials, place)
        return SILENCE

    async def _later(
        self, answer: Awaitable[Answer], credentials: Credentials, place: int
    ) -> Verdict:
        try:
            settled = await answer
        except Exception:
            logger.exception("authenticator=%s failed", self._authenticators[place].name)
            return FAILED
        if settled is not None:
            return settled
        rest = self._ask(credentials, place + 1)
        return await rest if isawaitable(rest) else rest

    def still_holds(self, identity: Identity) -> bool:
        """Whether a live client keeps its identity under the configuration of now (SECURITY A4)."""
        return any(
            a.name == identity.authenticator and a.still_holds(identity)
            for a in self._authenticators
        )
