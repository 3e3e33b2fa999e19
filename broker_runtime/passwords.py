"""The password file of a standalone node, made by ``python -m broker_runtime passwd``.

The first line is ``key:<64 hex>``, the file's own HMAC key; each other line is
``<username>:<64 hex>``, where the hex is ``HMAC-SHA256(key, username + "\\0" + password)``
(DECISIONS 14). It holds no password, and whoever reads it can only guess: keep it private.
Lines may also be those of ``mosquitto_passwd``; a file that has no others needs no key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import string
import tempfile
from pathlib import Path

from broker_runtime.auth.hashes import HashInvalid, parse_hash
from broker_runtime.contract.configuration import User, UsersSection

_KEY = "key"
_HEX_LENGTH = 64
_MAX_BYTES = 64 * 1024 * 1024
_MAX_NAME_BYTES = 65_535  # the length of a UTF-8 string of MQTT [MQTT-1.5.4]


class PasswordFileError(Exception):
    """The password file cannot be used; the message names the line."""


def verifier(key: str, username: str, password: str) -> str:
    """What is kept of a password: hex of ``HMAC-SHA256(key, username NUL password)``."""
    text = f"{username}\0{password}".encode()
    return hmac.new(bytes.fromhex(key), text, hashlib.sha256).hexdigest()


def load(path: Path) -> UsersSection:
    """The users of the file.

    Raises:
        PasswordFileError: it cannot be read, has no users, or a line is not of the form above.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise PasswordFileError(f"{path}: larger than {_MAX_BYTES} bytes")
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise PasswordFileError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PasswordFileError(f"{path}: not UTF-8 text") from None
    label, _, key = lines[0].rstrip("\r").partition(":")
    if label != _KEY or not _is_hex(key):
        key = ""  # a file of mosquitto_passwd has no such line
    users: dict[str, User] = {}
    for number, line in enumerate(lines[1 if key else 0 :], start=2 if key else 1):
        if not line.strip():
            continue
        username, _, verifier = line.rstrip("\r").rpartition(":")
        if not username or not _is_usable(verifier, key):
            raise PasswordFileError(f"{path} line {number}: {_EXPECTED[bool(key)]}")
        if username in users:
            raise PasswordFileError(f"{path} line {number}: {username!r} is there twice")
        users[username] = User(username=username, verifier=verifier)
    if not users:
        raise PasswordFileError(f"{path}: no users; add one with 'python -m broker_runtime passwd'")
    return UsersSection(verifier_key=key, users=tuple(users.values()))


def set_password(path: Path, username: str, password: str) -> None:
    """Add a user to the file, or change the password; makes the file (0600) when there is none.

    Raises:
        PasswordFileError: the name cannot be kept in a line, or the file cannot be read or written.
    """
    if not username or not username.isprintable() or len(username.encode()) > _MAX_NAME_BYTES:
        raise PasswordFileError("username: one to 65535 bytes of printable text expected")
    if path.exists():
        section = load(path)
        key = section.verifier_key or secrets.token_hex(32)
        digests = {u.username: u.verifier for u in section.users}
    else:
        key, digests = secrets.token_hex(32), {}
    digests[username] = verifier(key, username, password)
    lines = [f"{_KEY}:{key}", *(f"{name}:{digest}" for name, digest in digests.items())]
    try:
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(descriptor)
        Path(draft).replace(path)
    except OSError as error:
        raise PasswordFileError(f"{path}: {error.strerror}") from None


_EXPECTED = {
    True: "'username:' and 64 hex digits, or a hash of mosquitto_passwd, expected",
    False: "'key:' and 64 hex digits (make the file with 'passwd') or 'username:' and a hash of "
    "mosquitto_passwd expected",
}


def _is_usable(verifier: str, key: str) -> bool:
    if not verifier.startswith("$"):
        return bool(key) and _is_hex(verifier)
    try:
        parse_hash(verifier)
    except HashInvalid:
        return False
    return True


def _is_hex(text: str) -> bool:
    return len(text) == _HEX_LENGTH and all(c in string.hexdigits for c in text)
