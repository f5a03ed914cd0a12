"""journal.py: what became of what arrived, in rings that do not grow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aioinformer.batches import Change, Deltas, Undecodable
from aioinformer.journal import RARE, ROUTINE, SNAPSHOTS, Journal
from aioinformer.store import Store
from tests.stored import admit, by_value, gone, put, record

if TYPE_CHECKING:
    from aioinformer.journal import JournalEntry


class Kept:
    """A store and its journal, by a clock that ticks once per batch."""

    def __init__(self) -> None:
        self.now = 0.0
        self.store = Store({"values": by_value}, admit)
        self.journal = Journal(self._tick)

    def _tick(self) -> float:
        self.now += 1.0
        return self.now

    def take(self, batch: Deltas) -> None:
        self.journal.arrived(batch.items, self.store.apply(batch), self.store)

    def told(self, key: str = "n/a") -> list[str]:
        return [said(entry) for entry in self.journal.of(key)]


def said(entry: JournalEntry) -> str:
    return str(entry).partition(" ")[2]


def test_what_arrived_is_told_with_what_became_of_it_in_its_order() -> None:
    kept = Kept()
    for version, labels in enumerate([{}, {}, {"fault": "admit"}, {"fault": "index"}, {"fault": "drop"}, {}], 1):
        kept.take(put(record("a", str(version), **labels), record("b", str(version))))
    kept.take(put(record("a", "6")))
    kept.take(gone(record("a", "7")))
    kept.take(gone(record("a", "7")))
    told = kept.told()
    assert [line.partition(" at /")[0] for line in told] == [
        "added at 1",
        "updated at 2",
        "quarantined: ValueError",
        "quarantined: ValueError",
        "deleted at 2",
        "added at 6",
        "nothing new: the cache had it at 6",
        "deleted at 7",
        "deleted, and not in the cache at 7",
    ]
    assert "stored.py" in told[2]
    assert told[2].endswith(" at 3")


def test_what_was_left_out_and_what_could_not_be_read_are_told() -> None:
    kept = Kept()
    kept.take(put(record("a", "1", fault="drop")))
    kept.take(Deltas([Undecodable("n/a", "2", KeyError("secret"))], "2"))
    assert kept.told() == ["left out by transform at 1", "quarantined: KeyError at 2"]


def test_what_a_snapshot_changed_and_that_there_was_one_are_told() -> None:
    kept = Kept()
    a, changed = record("a", "1"), record("a", "2")
    kept.journal.compared([Change("n/a", a, changed), Change("n/b", record("b"), None)])
    kept.journal.snapshot("9", 1)
    assert kept.told() == ["updated at 2", "the cache was listed anew, 1 objects at 9"]
    assert kept.told("n/b")[0] == "deleted while unwatched"


def test_a_moment_is_its_batchs_in_utc() -> None:
    kept = Kept()
    kept.take(put(record("a")))
    (entry,) = kept.journal.of("n/a")
    assert entry.at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_bookmarks_are_not_told() -> None:
    kept = Kept()
    kept.take(Deltas([], "5"))
    assert (kept.now, kept.told("")) == (0.0, [])


def test_it_does_not_grow_and_says_since_when_it_is_complete() -> None:
    """What is rare stays, however much that is routine comes after."""
    kept = Kept()
    kept.take(put(record("a", "1", fault="drop")))
    assert not kept.journal.complete_since
    for version in range(ROUTINE + 10):
        kept.take(put(record("b", str(version + 1))))
    assert len(kept.told("n/b")) == ROUTINE
    assert kept.told() == ["left out by transform at 1"]
    first = kept.journal.of("n/b")[0]
    assert (kept.journal.complete_since, first.resource_version) == (first.at, "11")
    for version in range(RARE + 10):
        kept.take(put(record("c", str(version), fault="drop")))
        kept.journal.snapshot(str(version), 0)
    assert len(kept.told("n/c")) == RARE + SNAPSHOTS
