"""informer.py: one informer over a scripted source, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from aioinformer import (
    Added,
    Deleted,
    Forbidden,
    InformerClosed,
    InformerError,
    InformerState,
    InvalidOption,
    Resynced,
    SharedInformerFactory,
    Synced,
    Updated,
    WaitTimeout,
)
from tests.scripted_informer import Running, Script, bookmark, line, names, pod

pytestmark = pytest.mark.looptime


async def test_nothing_is_visible_before_the_snapshot_is_whole() -> None:
    """Objects of a snapshot under way are in no read; then all are, and Synced follows their Added."""
    script = Script().answer(line("ADDED", pod("a", 1)))
    async with Running(script) as informer:
        events = informer.events()
        await asyncio.sleep(1)
        assert (len(informer), informer.synced, events.pending) == (0, False, 0)
        assert informer.status.state is InformerState.SYNCING
        script.send(line("ADDED", pod("b", 2)), bookmark(3, end=True))
        await informer.wait_for_cache_sync()
        assert names(informer) == ["a", "b"]
        assert (informer.resource_version, informer.status.state) == ("3", InformerState.LIVE)
        assert [type(await anext(events)) for _ in range(3)] == [Added, Added, Synced]


async def test_changes_before_the_end_of_a_streamed_snapshot_fold_into_it() -> None:
    """MODIFIED and DELETED among the initial events leave just the outcome."""
    script = Script().answer(
        line("ADDED", pod("a", 1)), line("ADDED", pod("b", 2)), line("MODIFIED", pod("a", 3)),
        line("DELETED", pod("b", 4)), bookmark(5, end=True),
    )  # fmt: skip
    async with Running(script) as informer:
        await informer.wait_for_cache_sync()
        assert [(p.name, p.resource_version) for p in informer] == [("a", "3")]


async def test_a_healthy_informer_sends_one_request() -> None:
    """Snapshot and watch are one stream."""
    script = Script().snapshot(1)
    async with Running(script) as informer:
        await informer.wait_for_cache_sync()
        script.send(line("ADDED", pod("a", 2)))
        await informer.wait_for("d/a")
        assert len(script.queries) == 1


async def test_the_cache_is_ahead_of_every_event() -> None:
    """When an event reaches a subscriber, the cache holds it or something later."""
    script = Script().snapshot(1, pod("a", 1))
    async with Running(script) as informer:
        events = informer.events(replay=False)
        await informer.wait_for_cache_sync()
        script.send(line("MODIFIED", pod("a", 2)), line("MODIFIED", pod("a", 3)), line("DELETED", pod("a", 4)))
        async for event in events:
            if isinstance(event, Updated):
                cached = informer.get("a", "d")
                assert cached is None or int(cached.resource_version) >= int(event.object.resource_version)
            if isinstance(event, Deleted):
                assert "d/a" not in informer
                break


async def test_a_relist_is_told_as_what_it_changed() -> None:
    """After a 410: deletes of what vanished, nothing for what is unchanged, and a re-creation as delete and add."""
    script = Script().snapshot(9, pod("gone", 1), pod("same", 2), pod("moved", 3), pod("reborn", 4))
    script.snapshot(20, pod("same", 2), pod("moved", 15), pod("reborn", 16, uid="another"), pod("new", 17))
    async with Running(script) as informer:
        events = informer.events(replay=False)
        await informer.wait_for_cache_sync()
        script.send(line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}))
        await informer.wait_for_version("20")
        assert isinstance(await anext(events), Synced)
        told = [await anext(events) for _ in range(events.pending)]
        assert [(type(e).__name__, getattr(e, "key", "")) for e in told] == [
            ("Deleted", "d/gone"), ("Updated", "d/moved"), ("Deleted", "d/reborn"), ("Added", "d/reborn"),
            ("Added", "d/new"),
        ]  # fmt: skip
        assert all(not e.final_state_known for e in told if isinstance(e, Deleted))
        assert (informer.status.restarts, informer.status.last_error is not None) == (1, True)


async def test_a_late_subscriber_joins_in_the_middle_of_a_relist() -> None:
    """It replays the old state, then hears what the new snapshot changed: no gap and no repeat."""
    script = Script().snapshot(9, pod("old", 1), pod("kept", 2))
    script.answer(line("ADDED", pod("kept", 2)), line("ADDED", pod("new", 12)))
    async with Running(script) as informer:
        await informer.wait_for_cache_sync()
        script.send(line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"}))
        await asyncio.sleep(5)
        events = informer.events()
        script.send(bookmark(20, end=True))
        await informer.wait_for_version("20")
        told = [await anext(events) for _ in range(events.pending + 1)]
        assert [(type(e).__name__, getattr(e, "key", "")) for e in told] == [
            ("Added", "d/old"), ("Added", "d/kept"), ("Synced", ""), ("Deleted", "d/old"), ("Added", "d/new"),
        ]  # fmt: skip


async def test_wait_for_an_object_by_key_or_predicate() -> None:
    """What is there is returned at once, what comes later when it comes, and what does not come times out."""
    script = Script().snapshot(1, pod("a", 1, status={"phase": "Pending"}))
    async with Running(script) as informer:
        assert (await informer.wait_for("d/a")).name == "a"
        running = asyncio.create_task(informer.wait_for(lambda p: p.status.get("phase") == "Running"))
        await asyncio.sleep(1)
        script.send(line("MODIFIED", pod("a", 2, status={"phase": "Running"})))
        assert (await running).resource_version == "2"
        with pytest.raises(WaitTimeout, match=r"no object 'd/b' among pods.v1 within 3 s"):
            await informer.wait_for("d/b", timeout=3)


async def test_wait_for_a_version_counts_bookmarks() -> None:
    """Reading your own write: it returns when the cache has got there, by an event or a bookmark."""
    script = Script().snapshot(99)
    async with Running(script) as informer:
        waiting = asyncio.create_task(informer.wait_for_version("101"))
        await asyncio.sleep(1)
        script.send(bookmark(100))
        await asyncio.sleep(1)
        assert not waiting.done()
        script.send(bookmark(1000))
        await waiting
        with pytest.raises(WaitTimeout, match=r"stands at version 1000 and did not reach 1001"):
            await informer.wait_for_version("1001", timeout=1)
        with pytest.raises(InvalidOption, match="resource version"):
            await informer.wait_for_version("")


async def test_resync_periods_are_independent() -> None:
    """Each subscription gets its rounds on its own period, by default the informer's."""
    async with Running(Script().snapshot(1, pod("a", 1), pod("b", 1)), resync=3) as informer:
        await informer.wait_for_cache_sync()
        loop = asyncio.get_running_loop()
        start = loop.time()

        async def first_rounds(period: float | None) -> list[tuple[str, int]]:
            events = informer.events(replay=False, resync=period)
            assert isinstance(await anext(events), Synced)
            rounds: list[tuple[str, int]] = []
            for _ in range(4):
                event = await anext(events)
                assert isinstance(event, Resynced)
                rounds.append((event.key, round(loop.time() - start)))
            return rounds

        assert list(await asyncio.gather(first_rounds(2), first_rounds(5), first_rounds(None))) == [
            [("d/a", 2), ("d/b", 2), ("d/a", 4), ("d/b", 4)],
            [("d/a", 5), ("d/b", 5), ("d/a", 10), ("d/b", 10)],
            [("d/a", 3), ("d/b", 3), ("d/a", 6), ("d/b", 6)],
        ]


