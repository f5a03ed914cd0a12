"""mirror.py: relists on demand at any moment, periodic audits, and what a strict informer does with what it cannot take in."""

from __future__ import annotations

import asyncio
import logging
import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import Forbidden, InformerClosed, InformerState, NetworkError, ObjectRejected, ServerError, Synced
from tests import corruption
from tests.audited import keys
from tests.pod_server import Mirroring, PodServer, line

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.audit import AuditReport
    from aioinformer.errors import InformerError

pytestmark = pytest.mark.looptime


def cut(server: PodServer) -> None:
    server.cut()


def end(server: PodServer) -> None:
    server.end()


def expire(server: PodServer) -> None:
    server.expire()


def write(server: PodServer) -> None:
    server.put("b")


def nothing(server: PodServer) -> None:
    pass


@pytest.mark.parametrize("happening", [nothing, write, end, cut, expire])
async def test_a_relist_is_never_lost_whatever_happens_in_the_same_turn(
    happening: Callable[[PodServer], None],
) -> None:
    """The reflector may be about to resume, relist or fail by itself; a snapshot follows in any case."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        happening(server)
        informer._mirror.relist()
        await asyncio.sleep(5)
        assert (server.streams >= 2, informer.status.state, keys(informer)) == (
            True,
            "live",
            {f"d/{name}" for name in server.pods},
        )


async def test_a_relist_while_it_backs_off_waits_with_it() -> None:
    """A server that is down is not asked any sooner."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        server.refusal = ServerError(503, retry_after=30)
        server.cut()
        await asyncio.sleep(1)
        asked = len(server.queries)
        informer._mirror.relist()
        await asyncio.sleep(20)
        assert len(server.queries) == asked
        server.refusal = None
        await asyncio.sleep(30)
        assert (server.streams, informer.status.state) == (2, "live")


async def test_a_relist_during_a_relist_begins_it_anew() -> None:
    """What was staged may be from before the doubt."""
    server = PodServer("a", "b")
    async with Mirroring(server) as informer:
        for _ in range(3):
            informer._mirror.relist()
            await asyncio.sleep(0)
        await asyncio.sleep(1)
        assert (informer.status.state, keys(informer)) == ("live", {"d/a", "d/b"})


async def test_a_relist_breaks_off_a_reflector_that_waits_for_room_in_the_queue() -> None:
    """Many batches are under way while a large delivery gives others their turns; none is applied twice or lost."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        events = informer.events()
        for n in range(100):
            server.put(f"pod-{n}")
        for _ in range(3):
            await asyncio.sleep(0)
        informer._mirror.relist()
        await asyncio.sleep(1)
        async with asyncio.timeout(10):
            seen = [await anext(events) for _ in range(len(server.pods) + 1)]
        assert keys(informer) == {f"d/{name}" for name in server.pods}
        assert {event.key for event in seen if not isinstance(event, Synced)} == keys(informer)
        assert (events.pending, server.streams) == (0, 2)


async def test_audits_come_at_about_their_period() -> None:
    """Give or take a quarter, so that many informers that started together do not list together for ever."""
    random.seed(1)
    server = PodServer("a")
    async with Mirroring(server, audit=100.0):
        moments = await _audits(server, 20)
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert 75 <= min(gaps) < 90
    assert 110 < max(gaps) <= 125


async def _audits(server: PodServer, count: int) -> list[float]:
    """The moments at which the next audits took place."""
    loop, moments = asyncio.get_running_loop(), [0.0]
    server.metadata.listed = lambda: moments.append(loop.time())
    while len(moments) <= count:  # noqa: ASYNC110  # virtual time
        await asyncio.sleep(1)
    return moments


async def test_a_periodic_audit_repairs() -> None:
    """Nobody has to call it."""
    server = PodServer("a", "b")
    async with Mirroring(server, audit=100) as informer:
        corruption.forget(informer._store, "d/a")
        await informer.wait_for("d/a", timeout=130)
        await asyncio.sleep(1)
        report: AuditReport | None = informer.status.last_audit
        assert report is not None
        assert report.missing == ("d/a",)


@pytest.mark.parametrize(
    "error", [Forbidden(403), ServerError(500), NetworkError("reset")], ids=lambda e: type(e).__name__
)
async def test_a_periodic_audit_that_fails_leaves_the_informer_alone(error: InformerError) -> None:
    """There is another one after the next period."""
    server = PodServer("a")
    async with Mirroring(server, audit=100) as informer:
        server.metadata.answers = [error, error]
        await asyncio.sleep(260)
        assert (informer.status.state, informer.status.last_audit) == (InformerState.LIVE, None)
        await asyncio.sleep(130)
        assert informer.status.last_audit is not None
        assert server.streams == 1


async def test_there_is_no_audit_unless_asked_for() -> None:
    """Lists cost the server something."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        await asyncio.sleep(100_000)
        assert (server.metadata.queries, informer.status.last_audit) == ([], None)


