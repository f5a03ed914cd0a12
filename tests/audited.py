"""What tests of audits share: what a report found, what subscribers were told, and whether a cache is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aioinformer import Event, Informer, KubeObject, Subscription
    from aioinformer.audit import AuditReport
    from tests.pod_server import PodServer


def findings(report: AuditReport) -> dict[str, tuple[str, ...]]:
    found = {name: getattr(report, name) for name in ("missing", "surplus", "outdated", "damaged")}
    return {name: keys for name, keys in found.items() if keys}


async def subscribed(informer: Informer[KubeObject]) -> Subscription[KubeObject]:
    """A subscription that has taken all there is so far."""
    events = informer.events()
    for _ in range(len(informer) + 1):
        await anext(events)
    return events


async def told(events: Subscription[KubeObject]) -> list[Event[KubeObject]]:
    return [await anext(events) for _ in range(events.pending)]


def in_words(events: list[Event[KubeObject]]) -> list[str]:
    return [f"{type(event).__name__} {getattr(event, 'key', '')}".strip() for event in events]


def keys(informer: Informer[KubeObject]) -> set[str]:
    return {pod.key for pod in informer}


def assert_right(informer: Informer[KubeObject], server: PodServer) -> None:
    """Every way to read the cache shows what the server has."""
    pods = {f"d/{name}": pod for name, pod in server.pods.items()}
    assert {pod.key: pod.to_dict() for pod in informer} == pods
    assert {pod.key for pod in informer.list("d")} == set(pods)
    assert sorted(informer.index_values("name")) == sorted(server.pods)
    assert {pod.key for name in server.pods for pod in informer.by_index("name", name)} == set(pods)
    assert informer.list("elsewhere") == []


def assert_left_alone(informer: Informer[KubeObject], server: PodServer) -> None:
    """No relist, and nothing left behind by the audit."""
    assert server.streams == 1
    assert_over(informer, server)


def assert_over(informer: Informer[KubeObject], server: PodServer) -> None:
    """Nothing of an audit is left."""
    assert informer._store.touched is None
    assert server.metadata.open_now == 0
    assert not informer._mirror._audits
