"""The rows of the desired runtimes, read without Django."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.supervisor.database import (
    DatabaseAway,
    PostgresDatabase,
    SqliteDatabase,
    open_database,
)
from console.supervisor.nodes import NODE_ID, QUERY, DesiredNode, accept

GOOD = ("mqtt-abcdefgh-n0", "mqtt-abcdefgh", "127.0.0.1", 20_001)
TABLE = """CREATE TABLE clusters_node (node_id TEXT, cluster_public_id TEXT, control_host TEXT,
           control_port INTEGER, desired_state TEXT)"""


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "with space & 50%.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute(TABLE)
    connection.execute("INSERT INTO clusters_node VALUES (?, ?, ?, ?, 'running')", GOOD)
    connection.execute(
        "INSERT INTO clusters_node VALUES (?, ?, ?, ?, 'stopped')",
        ("mqtt-zzzzzzzz-n0", "mqtt-zzzzzzzz", "::1", 20_002),
    )
    connection.commit()
    connection.close()
    return path


def test_only_rows_that_should_run_are_read(database):
    nodes, complaints = accept(SqliteDatabase(database).ask(QUERY))
    assert nodes == (DesiredNode(*GOOD),)
    assert complaints == ()


def test_a_database_that_is_not_there_is_away_and_is_not_created(tmp_path):
    path = tmp_path / "console.sqlite3"
    with pytest.raises(DatabaseAway, match=r"console\.sqlite3"):
        SqliteDatabase(path).ask(QUERY)
    assert not path.exists()


def test_a_database_without_the_table_is_away(tmp_path):
    path = tmp_path / "console.sqlite3"
    sqlite3.connect(path).close()
    path.touch()
    with pytest.raises(DatabaseAway, match="clusters_node"):
        SqliteDatabase(path).ask(QUERY)


def test_a_postgresql_server_that_does_not_answer_is_away(unused_tcp_port):
    database = PostgresDatabase(f"postgresql://127.0.0.1:{unused_tcp_port}/signalbox")
    with pytest.raises(DatabaseAway, match=str(unused_tcp_port)):
        database.ask(QUERY)


def test_the_database_url_decides_the_reader(database):
    url = f"sqlite:///{str(database).replace('%', '%25').replace(' ', '%20')}"
    assert len(open_database(url).ask(QUERY)) == 1
    assert isinstance(open_database("postgresql://host/name"), PostgresDatabase)
    assert isinstance(open_database("postgres://host/name"), PostgresDatabase)


@pytest.mark.parametrize(
    "row",
    [
        ("../../etc", "mqtt-abcdefgh", "127.0.0.1", 1),
        ("mqtt-abcdefgh-n0/..", "mqtt-abcdefgh", "127.0.0.1", 1),
        ("mqtt-abcdefgh-n0\n", "mqtt-abcdefgh", "127.0.0.1", 1),
        ("mqtt-ABCDEFGH-n0", "mqtt-ABCDEFGH", "127.0.0.1", 1),
        ("mqtt-abcdefgh-n0", "mqtt-zzzzzzzz", "127.0.0.1", 1),
        ("mqtt-abcdefgh-n0", "mqtt-abcdefgh", "", 1),
        ("mqtt-abcdefgh-n0", "mqtt-abcdefgh", "--data=/", 1),
        ("mqtt-abcdefgh-n0", "mqtt-abcdefgh", "127.0.0.1", 0),
        ("mqtt-abcdefgh-n0", "mqtt-abcdefgh", "127.0.0.1", 65_536),
        ("mqtt-abcdefgh-n0", "mqtt-abcdefgh", "127.0.0.1", "1"),
        (None, None, None, None),
    ],
)
def test_a_row_that_cannot_be_a_node_is_left_out_and_named(row):
    nodes, complaints = accept([row, GOOD])
    assert nodes == (DesiredNode(*GOOD),)
    assert len(complaints) == 1
    assert "cannot be a node" in complaints[0]


ANYTHING = st.none() | st.text() | st.integers() | st.binary() | st.from_regex(NODE_ID)


@given(st.lists(st.tuples(ANYTHING, ANYTHING, ANYTHING, ANYTHING)))
def test_no_row_breaks_the_reading_and_none_is_lost_in_silence(rows):
    nodes, complaints = accept(rows)
    assert len(nodes) + len(complaints) == len(rows)
    assert all(NODE_ID.fullmatch(node.node_id) for node in nodes)
