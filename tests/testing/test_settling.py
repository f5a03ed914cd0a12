from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from aioinformer import Added, InformerState, SharedInformerFactory, Synced, merge
from aioinformer.resource import APIResource, GroupVersionResource
from aioinformer.testing import ApiServer
from aioinformer.testing.settling import NotSettled, settle
from aioinformer.testing.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine

    from aioinformer import Informer, KubeObject, Subscription

LOOPS = [VirtualTimeLoop, asyncio.SelectorEventLoop]


class House(NamedTuple):
    server: ApiServer
    factory: SharedInformerFactory


@asynccontextmanager
async def house() -> AsyncGenerator[House]:
    async with (
        ApiServer() as server,
        server.api_client() as client,
        SharedInformerFactory(client) as factory,
    ):
        yield House(server, factory)


def run(
    scenario: Callable[[House], Coroutine[Any, Any, None]], loop: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> None:
    async def main() -> None:
        async with house() as built:
            await scenario(built)

    with asyncio.Runner(loop_factory=loop or VirtualTimeLoop) as runner:
        runner.run(main())


def pod(name: str, namespace: str = "default", **labels: str) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}}


@pytest.mark.parametrize("loop", LOOPS)
def test_every_cache_of_a_factory_then_has_what_the_server_has(loop: type[asyncio.SelectorEventLoop]) -> None:
    async def scenario(house: House) -> None:
        server, factory = house
        informers = [
            factory.informer("pods"),
            factory.informer("pods", namespace="other"),
            factory.informer("pods", label_selector="app=web"),
            factory.informer("pods", field_selector="metadata.name=b"),
            factory.informer("nodes"),
            factory.informer("pods", namespace=["default", "other"]),
        ]
        server.create("pods", pod("a", app="web"))
        await settle(server, factory)
        assert [len(each) for each in informers] == [1, 0, 1, 0, 0, 1]
        server.patch("pods", "a", {"metadata": {"labels": {"app": "db"}}})
        server.create("pods", pod("b", "other"))
        server.create("nodes", {"metadata": {"name": "n"}})
        await settle(server, factory)
        assert [len(each) for each in informers] == [2, 1, 0, 1, 1, 2]
        server.delete("pods", "a")
        server.delete("pods", "b", namespace="other")
        await settle(server, *informers)
        assert [len(each) for each in informers] == [0, 0, 0, 0, 1, 0]

    run(scenario, loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "act",
    [
        lambda server: server.cut(),
        lambda server: server.end_cleanly(),
        lambda server: server.expire_history(),
        lambda server: server.respond(503, times=2),
    ],
    ids=["cut", "end", "expire", "respond"],
)
def test_it_waits_until_a_fault_is_overcome(
    loop: type[asyncio.SelectorEventLoop], act: Callable[[ApiServer], None]
) -> None:
    async def scenario(house: House) -> None:
        server, factory = house
        pods = factory.informer("pods")
        await settle(server, pods)
        act(server)
        server.create("pods", pod("a"))
        server.cut()
        await settle(server, pods)
        assert pods.status.state is InformerState.LIVE
        assert "default/a" in pods
        assert server.open_watches() == 1

    run(scenario, loop)


def test_a_long_backoff_takes_no_real_time(waits: list[float | None]) -> None:
    async def scenario(house: House) -> None:
        server, factory = house
        with server.refuse():
            pods = factory.informer("pods")
            await asyncio.sleep(600)
        await settle(server, pods)
        assert asyncio.get_running_loop().time() > 600

    run(scenario)
    assert set(waits) == {0}


async def follow(events: Subscription[KubeObject], seen: list[str], pace: float = 0.0) -> None:
    async for event in events:
        seen.append("synced" if isinstance(event, Synced) else event.key)
        if pace:
            await asyncio.sleep(pace)


