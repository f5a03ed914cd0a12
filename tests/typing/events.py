"""What type checkers make of a ``match`` over events; checked by mypy and pyright, never run."""

# pyright: reportUnnecessaryTypeIgnoreComment=true
from __future__ import annotations

from typing import TYPE_CHECKING, assert_never, assert_type

from kubernetes_asyncio.client import V1Pod

from aioinformer import Added, Deleted, Event, EventType, KubeObject, Resynced, Synced, Updated

if TYPE_CHECKING:
    from aioinformer import Informer


def exhaustive(event: Event[KubeObject]) -> str:
    """All five kinds, and there is no sixth."""
    match event:
        case Added(object=new, initial=initial):
            assert_type(initial, bool)
            return assert_type(new, KubeObject).key
        case Updated(old=old, object=new):
            return assert_type(old, KubeObject).resource_version + assert_type(new, KubeObject).resource_version
        case Deleted(object=gone, final_state_known=known):
            assert_type(known, bool)
            return assert_type(gone, KubeObject).key
        case Resynced(object=same):
            return assert_type(same, KubeObject).key
        case Synced(resource_version=version):
            return assert_type(version, str)
        case _:
            assert_never(event)


def a_forgotten_kind(event: Event[KubeObject]) -> None:
    """Is an error."""
    match event:
        case Added() | Updated() | Deleted() | Synced():
            pass
        case _:
            assert_never(event)  # type: ignore[arg-type]


def what_all_have(event: Event[V1Pod]) -> None:
    """A type; and, but for ``Synced``, a key and an object."""
    assert_type(event.type, EventType)
    if isinstance(event, Synced):
        event.key  # type: ignore[attr-defined]  # noqa: B018
    else:
        assert_type(event.key, str)
        assert_type(event.object, V1Pod)


async def iterating(pods: Informer[V1Pod]) -> None:
    """Bare, or within ``async with``."""
    async for event in pods.events():
        assert_type(event, Event[V1Pod])
    async with pods.events(replay=False) as events:
        assert_type(await anext(events), Event[V1Pod])
        assert_type(events.pending, int)


def events_are_read_only(event: Added[KubeObject], other: KubeObject) -> None:
    """Nobody changes what others are handed, too."""
    event.object = other  # type: ignore[misc]


def a_pod_is_an_object(event: Added[V1Pod]) -> Event[object]:
    """Events are covariant in what they carry."""
    return event
