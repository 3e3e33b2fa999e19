"""Rounds of ``kill -9`` under load, all decided by one seed: who publishes what, who comes and
goes, which subscriptions change, when the node dies.

The clients and the data folder live through all rounds of a run; what the ledger knows grows with
them. Only what depends on the speed of the machine differs between two runs of a seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from tests.kill.ledger import Ledger, Subscribed
from tests.kill.mqtt_client import Client

REPOSITORY = Path(__file__).parents[2]
START_S = 60.0
DRAIN_S = 60.0
QUIET_S = 0.3
WINDOW = 12
TOPICS = 2
CHANGING = ("c/0", "c/1")


class NodeUnderTest:
    """The node that is killed, again and again, on one folder and one port."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.log = folder / "node.log"
        self._options = ["--data", str(folder / "data"), "--listen", f"127.0.0.1:{port}"]
        self._options += ["--allow-anonymous", "--log-level", "warning"]
        self._launcher: asyncio.subprocess.Process | None = None
        self._process_id = 0

    async def open(self) -> None:
        """Start the launcher."""
        with self.log.open("ab") as log:
            self._launcher = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.kill.node_launcher"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            )

    async def launch(self) -> None:
        """Start the node; it may not listen yet."""
        assert self._launcher is not None
        assert self._launcher.stdin is not None
        self._launcher.stdin.write(json.dumps(self._options).encode() + b"\n")
        self._process_id = int(await self._line())

    async def listening(self) -> None:
        """Return when it takes connections."""
        end = time.monotonic() + START_S
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                assert time.monotonic() < end, f"the node does not listen: {self.tail()}"
                assert self._is_running(), f"the node ended by itself: {self.tail()}"
                await asyncio.sleep(0.01)
            else:
                writer.close()
                await writer.wait_closed()
                return

    def _is_running(self) -> bool:
        try:
            os.kill(self._process_id, 0)
        except ProcessLookupError:
            return False
        return True

    async def end(self, number: int = signal.SIGKILL) -> int:
        """Send a signal and wait for the end; the wait status. 0 when it has ended before."""
        process_id, self._process_id = self._process_id, 0
        if not process_id:
            return 0
        with contextlib.suppress(ProcessLookupError):
            os.kill(process_id, number)
        return int(await self._line())

    async def close(self) -> None:
        """End the launcher; the node must have ended."""
        if self._launcher is not None:
            assert self._launcher.stdin is not None
            self._launcher.stdin.close()
            await self._launcher.wait()

    def tail(self) -> str:
        """The last lines of the log."""
        return self.log.read_text(errors="replace")[-2_000:]

    async def _line(self) -> bytes:
        assert self._launcher is not None
        assert self._launcher.stdout is not None
        async with asyncio.timeout(START_S):
            return await self._launcher.stdout.readline()


class Publisher:
    """Publishes to topics of its own with a window, and never forgets what is unacknowledged."""

    def __init__(self, run: KillRun, name: str, qos: int, *, clean: bool) -> None:
        self._run = run
        self.qos = qos
        self.client = Client(name, lambda *_: None, clean=clean)
        self.has_session = False
        self.topics = [f"{kind}/{name}/{n}" for kind in "ts" for n in range(TOPICS)]
        self.retained = [f"r/{name}/{n}" for n in range(TOPICS)]
        self.changing = [f"{topic}/{name}" for topic in CHANGING]

    async def connect(self) -> None:
        await self.client.connect(self._run.node.port)
        if not self.client.clean:
            if self.has_session and not self.client.session_present:
                self._run.ledger.faults.append(f"{self.client.client_id}: the session is gone")
            self.has_session = True

    async def work(self, chance: random.Random) -> None:
        """Publish until the connection ends."""
        ledger, client = self._run.ledger, self.client
        while client.is_connected:
            if len(client.unacknowledged) >= WINDOW:
                await asyncio.sleep(0.002)
                continue
            for _ in range(chance.randint(1, 4)):
                kind = chance.choice((self.topics, self.topics, self.retained, self.changing))
                topic = chance.choice(kind)
                retain = kind is self.retained
                deletes = retain and chance.random() < 0.2
                sent = ledger.sending(topic, self.qos, is_deletion=deletes)
                payload = b"" if deletes else b"%d" % sent.number
                client.publish(
                    topic,
                    payload,
                    self.qos,
                    retain=retain,
                    done=partial(ledger.acknowledged, sent),
                )
            await asyncio.sleep(chance.random() * 0.01)


