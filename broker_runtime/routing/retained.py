"""Retained messages by topic, found by topic filter."""

from __future__ import annotations

from typing import Generic, TypeVar

M = TypeVar("M")


class RetainedTree(Generic[M]):
    """One message for each topic; ``M`` is whatever the broker keeps (``StoredMessage``).

    ``size_bytes`` is the sum of what ``put`` was told.
    """

    size_bytes: int

    def put(self, topic: str, message: M, size_bytes: int) -> bool:
        """Set the message of a topic; True when the topic had none."""
        raise NotImplementedError

    def delete(self, topic: str) -> M | None:
        """Remove the message of a topic and return it."""
        raise NotImplementedError

    def get(self, topic: str) -> M | None:
        """The message of a topic."""
        raise NotImplementedError

    def match(self, topic_filter: str) -> list[M]:
        """All messages that a valid filter (without ``$share``) matches."""
        raise NotImplementedError

    def scan(self, topic_filter: str) -> RetainedScan[M]:
        """The same in bounded steps; the tree may change between steps."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Number of retained messages."""
        raise NotImplementedError


class RetainedScan(Generic[M]):
    """An unfinished search. ``done`` is set when there is nothing more."""

    done: bool

    def step(self, max_visits: int) -> list[M]:
        """Look at no more than about ``max_visits`` nodes; may be empty although the scan is not done."""
        raise NotImplementedError
