"""Everybody is let in under the name they give: for a standalone node that asks for it."""

from __future__ import annotations

from broker_runtime.auth.chain import Answer, Credentials, Identity


class AnonymousAuthenticator:
    """Lets in every client without a username. Last in the chain, and only where it was asked for.

    Args:
        any_username: also serve clients that send a username (nobody else checks passwords).
    """

    name = "anonymous"

    def __init__(self, *, any_username: bool) -> None:
        self._any_username = any_username
        self._nobody = Identity(username="", authenticator=self.name)

    def authenticate(self, credentials: Credentials) -> Answer:
        """An identity that proves nothing."""
        if credentials.username is not None and not self._any_username:
            return None
        if not credentials.username:
            return self._nobody
        return Identity(username=credentials.username, authenticator=self.name)

    def still_holds(self, identity: Identity) -> bool:
        """There is nothing that could be withdrawn, except a username's right to be here."""
        return not identity.username or self._any_username
