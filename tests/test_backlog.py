from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aioinformer.backlog import Backlog
from aioinformer.batches import Change
from aioinformer.objects import Record, Stored


def record(key: str, version: int, uid: str = "u1") -> Record:
    return Record(key, uid, str(version), {}, b"{}")


def added(key: str, version: int, uid: str = "u1") -> Change:
    return Change(key, None, record(key, version, uid))


def updated(key: str, old: int, new: int, uid: str = "u1") -> Change:
    return Change(key, record(key, old, uid), record(key, new, uid))


def removed(key: str, version: int, uid: str = "u1") -> Change:
    return Change(key, record(key, version, uid), None, record(key, version, uid))


def filled(*changes: Change, limit: int = 1) -> Backlog:
    backlog = Backlog(limit)
    for change in changes:
        backlog.push(change)
    return backlog


def drained(backlog: Backlog) -> list[Change]:
    changes = []
    while (change := backlog.pop()) is not None:
        changes.append(change)
    return changes


def test_up_to_the_limit_everything_waits_in_order() -> None:
    changes = [added("a", 1), updated("a", 1, 2), added("b", 3)]
    backlog = filled(*changes, limit=3)
    assert len(backlog) == 3
    assert drained(backlog) == changes
    assert (len(backlog), backlog.merged) == (0, 0)
    assert backlog.pop() is None


def test_it_is_full_when_the_next_change_would_be_merged() -> None:
    backlog = Backlog(2)
    assert not backlog.is_full
    backlog.push(added("a", 1))
    assert not backlog.is_full
    backlog.push(added("b", 2))
    assert backlog.is_full
    backlog.push(added("c", 3))
    backlog.pop()
    assert backlog.is_full
    drained(backlog)
    assert not backlog.is_full


def test_updates_past_the_limit_merge_into_one_whose_old_is_what_was_seen_last() -> None:
    first = added("x", 1)
    backlog = filled(first, updated("a", 2, 3), updated("a", 3, 4), updated("a", 4, 5))
    assert len(backlog) == 2
    assert backlog.merged == 2
    assert drained(backlog) == [first, updated("a", 2, 5)]


def test_an_addition_and_its_updates_merge_into_an_addition() -> None:
    assert drained(filled(added("x", 1), added("a", 2), updated("a", 2, 3)))[1:] == [added("a", 3)]


def test_an_object_that_came_and_went_unseen_leaves_no_trace() -> None:
    backlog = filled(added("x", 1), added("a", 2), updated("a", 2, 3), removed("a", 3))
    assert len(backlog) == 1
    assert backlog.merged == 3
    assert drained(backlog) == [added("x", 1)]


def test_the_removal_of_a_seen_object_stays_and_carries_its_last_state() -> None:
    assert drained(filled(added("x", 1), updated("a", 2, 3), removed("a", 3)))[1:] == [removed("a", 3)]


def test_a_recreation_stays_a_removal_and_an_addition() -> None:
    changes = [updated("a", 1, 2), removed("a", 2), added("a", 3, "u2"), updated("a", 3, 4, "u2")]
    assert drained(filled(added("x", 1), *changes))[1:] == [removed("a", 2), added("a", 4, "u2")]


def test_of_many_recreations_the_first_removal_and_the_last_addition_stay() -> None:
    between = [added("a", 3, "u2"), removed("a", 3, "u2")]
    backlog = filled(added("x", 1), removed("a", 2), *between, added("a", 4, "u3"))
    assert len(backlog) == 3
    assert drained(backlog)[1:] == [removed("a", 2), added("a", 4, "u3")]


def test_an_object_whose_addition_still_waits_in_order_is_removed_visibly() -> None:
    assert drained(filled(added("a", 1), updated("a", 1, 2), removed("a", 2))) == [added("a", 1), removed("a", 2)]


def test_merged_changes_come_after_those_in_order_in_the_order_in_which_their_keys_fell_behind() -> None:
    backlog = filled(added("x", 1), added("b", 2), added("a", 3), updated("b", 2, 4))
    assert [change.key for change in drained(backlog)] == ["x", "b", "a"]


def test_a_key_that_changes_all_the_time_does_not_keep_the_others_waiting() -> None:
    backlog = filled(added("x", 1), added("busy", 2), added("a", 3), added("b", 4))
    taken = []
    for version in range(5, 9):
        change = backlog.pop()
        assert change is not None
        taken.append(change.key)
        backlog.push(updated("busy", version - 1, version))
    assert taken == ["x", "busy", "a", "b"]


def test_order_returns_once_the_merged_changes_are_taken() -> None:
    backlog = filled(added("x", 1), added("a", 2))
    drained(backlog)
    changes = [updated("a", 2, 3)]
    backlog.push(changes[0])
    assert drained(backlog) == changes


def test_clearing_forgets_everything() -> None:
    backlog = filled(added("x", 1), added("a", 2))
    backlog.clear()
    assert (len(backlog), backlog.is_full, backlog.pop()) == (0, False, None)


steps = st.lists(
    st.one_of(st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "put", "remove", "replace"])), st.none()),
    max_size=80,
)


@given(steps, st.integers(1, 6))
def test_any_interleaving_of_changes_and_takes_keeps_the_promises(
    actions: list[tuple[str, str] | None], limit: int
) -> None:
    """The taker's state follows the cache, ``old`` is what it saw, the bound holds, and uids are never mixed up."""
    backlog, cache, shown, generation = Backlog(limit), dict[str, Stored](), dict[str, Stored](), 0
    pushed = taken = 0

    def take() -> bool:
        nonlocal taken
        change = backlog.pop()
        if change is None:
            return False
        taken += 1
        seen = shown.get(change.key)
        if change.new is None:
            assert seen is not None
            assert change.old is not None
            assert change.old.uid == seen.uid
            del shown[change.key]
        else:
            assert change.old is seen
            assert seen is None or (seen.uid == change.new.uid and seen != change.new)
            shown[change.key] = change.new
        return True

    for version, action in enumerate(actions, start=1):
        if action is None:
            take()
            continue
        key, what = action
        old, changes = cache.get(key), []
        if what in {"remove", "replace"} and old is not None:
            changes.append(Change(key, old, None))
            old = cache.pop(key, None) and None
        if what in {"put", "replace"}:
            generation += old is None
            new = record(key, version, old.uid if old else f"u{generation}")
            changes.append(Change(key, old, new))
            cache[key] = new
        for change in changes:
            backlog.push(change)
        pushed += len(changes)
        assert len(backlog) <= limit + 2 * 3
        assert len(backlog) == pushed - taken - backlog.merged
    while take():
        pass
    assert shown == cache
    assert not backlog.is_full
    assert taken + backlog.merged == pushed
