"""The table of settings: each row is an option, a key of the file, and a row of the manual."""

from __future__ import annotations

import dataclasses

from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.config.limits import LIMITS
from broker_runtime.config.option import Option
from broker_runtime.contract.configuration import TlsVersion

LOOPS = ("auto", "uvloop", "asyncio")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("line", "json")
TLS_VERSIONS: tuple[TlsVersion, ...] = ("1.0", "1.1", "1.2", "1.3")

_PLACE = "What runs, and where"
_ACCESS = "Who may come in"
_CONSOLE = "With a console"

TABLE: tuple[Option, ...] = (
    Option(
        "listen",
        "listeners",
        _PLACE,
        "accept MQTT clients here; KIND is tcp, tls, ws or wss; may be given several times",
        standalone=True,
    ),
    Option(
        "data", "path", _PLACE, "folder that keeps sessions, messages and the last configuration"
    ),
    Option(
        "memory",
        "flag",
        _PLACE,
        "keep everything in memory: nothing survives the process",
        standalone=True,
    ),
    Option(
        "loop",
        "choice",
        _PLACE,
        "event loop; auto takes uvloop when it is installed",
        default="auto",
        choices=LOOPS,
    ),
    Option(
        "log-level",
        "choice",
        _PLACE,
        "the least severe lines to log",
        default="info",
        choices=LOG_LEVELS,
    ),
    Option(
        "log-format",
        "choice",
        _PLACE,
        "one line of text or one JSON object per event",
        default="line",
        choices=LOG_FORMATS,
    ),
    Option(
        "allow-anonymous",
        "flag",
        _ACCESS,
        "clients need no username and password",
        standalone=True,
    ),
    Option(
        "password-file",
        "path",
        _ACCESS,
        "users, made by 'python -m broker_runtime passwd' or mosquitto_passwd",
        standalone=True,
    ),
    Option(
        "policy-file",
        "path",
        _ACCESS,
        "what clients may do, as TOML; without it whoever is in may do anything",
        standalone=True,
    ),
    Option(
        "certificate-file",
        "path",
        _ACCESS,
        "PEM chain that tls and wss show; a changed file counts for new connections",
        standalone=True,
    ),
    Option(
        "key-file",
        "path",
        _ACCESS,
        "PEM key of the certificate, without a passphrase",
        standalone=True,
    ),
    Option(
        "tls-minimum",
        "choice",
        _ACCESS,
        "oldest TLS version that is spoken",
        default="1.2",
        choices=TLS_VERSIONS,
        standalone=True,
    ),
    Option(
        "tls-maximum",
        "choice",
        _ACCESS,
        "newest TLS version that is spoken",
        default="1.3",
        choices=TLS_VERSIONS,
        standalone=True,
    ),
    Option(
        "websocket-path",
        "text",
        _ACCESS,
        "where ws and wss take clients; / followed by nothing takes them anywhere",
        default="/mqtt",
        standalone=True,
    ),
    Option(
        "websocket-origins",
        "words",
        _ACCESS,
        "pages that may connect by ws and wss (https://example.org); any when not given",
        standalone=True,
    ),
    Option(
        "cluster-id",
        "text",
        _CONSOLE,
        "public id of the cluster this node belongs to",
        default="standalone",
    ),
    Option("node-id", "text", _CONSOLE, "id of this node", default="standalone-n0"),
    Option(
        "control",
        "address",
        _CONSOLE,
        "serve the control API here; the host is loopback unless given",
    ),
    Option("token-file", "path", _CONSOLE, "file with the token of the control API"),
    Option(
        "control-certificate-file",
        "path",
        _CONSOLE,
        "PEM chain: the control API speaks HTTPS; read at start",
    ),
    Option("control-key-file", "path", _CONSOLE, "PEM key of that certificate"),
    Option(
        "telemetry",
        "text",
        _CONSOLE,
        "ws:// or wss:// address of the console's telemetry",
        default="",
    ),
    Option("telemetry-token-file", "path", _CONSOLE, "file with the token of the telemetry stream"),
    Option("lifeline", "flag", _CONSOLE, "stop gracefully when standard input reaches its end"),
    *LIMITS,
)
BY_NAME = {option.name: option for option in TABLE}

_BROKER_DEFAULTS = {f.name: f.default for f in dataclasses.fields(BrokerSettings)}


def default_of(option: Option) -> object:
    """The value of a setting that nobody gave."""
    if option.owner == "broker":
        return _BROKER_DEFAULTS[option.field]
    return {"flag": False, "listeners": (), "words": ()}.get(option.kind, option.default)
