"""The files of the local store: private, of one process, checked at start (SECURITY F5)."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from broker_runtime.storage.base import StorageError
from broker_runtime.storage.local.store import LocalStore
from tests.storage.samples import FIRST_SEQ, keep, message, session


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_files_are_private_even_in_an_open_folder_and_with_an_open_umask(tmp_path):
    """CVE-2017-9868: a persistence file that everybody may read."""
    folder = tmp_path / "store"
    folder.mkdir(mode=0o777)
    before = os.umask(0)
    try:
        store = LocalStore(folder, node_id="n0")
        await store.open()
        await keep(store.append, message())
        assert mode_of(folder) == 0o700
        names = {path.name: mode_of(path) for path in folder.iterdir()}
        await store.close()
    finally:
        os.umask(before)
    assert names == dict.fromkeys(
        ["store.sqlite3", "store.sqlite3-wal", "store.sqlite3-shm", "store.lock"], 0o600
    )


async def test_a_second_process_is_refused_and_the_first_goes_on(local, tmp_path):
    with pytest.raises(StorageError, match="another process uses this store"):
        await LocalStore(tmp_path / "store", node_id="n0").open()
    await keep(local.append, message())


async def test_commits_are_synchronous_and_in_the_wal(tmp_path):
    statements: list[str] = []

    class Recording(sqlite3.Connection):
        def execute(self, sql, *parameters):
            statements.append(sql)
            return super().execute(sql, *parameters)

    store = LocalStore(tmp_path / "store", node_id="n0", connection_factory=Recording)
    await store.open()
    await store.close()
    assert statements[:2] == ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"]


@pytest.fixture
async def closed(tmp_path):
    """The folder of a store that holds something and was closed."""
    store = LocalStore(tmp_path / "store", node_id="n0")
    await store.open()
    for i in range(300):
        store.append(message(FIRST_SEQ + i, payload=os.urandom(300)), lambda _: None)
    await keep(store.save_session, session())
    await store.close()
    return tmp_path / "store"


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


DAMAGES = {
    "empty": lambda path: os.truncate(path, 0),
    "not a database": lambda path: overwrite(path, 0, b"something else altogether"),
    "header": lambda path: overwrite(path, 16, b"\xff" * 40),
    "cut short": lambda path: os.truncate(path, 40_960),
    "cut within a page": lambda path: os.truncate(path, 50_001),
    "a page of zeros": lambda path: overwrite(path, 8 * 4096, bytes(4096)),
    "first page": lambda path: overwrite(path, 100, bytes(200)),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_f05_a_damaged_file_is_refused_with_its_name_and_a_remedy(closed, damage):
    path = closed / "store.sqlite3"
    DAMAGES[damage](path)
    spoiled = path.read_bytes()
    with pytest.raises(StorageError, match=r"store\.sqlite3.*(restore|move)"):
        await LocalStore(closed, node_id="n0").open()
    assert path.read_bytes() == spoiled, "what is left for a rescue was changed"


async def test_f05_a_lost_database_is_not_replaced_by_an_empty_one(closed):
    (closed / "store.sqlite3").unlink()
    with pytest.raises(StorageError, match="missing although it was used"):
        await LocalStore(closed, node_id="n0").open()
    assert not (closed / "store.sqlite3").exists()


async def test_f05_a_deleted_shm_file_does_no_harm(closed):
    (closed / "store.sqlite3-shm").unlink(missing_ok=True)
    store = LocalStore(closed, node_id="n0")
    await store.open()
    assert len(await store.replay(0, 1_000)) == 300
    await store.close()


async def test_a_refused_folder_is_free_for_the_next(closed):
    with pytest.raises(StorageError, match="belongs to node n0, not to n1"):
        await LocalStore(closed, node_id="n1").open()
    store = LocalStore(closed, node_id="n0")
    await store.open()
    await store.close()


async def test_a_store_of_a_newer_version_is_refused(closed):
    with sqlite3.connect(closed / "store.sqlite3") as connection:
        connection.execute("UPDATE meta SET value = 99 WHERE key = 'schema_version'")
    connection.close()
    with pytest.raises(StorageError, match="another version"):
        await LocalStore(closed, node_id="n0").open()


async def test_a_half_made_database_of_a_crash_is_made_anew(tmp_path):
    (tmp_path / "store.draft").write_bytes(b"half")
    store = LocalStore(tmp_path, node_id="n0")
    await store.open()
    await keep(store.append, message())
    await store.close()
    assert not list(tmp_path.glob("*.draft*"))


async def test_a_folder_that_cannot_be_made_is_an_error_with_its_name(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file/store: cannot be used: Not a directory"):
        await LocalStore(tmp_path / "file" / "store", node_id="n0").open()


async def test_a_checkpoint_of_a_large_session_writes_little(local, tmp_path):
    """The row of progress is apart from the row of subscriptions: write amplification."""
    record = session()
    record.subscriptions = {f"site/{i}/#": record.subscriptions["plant/#"] for i in range(300)}
    await keep(local.save_session, record)
    wal = tmp_path / "store" / "store.sqlite3-wal"
    before = wal.stat().st_size
    for i in range(10):
        record.cursor = i
        await keep(local.save_session, record)
    assert (wal.stat().st_size - before) / 10 < 2 * 4096 + 2 * 24
