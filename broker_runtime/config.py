"""The options of a node: one table for the command line, the TOML file, limits and help."""

from __future__ import annotations

import argparse
import ipaddress
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
LOOPS = ("auto", "uvloop", "asyncio")
LOG_LEVELS = ("debug", "info", "warning", "error")


class OptionError(Exception):
    """An option is missing, malformed or contradicts another; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Option:
    """One line of the table; ``low`` and ``high`` bound the numbers."""

    name: str
    kind: Literal["text", "flag", "number", "address", "addresses", "path", "choice"]
    help: str
    default: object = None
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        """The name as an attribute of ``Options``."""
        return self.name.replace("-", "_")


_MANY = 2**31 - 1
_WEEK_S = 7 * 86_400

TABLE: tuple[Option, ...] = (
    Option("listen", "addresses", "accept MQTT clients on HOST:PORT; may be given several times"),
    Option("allow-anonymous", "flag", "with --listen: clients need no username and password"),
    Option(
        "password-file", "path", "with --listen: users made by 'python -m broker_runtime passwd'"
    ),
    Option("data", "path", "folder that keeps sessions, messages and the last configuration"),
    Option(
        "memory", "flag", "with --listen: keep everything in memory, nothing survives the process"
    ),
    Option("cluster-id", "text", "public id of the cluster this node belongs to", "standalone"),
    Option("node-id", "text", "id of this node", "standalone-n0"),
    Option(
        "control",
        "address",
        "serve the control API on [HOST:]PORT; the host is loopback unless given",
    ),
    Option("token-file", "path", "file with the token of the control API"),
    Option("telemetry", "text", "ws:// or wss:// address of the console's telemetry", ""),
    Option("telemetry-token-file", "path", "file with the token of the telemetry stream"),
    Option("lifeline", "flag", "stop gracefully when standard input reaches its end"),
    Option(
        "loop",
        "choice",
        "event loop; auto takes uvloop when it is installed",
        "auto",
        choices=LOOPS,
    ),
    Option("log-level", "choice", "the least severe lines to log", "info", choices=LOG_LEVELS),
    Option(
        "tps-limit",
        "number",
        "with --listen: messages in and out per second; 0 is no limit",
        0,
        0,
        _MANY,
    ),
    Option(
        "max-connections", "number", "with --listen: clients connected at a time", 10_000, 1, _MANY
    ),
    Option(
        "max-subscriptions",
        "number",
        "with --listen: subscriptions of all clients",
        300_000,
        1,
        _MANY,
    ),
    Option(
        "max-subscriptions-per-client",
        "number",
        "with --listen: subscriptions of one client",
        1_000,
        1,
        _MANY,
    ),
    Option(
        "max-topics", "number", "with --listen: first-level topics that may exist", 10_000, 1, _MANY
    ),
    Option(
        "max-message-bytes",
        "number",
        "with --listen: largest payload of a message",
        4 * 1024 * 1024,
        1,
        256 * 1024 * 1024,
    ),
    Option(
        "session-expiry-max-s",
        "number",
        "with --listen: longest life of a session whose client is away, in seconds",
        _WEEK_S,
        0,
        _MANY,
    ),
    Option(
        "message-retention-s",
        "number",
        "with --listen: how long the message log keeps a message, in seconds",
        3 * 86_400,
        60,
        _MANY,
    ),
    Option(
        "keep-alive-max-s", "number", "longest keep-alive granted, in seconds", 65_535, 1, 65_535
    ),
    Option(
        "receive-maximum", "number", "unacknowledged messages a client may send", 1_000, 1, 65_535
    ),
    Option(
        "topic-alias-maximum", "number", "topic aliases of a connection, both ways", 32, 0, 65_535
    ),
)
_BY_NAME = {option.name: option for option in TABLE}
_STANDALONE_ONLY = tuple(o.name for o in TABLE if o.help.startswith("with --listen"))


@dataclass(frozen=True, slots=True)
class Options:
    """What a node was told; the meaning of each field is the help of the option of that name."""

    listen: tuple[Address, ...]
    allow_anonymous: bool
    password_file: Path | None
    data: Path | None
    memory: bool
    cluster_id: str
    node_id: str
    control: Address | None
    token_file: Path | None
    telemetry: str
    telemetry_token_file: Path | None
    lifeline: bool
    loop: str
    log_level: str
    tps_limit: int
    max_connections: int
    max_subscriptions: int
    max_subscriptions_per_client: int
    max_topics: int
    max_message_bytes: int
    session_expiry_max_s: int
    message_retention_s: int
    keep_alive_max_s: int
    receive_maximum: int
    topic_alias_maximum: int

    @property
    def is_standalone(self) -> bool:
        """Whether the command line, not a console, says what the node does."""
        return bool(self.listen)


def parse(argv: Sequence[str]) -> Options:
    """Options from the command line and, beneath it, the file it names.

    Raises:
        OptionError: a value is malformed, unknown or contradicts another.
        SystemExit: ``--help`` was asked for, or argparse refused the line (it has printed why).
    """
    line = {k: v for k, v in vars(_parser().parse_args(argv)).items() if v is not None}
    path = line.pop("config", None)
    given: dict[str, object] = dict(_read_file(Path(path))) if path else {}
    given.update({option.name: line[option.field] for option in TABLE if option.field in line})
    values = {o.field: _value(o, given[o.name]) if o.name in given else _default(o) for o in TABLE}
    options = Options(**values)  # type: ignore[arg-type]  # the table and the fields are tested equal
    _refuse_contradictions(options, given)
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m broker_runtime",
        description="A Signalbox MQTT broker: on its own (--listen) or for a console (--control).",
        epilog="Users for --password-file: python -m broker_runtime passwd FILE USERNAME",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config", metavar="FILE", help="TOML file with the same names, without dashes before"
    )
    for option in TABLE:
        flag, text = f"--{option.name}", option.help
        if option.default not in (None, ""):
            text += f" (default: {option.default})"
        if option.kind == "flag":
            parser.add_argument(flag, action="store_const", const=True, help=text)
        elif option.kind == "addresses":
            parser.add_argument(flag, action="append", metavar="HOST:PORT", help=text)
        else:
            metavar = {"address": "[HOST:]PORT", "path": "PATH", "number": "N"}.get(option.kind)
            parser.add_argument(flag, metavar=metavar, choices=option.choices or None, help=text)
    return parser


def _read_file(path: Path) -> Mapping[str, object]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"--config {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"--config {path}: not TOML: {error}") from None
    unknown = sorted(set(values) - set(_BY_NAME))
    if unknown:
        raise OptionError(
            f"--config {path}: unknown option {unknown[0]!r}; see --help for the names"
        )
    return values


def _default(option: Option) -> object:
    return {"flag": False, "addresses": ()}.get(option.kind, option.default)


def _value(option: Option, raw: object) -> object:
    """The typed value of what the line (text) or the file (TOML types) gave."""
    if option.kind == "flag":
        if not isinstance(raw, bool):
            raise OptionError(f"{option.name}: true or false expected, not {raw!r}")
        return raw
    if option.kind == "addresses":
        if not isinstance(raw, list) or not raw:
            raise OptionError(f"{option.name}: a list of HOST:PORT expected, not {raw!r}")
        return tuple(_address(option, item) for item in raw)
    if option.kind == "address":
        return _address(option, raw)
    if option.kind == "number":
        return _number(option, raw)
    if not isinstance(raw, str) or not raw:
        raise OptionError(f"{option.name}: text expected, not {raw!r}")
    if option.choices and raw not in option.choices:
        raise OptionError(
            f"{option.name}: one of {', '.join(option.choices)} expected, not {raw!r}"
        )
    return Path(raw) if option.kind == "path" else raw


def _number(option: Option, raw: object) -> int:
    digits = isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) < 12
    number = int(cast(str, raw)) if digits else raw
    if not isinstance(number, int) or isinstance(number, bool):
        raise OptionError(f"{option.name}: a whole number expected, not {raw!r}")
    if not option.low <= number <= option.high:
        raise OptionError(f"{option.name}: {option.low} to {option.high} expected, not {number}")
    return number


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


def _refuse_contradictions(options: Options, given: Mapping[str, object]) -> None:
    if options.is_standalone:
        _check_standalone(options)
    else:
        _check_managed(options, given)
    if options.control is not None:
        if options.token_file is None:
            raise OptionError(
                "--control needs --token-file: the control API is never open to everybody"
            )
        _check_control_address(options.control)
    elif options.token_file is not None:
        raise OptionError("--token-file is the token of --control, which is missing")
    _check_telemetry(options)


def _check_standalone(options: Options) -> None:
    if options.memory == (options.data is not None):
        raise OptionError(
            "give exactly one of --data DIR (everything survives) and --memory (nothing does)"
        )
    if options.allow_anonymous == (options.password_file is not None):
        raise OptionError("give exactly one of --allow-anonymous and --password-file FILE")
    if len(set(options.listen)) != len(options.listen):
        raise OptionError("--listen names the same address twice")


def _check_managed(options: Options, given: Mapping[str, object]) -> None:
    if options.control is None:
        raise OptionError(
            "give --listen HOST:PORT to run on its own, or --control to serve a console"
        )
    if options.data is None:
        raise OptionError(
            "--data DIR is missing: a node of a console keeps its configuration there"
        )
    for name in _STANDALONE_ONLY:
        if name in given:
            raise OptionError(
                f"--{name} goes with --listen only; with --control the console decides it"
            )
    for name in ("cluster-id", "node-id"):
        if name not in given:
            raise OptionError(f"--{name} is missing: a node of a console must know who it is")


def _check_control_address(control: Address) -> None:
    """The control API must not be reachable from the devices' network (SECURITY C21)."""
    try:
        ip = ipaddress.ip_address(control.host)
    except ValueError:
        raise OptionError(f"--control {control}: an IP address expected, not a name") from None
    if ip.is_unspecified or not ip.is_private:
        raise OptionError(
            f"--control {control}: give a loopback or private address; "
            "the control API must not be open to devices"
        )


def _check_telemetry(options: Options) -> None:
    if bool(options.telemetry) != (options.telemetry_token_file is not None):
        raise OptionError("--telemetry and --telemetry-token-file go together")
    if not options.telemetry:
        return
    if options.control is None:
        raise OptionError("--telemetry needs --control: only a node of a console reports to it")
    url = urlsplit(options.telemetry)
    if url.scheme not in ("ws", "wss") or not url.hostname or url.query or url.username:
        raise OptionError("--telemetry: ws://HOST[:PORT]/PATH without user and query expected")
