"""Which ports clusters and nodes get (DECISIONS 10)."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from clusters.ports import CONTROL_PORTS, free_control_port, free_mqtt_port, is_bindable

HOST = "127.0.0.1"


@contextlib.contextmanager
def listening(host: str = HOST) -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server((host, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_somebody_listens_on_is_not_bindable() -> None:
    with listening() as port:
        assert not is_bindable(HOST, port)
    assert is_bindable(HOST, port)


def test_an_address_of_another_machine_is_not_bindable() -> None:
    assert not is_bindable("192.0.2.1", 1883)


def test_the_well_known_port_comes_first_wherever_it_is_in_the_range(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("clusters.ports.is_bindable", lambda host, port: True)
    assert free_mqtt_port(range(1800, 1900), bind_host=HOST, taken=()) == 1883


def test_after_the_well_known_port_the_lowest_free_one_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("clusters.ports.is_bindable", lambda host, port: port != 1801)
    assert free_mqtt_port(range(1800, 1900), bind_host=HOST, taken={1883, 1800}) == 1802


def test_a_port_outside_the_range_is_never_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clusters.ports.is_bindable", lambda host, port: True)
    assert free_mqtt_port(range(2000, 2002), bind_host=HOST, taken={2000}) == 2001
    assert free_mqtt_port(range(2000, 2002), bind_host=HOST, taken={2000, 2001}) is None


def test_ports_of_other_programs_are_skipped() -> None:
    with listening() as port:
        assert free_mqtt_port(range(port, port + 1), bind_host=HOST, taken=()) is None


def test_a_control_port_is_free_and_below_those_of_outgoing_connections() -> None:
    port = free_control_port(taken=())
    assert port in CONTROL_PORTS
    assert free_control_port(taken=CONTROL_PORTS) is None
