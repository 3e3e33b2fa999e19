"""Finds free ports: for MQTT within the operator's range, for control APIs on loopback
(DECISIONS 10).
"""

from __future__ import annotations

import random
import socket
from collections.abc import Collection, Iterable
from contextlib import closing

CONTROL_HOST = "127.0.0.1"
CONTROL_PORTS = range(20_000, 30_000)
"""Below the ports that systems hand to outgoing connections, one of which could otherwise hold a
node's port at the moment it restarts.
"""
WELL_KNOWN_MQTT_PORT = 1883


def free_mqtt_port(ports: range, *, bind_host: str, taken: Collection[int]) -> int | None:
    """The well-known port when the range has it and it is free, else the lowest free one; None when
    all are in use.

    Args:
        bind_host: The address that the listener will bind.
        taken: Ports of other clusters, running or not.
    """
    first = (WELL_KNOWN_MQTT_PORT,) if WELL_KNOWN_MQTT_PORT in ports else ()
    return _first_free((*first, *ports), bind_host=bind_host, taken=taken)


def free_control_port(*, taken: Collection[int]) -> int | None:
    """Any free port for a control API. Random, so that two installations rarely try the same."""
    ports = random.sample(CONTROL_PORTS, len(CONTROL_PORTS))
    return _first_free(ports, bind_host=CONTROL_HOST, taken=taken)


def is_bindable(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _first_free(ports: Iterable[int], *, bind_host: str, taken: Collection[int]) -> int | None:
    return next(
        (port for port in ports if port not in taken and is_bindable(bind_host, port)), None
    )
