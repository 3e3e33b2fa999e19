"""Stands where Mosquitto's tests expect its program: starts our runtime with what they ask for.

``mosquitto [-v] [-p PORT] [-c FILE]``. A directive of the file that we have no counterpart for ends
the program with ``NOT_APPLICABLE`` and a line that names it: the case is then none for us.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

NOT_APPLICABLE = "not applicable: "
IGNORED = frozenset(("allow_anonymous", "log_type", "log_dest", "port", "listener", "persistence"))
"""What it asks for is looked at elsewhere, or is so anyway."""
OPTIONS = {
    "max_connections": "--max-connections",
    "max_inflight_messages": "--inflight-maximum",
    "max_keepalive": "--keep-alive-max-s",
    "maximum_qos": "--maximum-qos",
    "message_size_limit": "--max-message-bytes",
    "password_file": "--password-file",
    "sys_interval": "--sys-interval-s",
}
"""Directive → the option of ours that means the same and takes the same value."""
SWITCHES = {("retain_available", "false"): "--without-retained"}
"""Directive and value → the option of ours that says so."""


def main(arguments: list[str]) -> None:
    """Become a node."""
    port, directives = _read(arguments)
    known = IGNORED | OPTIONS.keys() | {name for name, _ in SWITCHES} | {"persistence_file"}
    unknown = sorted(directives.keys() - known)
    if unknown:
        sys.exit(f"{NOT_APPLICABLE}{', '.join(unknown)}")
    listener = directives.get("listener") or directives.get("port") or str(port)
    folder = _folder(directives.get("persistence_file"))
    options = ["--data", str(folder), "--listen", f"127.0.0.1:{listener.split()[0]}"]
    open_to_all = directives.get("allow_anonymous", "false" if directives else "true") == "true"
    if open_to_all and "password_file" in directives:
        sys.exit(f"{NOT_APPLICABLE}password_file together with allow_anonymous")
    if open_to_all:
        options.append("--allow-anonymous")
    elif "password_file" not in directives:
        options += ["--password-file", str(_nobody(folder))]
    for name, option in OPTIONS.items():
        if name in directives:
            options += [option, directives[name]]
    options += [option for wanted, option in SWITCHES.items() if wanted in directives.items()]
    os.chdir(os.environ["SUITE_RUNTIME"])
    os.execv(sys.executable, [sys.executable, "-m", "broker_runtime", *options])  # noqa: S606


def _nobody(folder: Path) -> Path:
    """A password file whose only user nobody knows: one without users is refused."""
    sys.path.insert(0, os.environ["SUITE_RUNTIME"])
    from broker_runtime.passwords import set_password

    file = folder.with_suffix(".passwords")
    set_password(file, "nobody", secrets.token_hex(16))
    return file


def _folder(database: str | None) -> Path:
    """Where the node keeps its state: empty unless the database that stands for it is there."""
    if database is None:
        return Path(tempfile.mkdtemp())
    file = Path(database).absolute()
    folder = file.with_suffix(".node")
    if not file.exists():
        shutil.rmtree(folder, ignore_errors=True)
        file.touch()
    return folder


def _read(arguments: list[str]) -> tuple[int, dict[str, str]]:
    port, directives = 1883, dict[str, str]()
    given = iter(arguments)
    for argument in given:
        if argument == "-p":
            port = int(next(given))
        elif argument == "-c":
            directives = dict(_lines(Path(next(given))))
    return port, directives


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    for line in file.read_text().splitlines():
        name, _, value = line.strip().partition(" ")
        if name and not name.startswith("#"):
            # Files are named relative to where the tests run.
            yield name, str(Path(value).absolute()) if name == "password_file" else value.strip()


if __name__ == "__main__":
    main(sys.argv[1:])