class TestSubscriptions:
    @pytest.mark.parametrize("pace", [0.0, 5.0])
    def test_whoever_iterates_has_taken_what_waited(self, pace: float) -> None:
        async def scenario(house: House) -> None:
            server, factory = house
            pods = factory.informer("pods")
            for name in "abc":
                server.create("pods", pod(name))
            seen: list[str] = []
            consumer = asyncio.create_task(follow(pods.events(), seen, pace))
            await settle(server, factory)
            assert seen == ["default/a", "default/b", "default/c", "synced"]
            for name in "de":
                server.create("pods", pod(name))
            await settle(server, factory)
            assert seen[4:] == ["default/d", "default/e"]
            consumer.cancel()

        run(scenario)

    def test_what_the_test_reads_by_hand_waits_for_it(self) -> None:
        async def scenario(house: House) -> None:
            server, factory = house
            pods = factory.informer("pods")
            events, never_read = pods.events(), pods.events()
            assert isinstance(await anext(events), Synced)
            server.create("pods", pod("a"))
            await settle(server, pods)
            assert (events.pending, never_read.pending) == (1, 1)
            assert isinstance(await anext(events), Added)

        run(scenario)

    def test_whoever_took_over_from_another_task_is_waited_for(self) -> None:
        """Though it has never had to wait for an event: it is slow, and there was always one."""

        async def scenario(house: House) -> None:
            server, factory = house
            pods = factory.informer("pods")
            for name in "abc":
                server.create("pods", pod(name))
            seen: list[str] = []
            events = pods.events()
            first = asyncio.create_task(follow(events, seen, 5.0))
            await pods.wait_for_cache_sync(10)
            await asyncio.sleep(1)
            first.cancel()
            server.create("pods", pod("d"))
            second = asyncio.create_task(follow(events, seen, 5.0))
            await settle(server, factory)
            assert seen[-1] == "default/d"
            second.cancel()

        run(scenario)

    @pytest.mark.parametrize("pace", [0.0, 5.0])
    def test_whoever_iterates_over_several_informers_has_taken_what_waited(self, pace: float) -> None:
        """Also what the merge has taken from its sources and not given yet."""

        async def scenario(house: House) -> None:
            server, factory = house
            pods, nodes = factory.informer("pods"), factory.informer("nodes")
            seen: list[str] = []

            async def follow_both() -> None:
                async for _, event in merge(pods, nodes):
                    seen.append("synced" if isinstance(event, Synced) else event.key)
                    await asyncio.sleep(pace)

            consumer = asyncio.create_task(follow_both())
            await settle(server, factory)
            assert seen == ["synced", "synced"]
            for name in "ab":
                server.create("pods", pod(name))
                server.create("nodes", {"metadata": {"name": name}})
            await settle(server, factory)
            assert sorted(seen[2:]) == ["a", "b", "default/a", "default/b"]
            consumer.cancel()

        run(scenario)

    def test_what_a_finished_task_left_is_nobodys(self) -> None:
        async def scenario(house: House) -> None:
            server, factory = house
            pods = factory.informer("pods")
            events = pods.events()
            consumer = asyncio.create_task(follow(events, []))
            await settle(server, pods)
            consumer.cancel()
            server.create("pods", pod("a"))
            await settle(server, pods)
            assert events.pending == 1

        run(scenario)


def lagging(house: House) -> Awaitable[None]:
    return settle(house.server, house.factory, timeout=120)


