"""``kill -9`` at any moment loses nothing that was acknowledged (SECURITY F1)."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from broker_runtime.storage.local.store import LocalStore
from tests.storage.endless_writer import packet_id_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", range(6))
async def test_f01_everything_acknowledged_is_there_after_kill_9(tmp_path, seed):
    chance = random.Random(seed)
    said: list[str] = []
    for _ in range(3):
        said += run_and_kill(tmp_path / "store", after_lines=chance.randint(1, 900))
    store = LocalStore(tmp_path / "store", node_id="n0")
    await store.open()
    log = {m.seq for m in await store.replay(0, 1_000_000)}
    retained = {m.topic: m.seq for m in store.load_retained()}
    (writer,) = store.load_sessions()
    held = {packet_id for _, packet_id, _ in store.load_received()}
    await store.close()

    assert numbers(said, "append") <= log
    assert writer.cursor >= max(numbers(said, "save"), default=0)
    for topic, seq in ((f"t{seq % 7}", seq) for seq in numbers(said, "retain")):
        assert retained[topic] >= seq
    released = numbers(said, "release")
    assert released <= log, "[MQTT-4.3.3-2] PUBREL was answered, so it is in the log"
    for seq in numbers(said, "put") - {seq - 1 for seq in released}:
        in_log = seq + 1 in log
        assert in_log != (packet_id_of(seq) in held), "in one place, never in two or none"


def numbers(said: list[str], kind: str) -> set[int]:
    return {int(line.split()[1]) for line in said if line.startswith(kind)}


def run_and_kill(folder: Path, after_lines: int) -> list[str]:
    """Let a process write until it has acknowledged so many lines, then kill it; what it had
    said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.endless_writer", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(after_lines)]
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    process.wait(10)
    process.stdout.close()
    return [line.decode() for line in lines if line.endswith(b"\n")]
