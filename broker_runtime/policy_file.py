"""The policy file of a standalone node: statements in TOML, checked in the order of the file.

    [[policy]]
    name = "sensors publish under their name"
    effect = "allow"
    actions = ["connect", "pub"]
    topics = ["plant/${Username}/#"]
    username = "sensor-*"

Each has the fields of ``contract.configuration.Policy`` but ``id``; what is left out means "any".
The first that matches decides, and when none does the answer is no.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from broker_runtime.access.policies import PolicyInvalid, PolicySet
from broker_runtime.contract.configuration import PoliciesSection, Policy

_MAX_BYTES = 16 * 1024 * 1024


class PolicyFileError(Exception):
    """The policy file cannot be used; the message names the statement."""


def load(path: Path) -> PoliciesSection:
    """The statements of the file.

    Raises:
        PolicyFileError: it cannot be read, or a statement cannot be used.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise PolicyFileError(f"{path}: larger than {_MAX_BYTES} bytes")
        given = tomllib.loads(content.decode())
    except OSError as error:
        raise PolicyFileError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyFileError(f"{path}: not TOML: {error}") from None
    statements = given.pop("policy", [])
    if given or not isinstance(statements, list):
        raise PolicyFileError(f"{path}: [[policy]] expected and nothing else")
    policies = tuple(_policy(path, n, s) for n, s in enumerate(statements, start=1))
    try:
        PolicySet(policies, enabled=True)
    except PolicyInvalid as error:
        raise PolicyFileError(f"{path}: {error}") from None
    return PoliciesSection(policies=policies)


def _policy(path: Path, number: int, statement: object) -> Policy:
    if not isinstance(statement, dict):
        raise PolicyFileError(f"{path}: [[policy]] expected, not policy = …")
    try:
        return msgspec.convert({"name": f"policy {number}", **statement, "id": number}, Policy)
    except msgspec.ValidationError as error:
        raise PolicyFileError(f"{path}: policy {number}: {error}") from None
