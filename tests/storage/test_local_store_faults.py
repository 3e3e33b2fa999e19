"""A local store whose disk fails: nothing is acknowledged that was not kept (SECURITY F3, F4)."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import pytest

from broker_runtime.storage.base import StorageError, StoreHealth, Unavailable
from broker_runtime.storage.local import writer
from broker_runtime.storage.local.faults import Fault, fault_of
from broker_runtime.storage.local.store import LocalStore
from tests.storage.samples import FIRST_SEQ, keep, message, outcome, session


def sqlite_error(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(f"injected {name}")
    error.sqlite_errorcode = getattr(sqlite3, name)
    error.sqlite_errorname = name
    return error


class FaultyConnection(sqlite3.Connection):
    """Fails every statement that begins with ``statement``, while that is set."""

    statement = ""
    error = ""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if self.statement and sql.startswith(self.statement):
            raise sqlite_error(self.error)
        return super().execute(sql, *parameters)


class SmallConnection(sqlite3.Connection):
    """A database that may grow by thirty pages only, while ``limited``: SQLite itself says it is
    full."""

    limited = False

    def execute(self, sql, *parameters):
        if sql.startswith("BEGIN"):
            (pages,) = super().execute("PRAGMA page_count").fetchone()
            super().execute(f"PRAGMA max_page_count = {pages if self.limited else 1_000_000}")
        return super().execute(sql, *parameters)


@pytest.fixture
def make_store(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "PROBE_EVERY_S", 0.01)

    def make(factory: type[sqlite3.Connection]) -> LocalStore:
        return LocalStore(tmp_path / "store", node_id="n0", connection_factory=factory)

    return make


async def healed(store: LocalStore) -> None:
    async with asyncio.timeout(10):
        while store.health()[0] is not StoreHealth.OK:  # noqa: ASYNC110  # another thread heals it
            await asyncio.sleep(0.005)


async def test_f03_a_full_disk_refuses_the_whole_batch_and_heals_alone(make_store):
    class Disk(SmallConnection):
        pass

    store = make_store(Disk)
    await store.open()
    await keep(store.append, message(FIRST_SEQ))
    Disk.limited = True
    big = b"x" * 100_000
    results = await asyncio.gather(
        outcome(store.append, message(FIRST_SEQ + 1, payload=b"small")),
        outcome(store.append, message(FIRST_SEQ + 2, payload=big)),
        outcome(store.save_session, session()),
    )
    assert all(isinstance(r, Unavailable) for r in results)
    state, reason = store.health()
    assert state is StoreHealth.DEGRADED
    assert "full" in reason
    assert "store.sqlite3" in reason
    assert [m.seq for m in await store.replay(0, 10)] == [FIRST_SEQ]
    Disk.limited = False
    await healed(store)
    await keep(store.append, message(FIRST_SEQ + 3, payload=big))
    assert [m.seq for m in await store.replay(0, 10)] == [FIRST_SEQ, FIRST_SEQ + 3]
    assert store.load_sessions() == []
    await store.close()


@pytest.mark.parametrize("name", ["SQLITE_FULL", "SQLITE_READONLY"])
@pytest.mark.parametrize("statement", ["BEGIN", "COMMIT", "SELECT id, epoch"])
async def test_f03_a_passing_fault_of_any_statement_heals_alone(make_store, statement, name):
    class Disk(FaultyConnection):
        pass

    store = make_store(Disk)
    await store.open()
    Disk.statement, Disk.error = statement, name
    assert isinstance(await outcome(store.save_session, session()), Unavailable)
    assert store.health()[0] is StoreHealth.DEGRADED
    Disk.statement = ""
    await healed(store)
    await keep(store.save_session, session())
    await store.close()


@pytest.mark.parametrize("name", ["SQLITE_FULL", "SQLITE_READONLY"])
async def test_f03_a_passing_fault_of_a_block_alone_heals_alone(make_store, name):
    class Disk(FaultyConnection):
        pass

    store = make_store(Disk)
    await store.open()
    Disk.statement, Disk.error = "INSERT INTO log", name
    assert isinstance(await outcome(store.append, message(FIRST_SEQ)), Unavailable)
    Disk.statement = ""
    await healed(store)
    await keep(store.append, message(FIRST_SEQ))
    await store.close()


@pytest.mark.parametrize("name", ["SQLITE_IOERR_FSYNC", "SQLITE_IOERR_WRITE", "SQLITE_CORRUPT"])
@pytest.mark.parametrize("statement", ["COMMIT", "INSERT INTO log"])
async def test_f04_after_a_failed_commit_nothing_is_acknowledged_any_more(
    make_store, statement, name
):
    """A block alone is committed by its INSERT, anything else by a COMMIT."""

    class Disk(FaultyConnection):
        pass

    store = make_store(Disk)
    await store.open()
    await keep(store.append, message(FIRST_SEQ))
    Disk.statement, Disk.error = statement, name
    if statement == "COMMIT":
        store.retain(message(), None)
    assert isinstance(await outcome(store.append, message(FIRST_SEQ + 1)), Unavailable)
    Disk.statement = ""
    assert isinstance(await outcome(store.append, message(FIRST_SEQ + 2)), Unavailable)
    state, reason = store.health()
    assert state is StoreHealth.FAILED
    assert name in reason
    assert "start the node again" in reason
    await store.close()
    await store.open()
    await keep(store.append, message(FIRST_SEQ + 3))
    assert [m.seq for m in await store.replay(0, 10)] == [FIRST_SEQ, FIRST_SEQ + 3]
    await store.close()


async def test_f04_a_failed_fsync_of_a_checkpoint_is_final_too(make_store, monkeypatch):
    class Disk(FaultyConnection):
        statement, error = "PRAGMA wal_checkpoint", "SQLITE_IOERR_FSYNC"

    monkeypatch.setattr(writer, "CHECKPOINT_COMMITS", 3)
    store = make_store(Disk)
    await store.open()
    for i in range(3):
        await keep(store.append, message(FIRST_SEQ + i))
    results = [await outcome(store.append, message(FIRST_SEQ + i)) for i in range(3, 6)]
    assert isinstance(results[-1], Unavailable)
    assert store.health()[0] is StoreHealth.FAILED
    await store.close()


async def test_a_checkpoint_that_finds_no_room_is_only_put_off(make_store, monkeypatch):
    class Disk(FaultyConnection):
        statement, error = "PRAGMA wal_checkpoint", "SQLITE_FULL"

    monkeypatch.setattr(writer, "CHECKPOINT_COMMITS", 3)
    store = make_store(Disk)
    await store.open()
    for i in range(10):
        await keep(store.append, message(FIRST_SEQ + i))
    assert store.health()[0] is StoreHealth.OK
    await store.close()


async def test_a_write_that_cannot_be_kept_harms_no_other_of_its_batch(make_store):
    store = make_store(sqlite3.Connection)
    await store.open()
    before, poisoned, after, alone = await asyncio.gather(
        outcome(store.append, message(FIRST_SEQ)),
        outcome(store.append, message(FIRST_SEQ + 1, topic="lone surrogate \ud800")),
        outcome(store.append, message(FIRST_SEQ + 2)),
        outcome(store.append, message(2**63)),
    )
    assert (before, after) == (None, None)
    assert type(poisoned) is type(alone) is StorageError
    assert [m.seq for m in await store.replay(0, 10)] == [FIRST_SEQ, FIRST_SEQ + 2]
    assert store.health() == (StoreHealth.OK, "")
    await store.close()


async def test_a_done_that_raises_keeps_no_other_from_its_answer(make_store, caplog):
    store = make_store(sqlite3.Connection)
    await store.open()

    def broken(_):
        raise RuntimeError("a bug in the caller")

    store.append(message(FIRST_SEQ), broken)
    await keep(store.append, message(FIRST_SEQ + 1))
    assert "a bug in the caller" in caplog.text
    await store.close()


@pytest.mark.parametrize(
    ("name", "committing", "expected"),
    [
        ("SQLITE_FULL", False, Fault.PASSING),
        ("SQLITE_FULL", True, Fault.PASSING),
        ("SQLITE_IOERR_READ", False, Fault.PASSING),
        ("SQLITE_IOERR_WRITE", True, Fault.FINAL),
        ("SQLITE_IOERR_FSYNC", False, Fault.FINAL),
        ("SQLITE_CORRUPT_INDEX", False, Fault.FINAL),
        ("SQLITE_NOTADB", False, Fault.FINAL),
        ("SQLITE_READONLY_DBMOVED", False, Fault.PASSING),
        ("SQLITE_CONSTRAINT_UNIQUE", False, Fault.WRITE),
        ("SQLITE_TOOBIG", False, Fault.WRITE),
        ("SQLITE_INTERNAL", True, Fault.FINAL),
    ],
)
def test_what_an_error_means(name, committing, expected):
    assert fault_of(sqlite_error(name), committing=committing) is expected


def test_an_error_that_is_not_of_sqlite_is_of_the_write():
    error = UnicodeEncodeError("utf-8", "x", 0, 1, "no")
    assert fault_of(error, committing=False) is Fault.WRITE


async def test_f04_a_rollback_that_fails_is_final(make_store):
    class Disk(FaultyConnection):
        def execute(self, sql, *parameters):
            if sql == "ROLLBACK" and self.statement:
                raise sqlite_error("SQLITE_IOERR_WRITE")
            return super().execute(sql, *parameters)

    store = make_store(Disk)
    await store.open()
    Disk.statement, Disk.error = "COMMIT", "SQLITE_FULL"
    assert isinstance(await outcome(store.save_session, session()), Unavailable)
    assert store.health()[0] is StoreHealth.FAILED
    Disk.statement = ""
    await store.close()


async def test_trimming_large_messages_keeps_each_transaction_short(make_store, monkeypatch):
    monkeypatch.setattr(writer, "TRIM_BYTES", 25_000)
    commits: list[str] = []

    class Counting(sqlite3.Connection):
        def execute(self, sql, *parameters):
            if sql.startswith("DELETE FROM log"):
                commits.append(sql)
            return super().execute(sql, *parameters)

    store = make_store(Counting)
    await store.open()
    for i in range(20):
        await keep(store.append, message(FIRST_SEQ + i, payload=b"x" * 10_000))
    store.trim(FIRST_SEQ + 19)
    async with asyncio.timeout(10):
        while await store.replay(0, 1):  # noqa: ASYNC110  # another thread deletes
            await asyncio.sleep(0.005)
    assert len(commits) == 10
    await store.close()


async def test_a_store_that_cannot_be_opened_releases_its_folder(make_store):
    class Disk(FaultyConnection):
        statement, error = "PRAGMA journal_mode", "SQLITE_CANTOPEN"

    with pytest.raises(StorageError, match="cannot be opened"):
        await make_store(Disk).open()
    store = make_store(sqlite3.Connection)
    await store.open()
    await store.close()
