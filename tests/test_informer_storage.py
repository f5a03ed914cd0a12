"""informer.py: what the options ``storage`` and ``keep_managed_fields`` mean to who reads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import compression, packing
from aioinformer.applier import QUIET
from aioinformer.events import Updated
from tests.pod_server import Mirroring, PodServer

if TYPE_CHECKING:
    from aioinformer.packing import StorageStatus

pytestmark = pytest.mark.looptime

MANAGED = [{"manager": "kubelet", "operation": "Update", "fieldsV1": {"f:status": {}}}]
NAMES = [f"web-{number}" for number in range(100)]


@pytest.fixture(autouse=True)
def storage_mode() -> None:
    """As it is by default: what is needed here is said here."""


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dictionary is made of the first few kilobytes."""
    monkeypatch.setattr(packing, "WORTHWHILE", 10_000)


@pytest.fixture
def server() -> PodServer:
    server = PodServer()
    for name in NAMES:
        put(server, name)
    return server


def put(server: PodServer, name: str, image: str = "app:1") -> None:
    spec = {"containers": [{"name": "app", "image": image, "args": ["--config=/etc/app", f"--name={name}"]}]}
    server.put(name, metadata={"labels": {"app": "web"}, "managedFields": MANAGED}, spec=spec)


def storage(informer: Any) -> StorageStatus:
    found: StorageStatus | None = informer.status.storage
    assert found is not None
    return found


async def test_objects_are_packed_by_default_and_read_the_same(server: PodServer) -> None:
    async with Mirroring(server, indexers={"image": lambda pod: pod["spec"]["containers"][0]["image"]}) as informer:
        views = informer.list()
        documents = [view.to_dict() for view in views]
        assert (storage(informer).packed, storage(informer).waiting) == (0, 100)
        await asyncio.sleep(2 * QUIET)
        assert (storage(informer).packed, storage(informer).waiting, storage(informer).dictionaries) == (100, 0, 1)
        assert [view.to_dict() for view in views] == [pod.to_dict() for pod in informer.list()] == documents
        assert len(informer.by_index("image", "app:1")) == len(informer.list("d", "app=web")) == 100
        assert informer.get("web-7", "d") == views[7]


async def test_plain_objects_stay_as_they_came(server: PodServer) -> None:
    async with Mirroring(server, storage="plain") as informer:
        await asyncio.sleep(2 * QUIET)
        assert (storage(informer).mode, storage(informer).packed, storage(informer).waiting) == ("plain", 0, 0)
        assert len(informer.list()) == 100


async def test_old_of_an_update_is_the_object_that_was_packed(server: PodServer) -> None:
    async with Mirroring(server) as informer, informer.events(replay=False) as events:
        await asyncio.sleep(2 * QUIET)
        await anext(events)
        put(server, "web-7", "app:2")
        event = await anext(events)
        assert isinstance(event, Updated)
        images = [each["spec"]["containers"][0]["image"] for each in (event.old, event.object)]
        assert images == ["app:1", "app:2"]


async def test_a_relist_of_packed_objects_tells_nothing_and_keeps_them(server: PodServer) -> None:
    async with Mirroring(server) as informer, informer.events(replay=False) as events:
        await asyncio.sleep(2 * QUIET)
        server.expire()
        await asyncio.sleep(60)
        assert informer.status.restarts == 1
        assert (storage(informer).packed, storage(informer).waiting, events.pending) == (100, 0, 0)


async def test_an_audit_finds_nothing_wrong_with_packed_objects(server: PodServer) -> None:
    async with Mirroring(server) as informer:
        await asyncio.sleep(2 * QUIET)
        assert (await informer.audit()).clean


@pytest.mark.parametrize("streams", [True, False])
async def test_managed_fields_are_cut_unless_they_are_asked_for(server: PodServer, *, streams: bool) -> None:
    """Whichever way the objects came."""
    server.streams_lists = streams
    async with Mirroring(server) as informer:
        put(server, "new")
        await informer.wait_for("d/new")
        for pod in informer.list():
            metadata = dict(server.pods[pod.name]["metadata"])
            del metadata["managedFields"]
            assert pod.to_dict() == {**server.pods[pod.name], "metadata": metadata}
            assert pod.metadata.managed_fields == []
    async with Mirroring(server, keep_managed_fields=True) as informer:
        assert [pod.to_dict() for pod in informer.list()] == list(server.pods.values())
        assert all(pod.metadata.managed_fields == MANAGED for pod in informer.list())


async def test_a_transform_does_not_see_managed_fields_unless_they_are_asked_for(server: PodServer) -> None:
    seen: list[bool] = []

    def look(document: dict[str, Any]) -> dict[str, Any]:
        seen.append("managedFields" in document["metadata"])
        return document

    async with Mirroring(server, transform=look):
        assert not any(seen)
    seen.clear()
    async with Mirroring(server, transform=look, keep_managed_fields=True):
        assert all(seen)


async def test_where_there_is_no_compressor_the_status_says_so(
    server: PodServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "zstd", None)
    async with Mirroring(server) as informer:
        await asyncio.sleep(2 * QUIET)
        assert (storage(informer).mode, storage(informer).packed) == ("plain", 0)
        assert "no compression" in storage(informer).note
        assert len(informer.list()) == 100
