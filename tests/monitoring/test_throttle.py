"""A call at most so often, and always one after the last occasion; time is the test's."""

from __future__ import annotations

import asyncio

from monitoring.throttle import Throttle


class Rig:
    """A throttle of one second on a clock that only the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.calls_s: list[float] = []
        self.waits_s: list[float] = []
        self._awake = asyncio.Event()
        self.called = asyncio.Event()
        self.throttle = Throttle(
            self._call, every_s=1.0, clock=lambda: self.now_s, sleep=self._sleep
        )

    async def _call(self) -> None:
        self.calls_s.append(self.now_s)
        self.called.set()

    async def _sleep(self, seconds: float) -> None:
        self.waits_s.append(seconds)
        await self._awake.wait()

    async def reach(self, now_s: float) -> None:
        """Let time come to there, and what waited for it happen."""
        self.now_s = now_s
        self.called.clear()
        self._awake.set()
        await asyncio.wait_for(self.called.wait(), 5)
        self._awake.clear()


async def test_the_first_occasion_calls_at_once() -> None:
    rig = Rig()
    await rig.throttle.occur()
    assert rig.calls_s == [100.0]


async def test_many_occasions_within_the_time_make_one_more_call_at_its_end() -> None:
    rig = Rig()
    for rig.now_s in (100.0, 100.2, 100.4, 100.9):
        await rig.throttle.occur()
    await rig.reach(101.0)
    assert rig.calls_s == [100.0, 101.0]


async def test_the_wait_is_what_is_left_of_the_time() -> None:
    rig = Rig()
    await rig.throttle.occur()
    rig.now_s = 100.75
    await rig.throttle.occur()
    await rig.reach(101.0)
    assert rig.waits_s == [0.25]


async def test_between_floods_nothing_runs() -> None:
    rig = Rig()
    await rig.throttle.occur()
    rig.now_s = 105.0
    await rig.throttle.occur()
    assert (rig.calls_s, rig.waits_s) == ([100.0, 105.0], [])


async def test_a_flush_makes_the_waiting_call_now_and_only_it() -> None:
    rig = Rig()
    await rig.throttle.flush()
    await rig.throttle.occur()
    await rig.throttle.flush()
    assert rig.calls_s == [100.0]
    await rig.throttle.occur()
    await rig.throttle.flush()
    await rig.throttle.flush()
    assert rig.calls_s == [100.0, 100.0]
