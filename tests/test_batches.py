from __future__ import annotations

from aioinformer.batches import Change, Delta, Deltas, SnapshotBegin, SnapshotCommit, SnapshotPage, Undecodable
from aioinformer.objects import Record

WEB = Record("default/web", "u", "1", {}, b'{"data":{"password":"aHVudGVyMg=="}}')
ODD = Undecodable("default/odd", "2", ValueError("why"))


def test_what_can_be_read_and_what_cannot_stay_in_one_order() -> None:
    items: list[Delta | Undecodable] = [Delta(deleted=False, record=WEB), ODD, Delta(deleted=True, record=WEB)]
    assert Deltas(items, "3").items == SnapshotPage(items).items == items


def test_a_snapshot_says_when_it_begins_and_at_which_version_it_is_whole() -> None:
    assert SnapshotBegin() == SnapshotBegin()
    assert SnapshotCommit("5").resource_version == "5"


def test_the_final_state_of_a_change_is_unknown_unless_given() -> None:
    assert Change("default/web", WEB, None).final is None


def test_no_batch_shows_a_body() -> None:
    """Batches end up in debuggers, tracebacks and logs."""
    deltas = Deltas([Delta(deleted=False, record=WEB)], "1")
    for text in (repr(deltas), repr(SnapshotPage(deltas.items)), repr(Change("default/web", None, WEB))):
        assert "aHVudGVyMg" not in text
