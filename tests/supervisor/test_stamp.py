"""Skipping the first start: only where code and database are as the last one left them."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from console.supervisor.database import SqliteDatabase
from console.supervisor.stamp import Stamp


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "console.sqlite3"
    change(path, "CREATE TABLE django_migrations (app TEXT, name TEXT)")
    change(path, "INSERT INTO django_migrations VALUES ('clusters', '0001_initial')")
    return path


@pytest.fixture
def database(path):
    return SqliteDatabase(path)


@pytest.fixture
def code(tmp_path):
    for app in ("clusters", "console/accounts"):
        folder = tmp_path / "code" / app / "migrations"
        folder.mkdir(parents=True)
        (folder / "0001_initial.py").write_text("first")
    (tmp_path / "code" / "requirements.lock").write_text("django==5.2")
    return tmp_path / "code"


@pytest.fixture
def stamp(tmp_path, code):
    return Stamp(tmp_path / "stamp", code=code)


def change(path, statement):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_database_that_was_never_prepared_is_prepared(stamp, database):
    assert not stamp.holds(database)


def test_a_prepared_database_need_not_be_prepared_again(stamp, database):
    stamp.set(database)
    assert stamp.holds(database)


@pytest.mark.parametrize(
    "file",
    [
        "clusters/migrations/0001_initial.py",
        "console/accounts/migrations/0002_more.py",
        "requirements.lock",
    ],
)
def test_a_change_of_the_code_prepares_again(stamp, database, code, file):
    stamp.set(database)
    (code / file).write_text("changed")
    assert not stamp.holds(database)


def test_a_restored_database_is_prepared_again(stamp, database, path):
    stamp.set(database)
    change(path, "DELETE FROM django_migrations")
    assert not stamp.holds(database)


def test_a_database_that_has_gone_is_prepared_again(stamp, database, path):
    stamp.set(database)
    path.unlink()
    assert not stamp.holds(database)
    stamp.set(database)
    assert not stamp.holds(database)
