from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from aioinformer import speedups
from aioinformer.batches import Delta, Deltas, SnapshotPage
from aioinformer.dense import DenseRecord
from aioinformer.errors import (
    Forbidden,
    IdleTimeout,
    Invalid,
    NetworkError,
    ResourceExpired,
    TooManyRequests,
)
from aioinformer.objects import Record
from aioinformer.reflector import SLICE
from aioinformer.wire import ENOUGH
from tests.scripted_source import FOR_EVER, Run, bookmark, event, failure, page, thing, told, turns

if TYPE_CHECKING:
    from aioinformer.listwatch import InitialList
    from tests.scripted_source import Answer, Chunk

pytestmark = pytest.mark.looptime

INITIAL = {
    "watch": "true",
    "allowWatchBookmarks": "true",
    "timeoutSeconds": "300",
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
}


def watch(version: str) -> dict[str, str]:
    return {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": "300", "resourceVersion": version}


SYNCED: list[Chunk] = [event("ADDED", "a", 1) + bookmark(10, end=True)]
"""The start of a stream that is in sync at version 10."""
QUIET: list[Chunk] = [*SYNCED, 5.0]
"""One that then ends without an error, after some seconds."""
SYNC = ["begin", "page +a@1", "commit 10"]


class TestStreaming:
    async def test_a_healthy_start_is_one_request_whose_stream_goes_on_as_the_watch(self) -> None:
        run = Run([*SYNCED, event("MODIFIED", "a", 11), event("DELETED", "a", 12), bookmark(20)])
        assert told(await run.batches()) == [*SYNC, "deltas +a@11 (11)", "deltas -a@12 (12)", "deltas (20)"]
        assert run.source.queries == [INITIAL, watch("20")]
        assert run.slept == []

    async def test_events_of_one_chunk_are_one_batch_and_a_bookmark_ends_it(self) -> None:
        chunk = event("ADDED", "b", 11) + event("ADDED", "c", 12) + bookmark(13) + event("DELETED", "b", 14)
        run = Run([*SYNCED, chunk])
        assert told(await run.batches())[3:] == ["deltas +b@11 +c@12 (12)", "deltas (13)", "deltas -b@14 (14)"]

    async def test_who_waits_for_a_few_events_has_them_before_more_is_read_and_their_version_is_reached(self) -> None:
        run = Run([*SYNCED, event("MODIFIED", "a", 11), FOR_EVER])
        while not isinstance(await run.queue.get(), Deltas):
            pass
        assert run.machine.resource_version == "11"
        assert run.source.bodies[-1].reads == len(SYNCED) + 1
        await run.stop()

    async def test_an_annotated_bookmark_that_says_false_is_not_the_end(self) -> None:
        not_yet = event("BOOKMARK", "", 5, annotations={"k8s.io/initial-events-end": "false"})
        run = Run([event("ADDED", "a", 1), not_yet, bookmark(10, end=True)])
        assert told(await run.batches()) == SYNC

    async def test_updates_and_deletes_before_the_end_go_into_the_snapshot(self) -> None:
        run = Run(
            [event("ADDED", "a", 1) + event("MODIFIED", "a", 2), event("DELETED", "a", 3) + bookmark(9, end=True)]
        )
        assert told(await run.batches()) == ["begin", "page +a@1 +a@2", "page -a@3", "commit 9"]

    @pytest.mark.parametrize("size", [1, 2, 7, 100])
    async def test_chunks_may_be_cut_anywhere(self, size: int) -> None:
        synced = event("ADDED", "a", 1) + bookmark(10, end=True)
        stream = synced + event("ADDED", "b", 11) + bookmark(12) + event("DELETED", "b", 13)
        run = Run([stream[at : at + size] for at in range(0, len(stream), size)])
        assert told(await run.batches()) == [*SYNC, "deltas +b@11 (11)", "deltas (12)", "deltas -b@13 (13)"]
        assert run.source.queries[1:] == [watch("13")]

    async def test_a_break_before_the_end_starts_clean_and_one_after_it_resumes(self) -> None:
        broken = NetworkError("reset")
        run = Run([event("ADDED", "half", 1), broken], [*SYNCED, event("ADDED", "b", 11), broken], [broken])
        assert told(await run.batches()) == ["begin", "page +half@1", *SYNC, "deltas +b@11 (11)"]
        assert run.source.queries == [INITIAL, INITIAL, watch("11"), watch("11")]
        assert run.slept == [0.8, 0.8, 1.6]

    async def test_a_server_that_refuses_is_asked_for_pages(self) -> None:
        run = Run(Invalid(422), [page(thing("a", 1))])
        assert told(await run.batches()) == ["begin", *SYNC]
        assert run.source.queries == [INITIAL, {"limit": "500"}, watch("10")]

    async def test_a_server_that_ignores_the_wish_and_only_watches_is_asked_for_pages(self) -> None:
        run = Run([bookmark(1), bookmark(2), bookmark(3), event("ADDED", "never", 4)], [page(thing("a", 1))])
        assert told(await run.batches()) == ["begin", *SYNC]
        assert run.source.bodies[0].reads == 3

    async def test_silence_before_the_end_is_given_up(self) -> None:
        run = Run([event("ADDED", "half", 1), FOR_EVER], [page(thing("a", 1))])
        assert told(await run.batches()) == ["begin", "page +half@1", *SYNC]
        assert isinstance(run.told.errors[0], IdleTimeout)


class TestListing:
    async def test_pages_follow_each_other_and_the_version_is_the_first_ones(self) -> None:
        bodies: list[Chunk] = [
            page(thing("a", 1), token="t1"),
            page(thing("b", 2), version=11, token="t2"),
            page(version=12),
        ]
        run = Run(*[[body] for body in bodies], initial_list="consistent")
        assert told(await run.batches()) == ["begin", "page +a@1", "page +b@2", "commit 10"]
        first = {"limit": "500"}
        assert run.source.queries == [first, first | {"continue": "t1"}, first | {"continue": "t2"}, watch("10")]

    async def test_an_empty_list_is_a_snapshot_too(self) -> None:
        assert told(await Run([page()], initial_list="consistent").batches()) == ["begin", "commit 10"]

    async def test_a_body_may_come_in_any_number_of_chunks(self) -> None:
        body = page(thing("a", 1))
        run = Run([body[at : at + 5] for at in range(0, len(body), 5)], initial_list="consistent")
        assert told(await run.batches()) == SYNC

    async def test_items_get_the_kind_and_version_that_lists_leave_out(self) -> None:
        batches = await Run([page(thing("a", 1))], initial_list="consistent").batches()
        [item] = batches[1].items  # type: ignore[union-attr]
        assert isinstance(item, Delta)
        assert json.loads(item.record.raw) == {"kind": "Pod", "apiVersion": "v1", **thing("a", 1)}

    async def test_a_large_page_is_handed_on_in_slices_with_turns_between(self) -> None:
        run = Run([page(*(thing(str(n), 1) for n in range(2 * SLICE + 1)))], initial_list="consistent")
        sizes = []
        while not run.source.finished.is_set():
            sizes.append(run.queue.qsize())
            await asyncio.sleep(0)
        await run.stop()
        assert {2, 3} <= set(sizes)
        assert [len(batch.items) for batch in run.waiting() if isinstance(batch, SnapshotPage)] == [SLICE, SLICE, 1]

    async def test_a_page_that_broke_off_is_asked_for_again(self) -> None:
        half = page(thing("b", 2), version=11)[:40]
        run = Run(
            [page(thing("a", 1), token="t1")],
            [half, NetworkError("reset")],
            [half],
            [page(thing("b", 2), version=11)],
            initial_list="consistent",
        )
        assert told(await run.batches()) == ["begin", "page +a@1", "page +b@2", "commit 10"]
        assert [query.get("continue") for query in run.source.queries] == [None, "t1", "t1", "t1", None]

    async def test_an_expired_token_begins_again_or_goes_on_where_the_server_offers(self) -> None:
        expired, offer = ResourceExpired(410), ResourceExpired(410, continue_token="offered")
        first = page(thing("a", 1), token="t1")
        run = Run([first], expired, [first], offer, [page(thing("b", 2))], initial_list="consistent")
        assert told(await run.batches()) == ["begin", "page +a@1", "begin", "page +a@1", "page +b@2", "commit 10"]
        assert [query.get("continue") for query in run.source.queries[:5]] == [None, "t1", None, "t1", "offered"]

    @pytest.mark.parametrize("kind", ["Table", "Status", "Pod"])
    async def test_what_is_no_list_is_refused(self, kind: str) -> None:
        run = Run([json.dumps({"kind": kind, "metadata": {}}).encode()], initial_list="consistent")
        assert set(told(await run.batches())) == {"begin"}
        assert run.told.errors[0] is not None


class TestFailures:
    async def test_events_before_an_error_in_the_same_chunk_are_handed_on_first(self) -> None:
        run = Run([*SYNCED, event("ADDED", "b", 11) + failure(500, "InternalError") + event("ADDED", "c", 12)])
        assert told(await run.batches())[3:] == ["deltas +b@11 (11)"]
        assert run.source.queries[1:] == [watch("11")]
        assert run.source.bodies[0].reads == 2

    async def test_an_expired_version_costs_a_new_snapshot(self) -> None:
        run = Run([*SYNCED, event("ADDED", "b", 11) + failure(410, "Expired")], QUIET)
        assert told(await run.batches()) == [*SYNC, "deltas +b@11 (11)", *SYNC]
        assert run.source.queries == [INITIAL, INITIAL, watch("10")]
        assert run.slept == [0.8]

    async def test_half_a_line_at_the_end_is_dropped_and_the_watch_resumes_from_the_last_good_version(self) -> None:
        run = Run([*SYNCED, event("ADDED", "b", 11) + event("ADDED", "c", 12)[:-20]])
        assert told(await run.batches())[3:] == ["deltas +b@11 (11)"]
        assert run.source.queries[1:] == [watch("11")]
        assert isinstance(run.told.errors[0], NetworkError)

    async def test_a_line_that_is_no_event_ends_the_watch_but_not_what_came_before_it(self) -> None:
        run = Run([*SYNCED, event("ADDED", "b", 11) + b"<html>\n" + event("ADDED", "c", 12)])
        assert told(await run.batches())[3:] == ["deltas +b@11 (11)"]
        assert run.source.queries[1:] == [watch("11")]

    async def test_an_object_that_cannot_be_decoded_is_handed_on_as_such_in_its_place(self) -> None:
        odd = event("MODIFIED", "b", 12, labels={"a": 1})
        run = Run([*SYNCED, event("ADDED", "b", 11) + odd + event("ADDED", "c", 13), odd])
        assert told(await run.batches())[3:] == ["deltas +b@11 ?b@12 +c@13 (13)", "deltas ?b@12 (12)"]

    async def test_a_failed_request_waits_as_long_as_the_server_asks_and_resumes(self) -> None:
        run = Run(QUIET, TooManyRequests(429, retry_after=7.0))
        assert told(await run.batches()) == SYNC
        assert run.source.queries == [INITIAL, watch("10"), watch("10")]
        assert run.slept == [7.8]

    async def test_silence_longer_than_the_bookmark_rhythm_ends_a_watch(self) -> None:
        run = Run([*SYNCED, 50.0, bookmark(11), 50.0, bookmark(12), FOR_EVER])
        begin = asyncio.get_running_loop().time()
        assert told(await run.batches())[3:] == ["deltas (11)", "deltas (12)"]
        assert asyncio.get_running_loop().time() - begin == pytest.approx(50 + 50 + 150 + 0.8)
        assert run.source.queries[1:] == [watch("12")]
        assert isinstance(run.told.errors[0], TimeoutError)

    async def test_a_watch_that_only_ever_ends_at_once_waits_and_then_counts_as_expired(self) -> None:
        run = Run(QUIET, [], [], [], QUIET)
        assert told(await run.batches()) == [*SYNC, *SYNC]
        assert run.slept == [0.8, 1.6, 0.8]

    async def test_a_defect_is_not_taken_for_a_failure_of_the_network(self) -> None:
        with pytest.raises(LookupError):
            await Run(LookupError("a defect")).batches()

    async def test_the_observer_hears_of_every_step(self) -> None:
        refused = Forbidden(403)
        run = Run(refused, QUIET, [NetworkError("reset")])
        await run.batches()
        assert run.told.story == [
            "streaming", "new snapshot", "streaming", "heard", "resume", "watching", "heard", "resume", "watching",
        ]  # fmt: skip
        assert [type(error) for error in run.told.errors] == [Forbidden, type(None), NetworkError]
        assert [pause for pause in run.told.pauses if pause] == run.slept


class TestCancellation:
    @pytest.mark.parametrize(
        "answers",
        [
            [],
            [[FOR_EVER]],
            [[*SYNCED, FOR_EVER]],
            [NetworkError("refused")],
        ],
        ids=["opening", "reading a snapshot", "reading a watch", "in the backoff"],
    )
    async def test_it_ends_at_once_and_leaves_nothing_open(self, answers: list[Answer]) -> None:
        run = Run(*answers)
        await turns()
        await run.stop()

    async def test_it_ends_at_once_in_the_middle_of_a_list(self) -> None:
        run = Run([page()[:9], FOR_EVER], initial_list="consistent")
        await turns()
        await run.stop()
        assert told(run.waiting()) == ["begin"]

    async def test_it_ends_at_once_at_a_full_queue_and_counts_nothing_as_handed_on_that_was_not(self) -> None:
        run = Run([*SYNCED, event("ADDED", "b", 11), event("ADDED", "c", 12), FOR_EVER], queue_size=4)
        await turns(50)
        assert told(run.waiting()) == [*SYNC, "deltas +b@11 (11)"]
        await turns(50)
        assert run.machine.resource_version == "12"
        full = Run([*SYNCED, event("ADDED", "b", 11), event("ADDED", "c", 12)], queue_size=4)
        await turns(50)
        assert full.machine.resource_version == "11"
        await full.stop()
        assert told(full.waiting()) == [*SYNC, "deltas +b@11 (11)"]
        await run.stop()

    async def test_a_full_queue_stops_the_reading(self) -> None:
        """So that TCP slows the server down, and memory is bounded."""
        run = Run([*SYNCED, *(event("ADDED", "b", n) for n in range(11, 99))], queue_size=3)
        await turns(200)
        assert run.source.bodies[0].reads == 2
        run.waiting()
        await turns(200)
        assert run.source.bodies[0].reads == 5
        await run.stop()


def compact(raw: bytes) -> bytes:
    """As Kubernetes writes it."""
    return raw.replace(b": ", b":").replace(b", ", b",")


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("initial_list", ["stream", "consistent"])
async def test_a_snapshots_objects_are_brought_in_the_form_that_is_wanted_and_events_as_they_come(
    initial_list: InitialList,
    dense: bool,  # noqa: FBT001  # a parameter
) -> None:
    """Without speed-ups there is but one form."""
    objects = [compact(event("ADDED", name, version)) for name, version in (("a", 1), ("b", 2))]
    first: list[Chunk] = [*objects, bookmark(10, end=True), *objects, FOR_EVER]
    listed = compact(page(thing("a", 1), thing("b", 2), thing("c", 3)))
    answers: list[Answer] = [first] if initial_list == "stream" else [[listed], [*objects, FOR_EVER]]
    run = Run(*answers, initial_list=initial_list, dense=dense)
    await turns(60)
    await run.stop()
    taken = run.waiting()
    copied = [item for batch in taken if isinstance(batch, SnapshotPage) for item in batch.items]
    told = [item for batch in taken if isinstance(batch, Deltas) for item in batch.items]
    form = DenseRecord if dense and speedups.scan_items is not None else Record
    assert [type(item.record) for item in copied if isinstance(item, Delta)][:2] == [form, form]
    assert [type(item.record) for item in told if isinstance(item, Delta)] == [Record, Record]


async def test_what_is_large_of_a_list_that_came_whole_is_decoded_a_few_at_a_time() -> None:
    """As Kubernetes does not write it, it cannot be cut while it arrives."""
    items = [thing(name, 1, annotations={"x": "x" * ENOUGH}) for name in "abc"]
    run = Run([page(*items)], initial_list="consistent")
    assert [len(batch.items) for batch in await run.batches() if isinstance(batch, SnapshotPage)] == [1, 1, 1]
