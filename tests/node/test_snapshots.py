"""Snapshots of a data folder: taken under load, restored whole or not at all."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
import urllib3

from broker_runtime import snapshots
from broker_runtime.__main__ import main
from broker_runtime.data_folder import DataFolder, FolderUnusable
from broker_runtime.exits import ExitCode
from broker_runtime.storage.local.store import LocalStore
from tests.node.devices import Device
from tests.node.process import NodeProcess
from tests.storage.samples import FIRST_SEQ, keep, message, session

NOW_MS = 1_760_000_000_000


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data folder with a session, a message of the log and a configuration."""
    folder = tmp_path / "data"
    folder.mkdir()
    store = LocalStore(folder / "store", node_id="n0")
    await store.open()
    await keep(store.append, message(FIRST_SEQ))
    await keep(store.retain, message(FIRST_SEQ + 1))
    await keep(store.save_session, session())
    await store.close()
    (folder / "configuration.json").write_text("{}")
    return folder


@pytest.fixture
def taken(data: Path, tmp_path: Path) -> Path:
    snapshots.take(data, tmp_path / "kept", now_ms=NOW_MS)
    return tmp_path / "kept"


def restore(source: Path, data: Path, **options) -> snapshots.Manifest:
    asked: dict[str, Any] = {"replace": False, "node_id": "", "now_ms": NOW_MS} | options
    return snapshots.restore(source, data, **asked)


async def content(data: Path, node_id: str = "n0") -> tuple[object, ...]:
    store = LocalStore(data / "store", node_id=node_id)
    await store.open()
    log = [m.seq for m in await store.replay(0, 10)]
    found = store.load_sessions(), log, [m.seq for m in store.load_retained()]
    await store.close()
    return found


async def test_a_restored_folder_holds_what_the_other_held(data, taken, tmp_path):
    manifest = restore(taken, tmp_path / "new")
    assert await content(tmp_path / "new") == await content(data)
    assert (tmp_path / "new/configuration.json").read_text() == "{}"
    assert (manifest.node_id, manifest.taken_ms) == ("n0", NOW_MS)
    assert {p.stat().st_mode & 0o077 for p in taken.rglob("*")} == {0}


async def test_a_snapshot_is_given_to_another_node(taken, tmp_path):
    restore(taken, tmp_path / "new", node_id="n7")
    assert len(await content(tmp_path / "new", "n7")) == 3


def test_a_snapshot_replaces_nothing(data, taken):
    with pytest.raises(snapshots.SnapshotError, match="exists"):
        snapshots.take(data, taken, now_ms=NOW_MS)


def test_a_folder_without_a_store_is_no_node(tmp_path):
    with pytest.raises(snapshots.SnapshotError, match="holds no store"):
        snapshots.take(tmp_path, tmp_path / "kept", now_ms=NOW_MS)


