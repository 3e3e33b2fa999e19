"""Options: one table for the line, the file and the fields; contradictions are refused plainly."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path

import pytest

from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.config.option import Address, ListenAddress, OptionError
from broker_runtime.config.options import Options, parse
from broker_runtime.config.table import TABLE, default_of
from broker_runtime.contract.configuration import ClusterSection

STANDALONE = ["--listen", "127.0.0.1:1883", "--allow-anonymous", "--data", "d"]
MANAGED = [
    *("--control", "9001", "--token-file", "t", "--data", "d"),
    *("--cluster-id", "mqtt-abcd1234", "--node-id", "mqtt-abcd1234-n0"),
]


def test_every_setting_has_its_row_and_every_row_its_setting():
    """A new field of ``BrokerSettings`` needs a row in ``config/table.py``."""
    owned = {
        owner: {option.field for option in TABLE if option.owner == owner}
        for owner in ("node", "broker", "cluster")
    }

    assert owned["broker"] == names(BrokerSettings) - {"allow_anonymous"}
    assert owned["node"] == names(Options) - {"broker", "cluster", "given", "check_only"}
    assert owned["cluster"] <= set(ClusterSection.__struct_fields__)
    assert set(ClusterSection.__struct_fields__) - owned["cluster"] == {
        *("cluster_id", "auto_create_topics", "authorization_enabled", "isolated"),
        "shared_strategies",
    }


def names(kind):
    return {field.name for field in dataclasses.fields(kind)}


def test_a_setting_has_the_type_of_its_field_and_a_default_within_its_bounds():
    kinds = {"number": int, "seconds": float, "flag": bool, "text": str}
    types = typing.get_type_hints(BrokerSettings)
    for option in TABLE:
        if option.owner == "broker":
            assert types[option.field] == kinds[option.kind]
        if option.kind in ("number", "seconds"):
            default = default_of(option)
            assert isinstance(default, int | float)
            assert option.low <= default <= option.high, option.name


def test_every_option_has_help(capsys):
    with pytest.raises(SystemExit) as left:
        parse(["--help"])

    text = capsys.readouterr().out
    assert left.value.code == 0
    for option in TABLE:
        assert option.help
        assert f"--{option.name}" in text


def test_the_standalone_form():
    options = parse([*STANDALONE, "--listen", "[::1]:1884", "--max-connections", "5"])

    assert options.is_standalone
    assert options.listen == (
        ListenAddress("tcp", Address("127.0.0.1", 1883)),
        ListenAddress("tcp", Address("::1", 1884)),
    )
    assert [str(listen) for listen in options.listen] == [
        "tcp://127.0.0.1:1883",
        "tcp://[::1]:1884",
    ]
    assert options.cluster.max_connections == 5
    assert options.broker == BrokerSettings(allow_anonymous=True)


def test_the_form_of_a_console_binds_loopback_unless_told():
    options = parse(MANAGED)

    assert not options.is_standalone
    assert options.control == Address("127.0.0.1", 9001)
    assert options.data == Path("d")


def test_the_file_gives_what_the_line_leaves_open(tmp_path):
    file = tmp_path / "node.toml"
    file.write_text(
        'listen = ["127.0.0.1:1883"]\nallow-anonymous = true\ndata = "d"\nmax-topics = 7\n'
        "receive-maximum = 9\n"
    )

    options = parse(["--config", str(file), "--max-topics", "8"])

    assert options.allow_anonymous
    assert options.cluster.max_topics == 8
    assert options.broker.receive_maximum == 9


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("listen = [", "not TOML"),
        ("listten = []", "unknown option 'listten'; did you mean 'listen'"),
        ("xyz = 1", "unknown option 'xyz'; see --help"),
        ("listen = 3", "listen: a list"),
        ("listen = [true]", "listen: a list"),
        ('listen = ["http://127.0.0.1:1883"]', "listen: one of tcp, tls, ws, wss"),
        ("connect-timeout-s = 0", "connect-timeout-s: 0.1 to 600"),
        ('connect-timeout-s = "nan"', "connect-timeout-s: 0.1 to 600"),
        ("receive-maximum = 1.5", "receive-maximum: a whole number"),
        ('max-topics = "many"', "max-topics: a whole number"),
        ("max-topics = true", "max-topics: a whole number"),
        ("max-topics = 0", "max-topics: 1 to"),
        ('memory = "perhaps"', "memory: true or false"),
        ('loop = "twisted"', "loop: one of"),
        ("data = 3", "data: text"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_the_name(tmp_path, content, words):
    file = tmp_path / "node.toml"
    file.write_text(content)

    with pytest.raises(OptionError, match=words):
        parse(["--config", str(file)])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(OptionError, match="nowhere.toml"):
        parse(["--config", str(tmp_path / "nowhere.toml")])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ([], "--listen"),
        (["--listen", "127.0.0.1:1883", "--allow-anonymous"], "--data DIR"),
        ([*STANDALONE, "--memory"], "exactly one of --data"),
        (["--listen", "1883", "--data", "d"], "exactly one of --allow-anonymous"),
        ([*STANDALONE, "--listen", "tls://127.0.0.1:1"], "need --certificate-file and --key-file"),
        ([*STANDALONE, "--certificate-file", "c"], "go together"),
        ([*MANAGED, "--control-key-file", "k"], "go together"),
        (
            [*STANDALONE, "--control-certificate-file", "c", "--control-key-file", "k"],
            "--control, which is missing",
        ),
        (
            [*STANDALONE, "--certificate-file", "c", "--key-file", "k"],
            "--certificate-file is for --listen tls://",
        ),
        ([*STANDALONE, "--tls-minimum", "1.3", "--tls-maximum", "1.2"], "is newer than"),
        ([*STANDALONE, "--websocket-path", "mqtt"], "/NAME expected"),
        ([*STANDALONE, "--password-file", "p"], "exactly one of --allow-anonymous"),
        ([*STANDALONE, "--listen", "127.0.0.1:1883"], "same address twice"),
        ([*STANDALONE, "--control", "9001"], "--token-file"),
        ([*STANDALONE, "--token-file", "t"], "--control, which is missing"),
        ([*MANAGED, "--max-topics", "5"], "--max-topics goes with --listen only"),
        ([*MANAGED, "--allow-anonymous"], "--allow-anonymous goes with --listen only"),
        ([*MANAGED, "--telemetry", "ws://127.0.0.1/x"], "go together"),
        ([*MANAGED, "--telemetry-token-file", "t"], "go together"),
        (
            [*MANAGED, "--telemetry", "http://127.0.0.1/", "--telemetry-token-file", "t"],
            "--telemetry: ws://",
        ),
        (
            [*MANAGED, "--telemetry", "ws://h/?token=1", "--telemetry-token-file", "t"],
            "--telemetry: ws://",
        ),
        (
            [*STANDALONE, "--telemetry", "ws://h/", "--telemetry-token-file", "t"],
            "--telemetry needs --control",
        ),
        (MANAGED[:4], "--data DIR is missing"),
        (MANAGED[:6], "--cluster-id is missing"),
        (MANAGED[:8], "--node-id is missing"),
        ([*MANAGED[2:], "--control", "0.0.0.0:9001"], "must not be open to devices"),
        ([*MANAGED[2:], "--control", "[::]:9001"], "must not be open to devices"),
        ([*MANAGED[2:], "--control", "8.8.8.8:9001"], "must not be open to devices"),
        ([*MANAGED[2:], "--control", "node.example:9001"], "an IP address"),
        (["--listen", "127.0.0.1:0", "--allow-anonymous", "--memory"], "port of 1 to 65535"),
        (["--listen", "127.0.0.1:65536", "--allow-anonymous", "--memory"], "port of 1 to 65535"),
        (["--listen", "::1:1883", "--allow-anonymous", "--memory"], "IPv6"),
        (["--listen", "somewhere", "--allow-anonymous", "--memory"], "HOST:PORT"),
        ([*STANDALONE, "--max-topics", "-1"], "max-topics: a whole number"),
    ],
)
def test_c21_contradictions_and_open_doors_are_refused_plainly(line, words):
    with pytest.raises(OptionError, match=words.replace("[", r"\[")):
        parse(line)


def test_an_abbreviated_or_unknown_option_is_not_guessed_but_the_nearest_is_named():
    with pytest.raises(
        OptionError, match=r"unknown option '--max-topcs'; did you mean '--max-topics'"
    ):
        parse([*STANDALONE, "--max-topcs", "5"])
    with pytest.raises(OptionError, match="unknown option '--mem'"):
        parse([*STANDALONE, "--mem"])


def test_the_environment_stands_between_line_and_file(tmp_path):
    file = tmp_path / "node.toml"
    file.write_text("max-topics = 1\nmax-connections = 1\nmax-subscriptions = 1\n")
    environment = {
        "SIGNALBOX_NODE_CONFIG": str(file),
        "SIGNALBOX_NODE_MAX_TOPICS": "2",
        "SIGNALBOX_NODE_MAX_CONNECTIONS": "2",
        "SIGNALBOX_NODE_LISTEN": "127.0.0.1:1883, [::1]:1883",
        "SIGNALBOX_NODE_ALLOW_ANONYMOUS": "true",
        "SIGNALBOX_NODE_CONNECT_TIMEOUT_S": "2.5",
        "PATH": "/bin",
    }

    options = parse(["--memory", "--max-topics", "3"], environment)

    assert options.cluster.max_topics == 3
    assert options.cluster.max_connections == 2
    assert options.cluster.max_subscriptions == 1
    assert options.broker.connect_timeout_s == 2.5
    assert len(options.listen) == 2


def test_an_unknown_variable_is_refused_with_the_nearest():
    with pytest.raises(OptionError, match="did you mean 'SIGNALBOX_NODE_MAX_TOPICS'"):
        parse(STANDALONE, {"SIGNALBOX_NODE_MAX_TOPIC": "2"})
