"""What `test_half_open.py` asks for last, and what has to begin first: it takes five minutes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aioinformer.errors import IdleTimeout
from tests.faults.trial import SAFETY

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tests.faults.toxiproxy import Toxiproxy
    from tests.faults.trial import Trial

FAULT = "timeout: half-open, data dropped for ever"


async def survive(trial: AbstractAsyncContextManager[Trial], proxy: Toxiproxy) -> Trial:
    """Let informers learn the rhythm of bookmarks, drop all data, and let them through again once every one has noticed."""
    clock = asyncio.get_running_loop().time
    async with trial as run:
        await rhythm_is_known(run)
        async with proxy.toxic("timeout", timeout=0):
            began = clock()
            assert all(isinstance(failure, IdleTimeout) for failure in await run.first_failures())
            run.detected = round(clock() - began, 1)
    return run


async def rhythm_is_known(run: Trial) -> None:
    """Return when every informer has seen two bookmarks, and with them how long a silence is too long.

    An informer that matches nothing is told nothing but bookmarks. Begun last, and without a streamed list, which may end
    with a bookmark more, it is told of the second one last.
    """
    quiet = run.factory.informer("configmaps.v1", label_selector="informer=nobody", initial_list="consistent")
    await quiet.wait_for_cache_sync()
    versions = {quiet.resource_version}
    async with asyncio.timeout(SAFETY):
        while len(versions) < 3:
            await run.writer.writes(1)
            versions.add(quiet.resource_version)
    await run.writer.writes(100)
