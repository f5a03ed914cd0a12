from __future__ import annotations

import asyncio

import pytest

from aioinformer.bell import Bell


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_condition_that_holds_does_not_wait() -> None:
    await Bell().until(lambda: True)


async def test_ringing_without_waiters_is_nothing() -> None:
    Bell().ring()


async def test_a_waiter_looks_again_at_each_ring_and_returns_when_the_condition_holds() -> None:
    bell, state, looks = Bell(), [0], 0

    def condition() -> bool:
        nonlocal looks
        looks += 1
        return state[0] == 2

    waiting = asyncio.create_task(bell.until(condition))
    await turns()
    for expected in (1, 2):
        assert not waiting.done()
        assert looks == expected
        state[0] += 1
        await turns()
        assert not waiting.done()
        bell.ring()
        await turns()
    assert waiting.done()
    assert looks == 3


async def test_every_waiter_is_woken_and_rings_before_its_turn_are_one() -> None:
    bell, ready = Bell(), False
    waiting = [asyncio.create_task(bell.until(lambda: ready)) for _ in range(3)]
    await turns()
    ready = True
    bell.ring()
    bell.ring()
    await turns()
    assert all(each.done() for each in waiting)


async def test_a_cancelled_waiter_leaves_nothing_behind_and_disturbs_no_other() -> None:
    bell, ready = Bell(), False
    first, second = (asyncio.create_task(bell.until(lambda: ready)) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    assert first.cancelled()
    ready = True
    bell.ring()
    await second
    assert not bell._waiters


async def test_cancelling_in_the_moment_of_the_ring_cancels() -> None:
    bell = Bell()
    waiting = asyncio.create_task(bell.until(lambda: False))
    await turns()
    bell.ring()
    waiting.cancel()
    await turns()
    assert waiting.cancelled()
    assert not bell._waiters


async def test_what_the_condition_raises_reaches_its_own_waiter_only() -> None:
    bell, ready = Bell(), False

    def raises() -> bool:
        if ready:
            raise LookupError("a defect of the caller's")
        return False

    faulty, sound = asyncio.create_task(bell.until(raises)), asyncio.create_task(bell.until(lambda: ready))
    await turns()
    ready = True
    bell.ring()
    await sound
    with pytest.raises(LookupError):
        await faulty
