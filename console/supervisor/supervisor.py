"""The life of one installation: start in order, keep running, stop in the reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from console.environment import Environment
from console.supervisor import valkey
from console.supervisor.database import Database, DatabaseAway
from console.supervisor.first_start import Owner, run_first_start
from console.supervisor.health import Health, ask_health
from console.supervisor.home import Home
from console.supervisor.keeper import Keeper, Say
from console.supervisor.launcher import ProcessLauncher
from console.supervisor.leash import Leash
from console.supervisor.nodes import QUERY, DesiredNode, accept
from console.supervisor.plan import Plan
from console.supervisor.specification import ProcessSpecification, Stage
from console.supervisor.stamp import Stamp
from console.supervisor.status import write_status

LOOK_S = 1.0
"""Time between two looks at the desired nodes, and between two status files."""
VALKEY_LIMIT_S = 20.0
"""Loading a long append-only file takes a second for about 100 MB."""
WEB_LIMIT_S = 45.0
POLL_S = 0.1


class CannotStart(Exception):
    """The installation cannot come up; the message says why and what to do."""


class Supervisor:
    """Runs one installation from its start to its end."""

    def __init__(
        self, environment: Environment, *, plan: Plan, database: Database, leash: Leash, say: Say
    ) -> None:
        self._environment = environment
        self._home = Home(environment.home)
        self._plan = plan
        self._database = database
        self._leash = leash
        self._say = say
        launcher = ProcessLauncher(
            leash=leash, logs=self._home.logs, folder=plan.folder, on_end=self._ended
        )
        self._keeper = Keeper(launcher, say=say, clock=time.monotonic)
        self._base: tuple[ProcessSpecification, ...] = ()
        self._runtimes: tuple[ProcessSpecification, ...] = ()
        self._seen: tuple[DesiredNode, ...] = ()
        self._reported: tuple[str, ...] = ()
        self._woken = asyncio.Event()
        self._stop_asked = asyncio.Event()
        self._status_complaint = ""
        self._new_owner: Owner | None = None

    async def run(self) -> None:
        """Start everything, keep it running until a signal, stop everything.

        Raises: ``CannotStart``, ``ValkeyUnusable`` or ``FirstStartFailed``; nothing runs then.
        """
        with self._signals():
            keeping = asyncio.create_task(self._keep())
            living = asyncio.create_task(self._live())
            stopping = asyncio.create_task(self._stop_asked.wait())
            try:
                await asyncio.wait((keeping, living, stopping), return_when=asyncio.FIRST_COMPLETED)
                if stopping.done():
                    self._say("Stopping; a second Ctrl-C ends everything at once.")
                else:
                    await (living if living.done() else keeping)
            finally:
                await _cancel(living, stopping, keeping)
                self._tell_password()
                await self._stop()

    # Starting

    async def _live(self) -> None:
        """Start everything in order, then follow the desired nodes for ever."""
        await self._prepare()
        self._base += self._plan.console()
        self._want()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._announce())
            group.create_task(self._follow_nodes())

    async def _prepare(self) -> None:
        """Bring up the private Valkey and, at the same time, the database."""
        first_start = asyncio.create_task(self._first_start())
        try:
            if self._environment.redis_is_private:
                await self._start_valkey()
            await first_start
        finally:
            await _cancel(first_start)

    async def _first_start(self) -> None:
        """Prepare the database, unless it is as the last start left it."""
        stamp = Stamp(self._home.run / "first_start", code=self._plan.folder)
        if await asyncio.to_thread(stamp.holds, self._database):
            return
        self._new_owner = await run_first_start(
            folder=self._plan.folder,
            variables=self._plan.variables,
            leash=self._leash,
            log_path=self._home.logs / "first_start.log",
        )
        await asyncio.to_thread(stamp.set, self._database)

    async def _start_valkey(self) -> None:
        socket = Path(self._environment.redis_url.removeprefix("unix://"))
        valkey.prepare_socket_folder(socket)
        self._base = (self._plan.valkey(socket),)
        self._want()
        try:
            async with asyncio.timeout(VALKEY_LIMIT_S):
                await valkey.wait_until_ready(socket)
        except TimeoutError as problem:
            raise CannotStart(
                f"The private Valkey did not answer within {VALKEY_LIMIT_S:.0f} s.\n"
                f"  {self._home.logs / 'valkey.log'} says why; or set REDIS_URL to a server."
            ) from problem

    async def _announce(self) -> None:
        """Say where the console is, as soon as it is there."""
        address = f"{self._environment.public_url}/"
        health = await self._first_good_health()
        if health is None:
            self._say(f"The console does not answer yet. {self._home.logs / 'web.log'} says why.")
        elif not health.is_good:
            self._say(f"Signalbox is up, but not complete: {address} answers {health.words}")
        else:
            self._say(f"Signalbox is ready: {address}")
        self._tell_password()

    def _tell_password(self) -> None:
        """Show a generated password once, also where the start fails: it is kept nowhere."""
        owner, self._new_owner = self._new_owner, None
        if owner is not None and owner.password:
            self._say(f"  Sign in as {owner.username} with the password {owner.password}")
            self._say("  It was generated now and is shown this once. Ctrl-C stops Signalbox.")

    async def _first_good_health(self) -> Health | None:
        """Ask until all is well; after the time limit, return the last answer."""
        health: Health | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WEB_LIMIT_S):
                while health is None or not health.is_good:
                    await asyncio.sleep(POLL_S)
                    health = await asyncio.to_thread(ask_health, self._environment)
        return health

    # Running

    async def _keep(self) -> None:
        """Keep everything running, for ever."""
        while True:
            await self._turn()

    async def _turn(self) -> None:
        """Do what is due, write the status file, and wait until there is something to do again."""
        self._woken.clear()
        self._keeper.turn()
        self._write_status()
        with contextlib.suppress(TimeoutError):
            # Not wait_for: Python 3.11's may lose a cancellation that meets the event.
            async with asyncio.timeout(self._keeper.pause_s(LOOK_S)):
                await self._woken.wait()

    async def _follow_nodes(self) -> None:
        """Want the runtimes of the rows; while the database is away, those that were wanted."""
        while True:
            try:
                nodes, complaints = accept(await asyncio.to_thread(self._database.ask, QUERY))
            except DatabaseAway as problem:
                nodes, complaints = self._seen, (f"The database is away: {problem}",)
            if nodes != self._seen:
                try:
                    self._runtimes = tuple(map(self._plan.runtime, nodes))
                except OSError as problem:  # a full disk: tried again at the next look
                    complaints += (f"A runtime's folder cannot be made: {problem}",)
                else:
                    self._seen = nodes
                    self._want()
            self._report(complaints)
            await asyncio.sleep(LOOK_S)

    def _report(self, complaints: tuple[str, ...]) -> None:
        """Show each complaint once, for as long as it lasts."""
        for complaint in complaints:
            if complaint not in self._reported:
                self._say(complaint)
        self._reported = complaints

    def _want(self) -> None:
        self._keeper.want((*self._base, *self._runtimes))
        self._woken.set()

    def _ended(self, name: str, status: int) -> None:
        self._keeper.ended(name, status)
        self._woken.set()

    def _write_status(self) -> None:
        now_s = time.monotonic()
        try:
            write_status(
                self._home.run / "supervisor.json",
                self._keeper.roster.members,
                now_s=now_s,
                clock_offset_ms=round((time.time() - now_s) * 1000),
            )
        except OSError as problem:  # a full disk must not end what serves clients
            complaint = f"The status file cannot be written: {problem.strerror}"
            if complaint != self._status_complaint:
                self._say(complaint)
            self._status_complaint = complaint
        else:
            self._status_complaint = ""

    # Stopping

    async def _stop(self) -> None:
        """Stop stage by stage, the last started first; each stage waits for the one before it."""
        for stage in reversed(Stage):
            self._keeper.close(stage)
            while not self._keeper.is_clear_of(stage):
                await self._turn()
        self._write_status()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Listen to the signals that mean "stop"."""
        loop = asyncio.get_running_loop()
        # A process started by nohup ignores the end of its terminal, and shall go on doing so.
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signals = (signal.SIGINT, signal.SIGTERM, *(() if ignored else (signal.SIGHUP,)))
        for signum in signals:
            loop.add_signal_handler(signum, self._signalled)
        try:
            yield
        finally:
            for signum in signals:
                loop.remove_signal_handler(signum)

    def _signalled(self) -> None:
        """Stop in order; when asked a second time, end everything at once."""
        if self._stop_asked.is_set():
            self._keeper.kill_all()
        self._stop_asked.set()
        self._woken.set()


async def _cancel(*tasks: asyncio.Task[object]) -> None:
    """Cancel tasks and wait for their end, whatever it is: it was asked for already."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
