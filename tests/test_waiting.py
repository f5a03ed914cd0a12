"""waiting.py: conditions that are waited for, on an informer over a scripted source, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from aioinformer import InformerClosed, InvalidOption, NotRunning, WaitTimeout
from aioinformer.conditions import condition, deleted, exists, rolled_out, satisfies
from aioinformer.informer import Informer
from aioinformer.options import InformerSpec
from aioinformer.waiting import until_all_reach
from tests.scripted_informer import PODS, Running, Script, bookmark, line, pod

pytestmark = pytest.mark.looptime

READY = {"conditions": [{"type": "Ready", "status": "True"}]}


async def test_what_holds_already_is_given_at_once() -> None:
    """The objects of the keys that are named, as they stand; no others, and none where there is none."""
    script = Script().snapshot(9, pod("a", 1), pod("b", 2))
    async with Running(script) as informer:
        await informer.wait_for_cache_sync()
        found = await informer.wait_for(exists("d/a") & deleted("d/c"))
        assert {key: obj.resource_version for key, obj in found.items()} == {"d/a": "1"}


async def test_nothing_holds_before_the_first_sync() -> None:
    """An empty cache is no proof of a deletion."""
    script = Script().answer(line("ADDED", pod("a", 1)))
    async with Running(script) as informer:
        waiting = asyncio.create_task(informer.wait_for(deleted("d/a"), timeout=5))
        with pytest.raises(
            WaitTimeout, match=r"deleted\('d/a'\) did not hold of pods.v1 within 5 s: there was no sync yet"
        ):
            await waiting


async def test_parts_have_to_hold_at_the_same_time() -> None:
    script = Script().snapshot(9, pod("a", 1), pod("old", 2))
    async with Running(script) as informer:
        waiting = asyncio.create_task(informer.wait_for(condition("d/a", "Ready") & deleted("d/old")))
        await asyncio.sleep(1)
        script.send(line("MODIFIED", pod("a", 10, status=READY)))
        await asyncio.sleep(1)
        script.send(line("MODIFIED", pod("a", 11)), line("DELETED", pod("old", 12)))
        await asyncio.sleep(1)
        assert not waiting.done()
        script.send(line("MODIFIED", pod("a", 13, status=READY)))
        assert {key: obj.resource_version for key, obj in (await waiting).items()} == {"d/a": "13"}


async def test_an_object_that_was_replaced_between_two_looks_was_deleted() -> None:
    script = Script().snapshot(9, pod("a", 1))
    async with Running(script) as informer:
        waiting = asyncio.create_task(informer.wait_for(deleted("d/a"), timeout=60))
        await asyncio.sleep(1)
        script.send(line("DELETED", pod("a", 10)) + line("ADDED", pod("a", 11, uid="another")))
        assert (await waiting)["d/a"].uid == "another"


async def test_a_time_out_says_which_part_did_not_hold_and_how_things_stood() -> None:
    """And nothing of what the objects hold besides."""
    script = Script().snapshot(9, pod("a", 1, status=READY, data="secret"), pod("b", 2, data="secret"))
    async with Running(script) as informer:
        wanted = condition("d/a", "Ready") & condition("d/b", "Ready") & ~exists("d/b")
        with pytest.raises(WaitTimeout) as raised:
            await informer.wait_for(wanted, timeout=3)
        said = str(raised.value)
        assert (
            "within 3 s: condition('d/b', 'Ready'): it has no condition Ready at version 2; ~exists('d/b'): it" in said
        )
        assert "pods.v1 is live, 2 objects" in said
        assert "secret" not in said
        assert "'d/a'" not in said.partition("within 3 s")[2]


async def test_what_a_predicate_raises_is_the_waiters_own() -> None:
    """A time-out of its own, too; the informer goes on."""

    def broken(_: Any) -> bool:
        raise TimeoutError("mine")

    script = Script().snapshot(9, pod("a", 1))
    async with Running(script) as informer:
        for what in (satisfies("d/a", broken), broken):
            with pytest.raises(TimeoutError, match="mine") as raised:
                await informer.wait_for(what, timeout=5)
            assert not isinstance(raised.value, WaitTimeout)
        with pytest.raises(InvalidOption, match="d/a is a Pod"):
            await informer.wait_for(rolled_out("d/a"), timeout=5)
        script.send(line("ADDED", pod("b", 10)))
        assert (await informer.wait_for("d/b")).name == "b"


async def test_it_is_looked_at_only_when_one_of_its_objects_has_changed() -> None:
    script, looks = Script().snapshot(9, pod("a", 1)), 0

    def look(obj: Any) -> bool:
        nonlocal looks
        looks += 1
        return bool(obj.resource_version == "20")

    async with Running(script) as informer:
        waiting = asyncio.create_task(informer.wait_for(satisfies("d/a", look)))
        for version in range(10, 20):
            script.send(line("MODIFIED", pod("b", version)))
            await asyncio.sleep(1)
        assert looks == 1
        script.send(line("MODIFIED", pod("a", 20)))
        await waiting
        assert looks == 2


async def test_an_informer_that_is_stopped_ends_the_wait() -> None:
    async with Running(Script().snapshot(9)) as informer:
        waiting = asyncio.create_task(informer.wait_for(exists("d/a")))
        await asyncio.sleep(1)
        await informer.aclose()
        with pytest.raises(InformerClosed):
            await waiting
        with pytest.raises(InformerClosed):
            await informer.wait_for(deleted("d/a"))


async def test_waiting_on_an_informer_that_is_not_running() -> None:
    informer: Informer[Any] = Informer(InformerSpec(PODS))
    with pytest.raises(NotRunning, match="async with"):
        await informer.wait_for(exists("d/a"))


@pytest.mark.parametrize(
    ("what", "seconds", "message"),
    [
        (5, None, "what to wait for is a key, a predicate or a condition, not 5"),
        (exists("d/a"), "5", "timeout is a number of seconds, or None to wait for ever, not '5'"),
        ("d/a", -1, "timeout is a number of seconds"),
        (lambda _: True, True, "timeout is a number of seconds"),
        (exists("a"), None, "'a' is no key of pods.v1: those look like 'default/web'"),
        (exists("d/a") | ~deleted("b"), None, "'b' is no key of pods.v1"),
        ("a/b/c", None, "'a/b/c' is no key of pods.v1"),
        ("d/", None, "'d/' is no key of pods.v1"),
    ],
)
async def test_arguments_that_cannot_work_are_refused_at_once(what: Any, seconds: Any, message: str) -> None:
    async with Running(Script().snapshot(9)) as informer:
        with pytest.raises(InvalidOption, match=message):
            await informer.wait_for(what, seconds)


async def test_a_model_is_what_comes_back() -> None:
    class Named(msgspec.Struct):
        kind: str

    async with Running(Script().snapshot(9, pod("a", 1)), model=Named) as informer:
        found: Any = await informer.wait_for(exists("d/a"))
        assert found == {"d/a": Named("Pod")}


async def test_all_stand_at_a_version_at_the_same_moment() -> None:
    one, two = Script().snapshot(9), Script().snapshot(12)
    async with Running(one) as a, Running(two) as b:
        await asyncio.gather(a.wait_for_cache_sync(), b.wait_for_cache_sync())
        waiting = asyncio.create_task(until_all_reach([a, b], "20", timeout=60))
        for script, version in ((two, 21), (one, 19), (one, 20)):
            await asyncio.sleep(1)
            assert not waiting.done()
            script.send(bookmark(version))
        await waiting
        await until_all_reach([a, b], "15", timeout=0)


async def test_those_that_lag_are_named() -> None:
    one, two = Script().snapshot(9), Script().snapshot(30)
    async with Running(one) as a, Running(two) as b:
        await asyncio.gather(a.wait_for_cache_sync(), b.wait_for_cache_sync())
        with pytest.raises(WaitTimeout, match=r"not all at version 20 within 5 s: at 9: pods.v1 is live, 0 objects$"):
            await until_all_reach([a, b], "20", timeout=5)
        waiting = asyncio.create_task(until_all_reach([a, b], "20", timeout=None))
        await asyncio.sleep(1)
        await a.aclose()
        with pytest.raises(InformerClosed):
            await waiting


async def test_a_version_that_does_not_compare_is_refused() -> None:
    with pytest.raises(InvalidOption, match="at_least: 'x' is not a resource version"):
        await until_all_reach([], "x", timeout=5)
    wrong: Any = "5"
    with pytest.raises(InvalidOption, match="timeout"):
        await until_all_reach([], "5", timeout=wrong)


async def test_a_key_outside_the_namespaces_is_refused() -> None:
    """``deleted`` would hold at once, whether or not there is such an object."""
    async with Running(Script().snapshot(9), namespace="d") as informer:
        for what in ("e/a", exists("d/a") | deleted("e/a")):
            with pytest.raises(InvalidOption, match=r"'e/a' is outside pods\.v1 in d, which cannot tell"):
                await informer.wait_for(what)


async def test_a_key_without_its_namespace_is_refused_where_it_could_never_come() -> None:
    async with Running(Script().snapshot(9)) as informer:
        for what in ("a", deleted("a")):
            with pytest.raises(InvalidOption, match=r"'a' is no key of pods\.v1: those look like 'default/web'"):
                await informer.wait_for(what)


@pytest.mark.parametrize(
    "status", [{"conditions": {"Ready": True}}, {"conditions": [{"type": "Ready", "status": True}]}, "up"]
)
async def test_conditions_that_are_not_kubernetes_own_are_no_answer(status: Any) -> None:
    """A custom resource may have anything there."""
    async with Running(Script().snapshot(9, pod("a", 1, status=status))) as informer:
        with pytest.raises(InvalidOption, match="d/a has no conditions as Kubernetes writes them"):
            await informer.wait_for(condition("d/a", "Ready"))
