from __future__ import annotations

import asyncio

import pytest

from aioinformer.errors import IdleTimeout
from aioinformer.patience import Patience
from aioinformer.testing import VirtualTimeLoop


@pytest.fixture
def runner() -> asyncio.Runner:
    return asyncio.Runner(loop_factory=VirtualTimeLoop)


def elapsed(runner: asyncio.Runner, *waits: tuple[float, float], between: float = 0.0) -> float:
    """Virtual seconds until waits of so many seconds, with so much patience, are over or one was too long."""

    async def waiting() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with Patience() as patience:
                for seconds, bound in waits:
                    patience.begin(bound)
                    await asyncio.sleep(seconds)
                    patience.end()
                    await asyncio.sleep(between)
        except IdleTimeout:
            return began - loop.time()
        return loop.time() - began

    with runner:
        return runner.run(waiting())


def test_each_wait_has_its_own_bound_however_many_there_are(runner: asyncio.Runner) -> None:
    assert elapsed(runner, *[(9.0, 10.0)] * 100) == pytest.approx(900)


def test_what_happens_between_waits_does_not_count(runner: asyncio.Runner) -> None:
    assert elapsed(runner, (1.0, 10.0), (9.0, 10.0), between=50.0) == pytest.approx(110)


@pytest.mark.parametrize("before", [[], [(9.0, 10.0)], [(1.0, 10.0)] * 3, [(1.0, 500.0)]])
def test_the_one_that_is_too_long_ends_when_its_patience_does(
    runner: asyncio.Runner, before: list[tuple[float, float]]
) -> None:
    assert elapsed(runner, *before, (60.0, 10.0)) == pytest.approx(-sum(seconds for seconds, _ in before) - 10)


def test_what_comes_at_the_last_moment_is_not_too_late(runner: asyncio.Runner) -> None:
    async def waiting() -> str:
        async with Patience() as patience:
            patience.begin(10.0)
            patience._look()
            asyncio.get_running_loop().call_soon(patience.end)
            await asyncio.sleep(5.0)
            patience.begin(10.0)
            patience._until = 0.0
            patience._look()  # finds it too long
            patience.end()  # but it has just ended
            await asyncio.sleep(60.0)
        return "went on"

    with runner:
        assert runner.run(waiting()) == "went on"


def test_a_cancellation_from_outside_stays_one(runner: asyncio.Runner) -> None:
    async def waiting() -> None:
        async with Patience() as patience:
            patience.begin(10.0)
            await asyncio.Event().wait()

    async def cancelled() -> None:
        task = asyncio.ensure_future(waiting())
        await asyncio.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # and no timer is left

    with runner:
        runner.run(cancelled())
