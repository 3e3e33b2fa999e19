"""Options: one table for the line, the file and the fields; contradictions are refused plainly."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from broker_runtime.config import TABLE, Address, OptionError, Options, parse

STANDALONE = ["--listen", "127.0.0.1:1883", "--allow-anonymous", "--data", "d"]
MANAGED = [
    *("--control", "9001", "--token-file", "t", "--data", "d"),
    *("--cluster-id", "mqtt-abcd1234", "--node-id", "mqtt-abcd1234-n0"),
]


def test_the_table_and_the_fields_are_the_same():
    assert [option.field for option in TABLE] == [f.name for f in dataclasses.fields(Options)]


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
    assert options.listen == (Address("127.0.0.1", 1883), Address("::1", 1884))
    assert [str(address) for address in options.listen] == ["127.0.0.1:1883", "[::1]:1884"]
    assert options.max_connections == 5
    assert options.keep_alive_max_s == 65_535


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
    assert options.max_topics == 8
    assert options.receive_maximum == 9


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("listen = [", "not TOML"),
        ("listten = []", "unknown option 'listten'"),
        ('listen = "127.0.0.1:1883"', "listen: a list"),
        ("listen = [true]", "listen: HOST:PORT"),
        ('max-topics = "many"', "max-topics: a whole number"),
        ("max-topics = true", "max-topics: a whole number"),
        ("max-topics = 0", "max-topics: 1 to"),
        ('memory = "yes"', "memory: true or false"),
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


def test_an_abbreviated_option_is_not_guessed(capsys):
    with pytest.raises(SystemExit):
        parse([*STANDALONE, "--mem"])

    assert "--mem" in capsys.readouterr().err
