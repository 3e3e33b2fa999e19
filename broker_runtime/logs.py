"""Logging of a node: one line per event, what devices wrote escaped (SECURITY C20)."""

from __future__ import annotations

import json
import logging
import time


def escaped(text: str) -> str:
    """The text on one line: what is not printable, lone surrogates included, becomes an escape."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


class LineFormatter(logging.Formatter):
    """``<UTC time> level=… logger=… <message>``; a traceback follows on the same line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        text = record.getMessage()
        if record.exc_info:
            text += f" traceback={self.formatException(record.exc_info)}"
        prefix = (
            f"{at}.{int(record.msecs):03d}Z level={record.levelname.lower()} logger={record.name}"
        )
        return f"{prefix} {escaped(text)}"


class JsonFormatter(logging.Formatter):
    """One JSON object per event: ``at``, ``level``, ``logger``, ``message``, ``traceback``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON, ASCII only."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry = {
            "at": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


FORMATTERS: dict[str, type[logging.Formatter]] = {"line": LineFormatter, "json": JsonFormatter}


def start_logging(level: str, form: str = "line") -> None:
    """Send every logger's lines of this level or above to standard error, in one of the forms."""
    handler = logging.StreamHandler()
    handler.setFormatter(FORMATTERS[form]())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
