"""Why the broker did not do what the console asked."""

from __future__ import annotations


class ConfigurationInvalid(Exception):
    """A configuration that cannot be put in force; nothing of it was. The message names section
    and entry.
    """


class Refused(Exception):
    """A command or query that was not carried out.

    Args:
        code: machine name, as ``contract.commands.Refusal.code``.
        message: a sentence a person can act on.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