class Subscriber:
    """A durable client with one lasting filter and some that change; or a member of the group."""

    def __init__(self, run: KillRun, name: str, qos: int, *, group: str = "") -> None:
        self._run = run
        self.name = name
        self._qos = qos
        self.client = Client(name, self._received, clean=False)
        self._receiver = group or name
        self._has_session = False
        self._lasting = f"$share/{group}/s/#" if group else "t/#"
        ledger, publishers = run.ledger, run.publishers
        kind = "s/" if group else "t/"
        topics = [t for p in publishers for t in p.topics if t.startswith(kind)]
        self._entries: dict[str, Subscribed] = {}
        known = ledger.subscribed.get((self._receiver, self._lasting))
        self._entries[self._lasting] = known or ledger.subscription(
            self._receiver, self._lasting, qos, topics
        )
        if not group:
            for topic in CHANGING:
                topics = [t for p in publishers for t in p.changing if t.startswith(topic)]
                entry = ledger.subscription(name, f"{topic}/#", qos, topics)
                self._entries[f"{topic}/#"] = entry
                ledger.is_unsubscribed(entry)
        self._wanted: dict[str, bool] = {self._lasting: True}
        self._confirmed: dict[str, bool] = {}

    def _received(self, topic: str, payload: bytes, qos: int, dup: bool) -> None:
        self._run.ledger.got(self._receiver, self.name, topic, payload)

    async def connect(self) -> None:
        await self.client.connect(self._run.node.port)
        if self._has_session and not self.client.session_present:
            self._run.ledger.faults.append(f"{self.name}: the session is gone")
        self._has_session = True
        for topic_filter, wanted in self._wanted.items():
            if self._confirmed.get(topic_filter) is not wanted:
                await self._change(topic_filter)

    async def _change(self, topic_filter: str) -> None:
        ledger, entry = self._run.ledger, self._entries[topic_filter]
        wanted = self._wanted[topic_filter]
        self._confirmed.pop(topic_filter, None)
        if wanted:
            ledger.subscribing(entry)
            await self.client.subscribe(topic_filter, self._qos)
            ledger.is_subscribed(entry)
        else:
            ledger.unsubscribing(entry)
            await self.client.unsubscribe(topic_filter)
            ledger.is_unsubscribed(entry)
        self._confirmed[topic_filter] = wanted

    async def work(self, chance: random.Random) -> None:
        """Come and go, and change subscriptions, until the node is gone."""
        while True:
            await asyncio.sleep(chance.random() * 0.2)
            if len(self._entries) > 1 and chance.random() < 0.6:
                topic_filter = f"{chance.choice(CHANGING)}/#"
                self._wanted[topic_filter] = not self._wanted.get(topic_filter, False)
                await self._change(topic_filter)
            else:
                await self.client.leave(politely=chance.random() < 0.5)
                await asyncio.sleep(chance.random() * 0.1)
                await self.connect()


