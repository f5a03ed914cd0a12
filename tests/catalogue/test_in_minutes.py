"""What takes minutes, on a virtual clock: an informer against the embedded server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aioinformer import CacheSyncError, InformerState, SharedInformerFactory
from aioinformer.testing import ApiServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

BOOKMARKS = 60.0
SLOWEST = 30.0
"""Seconds between tries at the slow end of the backoff, at the most."""


@pytest.fixture
async def server() -> AsyncGenerator[ApiServer]:
    async with ApiServer(bookmark_interval=BOOKMARKS) as server:
        yield server


@pytest.fixture
async def factory(server: ApiServer) -> AsyncGenerator[SharedInformerFactory]:
    async with server.api_client() as client, SharedInformerFactory(client) as factory:
        yield factory


async def test_a_half_open_watch_is_given_up_after_three_missed_bookmarks_and_resumed(
    server: ApiServer, factory: SharedInformerFactory
) -> None:
    """What was written meanwhile arrives, without a relist."""
    informer = factory.core.v1.configmaps
    await informer.wait_for_cache_sync()
    await asyncio.sleep(3 * BOOKMARKS)
    server.stall()
    stalled = asyncio.get_running_loop().time()
    server.create("configmaps", {"metadata": {"name": "meanwhile", "namespace": "default"}})
    await informer.wait_for("default/meanwhile")
    assert 2 * BOOKMARKS <= asyncio.get_running_loop().time() - stalled <= 3 * BOOKMARKS + 1
    assert informer.status.restarts == 0


@pytest.mark.parametrize("obstacle", ["403", "404"])
async def test_what_only_a_person_can_mend_is_reported_at_once_and_found_mended_within_half_a_minute(
    server: ApiServer, factory: SharedInformerFactory, obstacle: str
) -> None:
    """The first wait fails; one that was told to wait on succeeds once access is given, or the resource there."""
    with server.on("configmaps").respond(int(obstacle), times=None):
        informer = factory.core.v1.configmaps
        with pytest.raises(CacheSyncError):
            await informer.wait_for_cache_sync()
        assert asyncio.get_running_loop().time() < 1.0
        state = InformerState.DENIED if obstacle == "403" else InformerState.MISSING
        assert informer.status.state is state
        await asyncio.sleep(300)
        assert informer.status.state is state
    mended = asyncio.get_running_loop().time()
    await informer.wait_for_cache_sync(keep_waiting=True)
    assert asyncio.get_running_loop().time() - mended <= SLOWEST


async def test_a_quiet_day_costs_a_watch_every_few_minutes_and_nothing_else(
    server: ApiServer, factory: SharedInformerFactory
) -> None:
    """Each ends at its own time-out, between five minutes and ten, and is followed at once; nothing is listed again."""
    informer = factory.core.v1.configmaps
    await informer.wait_for_cache_sync()
    await asyncio.sleep(24 * 3600)
    assert 24 * 6 <= len(server.requests) <= 24 * 12 + 1
    assert {request.verb for request in server.requests} == {"watch"}
    assert (informer.status.restarts, informer.status.last_error) == (0, None)