async def test_an_object_that_cannot_be_taken_in_is_set_aside() -> None:
    """A transform that raises quarantines that object only; its next version gets a new try."""

    def strict(document: dict[str, Any]) -> dict[str, Any]:
        if "bad" in document:
            raise ValueError("bad pod")
        return document

    script = Script().snapshot(5, pod("a", 1), pod("b", 2, bad=True))
    async with Running(script, transform=strict) as informer:
        await informer.wait_for_cache_sync()
        assert names(informer) == ["a"]
        assert repr(informer.quarantine["d/b"].error) == "ValueError('bad pod')"
        assert informer.status.quarantined == 1
        script.send(line("MODIFIED", pod("b", 6)))
        assert (await informer.wait_for("d/b")).resource_version == "6"
        assert informer.quarantine == {}


async def test_a_transform_may_leave_objects_out_but_not_change_who_they_are() -> None:
    """None leaves an object out, as a delete if it was in; name, namespace, uid and version stay the server's."""

    def running_only(document: dict[str, Any]) -> dict[str, Any] | None:
        document["metadata"] = {"name": "other", "labels": {"seen": "yes"}}
        return document if document["phase"] == "Running" else None

    script = Script().snapshot(5, pod("a", 1, phase="Running"), pod("b", 2, phase="Pending"))
    async with Running(script, transform=running_only) as informer:
        events = informer.events(replay=False)
        await informer.wait_for_cache_sync()
        (found,) = informer
        assert (found.key, found.uid, found.resource_version) == ("d/a", "uid-a", "1")
        assert (found.labels, found.metadata.name) == ({"seen": "yes"}, "a")
        script.send(line("MODIFIED", pod("a", 6, phase="Pending")))
        assert isinstance(await anext(events), Synced)
        assert isinstance(await anext(events), Deleted)


