"""The process environment: what each variable means, and what is refused."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import dj_database_url
import pytest

from console.environment import Environment, EnvironmentInvalid, private_socket


def test_without_variables_everything_lies_in_one_folder_on_this_machine() -> None:
    environment = Environment.load({})
    assert environment.home == Path(".signalbox").resolve()
    assert (environment.bind, environment.port) == ("127.0.0.1", 8080)
    assert environment.mqtt_ports == range(1883, 1984)
    assert environment.database_url == f"sqlite:///{quote(str(environment.home))}/console.sqlite3"
    assert environment.redis_is_private
    assert environment.public_url == "http://127.0.0.1:8080"
    assert environment.owner_password == ""


def test_the_broker_may_be_taken_from_another_folder(tmp_path: Path) -> None:
    assert Environment.load({}).runtime_folder is None
    with pytest.raises(EnvironmentInvalid, match="run.py compile"):
        Environment.load({"SIGNALBOX_RUNTIME": str(tmp_path)})
    (tmp_path / "broker_runtime").mkdir()
    (tmp_path / "broker_runtime" / "__main__.py").touch()
    assert Environment.load({"SIGNALBOX_RUNTIME": str(tmp_path)}).runtime_folder == tmp_path


def test_an_empty_variable_counts_as_absent() -> None:
    names = ("SIGNALBOX_HOME", "SIGNALBOX_PORT", "SIGNALBOX_MQTT_PORTS", "REDIS_URL")
    assert Environment.load(dict.fromkeys(names, "")) == Environment.load({})


def test_servers_of_the_operator_are_taken() -> None:
    environment = Environment.load(
        {"DATABASE_URL": "postgres://db/console", "REDIS_URL": "redis://cache:6379/1"}
    )
    assert environment.database_url == "postgres://db/console"
    assert environment.redis_url == "redis://cache:6379/1"
    assert not environment.redis_is_private


def test_a_public_url_loses_its_last_slash() -> None:
    assert Environment.load({"SIGNALBOX_PUBLIC_URL": "https://mq.example/"}).public_url == (
        "https://mq.example"
    )


def test_who_binds_every_address_is_reached_at_this_machine() -> None:
    environment = Environment.load({"SIGNALBOX_BIND": "0.0.0.0"})
    assert environment.public_url == "http://127.0.0.1:8080"
    assert environment.mqtt_host == "127.0.0.1"


@pytest.mark.parametrize("bind", ["::1", "2001:db8::7"])
def test_an_ipv6_address_stands_in_brackets_where_a_browser_writes_it(bind: str) -> None:
    environment = Environment.load({"SIGNALBOX_BIND": bind})
    assert environment.public_url == f"http://[{bind}]:8080"
    assert f"[{bind}]" in environment.allowed_hosts
    assert (environment.bind, environment.mqtt_host) == (bind, bind)


def test_hosts_are_separated_by_commas() -> None:
    environment = Environment.load({"SIGNALBOX_ALLOWED_HOSTS": " a.example, b.example ,"})
    assert environment.allowed_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SIGNALBOX_PORT", "0"),
        ("SIGNALBOX_PORT", "65536"),
        ("SIGNALBOX_PORT", "-1"),
        ("SIGNALBOX_PORT", "http"),
        ("SIGNALBOX_PORT", "80.5"),
        ("SIGNALBOX_MQTT_PORTS", "1883-"),
        ("SIGNALBOX_MQTT_PORTS", "-1883"),
        ("SIGNALBOX_MQTT_PORTS", "1983-1883"),
        ("SIGNALBOX_MQTT_PORTS", "1883-70000"),
    ],
)
def test_a_port_that_is_none_is_refused_with_the_name_of_its_variable(name: str, text: str) -> None:
    with pytest.raises(EnvironmentInvalid, match=name):
        Environment.load({name: text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DATABASE_URL", "mysql://console:secret@db/console"),
        ("DATABASE_URL", "console:secret@db"),
        ("REDIS_URL", "http://:secret@cache"),
        ("REDIS_URL", "secret@cache:6379"),
        ("REDIS_URL", "redis+socket:///run/secret.sock"),
    ],
)
def test_a_server_of_another_kind_is_refused_without_its_password(name: str, text: str) -> None:
    with pytest.raises(EnvironmentInvalid, match=f"^{name}: ") as caught:
        Environment.load({name: text})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("text", "ports"), [("1883", range(1883, 1884)), ("1-3", range(1, 4))])
def test_mqtt_ports_are_one_or_a_range(text: str, ports: range) -> None:
    assert Environment.load({"SIGNALBOX_MQTT_PORTS": text}).mqtt_ports == ports


def test_secrets_do_not_show_when_the_environment_is_printed() -> None:
    environment = Environment.load(
        {"SIGNALBOX_OWNER_PASSWORD": "hunter2", "SIGNALBOX_API_SECRET_KEY": "hunter3"}
    )
    assert "hunter" not in repr(environment)


def test_the_socket_of_a_deep_home_is_short_and_its_own() -> None:
    deep = Path("/" + "d" * 60) / ("e" * 60)
    assert private_socket(Path("/srv/mq")) == Path("/srv/mq/run/valkey.sock")
    assert len(str(private_socket(deep))) <= 100
    assert private_socket(deep) != private_socket(deep / "other")


def test_a_home_may_hold_signs_that_mean_something_in_a_url(tmp_path: Path) -> None:
    home = tmp_path / "50% of #1?"
    loaded = Environment.load({"SIGNALBOX_HOME": str(home)})
    database = dj_database_url.parse(loaded.database_url)
    assert database["NAME"] == str(home / "console.sqlite3")
