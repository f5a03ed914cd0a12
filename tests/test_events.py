from __future__ import annotations

import msgspec
import pytest

from aioinformer.events import Added, Deleted, Event, EventType, Resynced, Synced, Updated
from aioinformer.objects import KubeObject

WEB = KubeObject.from_json(
    b'{"kind":"Secret","metadata":{"namespace":"default","name":"web"},"data":{"password":"aHVudGVyMg=="}}'
)
NEW = KubeObject.from_json(b'{"kind":"Secret","metadata":{"namespace":"default","name":"web","resourceVersion":"2"}}')

EVENTS: list[Event[KubeObject]] = [
    Added(WEB, initial=True, key=WEB.key),
    Updated(NEW, old=WEB, key=WEB.key),
    Deleted(WEB, final_state_known=False, key=WEB.key),
    Resynced(WEB, key=WEB.key),
    Synced("5"),
]


def described(event: Event[KubeObject]) -> str:
    """What a reader's ``match`` makes of it."""
    match event:
        case Added(object=new, initial=initial):
            return f"add {new.key} {initial}"
        case Updated(old=old, object=new):
            return f"update {old.resource_version or '-'} {new.resource_version}"
        case Deleted(object=gone, final_state_known=known):
            return f"delete {gone.key} {known}"
        case Resynced(object=same):
            return f"resync {same.key}"
        case Synced(resource_version=version):
            return f"synced {version}"


def test_events_are_made_for_match() -> None:
    assert [described(event) for event in EVENTS] == [
        "add default/web True",
        "update - 2",
        "delete default/web False",
        "resync default/web",
        "synced 5",
    ]


def test_every_event_has_its_type() -> None:
    assert [event.type for event in EVENTS] == ["ADDED", "UPDATED", "DELETED", "RESYNCED", "SYNCED"]
    assert {event.type for event in EVENTS} == set(EventType)


def test_an_event_with_an_object_has_its_key() -> None:
    assert [event.key for event in EVENTS if not isinstance(event, Synced)] == ["default/web"] * 4
    assert not hasattr(EVENTS[-1], "object")


def test_an_event_is_live_and_final_unless_it_says_otherwise() -> None:
    assert Added(WEB).initial is False
    assert Deleted(WEB).final_state_known is True


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_events_cannot_be_changed(event: Event[KubeObject]) -> None:
    with pytest.raises(AttributeError):
        event.resource_version = "6"  # type: ignore[misc,union-attr]  # the point


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_events_repr_shows_no_body(event: Event[KubeObject]) -> None:
    assert "aHVudGVyMg" not in repr(event)


class Body(msgspec.Struct):
    password: str


@pytest.mark.parametrize(
    "event",
    [
        Added(Body("hunter2"), initial=True, key="default/web"),
        Updated(Body("hunter2"), old=Body("hunter1"), key="default/web"),
        Deleted(Body("hunter2"), key="default/web"),
        Resynced(Body("hunter2"), key="default/web"),
    ],
    ids=lambda event: event.type,
)
def test_rich_shows_no_body_either(event: Event[Body]) -> None:
    shown = repr(event) if isinstance(event, Updated) else str(event.__rich_repr__())
    assert "default/web" in shown
    assert "hunter" not in shown


def test_events_are_values() -> None:
    assert Added(WEB) == Added(WEB)
    assert Added(WEB) != Added(WEB, initial=True)
    assert Synced("5") == Synced("5")
    assert len({Synced("5"), Synced("5"), Resynced(WEB), Resynced(WEB)}) == 2


def test_what_an_update_shows_may_be_made_when_it_is_asked_for_and_once() -> None:
    made: list[int] = []

    def build(number: int) -> str:
        made.append(number)
        return f"object {number}"

    event = Updated[str](2, 1, "n/a", build, build_object=build)
    assert repr(event) == "<Updated n/a>"
    assert made == []
    assert [event.object, event.object] == ["object 2"] * 2
    assert made == [2]
    assert [event.old, event.old] == ["object 1"] * 2
    assert made == [2, 1]
    assert event == Updated("object 2", "object 1", "n/a")
    assert hash(event) == hash(Updated("object 2", "object 1", "n/a"))


def test_an_updates_old_object_may_be_made_later_while_the_new_one_is_there() -> None:
    event = Updated[str]("object 2", 1, "n/a", lambda number: f"object {number}")
    assert event == Updated("object 2", "object 1", "n/a")
