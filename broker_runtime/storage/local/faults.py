"""What an error of SQLite means for those who wait for an acknowledgement."""

from __future__ import annotations

import sqlite3
from enum import Enum


class Fault(Enum):
    """The three kinds of trouble."""

    WRITE = "one of the writes cannot be kept; the others can"
    PASSING = "nothing can be written now; it may work later"
    FINAL = "the disk broke a promise; nothing may be acknowledged until the store is opened anew"


# Primary result codes (sqlite.org/rescode.html) that go away by themselves: no room, no right, no
# memory, a lock.
_PASSING = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# After a failed fsync the kernel may have thrown the dirty pages away, and says so once only.
_UNSYNCED = {sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC}


def fault_of(error: Exception, *, committing: bool) -> Fault:
    """Judge an error of a statement, or of COMMIT when ``committing``."""
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(code, int):
        return Fault.WRITE
    primary = code & 0xFF
    if code in _UNSYNCED or primary in _DAMAGED:
        return Fault.FINAL
    if primary in _PASSING:
        return Fault.PASSING
    if primary == sqlite3.SQLITE_IOERR or committing:
        return Fault.FINAL if committing else Fault.PASSING
    return Fault.WRITE


def reason_of(error: Exception) -> str:
    """The error in one line: SQLite's words and its code by name."""
    name = getattr(error, "sqlite_errorname", "")
    return f"{error} ({name})" if name else f"{type(error).__name__}: {error}"
