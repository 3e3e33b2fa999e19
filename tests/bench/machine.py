"""A run of the benchmark as it is kept: on which machine, of which versions, and all readings."""

from __future__ import annotations

import datetime
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import msgspec
import psutil

from broker_runtime import __version__
from tests.bench import amqtt
from tests.bench.brokers import mosquitto_program
from tests.bench.rounds import Reading


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the figures depend on beside the code."""

    date: str
    cpu: str
    cores: int
    memory_bytes: int
    system: str
    versions: dict[str, str]


class Run(msgspec.Struct, frozen=True, kw_only=True, tag="comparison"):
    """A run that compares brokers."""

    about: About
    command: str
    rounds: int
    seconds: float
    brokers: list[str]
    readings: list[Reading]


class SoakRun(msgspec.Struct, frozen=True, kw_only=True, tag="soak"):
    """What a soak came to."""

    about: About
    command: str
    lines: list[str]
    """As printed, without the samples."""


class BystandersRun(msgspec.Struct, frozen=True, kw_only=True, tag="bystanders"):
    """What disturbances cost bystanders: the rows of the table, the head first."""

    about: About
    command: str
    rows: list[list[str]]


AnyRun = Run | SoakRun | BystandersRun


def keep(run: AnyRun, path: str) -> None:
    """Write a run as JSON."""
    Path(path).write_bytes(msgspec.json.format(msgspec.json.encode(run)))


def kept(path: str) -> AnyRun:
    """Read a run back."""
    run: AnyRun = msgspec.json.decode(Path(path).read_bytes(), type=AnyRun)
    return run


def command(module: str, words: Sequence[str]) -> str:
    """The command line of a run, without where its result went."""
    told = list(words)
    if "--json" in told:
        place = told.index("--json")
        del told[place : place + 2]
    return " ".join(["python -m", module, *told])


def about() -> About:
    """This machine and the programs on it, now."""
    return About(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        cpu=_cpu(),
        cores=psutil.cpu_count() or 0,
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        versions={
            "Signalbox": __version__,
            "Python": platform.python_version(),
            "uvloop": _version("uvloop"),
            "mypy": _version("mypy"),
            "Mosquitto": _mosquitto_version(),
            "amqtt": amqtt.VERSION,
        },
    )


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _mosquitto_version() -> str:
    program = mosquitto_program()
    if program is None:
        return "not installed"
    told = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"mosquitto version (\S+)", told)
    return found[1] if found else "unknown"
