"""audit.py: snapshots meanwhile, lists that fail, audits that take turns, and what ends one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aioinformer import (
    Forbidden,
    InformerClosed,
    InformerError,
    KubeObject,
    MalformedResponse,
    NetworkError,
    ResourceExpired,
    ServerError,
    Synced,
    TooManyRequests,
)
from aioinformer.audit import ATTEMPTS, PAGE_TIMEOUT
from tests import corruption
from tests.audited import assert_left_alone, assert_over, keys
from tests.pod_server import Mirroring, PodServer

if TYPE_CHECKING:
    from aioinformer import Informer

pytestmark = pytest.mark.looptime

FOR_EVER = 1e6
MOMENTS = ["listing", "catching up", "waiting for its turn", "repairing"]


async def test_a_snapshot_meanwhile_means_to_look_again() -> None:
    """Every key of a rebuilt cache would have to be left out, so the audit begins anew, and finds the new one right."""
    server = PodServer("a", "b")
    async with Mirroring(server) as informer:
        corruption.forget(informer._store, "d/a")

        def expire_once() -> None:
            server.metadata.listed = server.write_elsewhere
            server.expire()

        server.metadata.listed = expire_once
        server.metadata.seconds = 5
        assert (await informer.audit()).clean
        assert (len(server.metadata.queries), server.streams, keys(informer)) == (2, 2, {"d/a", "d/b"})
        assert_over(informer, server)


async def test_a_relist_under_way_is_waited_for() -> None:
    """The list is ahead of the old cache in everything; the audit compares with the new one."""
    server = PodServer("a", "b")
    async with Mirroring(server) as informer:
        server.hold_back()
        server.delete("a")
        server.put("c")
        server.refusal = ServerError(503)
        server.expire()
        audit = asyncio.create_task(informer.audit())
        await asyncio.sleep(20)
        assert (audit.done(), keys(informer)) == (False, {"d/a", "d/b"})
        server.refusal = None
        assert (await audit).clean
        assert (len(server.metadata.queries), keys(informer)) == (2, {"d/b", "d/c"})
        assert_over(informer, server)


async def test_a_cache_that_is_rebuilt_again_and_again_cannot_be_audited() -> None:
    """The audit says so instead of going on for ever."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        server.metadata.listed = server.expire
        server.metadata.seconds = 20
        with pytest.raises(InformerError, match=f"rebuilt during each of {ATTEMPTS} attempts"):
            await informer.audit()
        assert (len(server.metadata.queries), server.streams) == (ATTEMPTS, 1 + ATTEMPTS)
        assert_over(informer, server)


async def test_a_list_that_expires_half_way_begins_anew() -> None:
    """The continue token of page 2 outlived the server's history; the pages before it are void."""
    server = PodServer("a", "b", "c")
    async with Mirroring(server, page_size=2) as informer:
        server.metadata.answers = [None, ResourceExpired(410), None, None]
        report = await informer.audit()
        assert (report.clean, report.checked) == (True, 3)
        pages = [query.get("continue", "") for query in server.metadata.queries]
        assert pages == ["", "2", "", "2"]


async def test_a_list_that_always_expires_is_given_up() -> None:
    """The caller gets the server's answer."""
    server = PodServer("a", "b", "c")
    async with Mirroring(server, page_size=2) as informer:
        server.metadata.answers = [None, ResourceExpired(410)] * ATTEMPTS
        with pytest.raises(ResourceExpired):
            await informer.audit()
        assert len(server.metadata.queries) == 2 * ATTEMPTS
        assert_left_alone(informer, server)


