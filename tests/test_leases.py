"""leases.py and factory.py: informers that end with their last user, and who shares them; over the embedded API server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import InformerConflict, InvalidOption, NotRunning, SharedInformerFactory
from aioinformer.leases import DEFAULT_LINGER
from aioinformer.testing import ApiServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aioinformer import Informer

PATIENCE = 10.0

pytestmark = pytest.mark.looptime


@pytest.fixture
async def server() -> AsyncGenerator[ApiServer]:
    async with ApiServer() as server:
        server.create("pods", {"metadata": {"name": "a", "namespace": "default"}})
        yield server


@pytest.fixture
async def factory(server: ApiServer) -> AsyncGenerator[SharedInformerFactory]:
    async with server.api_client() as client, SharedInformerFactory(client) as factory:
        yield factory


def names(informer: Informer[Any]) -> list[str]:
    return [pod.name for pod in informer]


async def test_a_leased_informer_outlives_its_last_user_by_the_linger(factory: SharedInformerFactory) -> None:
    """It is the same for whoever comes in time; afterwards there is none, and no watch."""
    async with factory.lease("pods", linger=20) as pods:
        await pods.wait_for_cache_sync(PATIENCE)
        assert factory.informers == (pods,)
    await asyncio.sleep(19)
    assert not pods.is_stopped
    async with factory.lease("pods", linger=20) as again:
        assert again is pods
        await asyncio.sleep(100)
        assert not pods.is_stopped
    await asyncio.sleep(21)
    assert pods.is_stopped
    assert factory.informers == ()
    async with factory.lease("pods") as fresh:
        assert fresh is not pods
        await fresh.wait_for_cache_sync(PATIENCE)
        assert names(fresh) == ["a"]


async def test_the_watch_ends_with_the_lease(server: ApiServer, factory: SharedInformerFactory) -> None:
    """And what it held is let go of."""
    async with factory.lease("pods", linger=0) as pods:
        await pods.wait_for_cache_sync(PATIENCE)
        assert server.open_watches("pods") == 1
    await server.wait_for_watches(0, "pods")
    assert pods.is_stopped
    assert len(factory._registry) == 0


async def test_the_last_of_several_users_ends_it_and_the_longest_linger_counts(factory: SharedInformerFactory) -> None:
    """Each counts from when its user left; an exception of a user's is their own."""
    with pytest.raises(ZeroDivisionError):  # noqa: PT012  # leaving the leases is what is tested
        async with factory.lease("pods", linger=50) as first, factory.lease("po", linger=5) as second:
            assert first is second
            raise ZeroDivisionError
    await asyncio.sleep(40)
    assert not first.is_stopped
    async with factory.lease("pods", linger=2):
        pass
    await asyncio.sleep(5)
    assert not first.is_stopped
    await asyncio.sleep(6)
    assert first.is_stopped


async def test_the_default_linger(factory: SharedInformerFactory) -> None:
    async with factory.lease("pods") as pods:
        pass
    await asyncio.sleep(DEFAULT_LINGER - 1)
    assert not pods.is_stopped
    await asyncio.sleep(2)
    assert pods.is_stopped


@pytest.mark.parametrize("when", ["before", "meanwhile", "while it lingers"])
async def test_one_that_was_asked_for_otherwise_is_never_stopped_by_leases(
    factory: SharedInformerFactory, when: str
) -> None:
    """It is shared with those who lease it, whoever came first."""
    asked = [factory.core.v1.pods] if when == "before" else []
    async with factory.lease("pods", linger=1) as pods:
        asked += [factory.core.v1.pods] if when == "meanwhile" else []
    asked += [factory.core.v1.pods] if when == "while it lingers" else []
    assert asked == [pods]
    await asyncio.sleep(100)
    assert not pods.is_stopped


async def test_nobody_is_given_one_that_is_about_to_stop(factory: SharedInformerFactory) -> None:
    """In the very turn in which the linger ends, the next user gets one that lives, be it the old or a new one."""
    async with factory.lease("pods", linger=0):
        pass
    for turns in range(6):
        async with factory.lease("pods", linger=0):
            pass
        for _ in range(turns):
            await asyncio.sleep(0)
        async with factory.lease("pods", linger=0) as pods:
            assert not pods.is_stopped
            await pods.wait_for_cache_sync(PATIENCE)


async def test_closing_it_is_possible_while_it_is_leased(factory: SharedInformerFactory) -> None:
    """The next user gets another one, and each lease ends its own."""
    async with factory.lease("pods", linger=0) as old:
        await old.aclose()
        async with factory.lease("pods", linger=30) as new:
            await new.wait_for_cache_sync(PATIENCE)
            assert new is not old
    await asyncio.sleep(5)
    assert not new.is_stopped


async def test_a_lease_of_a_rescoped_informer_ends_that_one(factory: SharedInformerFactory) -> None:
    """The lease is on the informer, whatever its scope has become."""
    async with factory.lease("pods", linger=0) as pods:
        await pods.wait_for_cache_sync(PATIENCE)
        await pods.rescope(namespaces="default")
        async with factory.lease("pods", namespace="default", linger=0) as same:
            assert same is pods
        assert not pods.is_stopped
    await asyncio.sleep(1)
    assert pods.is_stopped
    assert factory.informers == ()


async def test_a_lease_is_entered_once(factory: SharedInformerFactory) -> None:
    """Whoever keeps one for many uses is told what to do instead, while it is in use and afterwards."""
    lease = factory.lease("pods", linger=5)
    assert repr(lease) == "<Lease new linger=5>"
    async with lease:
        assert repr(lease) == "<Lease in use linger=5>"
        with pytest.raises(RuntimeError, match="entered once: each use asks for its own"):
            await lease.__aenter__()
    assert repr(lease) == "<Lease over linger=5>"
    with pytest.raises(RuntimeError, match="entered once"):
        await lease.__aenter__()


async def test_what_cannot_work_is_said_at_the_call_or_on_entering(factory: SharedInformerFactory) -> None:
    wrong: list[dict[str, Any]] = [{"linger": -1}, {"linger": True}, {"linger": float("inf")}, {"linger": None}]
    for options in wrong:
        with pytest.raises(InvalidOption, match="linger is a number of seconds"):
            factory.lease("pods", **options)
    with pytest.raises(InvalidOption, match="there is no option 'lingr'"):
        factory.lease("pods", lingr=1)  # type: ignore[call-overload]
    factory.informer("pods", resync=30)
    with pytest.raises(InformerConflict):
        async with factory.lease("pods", resync=60):
            pass


async def test_leases_belong_to_a_running_factory(server: ApiServer) -> None:
    """Outside it they are refused; leaving it ends what lingers without a timer left behind."""
    async with server.api_client() as client:
        factory = SharedInformerFactory(client)
        with pytest.raises(NotRunning, match="within its 'async with'"):
            async with factory.lease("pods"):
                pass
        async with factory:
            async with factory.lease("pods", linger=50) as pods:
                pass
        assert pods.is_stopped
        await asyncio.sleep(60)
        with pytest.raises(NotRunning, match="make a new one"):
            async with factory.lease("pods"):
                pass
