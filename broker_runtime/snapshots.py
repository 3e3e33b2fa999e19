"""Snapshots of a node's data folder: taken while the node runs, restored while it does not.

A snapshot is a folder: a copy of the store (sessions, subscriptions, messages in flight, the
durable log, what shared groups are owed, retained messages) as of one instant, the configuration
files, and ``manifest.json`` with versions, sizes and SHA-256 of each file. The message log for
people (``journal/``) is no part of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import msgspec

from broker_runtime import __version__
from broker_runtime.data_folder import (
    RESTORE_MARK,
    RESTORING,
    DataFolder,
    FolderUnusable,
    sync_folder,
    write_durably,
)
from broker_runtime.storage.local.files import SCHEMA_VERSION

FORMAT = 1
MANIFEST = "manifest.json"
STORE = "store/store.sqlite3"
CONFIGURATION = ("configuration.json", "configuration.previous.json", "created-topics.json")
FOLDER = "snapshots"
"""Where in the data folder the control API puts them."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_COPY_BYTES = 1024 * 1024


class SnapshotError(Exception):
    """It was not taken or not restored; nothing was changed. The message says what to do."""


class SnapshotFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a snapshot."""

    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot is. ``format`` and ``schema`` decide whether it can be restored."""

    format: int
    schema: int
    version: str
    node_id: str
    taken_ms: int
    files: dict[str, SnapshotFile]

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(file.size_bytes for file in self.files.values())


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """``manifest.json``; ``checksum`` is the SHA-256 of the bytes of ``manifest``."""

    checksum: str
    manifest: msgspec.Raw


def valid_name(name: str) -> bool:
    """Whether a snapshot in the data folder may be called so."""
    return _NAME.match(name) is not None


# ── Taking ───────────────────────────────────────────────────────────────────────────────────────


def take(data: Path, destination: Path, *, now_ms: int) -> Manifest:
    """Copy a data folder, whether a node runs on it or not; blocks until it is on the disk.

    Writers are not held up. The folder appears under its name when it is whole.

    Raises:
        SnapshotError: there is no store, the destination exists, or something cannot be written.
    """
    database = data / STORE
    if not database.is_file():
        raise SnapshotError(f"{data}: holds no store of a node; give the folder of --data")
    if destination.exists():
        raise SnapshotError(f"{destination}: exists; a snapshot never replaces anything")
    draft = destination.with_name(f"{destination.name}.draft")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        (draft / "store").mkdir(mode=0o700, parents=True)
        draft.chmod(0o700)
        schema, node_id = _copy_store(database, draft / STORE)
        for name in CONFIGURATION:
            with contextlib.suppress(FileNotFoundError):
                _copy(data / name, draft / name)
        manifest = _manifest(draft, schema=schema, node_id=node_id, taken_ms=now_ms)
        _write_manifest(draft / MANIFEST, manifest)
        sync_folder(draft / "store")
        draft.rename(destination)
        sync_folder(destination.parent)
    except (OSError, sqlite3.Error) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise SnapshotError(f"{destination}: the snapshot was not taken: {error}") from error
    return manifest


def _copy_store(database: Path, copy: Path) -> tuple[int, str]:
    """One consistent state, without the space of what was deleted; returns schema and node id."""
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        connection.execute("VACUUM INTO ?", (str(copy),))
    finally:
        connection.close()
    _sync_file(copy)
    return _verified_store(copy)


def _verified_store(database: Path) -> tuple[int, str]:
    """Schema and node id of a store nobody uses, after a look through its pages."""
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise SnapshotError(f"{database}: damaged: {' '.join(str(verdict).split())}")
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        return int(meta["schema_version"]), str(meta["node_id"])
    finally:
        connection.close()


def _manifest(folder: Path, *, schema: int, node_id: str, taken_ms: int) -> Manifest:
    files = {
        name: SnapshotFile(size_bytes=(folder / name).stat().st_size, sha256=_digest(folder / name))
        for name in (STORE, *CONFIGURATION)
        if (folder / name).exists()
    }
    return Manifest(
        format=FORMAT,
        schema=schema,
        version=__version__,
        node_id=node_id,
        taken_ms=taken_ms,
        files=files,
    )


def _write_manifest(path: Path, manifest: Manifest) -> None:
    raw = msgspec.json.encode(manifest)
    kept = _Kept(checksum=hashlib.sha256(raw).hexdigest(), manifest=msgspec.Raw(raw))
    write_durably(path, msgspec.json.encode(kept))


# ── Restoring ────────────────────────────────────────────────────────────────────────────────────