class TestNotSettled:
    def test_it_names_who_is_refused(self) -> None:
        async def scenario(house: House) -> None:
            house.factory.informer("nodes")
            house.factory.informer("pods")
            with house.server.on("pods").revoke(), pytest.raises(NotSettled) as caught:
                await lagging(house)
            assert "not settled after 120 s: pods.v1 is denied" in str(caught.value)
            assert "403 Forbidden" in str(caught.value)
            assert "nodes" not in str(caught.value)

        run(scenario)

    def test_it_says_the_versions_on_both_sides(self) -> None:
        async def scenario(house: House) -> None:
            house.factory.informer("pods")
            await lagging(house)
            was = house.server.resource_version
            with house.server.stall(), house.server.drop_bookmarks():
                version = house.server.create("pods", pod("a"))["metadata"]["resourceVersion"]
                wanted = rf"it is at version {was}, the server's last change for it is {version}"
                with pytest.raises(NotSettled, match=wanted):
                    await settle(house.server, house.factory, timeout=5)

        run(scenario)

    def test_of_several_namespaces_it_names_the_one_that_lags(self) -> None:
        async def scenario(house: House) -> None:
            server, factory = house
            pods = factory.informer("pods", namespace=["default", "other"])
            await settle(server, pods)
            (watch,) = (each for each in server.watches("pods") if each.namespace == "other")
            with server.on("pods", watch=watch).stall():
                server.create("pods", pod("a"))
                version = server.create("pods", pod("b", "other"))["metadata"]["resourceVersion"]
                with pytest.raises(NotSettled, match=rf" in other, the server's last change for it is {version}$"):
                    await settle(server, pods, timeout=5)

        run(scenario)

    def test_it_names_the_task_that_does_not_take_its_events(self) -> None:
        async def hold(events: Subscription[KubeObject]) -> None:
            async for _ in events:
                await asyncio.Event().wait()

        async def scenario(house: House) -> None:
            pods = house.factory.informer("pods")
            holder = asyncio.create_task(hold(pods.events()), name="holder")
            await lagging(house)
            house.server.create("pods", pod("a"))
            with pytest.raises(NotSettled, match=r"pods\.v1: 1 events wait for task 'holder'"):
                await lagging(house)
            holder.cancel()

        run(scenario)

    def test_a_resource_that_is_not_served_is_none_to_settle(self) -> None:
        async def scenario(house: House) -> None:
            house.factory.informer(GroupVersionResource("example.com", "v1", "widgets"))
            with pytest.raises(NotSettled, match="is missing"):
                await lagging(house)

        run(scenario)

    def test_a_stopped_informer_is_said_to_be_so(self) -> None:
        async def scenario(house: House) -> None:
            pods = house.factory.informer("pods")
            await pods.aclose()
            with pytest.raises(NotSettled, match="is stopped"):
                await settle(house.server, pods, timeout=1)

        run(scenario)

    def test_nobody_is_not_settled(self) -> None:
        async def scenario(house: House) -> None:
            with pytest.raises(ValueError, match="name the informers"):
                await settle(house.server)

        run(scenario)


class TestVersions:
    def test_changes_out_of_scope_are_not_waited_for(self) -> None:
        async def scenario(house: House) -> None:
            server, factory = house
            informers: list[Informer[KubeObject]] = [
                factory.informer("pods", namespace="a"),
                factory.informer("pods", label_selector="app=web"),
            ]
            await settle(server, factory)
            before = [each.resource_version for each in informers]
            server.create("pods", pod("x", "b", app="db"))
            await settle(server, factory, timeout=0.5)
            assert [each.resource_version for each in informers] == before
            assert not any(informers)

        run(scenario)

    def test_a_forgotten_history_is_made_up_for_by_a_bookmark(self) -> None:
        async def scenario(house: House) -> None:
            server, factory = house
            pods = factory.informer("pods", label_selector="app=web")
            await settle(server, pods)
            server.create("pods", pod("x"))
            server.compact()
            await settle(server, pods, timeout=1)
            assert pods.resource_version == server.resource_version

        run(scenario)

    def test_resources_without_namespaces_and_looked_up_ones(self) -> None:
        async def scenario(house: House) -> None:
            server, factory = house
            server.register(
                APIResource(GroupVersionResource("example.com", "v1", "widgets"), "Widget", namespaced=True)
            )
            widgets = factory.informer("widgets.example.com", namespace="a")
            nodes = factory.informer("no")
            server.create("widgets", {"metadata": {"name": "w", "namespace": "a"}})
            server.create("nodes", {"metadata": {"name": "n"}})
            await settle(server, widgets, nodes)
            assert (len(widgets), len(nodes)) == (1, 1)

        run(scenario)