def test_a_snapshot_that_cannot_be_written_leaves_nothing(data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(snapshots.SnapshotError, match="not taken"):
        snapshots.take(data, tmp_path / "file" / "kept", now_ms=NOW_MS)
    assert not list(tmp_path.glob("*.draft"))


async def test_a_folder_that_holds_something_is_replaced_only_when_told(data, taken):
    store = LocalStore(data / "store", node_id="n0")
    await store.open()
    await keep(store.append, message(FIRST_SEQ + 9))
    await store.close()
    with pytest.raises(snapshots.SnapshotError, match="holds store, configuration.json already"):
        restore(taken, data)
    assert (await content(data))[1] == [FIRST_SEQ, FIRST_SEQ + 9]

    restore(taken, data, replace=True)
    assert (await content(data))[1] == [FIRST_SEQ]
    assert (await content(data / f"replaced-{NOW_MS}"))[1] == [FIRST_SEQ, FIRST_SEQ + 9]


def test_a_folder_in_use_is_refused(data, taken):
    running = DataFolder(data)
    running.acquire()
    # The lock of a process does not hold against itself: ask as another process would.
    code, said = in_another_process("restore", "--data", str(data), "--replace", str(taken))
    running.release()
    assert (code, "another node runs" in said) == (ExitCode.DATA, True)


def in_another_process(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "broker_runtime", *arguments], capture_output=True, text=True
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", ["store/store.sqlite3", "configuration.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_a_damaged_snapshot_is_refused_and_nothing_changes(data, taken, tmp_path, name, damage):
    path = taken / name
    whole = path.read_bytes()
    middle = len(whole) // 2
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(whole[:middle])
    else:
        path.write_bytes(whole[:middle] + bytes((whole[middle] ^ 1,)) + whole[middle + 1 :])
    before = sorted(p.relative_to(data) for p in data.rglob("*"))
    with pytest.raises(snapshots.SnapshotError, match="damaged|missing"):
        restore(taken, data, replace=True)
    with pytest.raises(snapshots.SnapshotError):
        restore(taken, tmp_path / "new")
    left = {p for p in data.rglob("*") if "restore.draft" not in str(p) and p.name != "node.lock"}
    assert sorted(p.relative_to(data) for p in left) == [p for p in before if p.name != "node.lock"]
    DataFolder(data).acquire()


def test_a_manifest_cut_at_any_byte_is_refused(taken, tmp_path):
    whole = (taken / "manifest.json").read_bytes()
    for length in range(len(whole)):
        (taken / "manifest.json").write_bytes(whole[:length])
        with pytest.raises(snapshots.SnapshotError, match="damaged"):
            snapshots.read(taken)


@pytest.mark.parametrize("newer", [{"format": 99}, {"schema": 99}])
def test_a_snapshot_of_a_newer_version_is_refused(taken, tmp_path, newer):
    manifest = msgspec.structs.replace(snapshots.read(taken), version="9.9", **newer)
    snapshots._write_manifest(taken / "manifest.json", manifest)
    with pytest.raises(snapshots.SnapshotError, match=r"taken by Signalbox 9\.9"):
        restore(taken, tmp_path / "new")


def test_a_manifest_that_names_other_files_is_refused(taken, tmp_path):
    manifest = snapshots.read(taken)
    files = {**manifest.files, "../outside": manifest.files["store/store.sqlite3"]}
    snapshots._write_manifest(
        taken / "manifest.json", msgspec.structs.replace(manifest, files=files)
    )
    with pytest.raises(snapshots.SnapshotError, match="other files"):
        restore(taken, tmp_path / "new")


@pytest.mark.parametrize("moves", range(1, 5))
async def test_a_restore_that_is_cut_off_is_noticed_and_run_again(data, taken, monkeypatch, moves):
    """Killed after any of the renames by which the new state takes the place of the old."""
    done = 0
    rename = Path.rename

    def cut_off(path: Path, target: Path) -> Path:
        nonlocal done
        if done == moves - 1:
            raise OSError("cut off")
        done += 1
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", cut_off)
    with pytest.raises(snapshots.SnapshotError, match="run it again"):
        restore(taken, data, replace=True)
    monkeypatch.undo()
    with pytest.raises(FolderUnusable, match="restore was cut off"):
        DataFolder(data).acquire()
    restore(taken, data, now_ms=NOW_MS + 1)
    DataFolder(data).acquire()
    assert (await content(data))[1] == [FIRST_SEQ]


def test_the_command_line_takes_and_restores(data, tmp_path, capsys):
    assert main(["snapshot", "--data", str(data), str(tmp_path / "kept")]) == ExitCode.STOPPED
    new = str(tmp_path / "new")
    assert main(["restore", "--data", new, str(tmp_path / "kept")]) == ExitCode.STOPPED
    assert main(["restore", "--data", new, str(tmp_path / "kept")]) == ExitCode.DATA
    assert "--replace" in capsys.readouterr().err


class Load:
    """A publisher that goes on until it is stopped, and what was acknowledged to it."""

    def __init__(self, port: int) -> None:
        self.acknowledged: list[int] = []
        self._enough, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._publish, args=(port,))
        self._thread.start()
        assert self._enough.wait(30)

    def _publish(self, port: int) -> None:
        device, number = Device(port, "sensor").connect(), 0
        while not self._stop.is_set():
            topic = ("plant/line", "work/item")[number % 2]
            assert device.publish(topic, f"{number}", 1, retain=number % 3 == 0)
            self.acknowledged.append(number)
            number += 1
            if number == 50:
                self._enough.set()
        device.disconnect()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def test_a_snapshot_under_load_is_restored_and_sessions_go_on(node: NodeProcess, tmp_path):
    """Everything acknowledged before the snapshot began is in it: messages, sessions, retained."""
    node.start_ready(node.standalone)
    keeper = Device(node.mqtt_port, "keeper", clean=False).connect()
    keeper.subscribe("plant/#", 1)
    keeper.subscribe("$share/g/work/#", 1)
    keeper.disconnect()
    load = Load(node.mqtt_port)
    before = set(load.acknowledged)
    code, said = in_another_process("snapshot", "--data", str(node.data), str(tmp_path / "kept"))
    load.stop()
    node.kill()
    assert code == 0, said

    node.data = tmp_path / "restored"
    restore(tmp_path / "kept", node.data)
    node.start_ready(node.standalone)
    keeper = Device(node.mqtt_port, "keeper", clean=False).connect()
    assert keeper.session_present
    received: set[int] = set()
    while not before <= received:
        received.add(int(keeper.received.get(timeout=10)))
    keeper.disconnect()
    reader = Device(node.mqtt_port, "reader").connect()
    reader.subscribe("plant/line", 0)
    assert int(reader.received.get(timeout=10)) >= max(n for n in before if n % 6 == 0)
    reader.disconnect()


def test_the_control_api_takes_snapshots_by_name(node: NodeProcess):
    node.start_ready(node.standalone)

    def ask(name: str):
        url = f"http://127.0.0.1:{node.control_port}/v1/command/TakeSnapshot"
        headers = {
            "Authorization": f"Bearer {node.token_file.read_text().strip()}",
            "Signalbox-Contract": "1",
        }
        body = json.dumps({"name": name})
        answer = urllib3.request("POST", url, body=body, headers=headers, retries=False)
        return answer.status, answer.json()

    status, answer = ask("monday")
    assert status == 200, answer
    path = node.data / "snapshots" / "monday"
    assert answer["path"] == str(path)
    assert snapshots.read(path).size_bytes == answer["size_bytes"]
    assert ask("monday")[0] == 409
    assert ask("../monday")[0] == 400
    with sqlite3.connect(path / "store/store.sqlite3") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()