async def test_no_audit_goes_on_after_the_end() -> None:
    """Closing while a periodic audit waits for the server takes no time and leaves no task."""
    server = PodServer("a")
    server.metadata.seconds = 60
    before = asyncio.all_tasks()
    async with Mirroring(server, audit=10) as informer:
        await asyncio.sleep(20)
        assert server.metadata.open_now == 1
        begun = asyncio.get_running_loop().time()
        await informer.aclose()
        assert asyncio.get_running_loop().time() - begun < 0.1
        assert server.metadata.open_now == 0
        with pytest.raises(InformerClosed):
            await informer.audit()
    assert asyncio.all_tasks() == before


def picky(document: dict[str, Any]) -> dict[str, Any]:
    if "bad" in document:
        raise ValueError("secret")
    return document


def by_bad_field(pod: Any) -> str:
    if "bad" in pod:
        raise KeyError("secret")
    return ""


KINDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"metadata": {"labels": 7}}),
    ({"transform": picky}, {"bad": True}),
    ({"indexers": {"bad": by_bad_field}}, {"bad": True}),
]
"""Options of an informer, and fields of a pod that it cannot decode, transform or index."""


@pytest.mark.parametrize(("options", "fields"), KINDS, ids=["decode", "transform", "index"])
async def test_a_strict_informer_stops_at_what_it_cannot_take_in(
    options: dict[str, Any], fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """ObjectRejected names key and version, and reaches waiters, subscriptions, the status and the log, once."""
    server = PodServer("a")
    async with Mirroring(server, strict=True, **options) as informer:
        events = informer.events(replay=False)
        assert isinstance(await anext(events), Synced)
        waiting = asyncio.create_task(informer.wait_for("d/never"))
        await asyncio.sleep(1)
        server.put("b", **fields)
        with pytest.raises(ObjectRejected, match=r"d/b of version 102 cannot be taken in") as raised:
            await anext(events)
        assert (raised.value.key, raised.value.resource_version) == ("d/b", "102")
        for wait in (waiting, informer.wait_for_cache_sync(), informer.audit()):
            with pytest.raises(ObjectRejected):
                await wait
        assert informer.failure is informer.status.failure is raised.value
        assert (informer.status.state, informer.status.quarantined) == (InformerState.STOPPED, 0)
        assert keys(informer) == {"d/a"}
    errors = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert [each.getMessage().partition(" cannot")[0] for each in errors] == ["pods.v1: stopped: d/b of version 102"]
    assert "secret" not in caplog.text


async def test_a_strict_informer_does_not_sync_with_what_it_cannot_take_in() -> None:
    """A snapshot that holds such an object fails the wait for the sync."""
    server = PodServer("a")
    server.put("b", bad=True)
    mirroring = Mirroring(server, strict=True, transform=picky)
    with pytest.raises(ObjectRejected):
        async with mirroring:
            pass
    assert len(mirroring.informer) == 0
    await mirroring.__aexit__()


@pytest.mark.parametrize(("options", "fields"), KINDS, ids=["decode", "transform", "index"])
async def test_an_informer_that_is_not_strict_sets_it_aside_until_its_next_version(
    options: dict[str, Any], fields: dict[str, Any]
) -> None:
    """Counted in the status, with the metadata as the server sent it and no body in its repr."""
    server = PodServer("a")
    async with Mirroring(server, **options) as informer:
        server.put("b", **{"data": "secret", **fields})
        await informer.wait_for_version(str(server.version))
        assert informer.status.quarantined == 1
        quarantined = informer.quarantine["d/b"]
        assert quarantined.metadata == server.pods["b"]["metadata"]
        assert "secret" not in repr(quarantined)
        assert "102" in repr(quarantined)
        server.put("b")
        await informer.wait_for("d/b")
        assert (informer.status.quarantined, informer.quarantine) == (0, {})


async def test_what_is_set_aside_keeps_nothing_else_alive() -> None:
    """No frame of its error holds the batch it came in; where it was raised is kept as text."""
    server = PodServer("a")
    async with Mirroring(server, transform=picky) as informer:
        server.put("b", bad=True)
        await informer.wait_for_version(str(server.version))
        quarantined = informer.quarantine["d/b"]
        assert quarantined.error.__traceback__ is None
        assert "test_mirror.py" in quarantined.where
        assert quarantined.where.endswith("in picky")


async def test_a_removal_that_cannot_be_decoded_stops_no_strict_informer() -> None:
    """What has gone need not be taken in."""
    server = PodServer("a", "b")
    async with Mirroring(server, strict=True) as informer:
        gone = {"metadata": {**server.pods["a"]["metadata"], "labels": 7, "resourceVersion": "103"}}
        server._told(line("DELETED", gone))
        await asyncio.sleep(1)
        assert (keys(informer), informer.status.state) == ({"d/b"}, "live")


async def test_the_status_has_the_lag_of_each_subscription() -> None:
    """In the order of ``pending`` and of ``informer.subscriptions``."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        slow, quick = informer.events(replay=False), informer.events(replay=False)
        await anext(slow)
        await anext(quick)
        server.put("b")
        await asyncio.sleep(3)
        await anext(quick)
        shown = zip(informer.subscriptions, informer.status.lag, informer.status.pending, strict=True)
        told = {subscription: (round(lag), pending) for subscription, lag, pending in shown}
        assert told == {slow: (3, 1), quick: (0, 0)}
        await slow.aclose()
        assert informer.status.lag == (0.0,)