@pytest.mark.parametrize("moment", ["opening", "reading a list", "backing off", "watching"])
async def test_stopping_takes_no_time_whatever_it_was_doing(moment: str) -> None:
    """Closing ends the informer, its waiters and its subscriptions at once, and leaves no task behind."""
    scripts = {
        "opening": Script(),
        "reading a list": Script().answer(line("ADDED", pod("a", 1))),
        "backing off": Script().answer(Forbidden(403)),
        "watching": Script().snapshot(1, pod("a", 1)),
    }
    before = asyncio.all_tasks()
    async with Running(scripts[moment]) as informer:
        events = informer.events()
        waiting = asyncio.create_task(informer.wait_for("d/never"))
        await asyncio.sleep(2)
        start = asyncio.get_running_loop().time()
        await informer.aclose()
        with pytest.raises(InformerClosed):
            await waiting
        assert [type(event) async for event in events] == ([Added, Synced] if moment == "watching" else [])
        assert asyncio.get_running_loop().time() - start < 0.1
        assert informer.status.state is InformerState.STOPPED
        with pytest.raises(InformerClosed, match="has been stopped"):
            informer.events()
    assert asyncio.all_tasks() == before


async def test_a_defect_is_told_to_everybody(caplog: pytest.LogCaptureFixture) -> None:
    """An exception that is none of ours stops this informer, is logged, and reaches every waiter and subscriber."""
    script = Script().snapshot(1)
    async with Running(script) as informer:
        events = informer.events()
        assert isinstance(await anext(events), Synced)
        script.send(ZeroDivisionError("bug"))
        with pytest.raises(InformerError, match="defect: ZeroDivisionError"):
            await anext(events)
        with pytest.raises(InformerError, match="defect"):
            await informer.wait_for_cache_sync()
        assert informer.is_stopped
        assert isinstance(informer.failure, InformerError)
    assert "stopped by a defect" in caplog.text


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"max_pending": 0}, "max_pending"),
        ({"overflow": "drop"}, "overflow"),
        ({"resync": 0}, "resync"),
        ({"resync": -1}, "resync"),
        ({"label_selector": "a=b,"}, "does not parse"),
        ({"namespace": "No_Name"}, "namespace is a namespace's name, .* not 'No_Name'"),
        ({"namespace": ["d", "e"]}, "namespace 'e' is none of those of pods.v1 in d"),
    ],
)
async def test_bad_terms_of_a_subscription_are_named(terms: dict[str, Any], message: str) -> None:
    """A subscription that cannot work is refused where it is asked for."""
    async with Running(Script(), namespace="d") as informer:
        with pytest.raises(InvalidOption, match=message):
            informer.events(**terms)


