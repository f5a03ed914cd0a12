"""health.py: whether a service may answer from its caches."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import (
    Forbidden,
    InformerError,
    InvalidOption,
    NetworkError,
    NotFound,
    ServerError,
    SharedInformerFactory,
)
from aioinformer.health import assess
from aioinformer.listwatch import UNKNOWN_RHYTHM_SLACK
from aioinformer.status import STALE_AFTER, InformerState, InformerStatus
from tests.pod_server import Mirroring, PodServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer import FactoryHealth, Informer, KubeObject

LONGEST_WATCH = 600.0


def status(state: InformerState = InformerState.LIVE, **changes: Any) -> InformerStatus:
    plain = InformerStatus("pods.v1", state, True, "5", 1, 0, None, None, 0, None, 0.0, 0, (0,))
    return dataclasses.replace(plain, **changes)


def health_of(informer: Informer[KubeObject], max_staleness: float | None = None) -> FactoryHealth:
    return assess([informer.status], max_staleness)


def test_no_informers_are_healthy() -> None:
    health = assess([], None)
    assert health
    assert str(health) == "ok"


@pytest.mark.parametrize("state", InformerState)
def test_live_resuming_and_degraded_are_healthy_and_nothing_else_is(state: InformerState) -> None:
    health = assess([status(state)], None)
    assert bool(health) == (state in {InformerState.LIVE, InformerState.RESUMING, InformerState.DEGRADED})
    assert (str(health) == "ok") == bool(health)


def test_what_is_not_in_sync_is_not_healthy() -> None:
    assert not assess([status(InformerState.SYNCING, synced=False)], None)
    assert not assess([status(synced=False)], None)


def test_it_says_which_is_not_fit_and_why() -> None:
    denied = status(InformerState.DENIED, name="secrets.v1", last_error=Forbidden(403, "Forbidden", "no"), attempts=2)
    stale = status(InformerState.STALE, name="nodes.v1")
    health = assess([status(), denied, stale], None)
    assert set(health.problems) == {"secrets.v1", "nodes.v1"}
    assert str(health) == (
        "secrets.v1 is denied, 1 objects; 2 failures in a row, the last: 403 Forbidden: no | nodes.v1 is stale, 1 objects"
    )


def test_only_a_defect_is_a_matter_of_liveness() -> None:
    failed = status(InformerState.STOPPED, name="jobs.v1", failure=InformerError("a defect"))
    health = assess([failed, status(InformerState.DENIED)], None)
    assert health.defects == {"jobs.v1": "a defect"}
    assert len(health.problems) == 2


@pytest.mark.parametrize(("age", "healthy"), [(None, True), (0.0, True), (120.0, True), (120.1, False)])
def test_a_server_that_was_not_heard_from_for_too_long_makes_it_unfit(age: float | None, healthy: bool) -> None:  # noqa: FBT001
    health = assess([status(age=age)], 120.0)
    assert bool(health) == healthy
    assert ("nothing heard for 120 s" in str(health)) != healthy


async def test_a_factory_that_is_not_running_is_not_healthy() -> None:
    """Neither before nor after; and nonsense is refused."""
    factory = SharedInformerFactory()
    assert str(factory.healthy()) == "the factory is idle"
    for nonsense in (0, -1, float("nan")):
        with pytest.raises(InvalidOption, match="max_staleness"):
            factory.healthy(max_staleness=nonsense)


def end(server: PodServer) -> None:
    server.end()


def cut(server: PodServer) -> None:
    server.cut()


def expire(server: PodServer) -> None:
    server.expire()


@pytest.mark.looptime
@pytest.mark.parametrize("happening", [end, cut, expire])
@pytest.mark.parametrize("after", [0.0, 5.0, 5000.0])
async def test_a_reconnect_is_healthy_in_every_turn_of_the_loop(
    happening: Callable[[PodServer], None], after: float
) -> None:
    """Clean ends, cuts and relists, soon after one another or after hours of silence."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        loop = asyncio.get_running_loop()
        for _ in range(3):
            if after:
                await _quiet(server, after)
            happening(server)
            until = loop.time() + 5
            while loop.time() < until:
                for _turn in range(50):
                    assert health_of(informer), informer.explain_sync()
                    await asyncio.sleep(0)
                await asyncio.sleep(0.05)
            assert informer.status.state is InformerState.LIVE


async def _quiet(server: PodServer, seconds: float) -> None:
    """Bookmarks once a minute, and nothing else."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        await asyncio.sleep(min(60, seconds))
        server.bookmark()


@pytest.mark.looptime
async def test_a_server_that_cannot_stream_lists_flips_no_health_on_a_relist() -> None:
    """It is asked for pages instead: that is no refusal."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        server.streams_lists = False
        server.put("b")
        server.expire()
        for _ in range(1000):
            assert health_of(informer), informer.explain_sync()
            await asyncio.sleep(0.01)
        assert (informer.status.state, informer.status.restarts) == (InformerState.LIVE, 1)


@pytest.mark.looptime
async def test_a_half_open_connection_is_found_out_at_its_deadline() -> None:
    """Live until three times the bookmarks' rhythm has passed in silence; then stale until a new connection answers."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        await _quiet(server, 600)
        server.watches.clear()  # whatever is sent from now on does not arrive
        server.refusal = NetworkError("no route")
        await asyncio.sleep(3 * 60 - 1)
        assert (informer.status.state, bool(health_of(informer))) == (InformerState.LIVE, True)
        assert not health_of(informer, max_staleness=90)
        await asyncio.sleep(2)
        assert (informer.status.state, bool(health_of(informer))) == (InformerState.STALE, False)
        server.refusal = None
        await asyncio.sleep(60)
        assert (informer.status.state, bool(health_of(informer))) == (InformerState.LIVE, True)


@pytest.mark.looptime
async def test_a_half_open_connection_without_bookmarks_is_found_out_after_its_longest_watch() -> None:
    """Without a rhythm to learn there is the time-out that was asked for."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        server.watches.clear()
        server.refusal = NetworkError("no route")
        await asyncio.sleep(LONGEST_WATCH + UNKNOWN_RHYTHM_SLACK + 1)
        assert informer.status.state is InformerState.STALE


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("refusal", "state", "after"),
    [
        (Forbidden(403), InformerState.DENIED, 1),
        (NotFound(404), InformerState.MISSING, 1),
        (ServerError(503), InformerState.STALE, STALE_AFTER + 1),
        (NetworkError("refused"), InformerState.STALE, STALE_AFTER + 1),
    ],
    ids=lambda value: str(value) if isinstance(value, InformerState) else "",
)
async def test_what_does_not_mend_itself_is_not_healthy_until_it_is_mended(
    refusal: Exception, state: InformerState, after: float
) -> None:
    """A refusal at once, an outage after a minute."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        server.refusal = refusal
        server.cut()
        await asyncio.sleep(after + 1)
        assert (informer.status.state, bool(health_of(informer))) == (state, False)
        server.refusal = None
        await asyncio.sleep(61)
        assert health_of(informer)
