"""A connection on which nothing comes any more, and of which nobody says that it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from tests.faults.trial import Trial


async def test_a_half_open_connection_is_noticed_after_three_missed_bookmarks(half_open: asyncio.Task[Trial]) -> None:
    """kube-apiserver sends a bookmark a minute; TCP keepalive sees nothing, for the proxy answers it."""
    run = await half_open
    assert run.detected is not None
