"""How the process of a node ends."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How the process ends; ``docs/broker.md`` lists them."""

    STOPPED = 0
    FAILED = 1
    OPTIONS = 2
    DATA = 3
    ADDRESS = 4
    STORE = 5


class CannotStart(Exception):
    """The node did not start; the message says what to do."""

    def __init__(self, exit_code: ExitCode, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code
