"""Numbers of messages that wait, by the million: eight bytes each."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Final

COMPACT_AT: Final = 4_096
"""Places given up at the front before they are given back."""


class SequenceQueue:
    """Ascending message numbers; taken at the front, added at the end, put back in order."""

    __slots__ = ("_head", "_numbers")

    def __init__(self) -> None:
        self._numbers = array("q")
        self._head = 0

    def __len__(self) -> int:
        return len(self._numbers) - self._head

    def add(self, seq: int) -> None:
        """Put a number in its place; nearly always that is the end."""
        numbers = self._numbers
        if len(self) == 0 or seq > numbers[-1]:
            numbers.append(seq)
        else:
            numbers.insert(bisect_left(numbers, seq, self._head), seq)

    def first(self, count: int) -> list[int]:
        """Up to so many numbers from the front; they stay."""
        return self._numbers[self._head : self._head + count].tolist()

    def take(self) -> int:
        """Remove the smallest number of a queue that is not empty."""
        seq = self._numbers[self._head]
        self._head += 1
        if self._head >= COMPACT_AT and self._head * 2 >= len(self._numbers):
            del self._numbers[: self._head]
            self._head = 0
        return seq
