"""How fast the message log answers when it is large: ``python -m tests.bench.message_log``.

Writes hour files as the indexer does, then asks each query of ``Search`` many times. The figures of
10 M messages are in ``storage/journal/search.py``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from broker_runtime.storage.base import MessageQuery, StorageError
from broker_runtime.storage.journal import layout
from broker_runtime.storage.journal.hours import HourFile
from broker_runtime.storage.journal.records import Frame, PublishRow
from broker_runtime.storage.journal.search import Search

FIRST_HOUR = 490_000
FRAME_ROWS = 1_000
BATCH_FRAMES = 5
ROUNDS = 20
RARE_EVERY = 200_003
"""One message in so many goes to a topic of its own: a filter that matches many topics and few
messages."""


def say(line: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def fill(folder: Path, messages: int, hours: int, topics: int) -> float:
    """Write the hours; returns the CPU seconds it took."""
    per_hour = messages // hours
    payload = os.urandom(64)
    begun_s = time.process_time()
    for hour in range(FIRST_HOUR, FIRST_HOUR + hours):
        file = HourFile(layout.hour_path(folder, hour))
        step_us = layout.HOUR_US // per_hour
        for start in range(0, per_hour, FRAME_ROWS * BATCH_FRAMES):
            parts: list[tuple[int, Frame]] = []
            for first in range(start, min(per_hour, start + FRAME_ROWS * BATCH_FRAMES), FRAME_ROWS):
                rows: list[PublishRow] = []
                for number in range(first, min(per_hour, first + FRAME_ROWS)):
                    seq = hour * layout.HOUR_US + number * step_us
                    device = (number * 7_919) % topics
                    topic = f"plant/{device % 50}/device-{device}/value"
                    if number % RARE_EVERY == 7:
                        topic = f"rare/{number % 3_000}"
                    rows.append(
                        (seq, seq // 1000, topic, f"device-{device}", "", "192.0.2.7:50123", 1,
                         False, None, payload, b"", 0, "success", -1)
                    )  # fmt: skip
                steps = [
                    (row[0], row[1] + 2, "reader", kind, 1, "success")
                    for row in rows[::10]
                    for kind in ("PUBLISH", "PUBACK")
                ]
                parts.append((hour * per_hour + first + len(rows), Frame(rows, [], steps)))
            file.take(parts)
        file.settle()
        file.close()
    return time.process_time() - begun_s


def ask(name: str, query: Callable[[int], object]) -> None:
    """Time a query ``ROUNDS`` times with other arguments and print the middle and the worst."""
    took_ms = []
    count: object = 0
    for turn in range(ROUNDS):
        begun_s = time.perf_counter()
        try:
            found = query(turn)
            count = len(found) if isinstance(found, tuple | list) else found
        except StorageError as error:
            count = str(error)
        took_ms.append((time.perf_counter() - begun_s) * 1000)
    say(f"{name:34} {statistics.median(took_ms):8.2f} {max(took_ms):8.2f}  {count}")


def ask_all(folder: Path, messages: int, hours: int, topics: int) -> None:
    """Every kind of query."""
    search = Search(folder)
    per_hour = messages // hours
    step_us = layout.HOUR_US // per_hour

    def listed(topic_filter: str, limit: int) -> Callable[[int], object]:
        def query(turn: int) -> object:
            from_ms = (FIRST_HOUR + turn * (hours - 2) // ROUNDS) * layout.HOUR_MS + 77_777
            return search.list_messages(MessageQuery(topic_filter, from_ms, limit)).messages

        return query

    def message_id(turn: int) -> str:
        hour = FIRST_HOUR + turn % hours
        return f"00{hour * layout.HOUR_US + (turn * 990 % per_hour // 10 * 10) * step_us:014X}"

    say(f"{'query':34} {'p50 ms':>8} {'max ms':>8}  found")
    device = topics // 2
    exact = f"plant/{device % 50}/device-{device}/value"
    for limit in (100, 200, 500, 1024):
        ask(f"one topic, {limit}", listed(exact, limit))
    for limit in (100, 1024):
        ask(f"wildcard over 1 of 50 topics, {limit}", listed(f"plant/{device % 50}/#", limit))
        ask(f"everything, {limit}", listed("#", limit))
        ask(f"many topics, rare messages, {limit}", listed("rare/+", limit))
        ask(f"no topic matches, {limit}", listed("plant/+/nothing", limit))
    ask("by id", lambda turn: int(search.get_message(message_id(turn)) is not None))
    ask("trace", lambda turn: search.get_trace(message_id(turn)))


def main() -> None:
    """Fill a folder, or take one that was filled, and ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--hours", type=int, default=10)
    parser.add_argument("--topics", type=int, default=2_000)
    parser.add_argument("--folder", type=Path, help="keep the files here, and use them again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not layout.hours(folder):
            cpu_s = fill(folder, given.messages, given.hours, given.topics)
            size_mb = sum(f.stat().st_size for f in folder.iterdir()) / 1e6
            each_us = cpu_s / given.messages * 1e6
            say(f"{given.messages} messages: {each_us:.2f} us CPU each, {size_mb:.0f} MB")
        ask_all(folder, given.messages, given.hours, given.topics)


if __name__ == "__main__":
    main()
