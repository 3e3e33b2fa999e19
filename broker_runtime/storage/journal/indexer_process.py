"""The broker's side of the indexer process: starts it, hears its progress, starts it again."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path

import broker_runtime

logger = logging.getLogger(__name__)

MODULE = "broker_runtime.storage.journal.indexer"
FIRST_DELAY_S = 0.2
MAX_DELAY_S = 30.0
STEADY_S = 60.0
"""An indexer that lived this long is started again without delay."""
STOP_S = 5.0


class IndexerProcess:
    """Keeps one indexer alive between ``start`` and ``stop``.

    Args:
        heard: called on the loop with what the indexer says, a word and a figure.
    """

    def __init__(self, folder: Path, heard: Callable[[str, int], None]) -> None:
        self.pid: int | None = None
        self._folder = folder
        self._heard = heard
        self._retention_s: int | None = None
        self._max_bytes: int | None = None
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the process and watch over it."""
        self._keeper = asyncio.get_running_loop().create_task(self._keep_alive())

    async def stop(self) -> None:
        """Cut its lifeline and wait; kill it when it does not end."""
        self._stopping.set()
        self._hang_up()
        if self._keeper is None:
            return
        done, _ = await asyncio.wait([self._keeper], timeout=STOP_S)
        if not done:
            logger.warning("indexer does not end, killing it pid=%s", self.pid)
            if self._process is not None:
                self._process.kill()
            await self._keeper

    def look(self) -> None:
        """Tell it that there is something new; says nothing when it has not heard the last yet."""
        self._say("look\n")

    def retain(self, retention_s: int) -> None:
        """Tell it, and every successor, how long to keep things."""
        self._retention_s = retention_s
        self._say(f"retain {retention_s}\n", must=True)

    def bound(self, max_bytes: int) -> None:
        """Tell it, and every successor, what all files may take."""
        self._max_bytes = max_bytes
        self._say(f"bound {max_bytes}\n", must=True)

    def _say(self, line: str, *, must: bool = False) -> None:
        pipe = self._process.stdin if self._process is not None else None
        if pipe is None or pipe.is_closing():
            return
        if must or not pipe.transport.get_write_buffer_size():
            pipe.write(line.encode())

    def _hang_up(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def _keep_alive(self) -> None:
        loop = asyncio.get_running_loop()
        delay_s = FIRST_DELAY_S
        while not self._stopping.is_set():
            started_s = loop.time()
            try:
                code = await self._live()
            except OSError as error:
                logger.error("indexer cannot be started error=%s", error)
                code = None
            if self._stopping.is_set():
                return
            if loop.time() - started_s > STEADY_S:
                delay_s = FIRST_DELAY_S
            logger.error("indexer ended, starting another code=%s delay_s=%.1f", code, delay_s)
            await self._pause(delay_s)
            delay_s = min(delay_s * 2, MAX_DELAY_S)

    async def _live(self) -> int | None:
        """One life of the process; its exit code."""
        root = str(Path(broker_runtime.__file__).parents[1])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", MODULE, str(self._folder),
            stdin=PIPE, stdout=PIPE, env=os.environ | {"PYTHONPATH": path},
        )  # fmt: skip
        self._process, self.pid = process, process.pid
        if self._stopping.is_set():
            self._hang_up()
        else:
            if self._retention_s is not None:
                self.retain(self._retention_s)
            if self._max_bytes is not None:
                self.bound(self._max_bytes)
        assert process.stdout is not None, "asked for with PIPE"
        try:
            async for line in process.stdout:
                verb, _, figure = line.decode("ascii", "replace").strip().partition(" ")
                if figure.isdigit():
                    self._heard(verb, int(figure))
            return await process.wait()
        finally:
            self._hang_up()
            self._process, self.pid = None, None

    async def _pause(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._stopping.wait()
        except TimeoutError:
            return