class KillRun:
    """All rounds of one seed."""

    def __init__(self, seed: int, folder: Path, port: int) -> None:
        self.chance = random.Random(seed)
        self.ledger = Ledger()
        self.node = NodeUnderTest(folder, port)
        self.publishers = [
            Publisher(self, "p1", 1, clean=True),
            Publisher(self, "p2", 1, clean=False),
            Publisher(self, "p3", 2, clean=False),
            Publisher(self, "p4", 2, clean=False),
        ]
        self.subscribers = [
            Subscriber(self, "one", 1),
            Subscriber(self, "two", 2),
            Subscriber(self, "three", 2),
            *(Subscriber(self, f"member-{n}", 2, group="g") for n in range(3)),
        ]

    async def run(self, rounds: int) -> None:
        """Kill and start again so many times; then let everything arrive, and judge."""
        await self.node.open()
        try:
            for number in range(rounds):
                await self._round(number)
            await self.node.launch()
            await self.node.listening()
            await self._drain()
            await self._everyone(lambda c: c.leave(politely=True))
            status = await self.node.end(signal.SIGTERM)
            assert status == 0, f"it did not end gracefully: {status} {self.node.tail()}"
        finally:
            await self.node.end()
            await self.node.close()

    async def _round(self, number: int) -> None:
        chance = self.chance
        await self.node.launch()
        if chance.random() < 0.15:  # killed while it starts
            await asyncio.sleep(chance.random() * 0.4)
            await self.node.end()
            return
        await self.node.listening()
        if chance.random() < 0.2:
            await self._drain()
            await self._everyone(lambda c: c.leave(politely=False))
        workers = [
            asyncio.ensure_future(self._live(person, random.Random(chance.random())))
            for person in self._people()
            if chance.random() < 0.85
        ]
        await asyncio.sleep(0.05 + chance.random() * 0.7)
        await self.node.end()
        await asyncio.gather(*workers)
        await self._everyone(lambda c: c.leave(politely=False))
        self._judge(f"round {number}", self.ledger.faults)

    def _people(self) -> list[Publisher | Subscriber]:
        return [*self.publishers, *self.subscribers]

    async def _live(self, person: Publisher | Subscriber, chance: random.Random) -> None:
        try:
            await asyncio.sleep(chance.random() * 0.05)
            await person.connect()
            await person.work(chance)
        except TimeoutError:
            self.ledger.faults.append(f"{person.client.client_id}: the node did not answer")
        except OSError:
            pass  # it was killed

    async def _everyone(self, act: Callable[[Client], Awaitable[None]]) -> None:
        await asyncio.gather(*(act(person.client) for person in self._people()))

    async def _drain(self) -> None:
        """Everybody comes and stays until all is acknowledged and received; then judge."""
        for person in self._people():
            await person.connect()
        ledger, end = self.ledger, time.monotonic() + DRAIN_S
        quiet_since, seen = time.monotonic(), ledger.now
        while True:
            await asyncio.sleep(0.02)
            if ledger.now != seen:
                quiet_since, seen = time.monotonic(), ledger.now
            if time.monotonic() - quiet_since >= QUIET_S:
                unfinished = [p for p in self.publishers if p.client.unacknowledged]
                if (not unfinished and not ledger.missing()) or time.monotonic() > end:
                    break
        for publisher in self.publishers:
            if publisher.client.unacknowledged:
                ledger.faults.append(f"{publisher.client.client_id}: never acknowledged")
        standing = await self._retained()
        topics = [topic for p in self.publishers for topic in p.retained]
        wrong = ledger.wrong_retained(standing, topics)
        self._judge("drained", ledger.faults + ledger.missing() + ledger.unwanted() + wrong)

    async def _retained(self) -> dict[str, int]:
        standing: dict[str, int] = {}
        reader = Client(
            "", lambda topic, payload, *_: standing.update({topic: int(payload)}), clean=True
        )
        await reader.connect(self.node.port)
        await reader.subscribe("r/#", 1)
        await reader.subscribe("fence", 1)
        fence = asyncio.Event()
        reader.publish("fence/x", b"", 1, retain=False, done=fence.set)
        async with asyncio.timeout(DRAIN_S):
            await fence.wait()
        await reader.leave(politely=True)
        return standing

    def _judge(self, when: str, faults: list[str]) -> None:
        assert not faults, (
            f"{when}: {len(faults)} faults\n" + "\n".join(faults[:20]) + (f"\n{self.node.tail()}")
        )
