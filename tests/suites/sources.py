"""Where the foreign suites come from: public repositories, each at one commit."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A repository and the commit that the explanations were written for."""

    name: str
    url: str
    commit: str


PAHO = Source(
    "paho",
    "https://github.com/eclipse/paho.mqtt.testing",
    "9d7bb80bb8b9d9cfc0b52f8cb4c1916401281103",
)
MOSQUITTO = Source(
    "mosquitto",
    "https://github.com/eclipse/mosquitto",
    "fb9b1153924ae0e2dfb3bcb4266ee5bb49a5c515",
)


class CannotFetch(Exception):
    """A suite is not to be had; says which and what to do."""


def checkout(source: Source, folder: Path, mirror: Path | None) -> Path:
    """A work tree of the source at its commit, below ``folder``; an earlier one is used again.

    Args:
        mirror: a folder that holds clones named like the sources, for machines that do not reach
            the public address.
    """
    tree = folder / f"{source.name}-{source.commit[:12]}"
    if tree.exists():
        return tree
    origin = str(mirror / source.name) if mirror is not None else source.url
    growing = tree.with_suffix(".part")
    try:
        if not growing.exists():
            _git("clone", "--quiet", "--no-checkout", origin, str(growing))
        _git("-C", str(growing), "checkout", "--quiet", source.commit)
    except subprocess.CalledProcessError as error:
        raise CannotFetch(
            f"{source.name}: {error.stderr.strip()}; give --mirror DIR with a clone of "
            f"{source.url} named {source.name!r}"
        ) from error
    growing.rename(tree)
    return tree


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True, text=True)
