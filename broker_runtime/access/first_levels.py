"""First-level topics: which exist, which come into being by their first use (CONTRACT T1–T4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

SHORTEST: Final = 3
LONGEST: Final = 100
NAME: Final = re.compile(rf"[A-Za-z0-9_-]{{{SHORTEST},{LONGEST}}}\Z")
"""What a first-level topic may be called (CONTRACT T4)."""


class Admission(Enum):
    """Whether a message may go to a first-level topic (DECISIONS 2)."""

    EXISTS = "exists"
    PLAIN = "plain"
    """Not a valid topic name: plain MQTT, takes no quota."""
    CREATED = "created"
    UNKNOWN = "unknown"
    OVER_QUOTA = "over_quota"


class FirstLevels:
    """The first-level topics of a cluster.

    Those that the console named and those that came into being here. The latter are kept until the
    console has named them once; from then on its list alone decides.
    """

    __slots__ = ("_auto_create", "_created", "_maximum", "_named")

    def __init__(self) -> None:
        self._named: frozenset[str] = frozenset()
        self._created: set[str] = set()
        self._maximum = 0
        self._auto_create = False

    def __len__(self) -> int:
        return len(self._named) + len(self._created)  # no name is in both

    def set_limits(self, *, maximum: int, auto_create: bool) -> None:
        """How many may exist together, and whether a first use makes one."""
        self._maximum = maximum
        self._auto_create = auto_create

    def replace(self, names: Iterable[str]) -> None:
        """Take the console's list."""
        self._named = frozenset(names)
        self._created -= self._named

    def admit(self, name: str) -> Admission:
        """Whether a message may go under a first level; makes it when that is allowed.

        Only a client with the right to publish or subscribe there may get this far.
        """
        if name in self._named or name in self._created:
            return Admission.EXISTS
        if not SHORTEST <= len(name) <= LONGEST or NAME.match(name) is None:
            return Admission.PLAIN
        if not self._auto_create:
            return Admission.UNKNOWN
        if len(self) >= self._maximum:
            return Admission.OVER_QUOTA
        self._created.add(name)
        return Admission.CREATED
