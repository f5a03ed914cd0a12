from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from aioinformer import indexers
from aioinformer.batches import Delta, Deltas, SnapshotPage
from aioinformer.objects import Record
from aioinformer.overlay import Overlay
from aioinformer.selectors import LabelSelector
from aioinformer.store import Store

if TYPE_CHECKING:
    from aioinformer.objects import Stored


def record(name: str = "a", version: int = 1, *, uid: str = "u", terminating: bool = False, **labels: str) -> Record:
    deleted = b',"deletionTimestamp":"2030-01-01T00:00:00Z"' if terminating else b""
    raw = b'{"metadata":{"name":"%b","namespace":"n"%b}}' % (name.encode(), deleted)
    return Record(f"n/{name}", uid, str(version), labels, raw)


class Cache:
    """A store, and an overlay of it."""

    def __init__(self, *records: Record) -> None:
        self.store = Store({"app": indexers.label("app")})
        self.mine = Overlay(self.store)
        self.watch(*records)

    def watch(self, *records: Record, gone: bool = False, version: int | None = None) -> None:
        """Events come; or a bookmark alone."""
        reached = version or max((int(r.resource_version) for r in records), default=0)
        items = [Delta(deleted=gone, record=r) for r in records]
        self.store.apply(Deltas([*items], str(reached) if reached else ""))

    def write(self, written: Record) -> None:
        self.mine.put(written, written)


def test_what_was_written_is_seen_at_once_by_its_writer_alone() -> None:
    cache, written = Cache(record(version=1)), record(version=2)
    cache.write(written)
    assert cache.mine.get("n/a") is written
    assert cache.mine.pending == ("n/a",)
    before = cache.store.get("n/a")
    assert before is not None
    assert before.resource_version == "1"


def test_an_older_echo_does_not_cover_what_was_written() -> None:
    cache, written = Cache(record(version=1)), record(version=5)
    cache.write(written)
    for version in (3, 4):
        cache.watch(record(version=version))
        assert cache.mine.get("n/a") is written


@pytest.mark.parametrize("version", [5, 6])
def test_the_echo_and_what_comes_later_are_the_caches(version: int) -> None:
    cache, later = Cache(record(version=1)), record(version=version)
    cache.write(record(version=5))
    cache.watch(later)
    assert cache.mine.get("n/a") is later
    assert cache.mine.pending == ()


def test_a_deletion_by_another_is_not_covered_up() -> None:
    cache = Cache(record(version=1))
    cache.write(record(version=5))
    cache.watch(record(version=6), gone=True)
    assert cache.mine.get("n/a") is None


def test_what_was_created_and_deleted_again_before_the_watch_brought_it_is_gone_when_the_version_is_reached() -> None:
    """Such as in a relist: nothing of it ever came, and a bookmark is all there is."""
    cache = Cache(record("b", 1))
    cache.write(record(version=5))
    assert "n/a" in cache.mine
    cache.watch(version=6)
    assert "n/a" not in cache.mine


def test_one_that_was_created_anew_by_another_is_the_caches() -> None:
    cache, other = Cache(record(version=1)), record(version=9, uid="other")
    cache.write(record(version=5))
    cache.store.apply(Deltas([Delta(deleted=False, record=other)], ""))  # the version is told at the end of a batch
    assert cache.mine.get("n/a") is other


def test_a_cache_that_has_gone_back_is_believed() -> None:
    """The server's database was restored: what was written may never have happened."""
    cache = Cache(record(version=10))
    cache.write(record(version=20))
    cache.store.begin_snapshot()
    cache.store.stage(SnapshotPage([Delta(deleted=False, record=record(version=3))]))
    for _ in cache.store.commit_snapshot("4"):
        pass
    found = cache.mine.get("n/a")
    assert found is not None
    assert found.resource_version == "3"


def test_of_two_writes_the_later_is_shown_in_whatever_order_the_answers_come() -> None:
    cache, later = Cache(record(version=1)), record(version=6)
    cache.write(later)
    cache.write(record(version=5))
    assert cache.mine.get("n/a") is later


def test_a_version_that_does_not_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="not a resource version"):
        Cache().write(Record("n/a", "u", "abc", {}, b"{}"))


def test_what_was_deleted_is_not_seen_whatever_comes_late() -> None:
    cache = Cache(record(version=1))
    cache.write(record(version=5))
    assert cache.mine.hide("n/a") is not None
    for late in (record(version=3), record(version=5), record(version=6, app="another's write")):
        cache.watch(late)
        assert "n/a" not in cache.mine
    cache.watch(record(version=7), gone=True)
    assert cache.mine.pending == ()
    assert cache.mine.hide("n/a") is None


