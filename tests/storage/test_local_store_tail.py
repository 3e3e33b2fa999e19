"""A write-ahead log that is cut or damaged anywhere: what is left is a beginning of what was
written, and what was cut off is said (SECURITY F2, F5)."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker_runtime.storage.local import wal
from broker_runtime.storage.local.store import LocalStore
from tests.storage.samples import FIRST_SEQ, keep, message, session

COMMITS = 6
FRAME_BYTES = 24 + 4096


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store whose process was killed after ``COMMITS`` acknowledged messages."""
    folder = tmp_path_factory.mktemp("killed")

    async def write() -> None:
        store = LocalStore(folder / "running", node_id="n0")
        await store.open()
        await keep(store.save_session, session())
        for number in range(COMMITS):
            await keep(store.append, message(FIRST_SEQ + number, payload=b"x" * 3000))
        shutil.copytree(folder / "running", folder / "killed")  # as kill -9 leaves it
        await store.close()

    asyncio.run(write())
    return folder / "killed"


async def reopened(folder: Path) -> int:
    """How many messages are left; they are the first ones."""
    store = LocalStore(folder, node_id="n0")
    await store.open()
    try:
        seqs = [m.seq for m in await store.replay(0, 100)]
    finally:
        await store.close()
    assert seqs == [FIRST_SEQ + number for number in range(len(seqs))]
    return len(seqs)


def copy_of(killed: Path, tmp_path: Path) -> tuple[Path, Path]:
    folder = tmp_path / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(killed, folder)
    return folder, folder / "store.sqlite3-wal"


def commit_ends(path: Path) -> list[int]:
    """Where in the file each transaction ends."""
    commits = wal.read_frames(path).commits
    return [32 + (n + 1) * FRAME_BYTES for n, is_end in enumerate(commits) if is_end]


async def test_a_whole_log_is_taken_whole_and_in_silence(killed, tmp_path, caplog):
    folder, _ = copy_of(killed, tmp_path)
    assert await reopened(folder) == COMMITS
    assert "store_log" not in caplog.text
    assert not list(folder.glob("*.before")) + list(folder.glob("*.damaged*"))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(part=st.floats(0, 1))
async def test_a_log_cut_anywhere_leaves_a_beginning_and_says_so(killed, tmp_path, caplog, part):
    folder, path = copy_of(killed, tmp_path)
    caplog.clear()
    ends = commit_ends(path)
    length = int(part * path.stat().st_size)
    with path.open("r+b") as file:
        file.truncate(length)
    with caplog.at_level(logging.WARNING):
        left = await reopened(folder)
    whole = sum(end <= length for end in ends) - (len(ends) - COMMITS)
    assert left == max(0, whole)
    is_at_an_end = length in (0, *ends) or (length - 32) % FRAME_BYTES == 0 and length == 32
    assert ("store_log_cut" in caplog.text) is not is_at_an_end


@pytest.mark.parametrize("offset", [8, 23, 24, 2_000], ids=["salt", "checksum", "page", "content"])
@pytest.mark.parametrize("number", [0, 2, COMMITS - 2])
async def test_a_damaged_transaction_is_counted_named_and_put_aside(
    killed, tmp_path, caplog, number, offset
):
    folder, path = copy_of(killed, tmp_path)
    end = commit_ends(path)[number - COMMITS]
    content = bytearray(path.read_bytes())
    content[end - FRAME_BYTES + offset] ^= 0x55
    path.write_bytes(content)
    assert await reopened(folder) == number
    lost = COMMITS - number - (offset == 8)  # a frame of another generation is no transaction
    assert f"transactions_lost={lost}" in caplog.text
    (aside,) = folder.glob("*.damaged-1")
    assert aside.read_bytes() == bytes(content)
    assert aside.name in caplog.text


async def test_a_log_without_its_header_is_put_aside(killed, tmp_path, caplog):
    folder, path = copy_of(killed, tmp_path)
    content = bytearray(path.read_bytes())
    content[:32] = bytes(32)
    path.write_bytes(content)
    assert await reopened(folder) <= COMMITS
    assert "transactions_lost=unknown" in caplog.text
    assert len(list(folder.glob("*.damaged-1"))) == 1


async def test_the_store_goes_on_after_a_cut(killed, tmp_path):
    folder, path = copy_of(killed, tmp_path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 100)
    store = LocalStore(folder, node_id="n0")
    await store.open()
    await keep(store.append, message(FIRST_SEQ + 100))
    await store.close()
    database = sqlite3.connect(folder / "store.sqlite3")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
