"""The process environment, read once: where data lives, what to bind, which servers to use.

Standard library only, so that the supervisor can read it without Django.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

DATABASE_SCHEMES = ("postgresql", "postgres", "sqlite")
REDIS_SCHEMES = ("redis", "rediss", "unix")


class EnvironmentInvalid(ValueError):
    """A variable holds a value that cannot be used; the message says what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Every setting that comes from outside."""

    home: Path
    """All data of this installation (``SIGNALBOX_HOME``)."""
    bind: str
    port: int
    mqtt_ports: range
    """Ports that clusters may listen on (``SIGNALBOX_MQTT_PORTS``, inclusive ``first-last``)."""
    mqtt_bind: str
    """Address that MQTT listeners bind (``SIGNALBOX_MQTT_BIND``)."""
    mqtt_host: str
    """Name or address under which clients reach this machine (``SIGNALBOX_MQTT_HOST``)."""
    database_url: str
    redis_url: str
    redis_is_private: bool
    """The supervisor starts Valkey itself because ``REDIS_URL`` is not set."""
    allowed_hosts: tuple[str, ...]
    public_url: str
    """Origin under which browsers reach the console; decides secure cookies."""
    owner_password: str = field(repr=False)
    api_secret_id: str
    api_secret_key: str = field(repr=False)
    runtime_folder: Path | None = None
    """Where the package of the broker is taken from (``SIGNALBOX_RUNTIME``: a compiled copy);
    None: from the project."""

    @classmethod
    def load(cls, variables: Mapping[str, str] = os.environ) -> Environment:
        """Read the variables; raise ``EnvironmentInvalid`` for one that cannot be used."""
        home = Path(variables.get("SIGNALBOX_HOME") or ".signalbox").expanduser().resolve()
        bind = variables.get("SIGNALBOX_BIND") or "127.0.0.1"
        port = _port("SIGNALBOX_PORT", variables.get("SIGNALBOX_PORT") or "8080")
        redis_url = _server("REDIS_URL", REDIS_SCHEMES, variables)
        database_url = _server("DATABASE_URL", DATABASE_SCHEMES, variables)
        mqtt_bind = variables.get("SIGNALBOX_MQTT_BIND") or bind
        return cls(
            home=home,
            bind=bind,
            port=port,
            mqtt_ports=_port_range(variables.get("SIGNALBOX_MQTT_PORTS") or "1883-1983"),
            mqtt_bind=mqtt_bind,
            mqtt_host=variables.get("SIGNALBOX_MQTT_HOST") or _reachable(mqtt_bind),
            database_url=database_url or _sqlite_in(home),
            redis_url=redis_url or f"unix://{private_socket(home)}",
            redis_is_private=not redis_url,
            allowed_hosts=_hosts(variables.get("SIGNALBOX_ALLOWED_HOSTS", ""), bind),
            public_url=(
                variables.get("SIGNALBOX_PUBLIC_URL")
                or f"http://{_in_url(_reachable(bind))}:{port}"
            ).rstrip("/"),
            owner_password=variables.get("SIGNALBOX_OWNER_PASSWORD", ""),
            api_secret_id=variables.get("SIGNALBOX_API_SECRET_ID", ""),
            api_secret_key=variables.get("SIGNALBOX_API_SECRET_KEY", ""),
            runtime_folder=_runtime_folder(variables.get("SIGNALBOX_RUNTIME", "")),
        )


def private_socket(home: Path) -> Path:
    """Path of the private Valkey's unix socket.

    A unix socket's path may have about 100 bytes; a deep home falls back to a short folder of the
    user's under ``/tmp``, named by the home so that two installations never meet.
    """
    wanted = home / "run" / "valkey.sock"
    if len(os.fsencode(wanted)) <= 100:
        return wanted
    digest = zlib.crc32(os.fsencode(home))
    return Path(tempfile.gettempdir()) / f"signalbox-{os.getuid()}-{digest:08x}" / "valkey.sock"


def _sqlite_in(home: Path) -> str:
    return f"sqlite:///{quote(str(home / 'console.sqlite3'))}"


def _server(name: str, schemes: tuple[str, ...], variables: Mapping[str, str]) -> str:
    url = variables.get(name, "")
    if url and not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        # Not repeated: it may hold a password, and this goes to a terminal or a log.
        raise EnvironmentInvalid(
            f"{name}: an address begins with one of {', '.join(f'{s}://' for s in schemes)}."
        )
    return url


def _runtime_folder(text: str) -> Path | None:
    if text and not (Path(text) / "broker_runtime" / "__main__.py").exists():
        raise EnvironmentInvalid(
            f"SIGNALBOX_RUNTIME={text!r}: there is no broker_runtime in this folder. "
            "'python3 run.py compile' makes such a folder and prints it."
        )
    return Path(text).resolve() if text else None


def _port(name: str, text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise EnvironmentInvalid(f"{name}={text!r}: a port is a number from 1 to 65535.")
    return int(text)


def _port_range(text: str) -> range:
    first, dash, last = text.partition("-")
    name = "SIGNALBOX_MQTT_PORTS"
    low, high = _port(name, first), _port(name, last if dash else first)
    if high < low:
        raise EnvironmentInvalid(
            f"{name}={text!r}: write the lower port first, for example 1883-1983."
        )
    return range(low, high + 1)


def _reachable(bind: str) -> str:
    wildcards = ("0.0.0.0", "::")  # noqa: S104  # compared with, never bound
    return "127.0.0.1" if bind in wildcards else bind


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _hosts(text: str, bind: str) -> tuple[str, ...]:
    listed = tuple(host.strip() for host in text.split(",") if host.strip())
    return listed or ("localhost", "127.0.0.1", "[::1]", _in_url(_reachable(bind)))
