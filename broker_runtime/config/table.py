"""The table of settings: each row is an option, a key of the file, and a row of the manual."""

from __future__ import annotations

import dataclasses
from typing import get_args

from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.config.option import Option
from broker_runtime.contract.configuration import SharedStrategy

LOOPS = ("auto", "uvloop", "asyncio")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("line", "json")

_KB = 1024
_MB = 1024 * _KB
_GB = 1024 * _MB
_DAY_S = 86_400

_PLACE = "What runs, and where"
_ACCESS = "Who may come in"
_CONSOLE = "With a console"
_QUOTAS = "Quotas and rates"
_PROTOCOL = "The protocol"
_MEMORY = "Memory and back-pressure"
_DURABLE = "Sessions and messages on disk"

TABLE: tuple[Option, ...] = (
    Option(
        "listen",
        "listeners",
        _PLACE,
        "accept MQTT clients here; KIND is tcp; may be given several times",
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
        "users, made by 'python -m broker_runtime passwd'",
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
        "telemetry",
        "text",
        _CONSOLE,
        "ws:// or wss:// address of the console's telemetry",
        default="",
    ),
    Option("telemetry-token-file", "path", _CONSOLE, "file with the token of the telemetry stream"),
    Option("lifeline", "flag", _CONSOLE, "stop gracefully when standard input reaches its end"),
    Option(
        "max-connections",
        "number",
        _QUOTAS,
        "clients connected at a time",
        "cluster",
        10_000,
        1,
    ),
    Option(
        "max-subscriptions",
        "number",
        _QUOTAS,
        "subscriptions of all clients",
        "cluster",
        300_000,
        1,
    ),
    Option(
        "max-subscriptions-per-client",
        "number",
        _QUOTAS,
        "subscriptions of one client",
        "cluster",
        1_000,
        1,
    ),
    Option(
        "max-topics",
        "number",
        _QUOTAS,
        "first-level topics that may exist",
        "cluster",
        10_000,
        1,
    ),
    Option(
        "tps-limit",
        "number",
        _QUOTAS,
        "messages in and out per second, of all clients; 0 is no limit",
        "cluster",
        0,
    ),
    Option(
        "client-message-rate",
        "number",
        _QUOTAS,
        "messages per second that one client may send; 0 is no limit",
        "cluster",
        0,
    ),
    Option(
        "tps-weight-bytes",
        "number",
        _QUOTAS,
        "a message counts one for each started so many bytes of payload",
        "broker",
        low=1,
    ),
    Option(
        "max-handshakes",
        "number",
        _QUOTAS,
        "connections that may be open without having sent CONNECT",
        "broker",
        low=1,
    ),
    Option(
        "accept-rate",
        "number",
        _QUOTAS,
        "connections per second that are let in, twice as many in a burst; 0 is no limit",
        "broker",
    ),
    Option(
        "retained-max-messages", "number", _QUOTAS, "retained messages", "broker", high=100_000_000
    ),
    Option(
        "retained-max-bytes",
        "number",
        _QUOTAS,
        "bytes of all retained messages",
        "broker",
        high=64 * _GB,
    ),
    Option(
        "max-message-bytes",
        "number",
        _PROTOCOL,
        "largest payload of a message; a packet may have 128 KiB more",
        "cluster",
        4 * _MB,
        1,
        256 * _MB - 128 * _KB - 1,
    ),
    Option(
        "receive-maximum",
        "number",
        _PROTOCOL,
        "QoS 1 and 2 messages that a client may have unacknowledged",
        "broker",
        low=1,
        high=65_535,
    ),
    Option(
        "inflight-maximum",
        "number",
        _PROTOCOL,
        "QoS 1 and 2 messages sent to a client and not acknowledged by it",
        "broker",
        low=1,
        high=65_535,
    ),
    Option(
        "topic-alias-maximum",
        "number",
        _PROTOCOL,
        "topic aliases of a connection, both ways",
        "broker",
        high=65_535,
    ),
    Option(
        "keep-alive-max-s",
        "number",
        _PROTOCOL,
        "longest keep-alive granted; MQTT 5 clients are told as Server Keep Alive",
        "broker",
        low=1,
        high=65_535,
    ),
    Option(
        "session-expiry-max-s",
        "number",
        _PROTOCOL,
        "longest life of a session whose client is away",
        "cluster",
        7 * _DAY_S,
    ),
    Option(
        "connect-timeout-s",
        "seconds",
        _PROTOCOL,
        "from the TCP connection to the end of CONNECT, handshakes of TLS and WebSocket included",
        "broker",
        low=0.1,
        high=600,
    ),
    Option(
        "max-connect-bytes",
        "number",
        _PROTOCOL,
        "largest CONNECT",
        "broker",
        low=128,
        high=16 * _MB,
    ),
    Option("max-topic-bytes", "number", _PROTOCOL, "longest topic", "broker", low=16, high=65_535),
    Option(
        "max-topic-levels",
        "number",
        _PROTOCOL,
        "most levels of a topic",
        "broker",
        low=1,
        high=65_535,
    ),
    Option("maximum-qos", "number", _PROTOCOL, "highest QoS of a PUBLISH", "broker", high=2),
    Option("without-retained", "flag", _PROTOCOL, "refuse retained messages", "broker"),
    Option("without-wildcards", "flag", _PROTOCOL, "refuse subscriptions with + or #", "broker"),
    Option("without-identifiers", "flag", _PROTOCOL, "refuse subscription identifiers", "broker"),
    Option("without-shared", "flag", _PROTOCOL, "refuse shared subscriptions", "broker"),
    Option(
        "shared-strategy",
        "choice",
        _PROTOCOL,
        "which member of a shared subscription gets a message; hash is of the topic",
        "cluster",
        "round_robin",
        choices=get_args(SharedStrategy),
    ),
    Option(
        "response-prefix",
        "text",
        _PROTOCOL,
        "clients that ask for Response Information are given this, a slash and their id",
        "broker",
    ),
    Option(
        "sys-interval-s",
        "number",
        _PROTOCOL,
        "time between two publications of the counters under $SYS; 0 is never",
        "broker",
        high=86_400,
    ),
    Option(
        "outbox-max-bytes",
        "number",
        _MEMORY,
        "bytes waiting for one client that does not read; beyond it messages are dropped",
        "broker",
        low=4 * _KB,
    ),
    Option(
        "pending-max-messages",
        "number",
        _MEMORY,
        "QoS 1 and 2 messages waiting in memory for room in the window of one client",
        "broker",
        low=1,
    ),
    Option(
        "half-received-max-bytes",
        "number",
        _MEMORY,
        "packets of all clients that came in part; beyond it those that keep the most are ended",
        "broker",
        low=_MB,
        high=16 * _GB,
    ),
    Option(
        "unstored-max-bytes",
        "number",
        _MEMORY,
        "messages given to the disk and not confirmed; beyond it publishers are not read from",
        "broker",
        low=_MB,
        high=16 * _GB,
    ),
    Option(
        "unreleased-max-bytes",
        "number",
        _MEMORY,
        "QoS 2 messages of one client that await their PUBREL",
        "broker",
        low=4 * _KB,
        high=16 * _GB,
    ),
    Option(
        "checkpoint-interval-s",
        "seconds",
        _DURABLE,
        "a changed durable session is saved this often at most; bounds duplicates after a crash",
        "broker",
        low=0.01,
        high=60,
    ),
    Option(
        "message-retention-s",
        "number",
        _DURABLE,
        "how long the message log keeps a message",
        "cluster",
        3 * _DAY_S,
        60,
    ),
)
BY_NAME = {option.name: option for option in TABLE}

_BROKER_DEFAULTS = {f.name: f.default for f in dataclasses.fields(BrokerSettings)}


def default_of(option: Option) -> object:
    """The value of a setting that nobody gave."""
    if option.owner == "broker":
        return _BROKER_DEFAULTS[option.field]
    return {"flag": False, "listeners": (), "words": ()}.get(option.kind, option.default)
