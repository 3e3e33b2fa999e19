"""One event is one line, whatever a device called itself."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_runtime.logs import JsonFormatter, LineFormatter, escaped


def line_of(message: str, *arguments: object, exc_info=None, formatter=None) -> str:
    record = logging.LogRecord(
        "broker_runtime.x", logging.INFO, "f", 1, message, arguments, exc_info
    )
    record.created, record.msecs = 0.0, 7.0
    return (formatter or LineFormatter()).format(record)


def test_a_line_says_when_how_grave_and_who():
    assert line_of("client=%s", "sensor-1") == (
        "1970-01-01T00:00:00.007Z level=info logger=broker_runtime.x client=sensor-1"
    )


@pytest.mark.parametrize(
    ("client_id", "shown"),
    [
        ("a\nlevel=error", "a\\nlevel=error"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("%s %d {}", "%s %d {}"),
        ("\u2028next", "\\u2028next"),
        ("\u202eright to left", "\\u202eright to left"),
        ("温度", "温度"),
        ("\ud800", "\\ud800"),
    ],
)
def test_c20_what_a_device_wrote_stays_on_its_line(client_id, shown):
    assert line_of("client=%s", client_id).endswith(f"client={shown}")


def test_a_traceback_is_on_the_line():
    try:
        raise ValueError("a\nb")
    except ValueError as error:
        line = line_of("failed", exc_info=(ValueError, error, error.__traceback__))

    assert "failed traceback=Traceback" in line
    assert "\n" not in line


@given(st.text())
def test_c20_a_line_of_json_holds_what_was_written_and_nothing_else(text):
    line = line_of("client=%s", text, formatter=JsonFormatter())

    assert line.isprintable()
    assert json.loads(line) == {
        "at": "1970-01-01T00:00:00.007Z",
        "level": "info",
        "logger": "broker_runtime.x",
        "message": f"client={text}",
    }


@given(st.text())
def test_nothing_unprintable_gets_through(text):
    assert escaped(text).isprintable()
