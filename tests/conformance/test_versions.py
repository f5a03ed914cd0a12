"""Which version a watch resumes from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.middleman import Middleman, bookmark
from tests.conformance.mirrors import PATIENCE, assert_mirrors

if TYPE_CHECKING:
    from aioinformer import SharedInformerFactory

FAR = 10**30
"""Added to every version, it makes them longer than any machine word."""


def version(document: dict[str, Any]) -> str:
    return str(document["metadata"]["resourceVersion"])


async def test_a_watch_resumes_from_the_last_event_of_whatever_type_or_bookmark(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """ADDED, MODIFIED, DELETED and BOOKMARK each move the version, in their order."""
    informer = through.core.v1.configmaps
    await informer.wait_for_cache_sync(PATIENCE)

    async def resumed_from(expected: str) -> str | None:
        await informer.wait_for_version(expected, PATIENCE)
        seen = len(middleman.asked)
        await (await middleman.watch()).cut()
        await middleman.requests(seen + 1)
        await middleman.changed.until(lambda: len(middleman.watches) == 1)
        return middleman.asked[seen].version

    added = version(await cluster.create(CONFIGMAPS, "a"))
    assert await resumed_from(added) == added
    modified = version(await cluster.patch(CONFIGMAPS, "a", data={"k": "v"}))
    assert await resumed_from(modified) == modified
    await cluster.delete(CONFIGMAPS, "a")
    elsewhere = version(await cluster.create("secrets", "elsewhere"))
    await informer.wait_for_version(str(int(modified) + 1), PATIENCE)
    deleted = await resumed_from(informer.resource_version)
    assert int(modified) < int(deleted or "") < int(elsewhere)
    await (await middleman.watch()).send(bookmark(elsewhere))
    assert await resumed_from(elsewhere) == elsewhere
    assert set(middleman.kinds[1:]) == {"watch"}
    await assert_mirrors(informer, cluster)


async def test_the_version_of_a_neighbour_counts_although_an_object_was_set_aside(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """An object that cannot be decoded goes into quarantine; the watch goes on behind it, and its next version is tried."""
    informer = through.core.v1.configmaps
    await informer.wait_for_cache_sync(PATIENCE)
    middleman.edit = lambda line: line.replace(b'"broken":"yes"', b'"broken":1')
    await cluster.create(CONFIGMAPS, "odd", labels={"broken": "yes"})
    last = version(await cluster.create(CONFIGMAPS, "neighbour"))
    await informer.wait_for(f"{cluster.namespace}/neighbour", PATIENCE)
    assert list(informer.quarantine) == [f"{cluster.namespace}/odd"]
    assert f"{cluster.namespace}/odd" not in informer
    await (await middleman.watch()).cut()
    await middleman.requests(2)
    assert (middleman.kinds, middleman.asked[1].version) == (["stream", "watch"], last)
    await cluster.patch(CONFIGMAPS, "odd", metadata={"labels": {"broken": None}})
    await informer.wait_for(f"{cluster.namespace}/odd", PATIENCE)
    assert not informer.quarantine
    await assert_mirrors(informer, cluster)


@pytest.mark.parametrize("initial_list", ["stream", "consistent"])
async def test_versions_may_be_decimals_of_any_length(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman, initial_list: Any
) -> None:
    """Thirty digits are compared and handed back as any others are."""

    def far(passing: bytes) -> bytes:
        return re.sub(rb'"resourceVersion":"(\d+)"', lambda m: b'"resourceVersion":"%d"' % (int(m[1]) + FAR), passing)

    def near(query: dict[str, str]) -> dict[str, str]:
        known = query.get("resourceVersion")
        return query | ({"resourceVersion": str(int(known) - FAR)} if known else {})

    middleman.edit, middleman.rephrase = far, near
    await cluster.create(CONFIGMAPS, "before")
    informer = through.informer("configmaps", initial_list=initial_list, namespace=cluster.namespace)
    await informer.wait_for_cache_sync(PATIENCE)
    last = version(await cluster.patch(CONFIGMAPS, "before", data={"k": "v"}))
    await informer.wait_for_version(str(int(last) + FAR), PATIENCE)
    asked = len(middleman.asked)
    await (await middleman.watch()).cut()
    await middleman.requests(asked + 1)
    assert middleman.asked[-1].version == str(int(last) + FAR)
    last = version(await cluster.create(CONFIGMAPS, "after"))
    await informer.wait_for_version(str(int(last) + FAR), PATIENCE)
    assert sorted(o.name for o in informer) == ["after", "before"]
    assert middleman.kinds.count("watch") == asked
