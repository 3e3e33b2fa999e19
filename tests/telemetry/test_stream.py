"""The stream against a real WebSocket server: first words, resumption, back-off, patience."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import WSMsgType, web

from broker_runtime.contract.reports import (
    ClientEvents,
    Hello,
    MetricsReport,
    Report,
    Taken,
    TopicsCreated,
)
from broker_runtime.telemetry import stream as stream_module
from broker_runtime.telemetry.outbox import Outbox
from broker_runtime.telemetry.stream import Backoff, Destination, TelemetryStream
from tests.control.fakes import free_port
from tests.telemetry.test_outbox import event

TOKEN = "telemetry-token"


class Console:
    """Takes reports; can be told to stop taking, to break off, and to be away."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reports: asyncio.Queue[Report] = asyncio.Queue()
        self.headers: list[dict[str, str]] = []
        self.break_after: int | None = None
        self.takes = True
        self.says: list[str] = []
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        application = web.Application()
        application.router.add_get("/internal/telemetry/", self._serve)
        self._runner = web.AppRunner(application, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def next(self, kind: type[Report]) -> Report:
        """The next report of this kind; others are passed over."""
        async with asyncio.timeout(10):
            while True:
                report = await self.reports.get()
                if isinstance(report, kind):
                    return report

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise web.HTTPForbidden
        self.headers.append(dict(request.headers))
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        for text in self.says:
            await socket.send_str(text)
            await socket.ping(b"are you there")
        seen = 0
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.reports.put_nowait(msgspec.json.decode(message.data, type=Report))
                seen += 1
                if self.break_after is not None and seen > self.break_after:
                    self.break_after = None
                    assert request.transport is not None
                    request.transport.abort()
                elif self.takes:
                    await socket.send_str(msgspec.json.encode(Taken(count=seen)).decode())
            elif message.type is WSMsgType.PING:
                await socket.pong(message.data)
        return socket


class Rig:
    """A stream with an outbox, a console, and a record of the waits between attempts."""

    def __init__(self, console: Console, token: str = TOKEN) -> None:
        self.console = console
        self.outbox = Outbox()
        self.waits_s: list[float] = []
        self.waited = asyncio.Event()
        self.stream = TelemetryStream(
            Destination(f"ws://127.0.0.1:{console.port}/internal/telemetry/", token),
            self.outbox,
            hello=lambda: Hello(
                cluster_id="c", node_id="c-n0", revision=3, started_ms=1, version="1"
            ),
            metrics=lambda: MetricsReport(
                at_ms=1, started_ms=1, revision=3, gauges={"connections": 0}, counters={}
            ),
            random=lambda: 1.0,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        """A hundredth of the time, so that seconds pass quickly."""
        if seconds not in (stream_module.FLUSH_S, stream_module.METRICS_S):
            self.waits_s.append(seconds)
            if len(self.waits_s) >= 3:
                self.waited.set()
        await asyncio.sleep(seconds / 100)


@asynccontextmanager
async def running(rig: Rig):
    rig.stream.start()
    try:
        yield rig
    finally:
        await rig.stream.stop(0.1)
        await rig.console.close()


@pytest.fixture
def console():
    return Console(free_port())


async def test_hello_comes_first_then_metrics_with_token_and_version(console):
    await console.open()
    async with running(Rig(console)):
        first = await asyncio.wait_for(console.reports.get(), 10)
        report = await console.next(MetricsReport)

    assert isinstance(first, Hello)
    assert first.revision == 3
    assert report.gauges == {"connections": 0}
    assert console.headers[0]["Signalbox-Contract"] == "1"
    assert console.headers[0]["Signalbox-Node"] == "c-n0"


async def test_events_and_topics_arrive(console):
    await console.open()
    async with running(Rig(console)) as rig:
        await console.next(Hello)
        rig.outbox.add_event(event(1))
        rig.outbox.add_topics(["plant"])

        topics = await console.next(TopicsCreated)
        events = await console.next(ClientEvents)

    assert topics.names == ("plant",)
    assert events.events == (event(1),)


async def test_a_console_that_comes_later_gets_what_waited(console):
    rig = Rig(console)
    rig.outbox.add_topics(["plant"])
    async with running(rig):
        await asyncio.wait_for(rig.waited.wait(), 10)
        await console.open()

        assert isinstance(await asyncio.wait_for(console.reports.get(), 10), Hello)
        assert (await console.next(TopicsCreated)).names == ("plant",)


async def test_topics_whose_connection_broke_before_they_were_taken_come_again(console):
    console.break_after = 1
    rig = Rig(console)
    rig.outbox.add_topics(["plant"])
    await console.open()
    async with running(rig):
        first = await console.next(TopicsCreated)
        hello = await console.next(Hello)
        again = await console.next(TopicsCreated)

    assert first == again
    assert hello.node_id == "c-n0"
    assert rig.outbox.untaken_topics == ()


async def test_a_console_that_takes_nothing_is_given_up_and_called_again(console, monkeypatch):
    monkeypatch.setattr(stream_module, "TAKEN_TIMEOUT_S", 0.05)
    console.takes = False
    await console.open()
    async with running(Rig(console)):
        await console.next(Hello)
        await console.next(Hello)


async def test_what_the_console_says_is_ignored_and_its_pings_are_answered(console):
    console.says = ["format the disk", '{"type":"hello"}', '{"type":"taken","count":"all"}']
    await console.open()
    async with running(Rig(console)):
        await console.next(MetricsReport)
        await console.next(MetricsReport)

    assert len(console.headers) == 1


async def test_a_wrong_token_is_logged_once_without_the_token(console, caplog):
    await console.open()
    rig = Rig(console, token="wrong-token-of-mine")
    async with running(rig):
        await asyncio.wait_for(rig.waited.wait(), 10)

    assert caplog.text.count("telemetry_away") == 1
    assert "403" in caplog.text
    assert "wrong-token-of-mine" not in caplog.text


async def test_what_is_left_is_sent_before_the_end(console):
    await console.open()
    rig = Rig(console)
    async with running(rig):
        await console.next(MetricsReport)
        rig.outbox.add_event(event(9))
        await rig.stream.stop(5.0)

        assert (await console.next(ClientEvents)).events == (event(9),)


async def test_a_console_that_is_away_does_not_hold_up_the_end(console):
    rig = Rig(console)
    rig.stream.start()
    await asyncio.wait_for(rig.waited.wait(), 10)

    async with asyncio.timeout(1):
        await rig.stream.stop(5.0)


def test_attempts_grow_apart_up_to_fifteen_seconds():
    backoff = Backoff(lambda: 1.0)

    delays_s = [backoff.next_s() for _ in range(9)]
    backoff.reset()

    assert delays_s == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 15.0, 15.0])
    assert backoff.next_s() == pytest.approx(0.2)


def test_attempts_of_many_nodes_are_spread_over_half_the_delay():
    assert Backoff(lambda: 0.0).next_s() == pytest.approx(0.1)
    assert Backoff(lambda: 0.5).next_s() == pytest.approx(0.15)
