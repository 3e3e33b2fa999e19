"""Which processes there are, how they are started, and which secrets each may have."""

from __future__ import annotations

import stat

import pytest

from console.environment import Environment
from console.keyring import Keyring
from console.supervisor.home import Home
from console.supervisor.nodes import DesiredNode
from console.supervisor.plan import Plan
from console.supervisor.specification import Stage

NODE = DesiredNode("mqtt-abcdefgh-n0", "mqtt-abcdefgh", "127.0.0.1", 20_001)
SECRETS = {
    "SIGNALBOX_OWNER_PASSWORD": "owner's",
    "SIGNALBOX_API_SECRET_ID": "id",
    "SIGNALBOX_API_SECRET_KEY": "key",
    "SIGNALBOX_SECRET_KEY": "ab" * 32,
    "DATABASE_URL": "postgresql://user:password@host/name",
    "REDIS_URL": "redis://:password@host",
    "PGPASSWORD": "password of libpq",
}


@pytest.fixture
def make_plan(tmp_path):
    def make(**variables):
        given = {"SIGNALBOX_HOME": str(tmp_path), "PATH": "/bin", **variables}
        Home(tmp_path).prepare()
        return Plan(Environment.load(given), Keyring(b"k" * 32), variables=given)

    return make


def option(specification, name):
    return specification.command[specification.command.index(name) + 1]


def test_the_console_is_web_then_worker_then_beat(make_plan):
    processes = make_plan(SIGNALBOX_BIND="0.0.0.0", SIGNALBOX_PORT="9000").console()
    assert [(each.name, each.stage) for each in processes] == [
        ("web", Stage.WEB),
        ("worker", Stage.WORKER),
        ("beat", Stage.BEAT),
    ]
    assert option(processes[0], "-b") == "0.0.0.0"
    assert option(processes[0], "-p") == "9000"


def test_a_runtime_gets_its_folder_its_addresses_and_its_tokens(make_plan, tmp_path):
    runtime = make_plan().runtime(NODE)
    folder = tmp_path / "nodes" / NODE.node_id
    assert runtime.name == NODE.node_id
    assert option(runtime, "--data") == str(folder)
    assert option(runtime, "--cluster-id") == "mqtt-abcdefgh"
    assert option(runtime, "--control") == "127.0.0.1:20001"
    assert option(runtime, "--telemetry") == "ws://127.0.0.1:8080/internal/telemetry/"
    assert runtime.lifeline
    assert runtime.first_restart_at_once
    for name in ("control.token", "telemetry.token"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    keyring = Keyring(b"k" * 32)
    assert (folder / "control.token").read_text().strip() == keyring.node_token(NODE.node_id)


def test_a_runtime_may_come_from_another_folder_than_the_console(make_plan, tmp_path):
    ordinary = make_plan().runtime(NODE)
    assert "-P" not in ordinary.command
    package = tmp_path / "compiled" / "broker_runtime"
    package.mkdir(parents=True)
    (package / "__main__.py").touch()
    plan = make_plan(SIGNALBOX_RUNTIME=str(package.parent))
    runtime = plan.runtime(NODE)
    assert runtime.command[1:4] == ("-P", "-m", "broker_runtime")  # not from the working folder
    assert dict(runtime.variables)["PYTHONPATH"] == str(package.parent)
    assert "PYTHONPATH" not in dict(plan.console()[0].variables)


def test_the_same_node_makes_the_same_process(make_plan):
    plan = make_plan()
    assert plan.runtime(NODE) == plan.runtime(NODE)


@pytest.mark.parametrize(
    ("bind", "reached"),
    [
        ("127.0.0.1", "127.0.0.1:8080"),
        ("0.0.0.0", "127.0.0.1:8080"),
        ("::", "[::1]:8080"),
        ("192.0.2.7", "192.0.2.7:8080"),
    ],
)
def test_telemetry_goes_to_where_the_console_listens(make_plan, bind, reached):
    assert make_plan(SIGNALBOX_BIND=bind).web_address() == reached


def test_a_runtime_and_valkey_have_no_secret_of_the_console(make_plan, tmp_path):
    plan = make_plan(**SECRETS)
    for process in (plan.runtime(NODE), plan.valkey(tmp_path / "run" / "valkey.sock")):
        assert not SECRETS.keys() & dict(process.variables).keys()
        assert dict(process.variables)["SIGNALBOX_HOME"] == str(tmp_path)


def test_the_owners_first_password_is_for_the_first_start_alone(make_plan):
    plan = make_plan(**SECRETS)
    for process in plan.console():
        variables = dict(process.variables)
        assert "SIGNALBOX_OWNER_PASSWORD" not in variables
        assert variables["DATABASE_URL"] == SECRETS["DATABASE_URL"]
    assert plan.variables["SIGNALBOX_OWNER_PASSWORD"] == "owner's"


def test_no_secret_is_in_a_specifications_representation(make_plan):
    text = repr([*make_plan(**SECRETS).console(), make_plan(**SECRETS).runtime(NODE)])
    assert not any(secret in text for secret in SECRETS.values() if len(secret) > 3)
