"""One node: store, journal, broker, listeners, control API and telemetry, composed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from dataclasses import dataclass
from pathlib import Path

from broker_runtime import __version__, build, snapshots
from broker_runtime.broker.broker import Broker
from broker_runtime.broker.clock import Clock, SystemClock
from broker_runtime.broker.errors import Refused
from broker_runtime.broker.links.draining import Farewell
from broker_runtime.certificate_files import control_context
from broker_runtime.codec.reasons import ReasonCode
from broker_runtime.config.option import OptionError
from broker_runtime.config.options import Options
from broker_runtime.contract.commands import Drain, Drained, SnapshotTaken, TakeSnapshot
from broker_runtime.contract.configuration import (
    ConfigurationApplied,
    Sections,
)
from broker_runtime.contract.queries import NodeState
from broker_runtime.contract.reports import Applied, Hello, MetricsReport
from broker_runtime.control.api import ControlApi
from broker_runtime.control.configuration_file import ConfigurationFile
from broker_runtime.control.configuration_keeper import ConfigurationKeeper
from broker_runtime.control.dispatch import Dispatch
from broker_runtime.data_folder import DataFolder, FolderUnusable
from broker_runtime.endings import on_told_to_stop
from broker_runtime.exits import CannotStart, ExitCode
from broker_runtime.listeners.listeners import Listeners
from broker_runtime.measuring import Measuring
from broker_runtime.standalone import FILE_ERRORS, OptionsDecide, Standalone
from broker_runtime.storage.base import DurableStore, Journal, StorageError, StoreHealth
from broker_runtime.storage.journal.segment_journal import SegmentJournal
from broker_runtime.storage.local.store import LocalStore
from broker_runtime.storage.memory import MemoryStore
from broker_runtime.storage.memory_journal import MemoryJournal
from broker_runtime.telemetry.created_topics import CreatedTopicsFile
from broker_runtime.telemetry.outbox import Outbox
from broker_runtime.telemetry.stream import Destination, TelemetryStream

logger = logging.getLogger(__name__)

DRAIN_MS = 2_500
"""Clients have this long to take what is on its way to them (SECURITY F7)."""
LAST_REPORTS_S = 0.5
WATCH_S = 1.0
"""How often the health of the store is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What the files named by the options hold."""

    control_token: str = ""
    telemetry_token: str = ""


class Node:
    """A node from start to end: ``await Node(…).run()``, once, within its event loop."""

    def __init__(self, options: Options, secrets: Secrets) -> None:
        self._options = options
        self._secrets = secrets
        self._clock: Clock = SystemClock()
        self._started_ms = self._now_ms()
        self._stop = asyncio.Event()
        self._exit_code = ExitCode.STOPPED
        self._standalone_obstacle = "starting"
        self._reloading: asyncio.Task[None] | None = None
        """Held here, because the loop holds tasks by weak references alone."""
        self._store, self._journal = _storage(options)
        self._broker = Broker(
            cluster_id=options.cluster_id,
            node_id=options.node_id,
            store=self._store,
            journal=self._journal,
            clock=self._clock,
            settings=options.broker,
        )
        self._listeners = Listeners(self._broker)
        self._standalone = Standalone(options, self._configure)
        folder = options.data or Path()
        self._created_topics = CreatedTopicsFile(folder)
        self._keeper = ConfigurationKeeper(
            cluster_id=options.cluster_id,
            file=ConfigurationFile(folder),
            configure=self._configure,
            clock_ms=self._now_ms,
            on_applied=self._report_applied,
        )
        self._outbox = Outbox()
        self._measuring = Measuring(
            {"cluster": options.cluster_id, "node": options.node_id},
            broker=self._broker,
            listeners=self._listeners,
            journal=self._journal,
            outbox=self._outbox,
        )
        self._telemetry = self._new_telemetry() if options.telemetry else None
        self._api = self._new_api() if options.control else None
        if self._telemetry is not None:
            self._broker.on_client_event = self._outbox.add_event
            self._broker.on_topics_created = self._outbox.add_topics

    async def run(self) -> ExitCode:
        """Serve until told to stop by a signal, the end of the lifeline or a store that failed.

        Raises:
            CannotStart: something it needs is missing or taken; nothing is left open.
        """
        async with contextlib.AsyncExitStack() as stack:
            await self._open_storage(stack)
            stack.push_async_callback(self._end)
            await self._broker.start()
            reload = self._reload if self._options.is_standalone else None
            on_told_to_stop(self.stop, lifeline=self._options.lifeline, reload=reload)
            await self._serve()
            watch = asyncio.create_task(self._watch(), name="node-watch")
            # Waited for directly: under overload each step of the loop delays the drain (F7).
            await self._stop.wait()
            watch.cancel()
        logger.info("node_stopped node=%s exit_code=%s", self._options.node_id, self._exit_code)
        return self._exit_code

    def stop(self, reason: str) -> None:
        """Begin the graceful end; may be called more than once."""
        if not self._stop.is_set():
            logger.info("node_stopping node=%s reason=%s", self._options.node_id, reason)
            self._stop.set()

    def obstacle(self) -> str:
        """Why clients are not served as configured; empty when they are."""
        if self._stop.is_set():
            return "stopping"
        standalone_form = self._options.is_standalone
        held = self._standalone_obstacle if standalone_form else self._keeper.obstacle
        if held:
            return held
        is_ready, reason = self._broker.ready()
        if not is_ready:
            return reason
        problems = [f"{address}: {why}" for address, why in self._listeners.problems().items()]
        return "; ".join(problems) or self._health()

    def state(self) -> NodeState:
        """What the node says of itself."""
        reason = self.obstacle()
        return NodeState(
            cluster_id=self._options.cluster_id,
            node_id=self._options.node_id,
            revision=self._keeper.revision,
            ready=not reason,
            reason=reason,
            started_ms=self._started_ms,
            connections=self._broker.gauges()["connections"],
            listeners=self._listeners.addresses(),
        )

    # ── Start and end ────────────────────────────────────────────────────────────────────────────

    async def _open_storage(self, stack: contextlib.AsyncExitStack) -> None:
        if self._options.data is not None:
            folder = DataFolder(self._options.data)
            try:
                folder.acquire()
            except FolderUnusable as error:
                raise CannotStart(ExitCode.DATA, str(error)) from None
            stack.callback(folder.release)
        try:
            await self._store.open()
            stack.push_async_callback(self._close_store)
            await self._journal.open()
            stack.push_async_callback(self._journal.close)
        except (StorageError, OSError) as error:
            raise CannotStart(ExitCode.DATA, f"--data {self._options.data}: {error}") from error

    async def _close_store(self) -> None:
        try:
            await self._store.close()
        except StorageError as error:
            logger.error("store_not_closed node=%s reason=%s", self._options.node_id, error)
            self._exit_code = ExitCode.STORE

    async def _serve(self) -> None:
        control = self._options.control
        if self._api is not None and control is not None:
            try:
                tls = await asyncio.to_thread(control_context, self._options)
                await self._api.start(control.host, control.port, tls)
            except OptionError as error:
                raise CannotStart(ExitCode.OPTIONS, str(error)) from None
            except OSError as error:
                reason = os.strerror(error.errno) if error.errno else str(error)
                raise CannotStart(ExitCode.ADDRESS, f"--control {control}: {reason}") from None
        if self._options.is_standalone:
            await self._configure_standalone()
        else:
            await self._keeper.resume()
        if self._telemetry is not None:
            self._outbox.add_topics(await asyncio.to_thread(self._created_topics.load))
            self._telemetry.start()
        logger.info(
            "node_started node=%s cluster=%s version=%s build=%s revision=%s listeners=%s ready=%s",
            self._options.node_id,
            self._options.cluster_id,
            __version__,
            build(),
            self._keeper.revision,
            ",".join(self._listeners.addresses()) or "none",
            self.obstacle() or "yes",
        )

    async def _configure_standalone(self) -> None:
        """Put the options in force; nobody will come and correct them, so a taken port ends it."""
        try:
            await self._standalone.start()
        except FILE_ERRORS as error:
            raise CannotStart(ExitCode.OPTIONS, str(error)) from None
        for address, why in self._listeners.problems().items():
            raise CannotStart(ExitCode.ADDRESS, f"--listen {address}: {why}")
        self._standalone_obstacle = ""

    async def _drain_clients(self, command: Drain) -> Drained:
        """Stop taking clients in and let those that are here go; the rest of the node stays."""
        farewell = Farewell()
        if command.server_reference:
            reasons = (ReasonCode.USE_ANOTHER_SERVER, ReasonCode.SERVER_MOVED)
            farewell = Farewell(reasons[command.moved_for_good], command.server_reference)
        began_s = self._clock.monotonic_s()
        await self._listeners.close()
        departed = await self._broker.drain(farewell, command.within_ms / 1000)
        took_ms = round((self._clock.monotonic_s() - began_s) * 1000)
        logger.info(
            "node_drained node=%s told=%s cut_off=%s took_ms=%s",
            self._options.node_id,
            departed.told,
            departed.cut_off,
            took_ms,
        )
        return Drained(told=departed.told, cut_off=departed.cut_off, took_ms=took_ms)

    async def _end(self) -> None:
        """Stop taking, let clients go, tell the console, in this order."""
        self._stop.set()
        await self._drain_clients(Drain(within_ms=DRAIN_MS))
        await self._broker.stop(0)
        if self._telemetry is not None:
            await self._telemetry.stop(LAST_REPORTS_S)
            await self._keep_created_topics()
        if self._api is not None:
            await self._api.stop()

    async def _watch(self) -> None:
        """Look after the store and the topics not yet reported, for as long as the node runs."""
        while True:
            await asyncio.sleep(WATCH_S)
            health, reason = self._store.health()
            if health is StoreHealth.FAILED:
                logger.error("store_failed node=%s reason=%s", self._options.node_id, reason)
                self._exit_code = ExitCode.STORE
                self.stop("store failed")
                return
            await self._keep_created_topics()
            await self._standalone.look_at_certificate()

    def _reload(self) -> None:
        """SIGHUP: read the files again."""
        self._reloading = asyncio.create_task(self._standalone.reload(), name="node-reload")

    # ── Configuration ────────────────────────────────────────────────────────────────────────────

    async def _configure(self, sections: Sections) -> None:
        """Whole or not at all; a port that cannot be opened shows in readiness and is retried."""
        prepared = await self._listeners.prepare(sections)
        self._broker.configure(sections)
        await self._listeners.apply(sections, prepared)

    async def _take_snapshot(self, command: TakeSnapshot) -> SnapshotTaken:
        if self._options.data is None:
            raise Refused("snapshot", "this node was started with --memory: it keeps nothing")
        if not snapshots.valid_name(command.name):
            raise Refused("malformed", "name: 1 to 64 letters, digits, '.', '_' and '-' expected")
        folder = self._options.data / snapshots.FOLDER
        target, now_ms = folder / command.name, self._now_ms()
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            taken = await asyncio.to_thread(
                snapshots.take, self._options.data, target, now_ms=now_ms
            )
        except (OSError, snapshots.SnapshotError) as error:
            raise Refused("snapshot", str(error)) from None
        logger.info("snapshot_taken path=%s size_bytes=%d", target, taken.size_bytes)
        return SnapshotTaken(path=str(target), size_bytes=taken.size_bytes, taken_ms=now_ms)

    # ── Reports ──────────────────────────────────────────────────────────────────────────────────

    def _report_applied(self, applied: ConfigurationApplied) -> None:
        self._outbox.set_applied(
            Applied(revision=applied.revision, applied_at_ms=applied.applied_at_ms)
        )

    async def _keep_created_topics(self) -> None:
        if self._telemetry is not None:
            await asyncio.to_thread(self._created_topics.keep, self._outbox.untaken_topics)

    def _hello(self) -> Hello:
        return Hello(
            cluster_id=self._options.cluster_id,
            node_id=self._options.node_id,
            revision=self._keeper.revision,
            started_ms=self._started_ms,
            version=__version__,
        )

    def _metrics(self) -> MetricsReport:
        return MetricsReport(
            at_ms=self._now_ms(),
            started_ms=self._started_ms,
            revision=self._keeper.revision,
            gauges=self._measuring.gauges(),
            counters=self._measuring.counters(),
        )

    def _prometheus(self) -> str:
        own = {
            "ready": 0 if self.obstacle() else 1,
            f"build_{build()}": 1,
            "configuration_revision": self._keeper.revision,
            "start_time_seconds": self._started_ms // 1000,
        }
        if self._telemetry is not None:
            own["telemetry_connected"] = int(self._telemetry.is_connected)
        return self._measuring.prometheus(own)

    def _health(self) -> str:
        health, reason = self._store.health()
        return "" if health is StoreHealth.OK else f"store {health}: {reason}"

    def _now_ms(self) -> int:
        return self._clock.wall_us() // 1000

    # ── Parts ────────────────────────────────────────────────────────────────────────────────────

    def _new_api(self) -> ControlApi:
        return ControlApi(
            token=self._secrets.control_token,
            dispatch=Dispatch(
                self._broker, self._journal, self.state, self._take_snapshot, self._drain_clients
            ),
            configuration=OptionsDecide() if self._options.is_standalone else self._keeper,
            health=self._health,
            ready=self.obstacle,
            metrics=self._prometheus,
        )

    def _new_telemetry(self) -> TelemetryStream:
        return TelemetryStream(
            Destination(self._options.telemetry, self._secrets.telemetry_token),
            self._outbox,
            hello=self._hello,
            metrics=self._metrics,
            random=random.random,
            sleep=asyncio.sleep,
        )


def _storage(options: Options) -> tuple[DurableStore, Journal]:
    if options.data is None:
        return MemoryStore(), MemoryJournal()
    return (
        LocalStore(options.data / "store", node_id=options.node_id),
        SegmentJournal(options.data / "journal", max_bytes=options.message_log_max_bytes),
    )
