"""What a node was told, by command line, environment and file; contradictions are refused."""

from __future__ import annotations

import argparse
import difflib
import platform
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker_runtime import __version__, build
from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.config.contradictions import refuse_contradictions
from broker_runtime.config.option import Address, ListenAddress, Option, OptionError, Owner
from broker_runtime.config.table import BY_NAME, TABLE, default_of
from broker_runtime.config.values import typed
from broker_runtime.contract.configuration import ClusterSection, TlsVersion

VARIABLE_PREFIX = "SIGNALBOX_NODE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The settings; the meaning of each field is the help of the option of that name."""

    listen: tuple[ListenAddress, ...]
    data: Path | None
    memory: bool
    loop: str
    log_level: str
    log_format: str
    allow_anonymous: bool
    password_file: Path | None
    policy_file: Path | None
    certificate_file: Path | None
    key_file: Path | None
    tls_minimum: TlsVersion
    tls_maximum: TlsVersion
    websocket_path: str
    websocket_origins: tuple[str, ...]
    cluster_id: str
    node_id: str
    control: Address | None
    token_file: Path | None
    control_certificate_file: Path | None
    control_key_file: Path | None
    telemetry: str
    telemetry_token_file: Path | None
    lifeline: bool
    message_log_max_bytes: int
    broker: BrokerSettings
    cluster: ClusterSection
    """Limits of a node on its own; a console sends its own section."""
    given: frozenset[str]
    """Names of the options that somebody gave."""
    check_only: bool
    """Look at everything, then end instead of running."""

    @property
    def is_standalone(self) -> bool:
        """Whether the settings, not a console, say what the node does."""
        return bool(self.listen)


def parse(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> Options:
    """Options from the command line; beneath it the environment, beneath that the file.

    Raises:
        OptionError: a value is malformed, unknown or contradicts another.
        SystemExit: ``--help`` was asked for, or argparse refused the line (it has printed why).
    """
    namespace, unknown = _parser().parse_known_args(argv)
    if unknown:
        names = [f"--{name}" for name in (*BY_NAME, "config", "check-config", "help")]
        raise OptionError(_unknown("option", unknown[0].partition("=")[0], names))
    line = {k: v for k, v in vars(namespace).items() if v is not None}
    variables = _variables(environment or {})
    config = line.get("config") or (environment or {}).get(f"{VARIABLE_PREFIX}CONFIG")
    raw = _read_file(Path(config)) if config else {}
    raw.update(variables)
    raw.update({option.name: line[option.field] for option in TABLE if option.field in line})
    options = _options({n: typed(BY_NAME[n], v) for n, v in raw.items()}, "check_config" in line)
    refuse_contradictions(options)
    return options


def _options(given: Mapping[str, object], check_only: bool) -> Options:
    """Each value at its owner's."""
    # The table and the fields of the owners are proven equal by a test, names and types.
    values: dict[Owner, dict[str, Any]] = {"node": {}, "broker": {}, "cluster": {}}
    for option in TABLE:
        value = given[option.name] if option.name in given else default_of(option)
        values[option.owner][option.field] = value
    node = values["node"]
    broker = BrokerSettings(allow_anonymous=node["allow_anonymous"], **values["broker"])
    cluster = ClusterSection(
        cluster_id=node["cluster_id"],
        auto_create_topics=True,
        authorization_enabled=node["policy_file"] is not None,
        **values["cluster"],
    )
    return Options(
        **node,
        broker=broker,
        cluster=cluster,
        given=frozenset(given),
        check_only=check_only,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m broker_runtime",
        description="A Signalbox MQTT broker: on its own (--listen) or for a console (--control).",
        epilog="Other uses: passwd FILE USERNAME (users for --password-file); options (this table "
        "as Markdown).",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config", metavar="FILE", help="TOML file with the same names, without dashes before"
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"broker_runtime {__version__} ({build()}, Python {platform.python_version()})",
    )
    parser.add_argument(
        "--check-config",
        action="store_const",
        const=True,
        help="look at every setting and file, say what is wrong, and end",
    )
    groups: dict[str, argparse._ArgumentGroup] = {}
    for option in TABLE:
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        _add(groups[option.group], option)
    return parser


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    flag, text, default = f"--{option.name}", option.help, default_of(option)
    if default not in (None, "", (), False):
        text += f" (default: {default})"
    if option.is_standalone_only and option.name != "listen":
        text = f"with --listen: {text}"
    text = text.replace("%", "%%")
    if option.kind == "flag":
        group.add_argument(flag, action="store_const", const=True, help=text)
    elif option.kind in ("listeners", "words"):
        group.add_argument(flag, action="append", metavar=option.metavar, help=text)
    else:
        group.add_argument(flag, metavar=option.metavar, help=text)


def _variables(environment: Mapping[str, str]) -> dict[str, object]:
    """``SIGNALBOX_NODE_MAX_CONNECTIONS=5`` for ``--max-connections 5``."""
    by_variable = {f"{VARIABLE_PREFIX}{o.field.upper()}": o.name for o in TABLE}
    found: dict[str, object] = {}
    for name, value in environment.items():
        if not name.startswith(VARIABLE_PREFIX) or name == f"{VARIABLE_PREFIX}CONFIG":
            continue
        if name not in by_variable:
            raise OptionError(_unknown("environment variable", name, by_variable))
        found[by_variable[name]] = value
    return found


def _read_file(path: Path) -> dict[str, object]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"--config {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"--config {path}: not TOML: {error}") from None
    for name in values:
        if name not in BY_NAME:
            raise OptionError(f"--config {path}: {_unknown('option', name, BY_NAME)}")
    return values


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    advice = f"did you mean {nearest[0]!r}?" if nearest else "see --help for the names"
    return f"unknown {what} {name!r}; {advice}"
