"""The programs mosquitto_sub and mosquitto_pub."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from tests.clients.device import DEADLINE_S, SESSION_EXPIRY_S, Call, Got, Inbox, UserProperties

FORMAT = "GOT %q %r %x %t %P"
STARTED: list[asyncio.subprocess.Process] = []
"""Every ``mosquitto_sub`` of this test; one that fails has not ended its own."""


def kill_the_rest() -> None:
    """End what a test left running."""
    while STARTED:
        process = STARTED.pop()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)


class MosquittoDevice:
    """``mosquitto_sub`` while it is connected; every publish is a ``mosquitto_pub`` of its own."""

    def __init__(self, call: Call) -> None:
        self.inbox = Inbox()
        self._common = ["-h", "127.0.0.1", "-p", str(call.port)]
        self._common += ["-V", "5" if call.version == 5 else "mqttv311"]
        self._process: asyncio.subprocess.Process | None = None
        self._subscribed = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    async def start(self, call: Call) -> None:
        """Start ``mosquitto_sub`` when there is something to subscribe to."""
        if not call.subscribe:
            return
        options = ["-d", "-q", "2", "-t", call.subscribe, "-F", FORMAT]
        if call.session:
            options += ["-c", "-i", call.session]
            if call.version == 5:
                options += ["-x", str(SESSION_EXPIRY_S)]
        if call.will is not None:
            options += ["--will-topic", call.will[0], "--will-payload", call.will[1].decode()]
        # Into a pipe its debug lines would come only when a buffer is full.
        command = ["stdbuf", "--output=L", "mosquitto_sub", *self._common, *options]
        self._process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE
        )
        STARTED.append(self._process)
        self._reader = asyncio.create_task(self._read())
        await asyncio.wait_for(self._subscribed.wait(), DEADLINE_S)

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
        user_properties: UserProperties = (),
    ) -> None:
        """``mosquitto_pub``, to its end."""
        options = ["-t", topic, "-m", payload.decode(), "-q", str(qos)]
        if retain:
            options.append("-r")
        for name, value in user_properties:
            options += ["-D", "publish", "user-property", name, value]
        process = await asyncio.create_subprocess_exec("mosquitto_pub", *self._common, *options)
        assert await asyncio.wait_for(process.wait(), DEADLINE_S) == 0, "mosquitto_pub failed"

    async def close(self) -> None:
        """End ``mosquitto_sub`` as Ctrl-C does: it says DISCONNECT."""
        await self._end(signal.SIGINT)

    async def vanish(self) -> None:
        """``kill -9``."""
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._reader is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(how)
            await asyncio.wait_for(self._process.wait(), DEADLINE_S)
            await self._reader

    async def _read(self) -> None:
        assert self._process is not None, "it was started"
        assert self._process.stdout is not None, "it has a pipe"
        async for raw in self._process.stdout:
            line = raw.decode().rstrip("\n")
            if line.startswith("Subscribed"):
                self._subscribed.set()
            elif line.startswith("GOT "):
                _, qos, retain, payload, topic, *properties = line.split(" ")
                told = (tuple(p.split(":", 1)) for p in properties if p)
                self.inbox.messages.put_nowait(
                    Got(
                        topic,
                        bytes.fromhex(payload),
                        int(qos),
                        retain == "1",
                        tuple((name, value) for name, value in told),
                    )
                )


class Mosquitto:
    """mosquitto_sub and mosquitto_pub."""

    name = "mosquitto"

    async def open(self, call: Call) -> MosquittoDevice:
        """Connect."""
        device = MosquittoDevice(call)
        await device.start(call)
        return device
