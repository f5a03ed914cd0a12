"""The witness is worth something only if it notices."""

from __future__ import annotations

import msgspec
import pytest

from aioinformer import Added, Deleted, KubeObject, Synced, Updated
from tests.faults.witness import Witness
from tests.faults.writer import Write

FIRST, SECOND, THIRD = Write("u1", "1"), Write("u1", "2"), Write("u1", "3")
GONE = Write("u1", "")
LOG = {"ns/a": [FIRST, SECOND, THIRD]}
PRESENT = {"ns/a": THIRD}


def view(write: Write) -> KubeObject:
    metadata = {"name": "a", "namespace": "ns", "uid": write.uid, "resourceVersion": write.version}
    return KubeObject.from_json(msgspec.json.encode({"metadata": metadata}))


def added(write: Write) -> Added[KubeObject]:
    return Added(view(write), key="ns/a")


def updated(old: Write, new: Write) -> Updated[KubeObject]:
    return Updated(view(new), view(old), key="ns/a")


def deleted(last: Write) -> Deleted[KubeObject]:
    return Deleted(view(last), key="ns/a")


def told(*events: Added[KubeObject] | Updated[KubeObject] | Deleted[KubeObject] | Synced) -> Witness:
    witness = Witness()
    for event in events:
        witness.take(event)
    return witness


def test_an_account_that_agrees_with_the_log_passes() -> None:
    witness = told(Synced("0"), added(FIRST), updated(FIRST, SECOND), updated(SECOND, THIRD))
    witness.check(LOG, PRESENT, gapless=True)


def test_a_missed_write_is_noticed_unless_there_was_a_relist() -> None:
    witness = told(added(FIRST), updated(FIRST, THIRD))
    with pytest.raises(AssertionError, match="3 writes, 2 events"):
        witness.check(LOG, PRESENT, gapless=True)
    witness.check(LOG, PRESENT, gapless=False)


def test_a_missed_delete_is_noticed_even_after_a_relist() -> None:
    with pytest.raises(AssertionError, match="not what is there"):
        told(added(FIRST)).check({"ns/a": [FIRST, GONE]}, {}, gapless=False)


def test_what_nobody_wrote_is_noticed() -> None:
    with pytest.raises(AssertionError, match="nobody wrote"):
        told(added(SECOND), updated(SECOND, THIRD)).check({"ns/a": [FIRST, THIRD]}, PRESENT, gapless=False)


def test_what_is_told_out_of_order_is_noticed() -> None:
    again = Write("u2", "4")
    witness = told(added(again), deleted(again), added(FIRST))
    with pytest.raises(AssertionError, match="out of order"):
        witness.check({"ns/a": [FIRST, GONE, again]}, {"ns/a": FIRST}, gapless=False)


@pytest.mark.parametrize(
    "events",
    [
        [added(FIRST), added(SECOND)],
        [added(FIRST), updated(SECOND, THIRD)],
        [added(SECOND), updated(SECOND, FIRST)],
        [added(FIRST), updated(FIRST, Write("u2", "2"))],
        [updated(FIRST, SECOND)],
        [deleted(FIRST)],
    ],
)
def test_an_event_that_does_not_follow_from_the_last_one_is_noticed(
    events: list[Added[KubeObject] | Updated[KubeObject] | Deleted[KubeObject]],
) -> None:
    with pytest.raises(AssertionError):
        told(*events)
