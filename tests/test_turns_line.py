"""turns.py: one slice per turn of the loop, in rotation over lanes, whoever comes, goes, fails or is cancelled."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import turns
from aioinformer.events import Updated
from aioinformer.turns import FEW, SECONDS, Lane, clock_of
from tests.pod_server import Mirroring, PodServer
from tests.scripted_source import FOR_EVER, Run, bookmark, event, page, thing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.looptime


@pytest.fixture(autouse=True)
def storage_mode() -> None:
    """As it is by default: packing would be one more thing that takes turns."""


class Turns:
    """How many turns the loop has made."""

    def __init__(self) -> None:
        self.count = 0

    async def tick(self) -> None:
        """For ever."""
        while True:
            self.count += 1
            await asyncio.sleep(0)


@asynccontextmanager
async def counted() -> AsyncGenerator[Turns]:
    loop_turns = Turns()
    ticking = asyncio.create_task(loop_turns.tick())
    yield loop_turns
    ticking.cancel()
    await asyncio.wait([ticking])


async def slices(lane: Lane, name: str, count: int, story: list[str]) -> None:
    for _ in range(count):
        await lane.turn()
        story.append(name)


async def test_a_slice_is_done_at_once_when_nobody_else_is_at_it_and_says_when_it_ends() -> None:
    loop = asyncio.get_running_loop()
    async with counted() as loop_turns:
        assert await Lane().turn() == loop.time() + SECONDS
        assert loop_turns.count == 0


async def test_whoever_has_done_some_lets_others_run_first() -> None:
    async with counted() as loop_turns:
        await Lane().turn(at_once=False)
        assert loop_turns.count > 0


async def test_a_turn_of_the_loop_has_one_slice_however_many_tasks_wait() -> None:
    story: list[str] = []
    async with counted() as loop_turns, asyncio.TaskGroup() as tasks:
        done_at: list[int] = []

        async def work(lane: Lane) -> None:
            for _ in range(10):
                await lane.turn()
                done_at.append(loop_turns.count)

        for _ in range(7):
            tasks.create_task(work(Lane()))
    assert len(done_at) == 70
    assert max(Counter(done_at[1:]).values()) == 1
    assert done_at[-1] - done_at[0] <= 72, "and no turn goes by without one"
    assert not story


async def test_lanes_take_turns_however_many_tasks_each_has() -> None:
    """One informer with many consumers is no reason for another to wait."""
    crowded, alone, story = Lane(), Lane(), list[str]()
    async with asyncio.TaskGroup() as tasks:
        for number in range(5):
            tasks.create_task(slices(crowded, f"crowded {number}", 4, story))
        tasks.create_task(slices(alone, "alone", 6, story))
    lanes = [name.split()[0] for name in story]
    assert [lane for lane in lanes[1:13] if lane == "alone"] == ["alone"] * 6
    assert {name for name in story[:11] if name != "alone"} == {f"crowded {number}" for number in range(5)}


async def test_a_slice_that_fails_keeps_nobody_waiting() -> None:
    story: list[str] = []

    async def fail() -> None:
        await Lane().turn()
        raise LookupError

    failing = [asyncio.create_task(fail()) for _ in range(3)]
    await slices(Lane(), "sound", 3, story)
    await asyncio.wait(failing)
    assert story == ["sound"] * 3


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.none() | st.integers(0, 12)), max_size=12))
def test_whoever_is_not_cancelled_gets_every_slice_of_theirs(plans: list[tuple[int, int, int | None]]) -> None:
    """Tasks of four lanes, some cancelled after some turns of the loop: in line, at the grant, or long done."""

    async def run() -> None:
        lanes, story = [Lane() for _ in range(4)], list[str]()
        tasks = [
            asyncio.create_task(slices(lanes[lane], str(number), count, story))
            for number, (lane, count, _) in enumerate(plans)
        ]
        bound = 2 * sum(count for _, count, _ in plans) + 15
        for turn in range(bound):
            for task, (_, _, cancelled_at) in zip(tasks, plans, strict=True):
                if cancelled_at == turn:
                    task.cancel()
            await asyncio.sleep(0)
        assert all(task.done() for task in tasks)
        done = Counter(story)
        for number, (task, (_, count, _)) in enumerate(zip(tasks, plans, strict=True)):
            assert task.cancelled() or done[str(number)] == count

    asyncio.run(run())


def test_a_loop_has_a_line_of_its_own_which_goes_with_it() -> None:
    async def twice() -> asyncio.AbstractEventLoop:
        lane = Lane()
        waiting = asyncio.create_task(slices(lane, "left", 9, []))
        await lane.turn()
        await asyncio.sleep(0)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        return asyncio.get_running_loop()

    loop = asyncio.run(twice())
    assert loop in turns._lines
    gone = ref(loop)
    del loop
    gc.collect()
    assert gone() is None
    asyncio.run(twice())


THINGS = [thing(str(number), 1) for number in range(1_500)]
SNAPSHOTS = {
    "consistent": [page(*THINGS)],
    "stream": [
        b"".join(event("ADDED", each["metadata"]["name"], 1) for each in THINGS) + bookmark(10, end=True),
        FOR_EVER,
    ],
}


@pytest.mark.parametrize("initial_list", SNAPSHOTS)
async def test_three_snapshots_at_once_are_read_one_slice_per_turn_of_the_loop(initial_list: str) -> None:
    runs = [Run(SNAPSHOTS[initial_list], initial_list=initial_list) for _ in range(3)]  # type: ignore[arg-type]  # a word of it
    handled: list[int] = []
    while not all(run.machine.resource_version == "10" for run in runs):
        handled.append(sum(run.queue.qsize() for run in runs))
        await asyncio.sleep(0)
    for run in runs:
        await run.stop()
    pages = sum(run.queue.qsize() for run in runs)
    assert pages > 60
    steps = [after - before for before, after in pairwise(handled)]
    assert max(steps[1:]) <= 2, "a slice, and the end of a snapshot with its last one"
    assert sum(step > 1 for step in steps[1:]) <= 3


async def test_an_event_of_another_informer_takes_few_turns_while_three_sync() -> None:
    """From the server's bytes to the consumer: reading it, and taking it."""
    many, one = PodServer(*(f"p{number}" for number in range(2_000))), PodServer("clock")
    taken: list[int] = []
    async with Mirroring(one) as informer, informer.events(replay=False) as events, counted() as loop_turns:

        async def follow() -> None:
            while True:
                before = loop_turns.count
                one.put("clock")
                while not isinstance(await anext(events), Updated):
                    pass
                taken.append(loop_turns.count - before)

        following = asyncio.create_task(follow())
        async with Mirroring(many), Mirroring(many), Mirroring(many):
            pass
        following.cancel()
        await asyncio.wait([following])
    assert len(taken) > 30
    assert max(taken[1:]) <= 3


async def test_few_events_do_not_wait_in_line_and_many_do() -> None:
    """What a quiet watch brings goes by a line of fifty; the snapshot before it has to stand in it."""
    crowd = [asyncio.create_task(slices(Lane(), "crowd", 10_000, [])) for _ in range(50)]
    counts = {}
    for name, count in (("few", FEW), ("many", FEW + 1)):
        events = b"".join(event("ADDED", str(number), number + 11) for number in range(count))
        run = Run([bookmark(10, end=True), events, FOR_EVER])
        async with counted() as loop_turns:
            while run.machine.resource_version != str(count + 10):  # noqa: ASYNC110  # turns are what is counted
                await asyncio.sleep(0)
            counts[name] = loop_turns.count
        await run.stop()
    for task in crowd:
        task.cancel()
    await asyncio.wait(crowd)
    assert 50 < counts["few"] < 60
    assert counts["many"] > 100


class TestClocks:
    async def test_a_loop_with_a_time_of_its_own_is_asked_for_that(self) -> None:
        loop = asyncio.get_running_loop()
        assert clock_of(loop) == loop.time

    def test_pythons_own_is_the_systems(self) -> None:
        loop = asyncio.new_event_loop()
        assert clock_of(loop) is monotonic
        loop.close()
