"""Lists of pages: what is asked for, and what happens when a page cannot be had any more."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.middleman import Middleman, refusal
from tests.conformance.mirrors import PATIENCE, assert_mirrors

if TYPE_CHECKING:
    from aioinformer import Informer, KubeObject, SharedInformerFactory


def paged(through: SharedInformerFactory, cluster: Cluster, page_size: int) -> Informer[KubeObject]:
    return through.informer("configmaps", initial_list="consistent", page_size=page_size, namespace=cluster.namespace)


async def inconsistent(cluster: Cluster) -> str:
    """What a server offers in place of an expired token for the second page of one: the same place, in its present state."""
    first = await cluster.request("GET", cluster.path(CONFIGMAPS), None, limit="1")
    token = first["metadata"]["continue"]
    place = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return base64.urlsafe_b64encode(msgspec.json.encode({**place, "rv": -1})).decode().rstrip("=")


@pytest.mark.parametrize(("page_size", "pages"), [(0, 1), (1, 3), (2, 2), (3, 1), (4, 1)])
async def test_a_further_page_is_asked_for_by_its_token_alone(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman, page_size: int, pages: int
) -> None:
    """No request names a version, and the watch begins at the first page's."""
    await cluster.create_many(CONFIGMAPS, ["a", "b", "c"])
    informer = paged(through, cluster, page_size)
    await informer.wait_for_cache_sync(PATIENCE)
    first = msgspec.json.decode(middleman.passed[0])["metadata"]["resourceVersion"]
    await assert_mirrors(informer, cluster)
    assert middleman.kinds == ["list", *["page"] * (pages - 1), "watch"]
    assert [asked.version for asked in middleman.asked] == [*[None] * pages, first]
    assert [asked.query.get("limit") for asked in middleman.asked[:-1]] == [
        str(page_size) if page_size else None
    ] * pages


async def test_an_expired_page_begins_the_list_again(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """410 with no token to go on from: an object deleted between the two tries is never seen."""
    await cluster.create_many(CONFIGMAPS, ["a", "b", "c"])
    middleman.answer("page", refusal(410, "Expired"))
    informer = paged(through, cluster, 1)
    await middleman.requests(2)
    await cluster.delete(CONFIGMAPS, "a")
    await informer.wait_for_cache_sync(PATIENCE)
    await assert_mirrors(informer, cluster)
    assert middleman.kinds == ["list", "page", "list", "page", "watch"]


async def test_an_expired_page_goes_on_from_the_token_that_the_server_offers(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman
) -> None:
    """410 with an inconsistent continuation: the rest comes in its present state, and the watch from page one catches up."""
    await cluster.create_many(CONFIGMAPS, ["a", "b", "c"])
    offer = await inconsistent(cluster)
    middleman.answer("page", refusal(410, "Expired", metadata={"continue": offer}))
    informer = paged(through, cluster, 1)
    await middleman.requests(2)
    await cluster.delete(CONFIGMAPS, "b")
    await cluster.create(CONFIGMAPS, "d")
    await informer.wait_for_cache_sync(PATIENCE)
    assert middleman.kinds[:3] == ["list", "page", "page"]
    assert middleman.asked[2].query["continue"] == offer
    assert "list" not in middleman.kinds[1:]
    await assert_mirrors(informer, cluster)


@pytest.mark.parametrize("code", [500, 503, 429])
async def test_a_page_that_fails_is_asked_for_again_and_not_the_list(
    cluster: Cluster, through: SharedInformerFactory, middleman: Middleman, code: int
) -> None:
    """A failure that passes costs one page."""
    await cluster.create_many(CONFIGMAPS, ["a", "b"])
    middleman.answer("page", refusal(code))
    informer = paged(through, cluster, 1)
    await informer.wait_for_cache_sync(PATIENCE)
    await assert_mirrors(informer, cluster)
    assert middleman.kinds == ["list", "page", "page", "watch"]
    assert middleman.asked[1].query == middleman.asked[2].query