def restore(source: Path, data: Path, *, replace: bool, node_id: str, now_ms: int) -> Manifest:
    """Put a snapshot in a data folder on which no node runs.

    Everything is copied and checked before anything changes. What the folder held is moved to
    ``replaced-<now_ms>`` within it; its ``journal/`` stays.

    Args:
        replace: whether a folder that holds something may be used.
        node_id: of the node that is to use it; empty for the one it was taken of.

    Raises:
        SnapshotError: the snapshot is damaged or newer than this version, or the folder may not
            be used.
    """
    manifest = read(source)
    folder = DataFolder(data)
    try:
        folder.acquire(restoring=True)
    except FolderUnusable as error:
        raise SnapshotError(str(error)) from None
    try:
        _restore_held(source, data, manifest, replace=replace, node_id=node_id, now_ms=now_ms)
    except (OSError, sqlite3.Error) as error:
        raise SnapshotError(f"{data}: not restored: {error}; run it again") from error
    finally:
        folder.release()
    return manifest


def read(source: Path) -> Manifest:
    """The manifest of a snapshot that this version can restore.

    Raises:
        SnapshotError: it is damaged, or of a newer version.
    """
    path = source / MANIFEST
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
        raw = bytes(kept.manifest)
        if hashlib.sha256(raw).hexdigest() != kept.checksum:
            raise ValueError("its checksum does not match")
        manifest = msgspec.json.decode(raw, type=Manifest)
    except FileNotFoundError:
        raise SnapshotError(f"{source}: is no snapshot: {MANIFEST} is missing") from None
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise SnapshotError(f"{path}: damaged: {error}; use another snapshot") from None
    if manifest.format > FORMAT or manifest.schema > SCHEMA_VERSION:
        raise SnapshotError(
            f"{source}: taken by Signalbox {manifest.version}, which is newer than this one "
            f"({__version__}); restore it with that version"
        )
    if STORE not in manifest.files or not set(manifest.files) <= {STORE, *CONFIGURATION}:
        raise SnapshotError(f"{path}: damaged: it names other files than a snapshot has")
    return manifest


def _restore_held(
    source: Path, data: Path, manifest: Manifest, *, replace: bool, node_id: str, now_ms: int
) -> None:
    draft = data / RESTORING
    present = [name for name in ("store", *CONFIGURATION) if (data / name).exists()]
    is_interrupted = (data / RESTORE_MARK).exists()
    if present and not replace and not is_interrupted:
        raise SnapshotError(
            f"{data}: holds {', '.join(present)} already; give an empty folder, or --replace"
        )
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "store").mkdir(mode=0o700, parents=True)
    for name, expected in manifest.files.items():
        _copy_checked(source / name, draft / name, expected)
    _verified_store(draft / STORE)
    if node_id and node_id != manifest.node_id:
        _give_to(draft / STORE, node_id)
    sync_folder(draft / "store")
    # From here on a crash leaves the draft with its manifest, and a node refuses the folder.
    _write_manifest(data / RESTORE_MARK, manifest)
    sync_folder(data)
    if present:
        aside = data / f"replaced-{now_ms}"
        aside.mkdir(mode=0o700, exist_ok=True)
        _move(present, data, aside)
    _move(("store", *(name for name in CONFIGURATION if name in manifest.files)), draft, data)
    (data / RESTORE_MARK).unlink()
    draft.rmdir()
    sync_folder(data)


def _move(names: Iterable[str], origin: Path, target: Path) -> None:
    for name in names:
        (origin / name).rename(target / name)
    sync_folder(target)
    sync_folder(origin)


def _copy_checked(source: Path, target: Path, expected: SnapshotFile) -> None:
    try:
        _copy(source, target)
    except FileNotFoundError:
        raise SnapshotError(f"{source}: missing; use another snapshot") from None
    found = SnapshotFile(size_bytes=target.stat().st_size, sha256=_digest(target))
    if found != expected:
        raise SnapshotError(
            f"{source}: damaged: {found.size_bytes} bytes with SHA-256 {found.sha256[:16]}…, not "
            f"{expected.size_bytes} with {expected.sha256[:16]}…; use another snapshot"
        )


def _give_to(database: Path, node_id: str) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'node_id'", (node_id,))
    finally:
        connection.close()
    _sync_file(database)


# ── Files ────────────────────────────────────────────────────────────────────────────────────────


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reading:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as writing:
            shutil.copyfileobj(reading, writing, _COPY_BYTES)
            writing.flush()
            os.fsync(writing.fileno())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
