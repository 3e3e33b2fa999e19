"""Passwords of MQTT users: making, keeping, verifying."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string

from authn.models import MqttUser
from clusters.models import Cluster
from console.core.secrets import seal, unseal

GENERATED_LENGTH = 20
_ALPHABET = string.ascii_letters + string.digits


def generated_password() -> str:
    """A password nobody can guess: 20 of 62 characters, 119 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(GENERATED_LENGTH))


def set_password(user: MqttUser, password: str) -> None:
    """Put sealed password and verifier on the row; the caller saves it."""
    user.sealed_password = seal(password, row=_row(user.cluster, user.username))
    user.verifier = verifier_of(user.cluster, user.username, password)


def password_of(user: MqttUser) -> str:
    """The password in the clear; its viewing must be audited by the caller's action."""
    return unseal(bytes(user.sealed_password), row=_row(user.cluster, user.username))


def verifier_of(cluster: Cluster, username: str, password: str) -> str:
    """What the runtime compares with; see ``broker_runtime.contract.configuration.User``."""
    key = bytes.fromhex(cluster.verifier_key)
    return hmac.digest(key, f"{username}\0{password}".encode(), hashlib.sha256).hex()


def _row(cluster: Cluster, username: str) -> str:
    return f"authn.mqttuser:{cluster.public_id}:{username}:password"
