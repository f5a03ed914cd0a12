"""Pages: complete, in order, consistent, and honest once history is gone."""

from __future__ import annotations

import pytest

from aioinformer.testing import BadRequestError, Cluster, ExpiredError
from aioinformer.testing.listing import Page, list_page
from aioinformer.testing.options import ListOptions
from aioinformer.testing.statuses import GroupResource

PODS = GroupResource("", "pods")


def filled(count: int, namespace: str = "default") -> Cluster:
    cluster = Cluster()
    for number in range(count):
        cluster.create(
            "pods",
            {"metadata": {"name": f"p{number:04}", "namespace": namespace, "labels": {"parity": str(number % 2)}}},
        )
    return cluster


def page(cluster: Cluster, namespace: str | None = None, **query: str) -> Page:
    options = ListOptions.parse({name.replace("continue_", "continue"): value for name, value in query.items()})
    selection = cluster.selection(cluster.catalog.find("pods"), options.label_selector, options.field_selector)
    return list_page(cluster.store, PODS, namespace, options, selection)


def names(found: Page) -> list[str]:
    return [stored.name for stored in found.objects]


def test_without_a_limit_everything_comes_in_one_page() -> None:
    found = page(filled(3))
    assert names(found) == ["p0000", "p0001", "p0002"]
    assert (found.continue_token, found.remaining) == ("", None)


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1001])
def test_pages_of_500_add_up(count: int) -> None:
    cluster = filled(count)
    found, collected = page(cluster, limit="500"), []
    while True:
        collected += names(found)
        assert (found.remaining is None) == (found.continue_token == "")
        if not found.continue_token:
            break
        assert found.remaining == count - len(collected)
        found = page(cluster, limit="500", continue_=found.continue_token)
    assert collected == [f"p{number:04}" for number in range(count)]


def test_later_pages_are_of_the_first_one_s_version_whatever_is_written_meanwhile() -> None:
    cluster = filled(4)
    first = page(cluster, limit="2")
    cluster.delete("pods", "p0003")
    cluster.create("pods", {"metadata": {"name": "p0009"}})
    second = page(cluster, limit="2", continue_=first.continue_token)
    assert names(second) == ["p0002", "p0003"]
    assert second.revision == first.revision < int(cluster.resource_version)
    assert second.continue_token == ""


def test_an_expired_token_is_answered_with_one_that_goes_on_at_the_latest_version() -> None:
    cluster = filled(4)
    first = page(cluster, limit="2")
    cluster.create("pods", {"metadata": {"name": "p0009"}})
    cluster.compact()
    with pytest.raises(ExpiredError, match="The provided continue parameter is too old") as caught:
        page(cluster, limit="2", continue_=first.continue_token)
    inconsistent = caught.value.body["metadata"]["continue"]
    second = page(cluster, limit="2", continue_=inconsistent)
    assert names(second) == ["p0002", "p0003"]
    assert second.revision == int(cluster.resource_version)
    assert names(page(cluster, continue_=second.continue_token)) == ["p0009"]


def test_selected_pages_do_not_tell_what_remains() -> None:
    found = page(filled(10), limit="2", labelSelector="parity=1")
    assert names(found) == ["p0001", "p0003"]
    assert found.continue_token
    assert found.remaining is None


def test_a_namespace_s_pages_stay_within_it() -> None:
    cluster = filled(3, "b")
    for namespace in ("a", "b-c", "c"):
        cluster.create("pods", {"metadata": {"name": "other", "namespace": namespace}})
    first = page(cluster, "b", limit="2")
    assert (names(first), first.remaining) == (["p0000", "p0001"], 1)
    assert names(page(cluster, "b", limit="2", continue_=first.continue_token)) == ["p0002"]


def test_version_0_ignores_the_limit() -> None:
    found = page(filled(5), limit="2", resourceVersion="0")
    assert (len(found.objects), found.continue_token) == (5, "")


def test_an_exact_version_is_answered_with_its_own_state() -> None:
    cluster = filled(2)
    version = cluster.resource_version
    cluster.delete("pods", "p0000")
    for query in ({"resourceVersionMatch": "Exact"}, {"limit": "10"}):
        found = page(cluster, resourceVersion=version, **query)
        assert (names(found), str(found.revision)) == (["p0000", "p0001"], version)
    newer = page(cluster, resourceVersion=version, resourceVersionMatch="NotOlderThan")
    assert (names(newer), str(newer.revision)) == (["p0001"], cluster.resource_version)


def test_an_exact_version_that_is_compacted_is_expired() -> None:
    cluster = filled(2)
    version = cluster.resource_version
    cluster.compact()
    with pytest.raises(ExpiredError, match="The resourceVersion for the provided list is too old") as caught:
        page(cluster, resourceVersion=version, resourceVersionMatch="Exact")
    assert caught.value.body["metadata"] == {}


@pytest.mark.parametrize(
    "token", ["x", "eyJ9", "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ", "eyJ2IjoidjAiLCJydiI6MSwic3RhcnQiOiJhIn0", "W10"]
)
def test_tokens_of_others_are_bad_requests(token: str) -> None:
    with pytest.raises(BadRequestError, match="invalid continue token: continue key is not valid"):
        page(filled(1), continue_=token)