@pytest.mark.parametrize(
    "error",
    [Forbidden(403), TooManyRequests(429), ServerError(500), NetworkError("reset"), MalformedResponse("a login page")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("page", [1, 2])
async def test_a_list_that_fails_is_the_callers_to_know(error: InformerError, page: int) -> None:
    """Nothing was compared, so nothing is touched, though the cache is wrong; the next audit finds that."""
    server = PodServer("a", "b", "c")
    async with Mirroring(server, page_size=2) as informer:
        corruption.forget(informer._store, "d/a")
        server.metadata.answers = [*[None] * (page - 1), error]
        with pytest.raises(type(error)) as raised:
            await informer.audit()
        assert raised.value is error
        assert keys(informer) == {"d/b", "d/c"}
        assert (informer.status.last_audit, informer.status.state, informer.status.last_error) == (None, "live", None)
        assert_left_alone(informer, server)
        assert (await informer.audit()).missing == ("d/a",)


async def test_a_page_that_does_not_come_is_given_up() -> None:
    """A server gives up on a list after a minute, so a silent one is dead."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        server.metadata.seconds = FOR_EVER
        begun = asyncio.get_running_loop().time()
        with pytest.raises(NetworkError, match="not there within 75 s"):
            await informer.audit()
        assert asyncio.get_running_loop().time() - begun == PAGE_TIMEOUT
        assert_left_alone(informer, server)


async def test_audits_at_once_take_turns() -> None:
    """What the first repairs the second does not find."""
    server = PodServer("a", "b")
    async with Mirroring(server) as informer:
        corruption.forget(informer._store, "d/a")
        first, second = await asyncio.gather(informer.audit(), informer.audit())
        assert (first.missing, second.clean) == (("d/a",), True)
        assert (len(server.metadata.queries), server.streams) == (2, 2)
        assert_over(informer, server)


async def test_an_audit_before_the_sync_waits_for_it() -> None:
    """There is nothing to compare before."""
    server = PodServer("a")
    server.refusal = ServerError(500)
    mirroring = Mirroring(server)

    async def audited() -> None:
        await asyncio.sleep(5)
        audit = asyncio.create_task(mirroring.informer.audit())
        await asyncio.sleep(5)
        assert (audit.done(), server.metadata.queries) == (False, [])
        server.refusal = None
        assert (await audit).checked == 1

    meanwhile = asyncio.create_task(audited())
    async with mirroring:
        await meanwhile


async def _stuck(moment: str, server: PodServer, informer: Informer[KubeObject]) -> asyncio.Task[object]:
    """An audit that stands still in one of its phases."""
    corruption.forget(informer._store, "d/a")
    match moment:
        case "listing" | "waiting for its turn":
            server.metadata.seconds = FOR_EVER
        case "catching up":
            server.write_elsewhere()
        case "repairing":
            server.refusal = ServerError(503)
    audit: asyncio.Task[object] = asyncio.create_task(informer.audit())
    if moment == "waiting for its turn":
        await asyncio.sleep(1)
        audit = asyncio.create_task(informer.audit())
    await asyncio.sleep(3)
    assert not audit.done()
    return audit


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_cancelled_audit_leaves_nothing_behind(moment: str) -> None:
    """No task, no open response, no lock; the next audit does its work."""
    server = PodServer("a", "b")
    before = asyncio.all_tasks()
    async with Mirroring(server) as informer:
        running = asyncio.all_tasks()
        audit = await _stuck(moment, server, informer)
        audit.cancel()
        await asyncio.wait([audit])
        assert audit.cancelled()
        if moment != "waiting for its turn":
            assert asyncio.all_tasks() == running
            assert_over(informer, server)
        server.metadata.seconds, server.refusal = 0, None
        server.bookmark()
        await asyncio.sleep(PAGE_TIMEOUT)
        await informer.audit()
        assert keys(informer) == {"d/a", "d/b"}
        assert_over(informer, server)
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("moment", MOMENTS)
async def test_closing_the_informer_ends_its_audits(moment: str) -> None:
    """At once, with InformerClosed: nobody is left waiting on a server that may be silent."""
    server = PodServer("a", "b")
    async with Mirroring(server) as informer:
        audit = await _stuck(moment, server, informer)
        begun = asyncio.get_running_loop().time()
        await informer.aclose()
        with pytest.raises(InformerClosed):
            await audit
        assert asyncio.get_running_loop().time() - begun < 0.1
        assert_over(informer, server)
        with pytest.raises(InformerClosed):
            await informer.audit()


async def test_an_audit_of_an_informer_that_a_defect_stops_raises_the_defect() -> None:
    """As every other waiter does."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        audit = await _stuck("catching up", server, informer)
        server.end(ZeroDivisionError("bug"))
        with pytest.raises(InformerError, match="defect: ZeroDivisionError"):
            await audit


async def test_a_repair_that_is_refused_says_so() -> None:
    """The list was allowed and the relist is not: waiting on would be for ever. Once it is allowed the cache is repaired."""
    server = PodServer("a", "b")
    async with Mirroring(server) as informer:
        corruption.forget(informer._store, "d/a")
        server.refusal = Forbidden(403, "Forbidden", "no watch for you")
        with pytest.raises(InformerError, match=r"relist .* is refused") as caught:
            await informer.audit()
        assert isinstance(caught.value.__cause__, Forbidden)
        assert_over(informer, server)
        server.refusal = None
        await informer.wait_for("d/a", timeout=60)


async def test_a_repair_that_fails_at_first_is_waited_for() -> None:
    """A server that is down comes back; subscribers hear of the repair then."""
    server = PodServer("a", "b")
    async with Mirroring(server) as informer:
        events = informer.events(replay=False)
        assert isinstance(await anext(events), Synced)
        corruption.forget(informer._store, "d/a")
        server.refusal = NetworkError("refused")
        audit = asyncio.create_task(informer.audit())
        await asyncio.sleep(100)
        assert (audit.done(), informer.status.state) == (False, "stale")
        server.refusal = None
        assert (await audit).repaired
        assert (events.pending, informer.status.state) == (1, "live")
