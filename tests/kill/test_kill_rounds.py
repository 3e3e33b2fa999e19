"""``kill -9`` at random moments under load: no acknowledged message is lost, QoS 2 never comes
twice, subscriptions and retained messages stay, order is kept (SECURITY F1).

100 rounds in four runs; a failure names its seed, and ``SIGNALBOX_KILL_SEED`` repeats it.
``SIGNALBOX_KILL_ROUNDS`` makes the runs longer (``make kill``).
"""

from __future__ import annotations

import os

import pytest

from tests.control.fakes import free_port
from tests.kill.rounds import KillRun

ROUNDS = int(os.environ.get("SIGNALBOX_KILL_ROUNDS", "25"))
FIRST_SEED = int(os.environ.get("SIGNALBOX_KILL_SEED", "20261120"))
RUNS = 4


@pytest.mark.timeout(60 + ROUNDS * 20)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + RUNS))
async def test_kill_9_under_load_loses_and_doubles_nothing(seed, tmp_path):
    await KillRun(seed, tmp_path, free_port()).run(ROUNDS)
