"""What objects, lists and events look like on the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aioinformer.testing import Cluster
from aioinformer.testing.catalog import Served
from aioinformer.testing.mvcc import Change, Stored
from aioinformer.testing.rendering import Rendering, negotiate
from aioinformer.testing.selecting import Selection
from aioinformer.testing.statuses import ExpiredError, GroupResource, NotAcceptableError, NotOneObjectError

PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PODS = GroupResource("", "pods")
EVERYTHING = Selection(PODS)


def pods() -> Served:
    return Cluster().catalog.find("pods")


def stored(version: int = 5, **labels: str) -> Stored:
    return Stored.of({"metadata": {"name": "x", "uid": "u", "labels": labels}, "spec": {"a": 1}}, version)


def parsed(line: bytes) -> tuple[str, dict[str, Any]]:
    assert line.endswith(b"\n")
    event = json.loads(line)
    return event["type"], event["object"]


def whole_list(rendering: Rendering, count: int) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(b"".join(rendering.list_parts({"resourceVersion": "9"}, [stored()] * count)))
    return body


def test_built_in_objects_carry_kind_and_api_version_alone_but_not_in_lists() -> None:
    rendering = Rendering.whole(pods())
    alone = json.loads(rendering.object(stored()))
    assert (alone["kind"], alone["apiVersion"], alone["spec"]) == ("Pod", "v1", {"a": 1})
    listed = whole_list(rendering, 2)
    assert (listed["kind"], listed["apiVersion"], listed["metadata"]) == ("PodList", "v1", {"resourceVersion": "9"})
    assert [set(item) for item in listed["items"]] == [{"metadata", "spec"}] * 2


def test_custom_objects_carry_them_in_lists_too() -> None:
    rendering = Rendering.whole(Served(pods().resource, builtin=False, has_status=False))
    assert whole_list(rendering, 1)["items"][0]["kind"] == "Pod"


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 200])
def test_lists_of_any_length_are_whole(count: int) -> None:
    assert len(whole_list(Rendering.whole(pods()), count)["items"]) == count


def test_metadata_alone() -> None:
    rendering = Rendering.metadata_only("v1")
    body = json.loads(rendering.object(stored(a="b")))
    assert body == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": "5", "name": "x", "uid": "u", "labels": {"a": "b"}},
    }
    listed = whole_list(rendering, 1)
    assert (listed["kind"], listed["items"][0]["kind"]) == ("PartialObjectMetadataList", "PartialObjectMetadata")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, stored(6, a="1"), ("ADDED", "6")),
        (stored(5, a="1"), stored(6, a="1"), ("MODIFIED", "6")),
        (stored(5, a="1"), None, ("DELETED", "6")),
        (stored(5, a="0"), stored(6, a="1"), ("ADDED", "6")),
        (stored(5, a="1"), stored(6, a="0"), ("DELETED", "6")),
        (stored(5, a="0"), stored(6, a="0"), None),
        (stored(5, a="0"), None, None),
    ],
)
def test_a_change_is_what_it_is_to_the_selection(
    before: Stored | None, after: Stored | None, expected: tuple[str, str] | None
) -> None:
    line = Rendering.whole(pods()).event(Change(PODS, 6, before, after), Selection(PODS, "a=1"))
    if expected is None:
        assert line == b""
        return
    kind, body = parsed(line)
    assert (kind, body["metadata"]["resourceVersion"]) == expected
    assert body["metadata"]["labels"] == {"a": "1"}, "leaving shows the last state that matched"


def test_equal_watches_share_the_bytes_of_an_event() -> None:
    change = Change(PODS, 6, None, stored(6))
    first, second = (Rendering.whole(pods()).event(change, EVERYTHING) for _ in range(2))
    assert first is second
    assert Rendering.metadata_only("v1").event(change, EVERYTHING) != first


def test_a_bookmark_carries_nothing_but_the_version() -> None:
    rendering = Rendering.whole(pods())
    assert parsed(rendering.bookmark(7, initial_end=False)) == (
        "BOOKMARK",
        {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}},
    )
    assert parsed(rendering.bookmark(7, initial_end=True))[1]["metadata"]["annotations"] == {
        "k8s.io/initial-events-end": "true"
    }


def test_an_error_event_carries_a_status() -> None:
    kind, body = parsed(Rendering.error(ExpiredError("too old")))
    assert (kind, body["kind"], body["code"], body["reason"]) == ("ERROR", "Status", 410, "Expired")


@pytest.mark.parametrize(
    ("accept", "wants_list", "kind"),
    [
        ("", False, "Pod"),
        ("*/*", True, "Pod"),
        ("application/json", True, "Pod"),
        (PARTIAL, False, "PartialObjectMetadata"),
        (PARTIAL_LIST, True, "PartialObjectMetadata"),
        (f"{TABLE},application/json", True, "Pod"),
        (f"application/vnd.kubernetes.protobuf,{PARTIAL}", False, "PartialObjectMetadata"),
    ],
)
def test_negotiation(*, accept: str, wants_list: bool, kind: str) -> None:
    assert negotiate(accept, pods(), wants_list=wants_list).kind == kind


@pytest.mark.parametrize(
    ("accept", "wants_list"),
    [
        (TABLE, True),
        ("text/html", False),
        ("application/vnd.kubernetes.protobuf", True),
        (PARTIAL_LIST, False),
    ],
)
def test_what_cannot_be_served_is_not_acceptable(*, accept: str, wants_list: bool) -> None:
    with pytest.raises(NotAcceptableError):
        negotiate(accept, pods(), wants_list=wants_list)


def test_a_list_in_the_form_of_one_object_is_refused() -> None:
    with pytest.raises(
        NotOneObjectError,
        match=r"you requested PartialObjectMetadata, but the requested object is a list \(\*core.PodList\)",
    ):
        negotiate(PARTIAL, pods(), wants_list=True)


def test_an_empty_metadata_only_list_has_null_for_items() -> None:
    assert whole_list(Rendering.metadata_only("v1"), 0)["items"] is None
