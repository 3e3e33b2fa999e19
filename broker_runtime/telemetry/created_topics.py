"""First-level topics the console was not told of yet, kept over a restart of the node."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from broker_runtime.data_folder import write_durably

logger = logging.getLogger(__name__)

FILE = "created-topics.json"


class CreatedTopicsFile:
    """The file in the data folder. The calls block: the caller takes them off the loop."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._written: tuple[str, ...] = ()

    def load(self) -> tuple[str, ...]:
        """The names an earlier process left; none when the file is missing or damaged."""
        try:
            self._written = msgspec.json.decode(self._path.read_bytes(), type=tuple[str, ...])
        except FileNotFoundError:
            return ()
        except (OSError, ValueError) as error:
            logger.error("created_topics_unreadable file=%s reason=%s", self._path, error)
            return ()
        return self._written

    def keep(self, names: tuple[str, ...]) -> None:
        """Make the file hold exactly these names; writes only when they changed."""
        if names == self._written:
            return
        try:
            if names:
                write_durably(self._path, msgspec.json.encode(names))
            else:
                self._path.unlink(missing_ok=True)
            self._written = names
        except OSError as error:
            logger.error("created_topics_not_kept file=%s reason=%s", self._path, error)
