"""The console's end of the telemetry stream, in a thread, for tests of real nodes."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec
from aiohttp import WSMsgType, web

from broker_runtime.contract.reports import Report, Taken

DEADLINE_S = 20.0
R = TypeVar("R")


class Console:
    """Takes the reports of nodes that show the token; may be opened again after it was closed."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self._token = token
        self._reports: queue.Queue[Report] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def open(self) -> None:
        """Listen."""
        opened = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(opened)))
        self._thread.start()
        assert opened.wait(DEADLINE_S)

    def close(self) -> None:
        """Stop listening and end every connection; no matter if it is closed already."""
        if self._thread is not None:
            assert self._loop is not None
            assert self._stop is not None
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(DEADLINE_S)
            self._thread = None

    def next(self, kind: type[R], wanted: Callable[[R], bool] = lambda _: True) -> R:
        """The next report of this kind that is wanted; others are passed over."""
        end = time.monotonic() + DEADLINE_S
        while True:
            report = self._reports.get(timeout=max(0.01, end - time.monotonic()))
            if isinstance(report, kind) and wanted(report):
                return report

    async def _serve(self, opened: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application()
        application.router.add_get("/internal/telemetry/", self._take)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True).start()
        opened.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            raise web.HTTPForbidden
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        count = 0
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self._reports.put(msgspec.json.decode(message.data, type=Report))
                count += 1
                await socket.send_str(msgspec.json.encode(Taken(count=count)).decode())
        return socket