def test_a_resource_without_namespaces_has_no_events_of_one() -> None:
    """They would never come."""
    nodes = SharedInformerFactory().core.v1.nodes
    with pytest.raises(InvalidOption, match=r"nodes.v1 is cluster-scoped: leave namespace='d' out"):
        nodes.events(namespace="d")


@pytest.mark.parametrize("seconds", ["5", -1, True, float("nan")])
async def test_what_is_no_time_to_wait_is_refused_by_every_wait(seconds: Any) -> None:
    async with Running(Script().snapshot(9)) as informer:
        for wait in (
            informer.wait_for_cache_sync(seconds),
            informer.wait_for("d/a", seconds),
            informer.wait_for_version("9", seconds),
        ):
            with pytest.raises(InvalidOption, match="timeout is a number of seconds, or None"):
                await wait


async def test_what_is_of_the_wrong_type_is_refused_at_the_call() -> None:
    """The message names the argument and what it takes."""
    wrong: Any = 5
    several: Any = ["d", "e"]
    async with Running(Script().snapshot(9)) as informer:
        for call, message in (
            (lambda: informer.list(several), r"namespace is one namespace, or None for all of them, not \['d', 'e'\]"),
            (lambda: informer.add_indexer(wrong, str), "name is what by_index calls the index, not 5"),
            (lambda: informer.explain(wrong), "key is an object's, such as 'default/web' or 'node-1', not 5"),
            (lambda: informer.explain("a"), "'a' is no key of pods.v1: those look like 'default/web'"),
            (lambda: informer.writing().deleted("a"), "'a' is no key of pods.v1"),
        ):
            with pytest.raises(InvalidOption, match=message):
                call()
        for wait, message in (
            (informer.wait_for_version(wrong), "5 is not a resource version that compares"),
            (informer.wait_for_cache_sync(keep_waiting=wrong), "keep_waiting is True or False, not 5"),
            (informer.audit(repair=wrong), "repair is True or False, not 5"),
        ):
            with pytest.raises(InvalidOption, match=message):
                await wait


@pytest.mark.parametrize("raised", [asyncio.CancelledError, StopIteration, StopAsyncIteration])
@pytest.mark.parametrize("of", ["transform", "indexer", "where", "model"])
async def test_what_the_loop_would_misread_is_an_exception_like_any_other(of: str, raised: type[BaseException]) -> None:
    """It sets the object aside, or ends the one subscription with an error; it stops no informer, and looks like no end."""

    def bad(_: object) -> Any:
        raise raised

    @dataclass
    class Model:
        name: str = ""

        def __post_init__(self) -> None:
            raise raised

    options: dict[str, dict[str, Any]] = {
        "transform": {"transform": bad},
        "indexer": {"indexers": {"i": bad}},
        "model": {"model": Model},
    }
    script = Script().snapshot(1)
    async with Running(script, **options.get(of, {})) as informer:
        await informer.wait_for_cache_sync()
        events = informer.events(where=bad if of == "where" else None, replay=False)
        others = informer.events(replay=False)
        script.send(line("ADDED", pod("a", 2)))
        await asyncio.sleep(1)
        assert informer.status.state is InformerState.LIVE
        assert [type(await anext(each)) for each in (events, others)] == [Synced, Synced]
        if of == "where":
            assert isinstance(await anext(others), Added)
            with pytest.raises(RuntimeError, match=f"raised {raised.__name__}"):
                await anext(events)
        else:
            aside = informer.quarantine["d/a"]
            assert f"raised {raised.__name__}" in str(aside.error)
            assert "test_informer.py" in aside.where


@pytest.mark.parametrize("wrong", [5, [], "object"])
async def test_a_transform_that_gives_no_object_is_told_so(wrong: Any) -> None:
    script = Script().snapshot(1, pod("a", 1))
    async with Running(script, transform=lambda _: wrong) as informer:
        await informer.wait_for_cache_sync()
        error = informer.quarantine["d/a"].error
        assert (
            str(error) == f"transform gives the object as a dict, or None to leave it out, not {type(wrong).__name__}"
        )
