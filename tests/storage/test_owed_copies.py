"""Copies owed to shared groups, and what schema 1 wrote."""

from __future__ import annotations

import sqlite3

import msgspec

from broker_runtime.storage.base import RETAINED, Inflight
from broker_runtime.storage.local.store import LocalStore
from broker_runtime.storage.records import MESSAGE_COLUMNS, message_row
from tests.storage.samples import FIRST_SEQ, contents, keep, message, session

KEY = "$share/g/plant/#"
LOG_OF_ROWS = """CREATE TABLE log (
    seq INTEGER PRIMARY KEY, shard INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
    qos INTEGER NOT NULL, retain INTEGER NOT NULL, client_id TEXT NOT NULL, username TEXT NOT NULL,
    address TEXT NOT NULL, stored_ms INTEGER NOT NULL, expires_ms INTEGER,
    properties BLOB NOT NULL)"""


async def test_a_copy_is_owed_until_it_is_settled(store):
    for number in range(3):
        await keep(store.append, message(FIRST_SEQ + number))
    await keep(store.owe, [(FIRST_SEQ + 1, KEY), (FIRST_SEQ, KEY), (FIRST_SEQ, "$share/h/#")])
    assert store.load_owed() == [
        (FIRST_SEQ, "$share/g/plant/#"),
        (FIRST_SEQ, "$share/h/#"),
        (FIRST_SEQ + 1, "$share/g/plant/#"),
    ]
    await keep(store.settle_owed, [(FIRST_SEQ, KEY), (FIRST_SEQ + 7, KEY)])
    assert store.load_owed() == [(FIRST_SEQ, "$share/h/#"), (FIRST_SEQ + 1, KEY)]


async def test_messages_are_fetched_by_their_numbers_oldest_first(store):
    for number in range(5):
        await keep(store.append, message(FIRST_SEQ + number))
    found = await store.fetch([FIRST_SEQ + 4, FIRST_SEQ + 9, FIRST_SEQ + 1, FIRST_SEQ + 4])
    assert [m.seq for m in found] == [FIRST_SEQ + 1, FIRST_SEQ + 4]


async def test_what_is_known_of_a_session_comes_back(store):
    record = session(
        doubtful_seq=7,
        retained_done=[5, 6],
        inflight=[Inflight(1, 9, 2, False, KEY), Inflight(2, 3, 1, False, RETAINED)],
    )
    await keep(store.save_session, record)
    assert store.load_sessions() == [record]


async def test_a_store_of_schema_1_is_brought_up_to_date(tmp_path):
    folder = tmp_path / "store"
    store = LocalStore(folder, node_id="n0")
    await store.open()
    await keep(store.save_session, session(cursor=FIRST_SEQ))
    await store.close()
    with sqlite3.connect(folder / "store.sqlite3") as database:
        inflight = [(1, FIRST_SEQ - 5, 1, False), (2, FIRST_SEQ + 5, 2, False)]
        progress = msgspec.msgpack.encode((FIRST_SEQ, inflight, [FIRST_SEQ + 6]))
        database.execute("UPDATE progress SET record = ?", (progress,))
        database.execute("DROP TABLE owed")
        database.execute("DROP TABLE log")
        database.execute(LOG_OF_ROWS)
        database.executemany(
            f"INSERT INTO log ({', '.join(MESSAGE_COLUMNS)}) VALUES ({', '.join('?' * 12)})",
            [message_row(message(FIRST_SEQ + i)) for i in range(4, 8)],
        )
        database.execute("UPDATE meta SET value = 1 WHERE key = 'schema_version'")
    database.close()

    await store.open()
    (record,) = store.load_sessions()
    assert [(i.packet_id, i.seq - FIRST_SEQ, i.source) for i in record.inflight] == [
        (1, -5, RETAINED),
        (2, 5, ""),
        (0, 4, ""),
    ]
    assert (record.offered, store.load_owed()) == (FIRST_SEQ + 6, [])
    found = await store.replay(0, 10)
    assert [contents(m) for m in found] == [contents(message(FIRST_SEQ + i)) for i in range(4, 8)]
    await store.close()


async def test_writes_of_one_turn_are_one_transaction(tmp_path):
    commits: list[str] = []

    class Counting(sqlite3.Connection):
        def execute(self, sql, *parameters):
            if sql == "COMMIT":
                commits.append(sql)
            return super().execute(sql, *parameters)

    store = LocalStore(tmp_path / "store", node_id="n0", connection_factory=Counting)
    await store.open()
    store.append(message(FIRST_SEQ), lambda _: None)
    store.owe([(FIRST_SEQ, KEY)], None)
    store.retain(message(FIRST_SEQ + 1), None)
    await keep(store.save_session, session())
    assert len(commits) == 1
    await store.close()
