"""The page of the performance, from a made-up run."""

from __future__ import annotations

from tests.bench.machine import About, BystandersRun, Run, SoakRun, command, keep, kept
from tests.bench.page import page
from tests.bench.rounds import Reading

COUNTS = {"received": 800.0, "seconds": 2.0, "broker_cpu_s": 1.0, "others_cpu_s": 0.5}
RUN = Run(
    about=About(
        date="2026-11-20",
        cpu="A processor",
        cores=2,
        memory_bytes=24 * 2**30,
        system="Linux 6.1",
        versions={"Mosquitto": "2.0.11"},
    ),
    command="python -m tests.bench qos0_1to1",
    rounds=1,
    seconds=2.0,
    brokers=["mosquitto", "amqtt", "uvloop", "compiled"],
    readings=[
        Reading(scenario="qos0_1to1", broker="mosquitto", round=0, counts=COUNTS),
        Reading(scenario="qos0_1to1", broker="amqtt", round=0, failure="it stalled"),
        Reading(
            scenario="qos0_1to1", broker="uvloop", round=0, counts={**COUNTS, "received": 3200.0}
        ),
    ],
)


def test_the_page_says_where_and_how_it_was_measured():
    text = page([RUN])
    assert "2026-11-20: A processor, 2 cores, 24 GiB" in text
    assert "Mosquitto 2.0.11" in text
    assert "    python -m tests.bench qos0_1to1\n" in text


def test_the_page_compares_each_build_of_ours_with_each_other_broker():
    text = page([RUN])
    assert "| QoS 0 1→1, pipelined | 800 | 3200 |" in text
    assert "| 4.00× | 2.67× | 4.00× | 25% | ≥ 4× | yes |" in text
    against_mosquitto, against_amqtt = text.split("## Against amqtt")
    assert "### Signalbox, uvloop, compiled" in against_mosquitto
    assert "floor" not in against_amqtt


def test_the_page_shows_only_what_was_measured_and_what_failed():
    text = page([RUN])
    assert "fan-in" not in text
    assert "- amqtt, QoS 0 1→1, pipelined: it stalled" in text
    assert "| QoS 0 1→1, pipelined | 800 | – |" in text


def test_runs_of_parts_of_the_table_become_one_and_others_sections():
    rest = Run(
        about=RUN.about,
        command="python -m tests.bench fanin100",
        rounds=1,
        seconds=2.0,
        brokers=["mosquitto", "uvloop"],
        readings=[
            Reading(scenario="fanin100", broker=name, round=0, counts=COUNTS)
            for name in ("mosquitto", "uvloop")
        ],
    )
    soak = SoakRun(about=RUN.about, command="python -m tests.bench.soak", lines=["memory: flat"])
    rows = [["disturbance", "p50"], ["calm", "40"]]
    bystanders = BystandersRun(about=RUN.about, command="python -m …", rows=rows)
    text = page([RUN, rest, soak, bystanders])
    assert "| fan-in 100→1 QoS 0 | 800 | 800 |" in text
    assert "    python -m tests.bench qos0_1to1\n    python -m tests.bench fanin100\n" in text
    assert "- memory: flat" in text
    assert "| calm | 40 |" in text


def test_a_run_is_read_back_as_it_was_kept(tmp_path):
    path = str(tmp_path / "run.json")
    keep(RUN, path)
    assert kept(path) == RUN


def test_the_command_of_a_run_does_not_say_where_the_result_went():
    words = ["qos0_1to1", "--json", "somewhere.json", "--rounds", "1"]
    assert command("tests.bench", words) == "python -m tests.bench qos0_1to1 --rounds 1"
