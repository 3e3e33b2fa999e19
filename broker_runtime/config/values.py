"""From what a line, a variable or a file gives to the typed value of a setting."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from broker_runtime.config.option import LOOPBACK, Address, ListenAddress, Option, OptionError
from broker_runtime.contract.configuration import ListenerKind

KINDS: tuple[ListenerKind, ...] = ("tcp", "tls", "ws", "wss")
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def typed(option: Option, raw: object) -> object:
    """The value; ``raw`` is text from a line or a variable, or what TOML holds.

    Raises:
        OptionError: it is malformed or out of range; the message says what is allowed.
    """
    if option.kind == "flag":
        return _flag(option, raw)
    if option.kind in ("number", "seconds"):
        return _number(option, raw)
    if option.kind == "listeners":
        return tuple(_listener(option, item) for item in _items(option, raw))
    if option.kind == "address":
        return _address(option, raw)
    if option.kind == "words":
        return tuple(_items(option, raw))
    if not isinstance(raw, str) or not raw:
        raise OptionError(f"{option.name}: text expected, not {raw!r}")
    if option.choices and raw not in option.choices:
        raise OptionError(
            f"{option.name}: one of {', '.join(option.choices)} expected, not {raw!r}"
        )
    return Path(raw) if option.kind == "path" else raw


def _flag(option: Option, raw: object) -> bool:
    flag = _WORDS.get(raw.lower()) if isinstance(raw, str) else raw
    if not isinstance(flag, bool):
        raise OptionError(f"{option.name}: true or false expected, not {raw!r}")
    return flag


def _items(option: Option, raw: object) -> list[str]:
    """A list of the file or of a repeated option; a variable separates its items by commas."""
    items = [part.strip() for part in raw.split(",")] if isinstance(raw, str) else raw
    if not isinstance(items, list) or not items or not all(isinstance(i, str) for i in items):
        raise OptionError(f"{option.name}: a list of {option.metavar} expected, not {raw!r}")
    return cast(list[str], items)


def _number(option: Option, raw: object) -> int | float:
    number = raw
    if isinstance(raw, str) and len(raw) < 20:
        number = _read_number(option, raw)
    is_number = isinstance(number, int) or (option.kind == "seconds" and isinstance(number, float))
    if not is_number or isinstance(number, bool):
        what = "a whole number" if option.kind == "number" else "a number of seconds"
        raise OptionError(f"{option.name}: {what} expected, not {raw!r}")
    value = cast(float, number)
    if not option.low <= value <= option.high:
        raise OptionError(f"{option.name}: {option.low:g} to {option.high} expected, not {number}")
    return value if option.kind == "number" else float(value)


def _read_number(option: Option, text: str) -> object:
    if not text.isascii():
        return text
    try:
        return int(text) if option.kind == "number" and text.isdigit() else float(text)
    except ValueError:
        return text


def _listener(option: Option, raw: object) -> ListenAddress:
    """``[KIND://]HOST:PORT``; tcp unless told."""
    text = str(raw)
    kind, separator, rest = text.partition("://")
    if not separator:
        kind, rest = "tcp", text
    if kind not in KINDS:
        raise OptionError(
            f"{option.name}: one of {', '.join(KINDS)} expected before ://, not {raw!r}"
        )
    return ListenAddress(kind, _address(option, rest))


def _address(option: Option, raw: object) -> Address:
    """``HOST:PORT``, ``[IPv6]:PORT`` or ``PORT`` alone for loopback."""
    text = str(raw) if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise OptionError(f"{option.name}: write an IPv6 address as [ADDRESS]:PORT, not {raw!r}")
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 1 <= int(port) <= 65_535):
        raise OptionError(
            f"{option.name}: HOST:PORT with a port of 1 to 65535 expected, not {raw!r}"
        )
    return Address(host or LOOPBACK, int(port))
