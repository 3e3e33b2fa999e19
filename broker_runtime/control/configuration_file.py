"""The last configuration on disk, durable before it is acknowledged, and the one before it.

``configuration.json`` is what the node holds, ``configuration.previous.json`` what it held before.
Both are 0600: they carry password verifiers and their key. A change is two steps: ``prepare`` makes
the new file durable under a third name, so that a full disk is noticed before anything changes, and
``commit`` renames it into place (SECURITY F11).
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from pathlib import Path

import msgspec

from broker_runtime.contract.configuration import Configuration
from broker_runtime.data_folder import sync_folder, write_private

logger = logging.getLogger(__name__)

CURRENT = "configuration.json"
PREVIOUS = "configuration.previous.json"
DRAFT = "configuration.draft.json"


class KeptConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the file; ``checksum`` is the SHA-256 of the bytes of ``configuration``."""

    applied_at_ms: int
    checksum: str
    configuration: msgspec.Raw


class ConfigurationFile:
    """The two files in the data folder. The calls block: the caller takes them off the loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._current = folder / CURRENT
        self._previous = folder / PREVIOUS
        self._draft = folder / DRAFT

    def load(self) -> tuple[Configuration, int] | None:
        """The newest readable configuration and when it was applied (Unix ms), if any."""
        for path in (self._current, self._previous):
            try:
                kept = _read(path)
            except FileNotFoundError:
                continue
            except (OSError, ValueError, msgspec.MsgspecError) as error:
                logger.error("configuration_unreadable file=%s reason=%s", path, error)
                continue
            if path == self._previous:
                logger.warning(
                    "configuration_previous_used file=%s revision=%s", path, kept[0].revision
                )
            return kept
        return None

    def prepare(self, configuration: Configuration, applied_at_ms: int) -> None:
        """Make the new content durable beside the old. Raises ``OSError``, leaving no draft."""
        raw = msgspec.json.encode(configuration)
        digest = hashlib.sha256(raw).hexdigest()
        kept = KeptConfiguration(
            applied_at_ms=applied_at_ms, checksum=digest, configuration=msgspec.Raw(raw)
        )
        try:
            write_private(self._draft, msgspec.json.encode(kept))
        except OSError:
            self.discard()
            raise

    def commit(self) -> None:
        """Put what ``prepare`` wrote in force; the file it replaces becomes the previous one."""
        if self._current.exists():
            self._previous.unlink(missing_ok=True)
            self._previous.hardlink_to(self._current)
        self._draft.replace(self._current)
        sync_folder(self._folder)

    def discard(self) -> None:
        """Forget what ``prepare`` wrote."""
        with contextlib.suppress(OSError):
            self._draft.unlink(missing_ok=True)


def _read(path: Path) -> tuple[Configuration, int]:
    kept = msgspec.json.decode(path.read_bytes(), type=KeptConfiguration)
    raw = bytes(kept.configuration)
    if hashlib.sha256(raw).hexdigest() != kept.checksum:
        raise ValueError("the checksum does not match: the file was damaged or edited")
    return msgspec.json.decode(raw, type=Configuration), kept.applied_at_ms