def test_a_deleted_object_that_waits_for_its_finalizers_is_seen_again() -> None:
    cache = Cache(record(version=1))
    cache.mine.hide("n/a")
    cache.watch(record(version=2, terminating=True))
    assert "n/a" in cache.mine


def test_another_object_under_the_name_of_a_deleted_one_is_seen() -> None:
    cache = Cache(record(version=1))
    cache.mine.hide("n/a")
    cache.watch(record(version=2, uid="other"))
    assert "n/a" in cache.mine


def test_every_read_has_what_was_written_and_has_it_once() -> None:
    cache = Cache(record("a", 1, app="web"), record("b", 2, app="web"), record("c", 3, app="db"))
    cache.write(record("b", 4, app="db"))
    cache.write(record("d", 5, app="web"))
    cache.mine.hide("n/c")

    def names(records: list[Stored]) -> list[str]:
        return sorted(r.name for r in records)

    assert names(cache.mine.records()) == ["a", "b", "d"]
    assert names(cache.mine.by_index("app", "web")) == names(cache.mine.select(None, LabelSelector.parse("app=web")))
    assert names(cache.mine.by_index("app", "web")) == ["a", "d"]
    assert names(cache.mine.by_index("app", "db")) == ["b"]
    assert names(cache.mine.select("n", LabelSelector.parse("app=db"))) == ["b"]
    assert cache.mine.select("elsewhere", LabelSelector()) == []
    assert (len(cache.mine), "n/d" in cache.mine, 5 in cache.mine) == (3, True, False)


class OverlayMachine(RuleBasedStateMachine):
    """A server with one history of everything, a cache that follows it late, and a writer among others."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = Cache()
        self.history: list[tuple[Record, bool]] = []
        self.followed = 0
        self.server: dict[str, Record] = {}
        self.mine: dict[str, int] = {}
        """At which version this writer wrote last, by key."""

    def happens(self, name: str, *, gone: bool) -> Record:
        known = self.server.get(f"n/{name}")
        version = len(self.history) + 1
        made = record(name, version, uid=known.uid if known else f"u{version}")
        self.history.append((made, gone))
        if gone:
            self.server.pop(made.key, None)
        else:
            self.server[made.key] = made
        return made

    @rule(name=st.sampled_from("abc"), mine=st.booleans())
    def somebody_writes(self, name: str, mine: bool) -> None:  # noqa: FBT001
        written = self.happens(name, gone=False)
        if mine:
            self.cache.write(written)
            self.mine[written.key] = len(self.history)

    @rule(name=st.sampled_from("abc"), mine=st.booleans())
    def somebody_deletes(self, name: str, mine: bool) -> None:  # noqa: FBT001
        known = self.server.get(f"n/{name}")
        seen = self.cache.mine.get(f"n/{name}")
        if known is None or (mine and (seen is None or seen.uid != known.uid)):
            return  # nobody deletes what they do not see
        self.happens(name, gone=True)
        if mine:
            self.cache.mine.hide(known.key)
            self.mine[known.key] = len(self.history)

    @precondition(lambda self: self.followed < len(self.history))
    @rule(count=st.integers(1, 4))
    def the_watch_brings(self, count: int) -> None:
        batch = self.history[self.followed : self.followed + count]
        self.followed += len(batch)
        self.cache.store.apply(Deltas([Delta(deleted=gone, record=r) for r, gone in batch], str(self.followed)))

    @invariant()
    def the_writer_is_never_behind_itself_nor_behind_the_cache(self) -> None:
        """What it sees of a key is what the server had at some moment since its own last write and since the cache's."""
        for key in ("n/a", "n/b", "n/c"):
            seen, since = self.cache.mine.get(key), max(self.mine.get(key, 0), self.followed)
            possible: list[str | None] = [self.at(key, moment) for moment in range(since, len(self.history) + 1)]
            assert (seen and seen.resource_version) in possible

    @invariant()
    def nothing_sticks(self) -> None:
        if self.followed == len(self.history):
            assert self.cache.mine.pending == ()
            assert {r.key: r for r in self.cache.mine.records()} == self.server

    def at(self, key: str, moment: int) -> str | None:
        mentions = [(r, gone) for r, gone in self.history[:moment] if r.key == key]
        return None if not mentions or mentions[-1][1] else mentions[-1][0].resource_version


def test_a_writer_sees_the_servers_past_never_older_than_its_own() -> None:
    run_state_machine_as_test(OverlayMachine, settings=settings(max_examples=100, stateful_step_count=30))
