"""Waiting for the initial state, of one informer or of all, or of another scope: never just hanging, always with a reason."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from aioinformer.errors import CacheSyncError, CacheSyncTimeout
from aioinformer.options import check_flag
from aioinformer.status import advice
from aioinformer.waiting import check_timeout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aioinformer.mirror import Mirror
    from aioinformer.status import InformerStatus

__all__ = ["until_all_synced", "until_rescoped", "until_synced"]


class Syncing(Protocol):
    """An informer, as far as its sync goes."""

    @property
    def synced(self) -> bool:
        """Whether the initial state is in the cache."""
        ...

    @property
    def status(self) -> InformerStatus:
        """How it is doing."""
        ...

    async def wait_for_cache_sync(self, *, keep_waiting: bool) -> None:
        """Return once it is."""
        ...


async def until_synced(mirror: Mirror, timeout: float | None, *, keep_waiting: bool) -> None:  # noqa: ASYNC109  # the error says why
    """Wait until the initial state is in the cache; see ``Informer.wait_for_cache_sync``."""
    check_timeout(timeout)
    check_flag("keep_waiting", keep_waiting)
    mirror.check_running()

    def settled() -> bool:
        return (
            (mirror.synced and (mirror.complete or not keep_waiting))
            or mirror.stopped
            or (not keep_waiting and mirror.blocked_by is not None)
        )

    try:
        async with asyncio.timeout(timeout):
            await mirror.bell.until(settled)
    except TimeoutError:
        status = mirror.status
        raise CacheSyncTimeout(
            f"not synced after {timeout:g} s: {status.explain()}", {str(mirror.spec): status.last_error}
        ) from None
    if mirror.synced and not mirror.stopped:
        return
    blocked_by = mirror.blocked_by
    if blocked_by is None:
        raise mirror.closed_error()
    raise CacheSyncError(
        f"cannot sync: {mirror.status.explain()}; {advice(blocked_by)}", {str(mirror.spec): blocked_by}
    ) from blocked_by


async def until_rescoped(mirror: Mirror) -> None:
    """Wait until the cache shows the scope it was last given; see ``Informer.rescope``."""
    await mirror.bell.until(lambda: mirror.stopped or mirror.settled)
    mirror.check_alive()
    refusal = mirror.blocked_by
    if refusal is not None and not mirror.complete:
        raise CacheSyncError(
            f"cannot be rescoped yet: {mirror.status.explain()}; {advice(refusal)}", {str(mirror.spec): refusal}
        ) from refusal


async def until_all_synced(informers: Sequence[Syncing], timeout: float | None, *, keep_waiting: bool) -> None:  # noqa: ASYNC109  # as above
    """Wait until all are in sync; see ``SharedInformerFactory.wait_for_cache_sync``."""
    check_timeout(timeout)
    check_flag("keep_waiting", keep_waiting)
    waits = [asyncio.ensure_future(i.wait_for_cache_sync(keep_waiting=keep_waiting)) for i in informers]
    if not waits:
        return
    try:
        done, late = await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_EXCEPTION)
        failures = [error for wait in done if (error := wait.exception()) is not None]
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    if failures:
        raise _combined(failures)
    if late:
        lagging = [informer.status for informer in informers if not informer.synced]
        raise CacheSyncTimeout(
            f"not synced after {timeout:g} s: " + " | ".join(status.explain() for status in lagging),
            {status.name: status.last_error for status in lagging},
        )


def _combined(failures: list[BaseException]) -> BaseException:
    errors = {
        name: error
        for failure in failures
        if isinstance(failure, CacheSyncError)
        for name, error in failure.errors.items()
    }
    if len(failures) == 1 or not errors:
        return failures[0]
    reasons = " | ".join(str(failure).removeprefix("cannot sync: ") for failure in failures)
    combined = CacheSyncError(f"cannot sync: {reasons}", errors)
    combined.__cause__ = failures[0]
    return combined
