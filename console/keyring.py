"""The installation's one master key, and the keys and tokens derived from it.

Standard library only. The key comes from ``SIGNALBOX_SECRET_KEY`` (64 hex digits) or from
``home/secret.key`` (0600), which is made at first start. Losing it makes stored secrets unreadable:
it belongs in the backup.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

KEY_BYTES = 32


class KeyringInvalid(ValueError):
    """The master key is unreadable; the message says which file or variable and what to do."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Derives one key per purpose, so that no two uses share a key."""

    master: bytes = field(repr=False)

    @classmethod
    def load(cls, home: Path) -> Keyring:
        """Read the master key, or make it at first start; raise ``KeyringInvalid`` for an
        unreadable one.
        """
        given = os.environ.get("SIGNALBOX_SECRET_KEY", "")
        if given:
            return cls(_parse(given, source="SIGNALBOX_SECRET_KEY"))
        path = home / "secret.key"
        if not path.exists():
            _create(path)
        return cls(_parse(path.read_text().strip(), source=str(path)))

    def derive(self, purpose: str, *context: str) -> bytes:
        """32 bytes that are unique for the purpose and its context."""
        message = "\0".join((purpose, *context)).encode()
        return hmac.digest(self.master, message, hashlib.sha256)

    def node_token(self, node_id: str) -> str:
        """Token that the console shows to the control API of a node."""
        return self.derive("node-control", node_id).hex()

    def telemetry_token(self, node_id: str) -> str:
        """Token that a node shows to the console's telemetry socket."""
        return self.derive("node-telemetry", node_id).hex()


def _parse(text: str, *, source: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyringInvalid(
            f"{source}: expected {2 * KEY_BYTES} hex digits. Restore the key from the backup; "
            "without it stored passwords and API keys cannot be read."
        )
    return key


def _create(path: Path) -> None:
    """Write a new key so that a crash never leaves half a key and two starters agree on one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"secret.key.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
