"""What a row of the table of settings is, and the values that settings have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from broker_runtime.contract.configuration import ListenerKind

LOOPBACK = "127.0.0.1"
MANY = 2**31 - 1

Kind = Literal[
    "text", "flag", "number", "seconds", "address", "listeners", "path", "choice", "words"
]
Owner = Literal["node", "broker", "cluster"]


class OptionError(Exception):
    """A setting is missing, malformed or contradicts another; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where and how MQTT clients are accepted."""

    kind: ListenerKind
    address: Address

    def __str__(self) -> str:
        return f"{self.kind}://{self.address}"


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table.

    Args:
        name: on the command line and in the file; its unit ends it.
        kind: how the value is written; ``seconds`` may have a fraction.
        group: the heading under which help and documentation list it.
        help: what it means, without its default and range.
        owner: whose field the value becomes: of ``Options`` itself, of ``BrokerSettings`` (which
            also knows the default), or of the cluster section (then it goes with --listen only).
        default: for a row of the broker it is left out.
        low, high: bounds of a number.
        standalone: whether it goes with --listen only.
    """

    name: str
    kind: Kind
    group: str
    help: str
    owner: Owner = "node"
    default: object = None
    low: float = 0
    high: float = MANY
    choices: tuple[str, ...] = ()
    standalone: bool = False

    @property
    def field(self) -> str:
        """The name as an attribute of its owner."""
        return self.name.replace("-", "_")

    @property
    def metavar(self) -> str:
        """How the value is shown in help and documentation."""
        if self.choices:
            return "|".join(self.choices)
        return {
            "number": "N",
            "seconds": "S",
            "address": "[HOST:]PORT",
            "listeners": "[KIND://]HOST:PORT",
            "path": "PATH",
            "words": "A,B",
        }.get(self.kind, "TEXT")

    @property
    def is_standalone_only(self) -> bool:
        """Whether a console decides it for a node that has one."""
        return self.standalone or self.owner == "cluster"
