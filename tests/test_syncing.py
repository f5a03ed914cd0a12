"""syncing.py: the wait for the initial state never just hangs."""

from __future__ import annotations

import asyncio

import pytest

from aioinformer import (
    CacheSyncError,
    CacheSyncTimeout,
    Forbidden,
    KubeObject,
    NetworkError,
    NotRunning,
)
from aioinformer.informer import Informer
from aioinformer.options import InformerSpec
from tests.scripted_informer import PODS, Running, Script

pytestmark = pytest.mark.looptime


async def test_forbidden_ends_the_wait_for_the_sync_unless_told_to_wait_on() -> None:
    """A waiter learns of a 403 at once; one with keep_waiting sees the sync when access comes."""
    script = Script().answer(Forbidden(403, "Forbidden", "no")).answer(Forbidden(403, "Forbidden", "no")).snapshot(1)
    async with Running(script) as informer:
        patient = asyncio.create_task(informer.wait_for_cache_sync(keep_waiting=True))
        with pytest.raises(CacheSyncError, match=r"403 Forbidden: no; next try in"):
            await informer.wait_for_cache_sync()
        assert informer.status.state == "denied"
        await patient
        assert informer.status.state == "live"


async def test_a_sync_that_takes_too_long_says_why() -> None:
    """The time-out carries the last error, the number of failures and the next attempt."""
    script = Script()
    for _ in range(20):
        script.answer(NetworkError("connection refused"))
    async with Running(script) as informer:
        with pytest.raises(CacheSyncTimeout, match=r"not synced after 9 s: .*failures in a row.*connection refused"):
            await informer.wait_for_cache_sync(timeout=9)


async def test_waiting_on_an_informer_that_is_not_running() -> None:
    """It fails at once and says what to do."""
    with pytest.raises(NotRunning, match="async with"):
        await Informer[KubeObject](InformerSpec(PODS)).wait_for_cache_sync(1)
