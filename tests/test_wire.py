from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer.api_status import MAX_STATUS, status_error
from aioinformer.batches import Delta, Undecodable
from aioinformer.errors import (
    APIError,
    MalformedResponse,
    ResourceExpired,
    ServerError,
)
from aioinformer.objects import KubeObject, Record
from aioinformer.wire import Bookmark, WatchEvent, decode_event, decode_item, decode_page

POD = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"default","uid":"u","resourceVersion":"7","labels":{"app":"web"}},"spec":{}}'
WEB = Record("default/web", "u", "7", {"app": "web"}, POD)
DEEP = b"[" * 20_000 + b"]" * 20_000


def event(kind: str, raw: bytes = POD) -> bytes:
    """A line as Kubernetes writes it."""
    return b'{"type":"%b","object":%b}' % (kind.encode(), raw)


@pytest.mark.parametrize(("kind", "deleted"), [("ADDED", False), ("MODIFIED", False), ("DELETED", True)])
def test_an_event_is_an_object_as_it_is_now_or_as_it_last_was(kind: str, *, deleted: bool) -> None:
    assert decode_event(event(kind)) == Delta(deleted, WEB)


@pytest.mark.parametrize(
    "line",
    [
        event("ADDED") + b"\r",
        event("ADDED") + b"  ",
        b" " + event("ADDED"),
        b'{"type": "ADDED", "object": ' + POD + b"}",
        b'{ "type" :\t"ADDED" , "object" : ' + POD + b" }",
        b'{"object":' + POD + b',"type":"ADDED"}',
        b'{"type":"ADDED","extra":1,"object":' + POD + b"}",
        b'{"type":"ADDED","object":' + POD + b',"extra":1}',
        b'{"type":"ADDED","object":' + POD + b',"extra":{}}',
        b'{"type":"ADDED","object":' + POD + b',"extra":{"object":{}}}',
        b'{"type":"\\u0041DDED","object":' + POD + b"}",
        b'{"\\u0074ype":"ADDED","object":' + POD + b"}",
    ],
)
def test_an_event_is_the_same_in_whatever_form_json_allows(line: bytes) -> None:
    assert decode_event(line) == Delta(deleted=False, record=WEB)


def test_an_object_is_its_own_bytes_even_with_odd_spacing() -> None:
    odd = POD.replace(b",", b" ,\t").replace(b":{", b" : { ")
    found = decode_event(event("ADDED", odd))
    assert isinstance(found, Delta)
    assert found.record.raw == odd
    assert found.record.labels == {"app": "web"}


@pytest.mark.parametrize(
    ("metadata", "record"),
    [
        (b'{"name":"n"}', Record("n", "", "", {}, b"")),
        (b'{"name":"n","labels":null}', Record("n", "", "", {}, b"")),
        (b'{"name":"n","labels":{}}', Record("n", "", "", {}, b"")),
        (b'{"name":"gr\\u00fcn\\n","uid":"\\ud83d\\ude00"}', Record("grün\n", "😀", "", {}, b"")),
        (b'{"name":"n","resourceVersion":"' + b"9" * 50 + b'"}', Record("n", "", "9" * 50, {}, b"")),
        (b'{"name":"n","generation":1' + b"0" * 400 + b',"x":1e999}', Record("n", "", "", {}, b"")),
        (b'{"name":"m","name":"n"}', Record("n", "", "", {}, b"")),
    ],
)
def test_only_identity_version_and_labels_are_read(metadata: bytes, record: Record) -> None:
    raw = b'{"metadata":' + metadata + b"}"
    assert decode_event(event("ADDED", raw)) == Delta(deleted=False, record=msgspec.structs.replace(record, raw=raw))


@pytest.mark.parametrize(
    ("raw", "key", "version"),
    [
        (b'{"metadata":{"name":5,"namespace":"a","resourceVersion":"9"}}', "", "9"),
        (b'{"metadata":{"namespace":"a","resourceVersion":"9"}}', "", "9"),
        (b'{"metadata":{"name":"n","namespace":"a","labels":[],"resourceVersion":"9"}}', "a/n", "9"),
        (b'{"metadata":{"name":"n","labels":{"app":1}}}', "n", ""),
        (b'{"metadata":{"name":"n","resourceVersion":9}}', "n", ""),
        (b'{"metadata":{"name":{"a":1},"namespace":"a"}}', "", ""),
        (b'{"metadata":null}', "", ""),
        (b'{"metadata":"x"}', "", ""),
        (b"{}", "", ""),
        (b"[]", "", ""),
        (b"5", "", ""),
        (b"null", "", ""),
    ],
)
@pytest.mark.parametrize("deleted", [True, False])
def test_an_object_of_the_wrong_shape_is_undecodable_and_the_stream_goes_on(
    raw: bytes, key: str, version: str, *, deleted: bool
) -> None:
    found = decode_event(event("DELETED" if deleted else "MODIFIED", raw))
    assert isinstance(found, Undecodable)
    assert (found.key, found.resource_version, found.deleted) == (key, version, deleted)
    assert isinstance(found.error, msgspec.ValidationError)


def test_an_object_nested_deeper_than_python_goes_is_undecodable_and_the_stream_goes_on() -> None:
    """A kube-apiserver stores up to ten thousand levels in a field that preserves what it does not know."""
    found = decode_event(event("ADDED", b'{"metadata":{"name":"n"},"spec":' + DEEP + b"}"))
    assert isinstance(found, Undecodable)
    assert isinstance(found.error, RecursionError)


@pytest.mark.parametrize(
    "where", [b'"spec":"\xff"', b'"spec":{"\xff":1}', b'"metadata":{"name":"n","annotations":{"a":"\xff"}}']
)
def test_an_object_with_text_that_is_none_is_undecodable_and_not_found_out_when_it_is_read(where: bytes) -> None:
    """Go writes UTF-8 only, others may not. The error does not have the object in it, as Python's own would."""
    raw = b'{"metadata":{"name":"n","annotations":{}},' + where + b',"data":"aHVudGVyMg=="}'
    for found in (decode_event(event("ADDED", raw)), *items_of(page(raw))):
        assert isinstance(found, Undecodable)
        assert found.key == "n"
        assert isinstance(found.error, msgspec.ValidationError)
        assert "aHVudGVyMg" not in f"{found!r}{found.error!r}{found.error.__context__!r}{found.error.__cause__!r}"


@pytest.mark.parametrize("error", [b'{"metadata":{"name":5}}', b'{"metadata":{"name":"n"},"spec":' + DEEP + b"}"])
def test_an_undecodable_object_keeps_nothing_else_alive(error: bytes) -> None:
    """The frames of a traceback would: the page, for as long as the object is in quarantine."""
    (found,) = items_of(page(error))
    assert isinstance(found, Undecodable)
    assert found.error.__traceback__ is None
    assert found.error.__context__ is None


@pytest.mark.parametrize(
    ("metadata", "ends"),
    [
        ({}, False),
        ({"annotations": None}, False),
        ({"annotations": {}}, False),
        ({"annotations": {"k8s.io/initial-events-end": "true"}}, True),
        ({"annotations": {"k8s.io/initial-events-end": "false"}}, False),
        ({"annotations": {"k8s.io/initial-events-end": ""}}, False),
        ({"annotations": {"other": "true"}, "creationTimestamp": None}, False),
    ],
)
def test_a_bookmark_ends_the_snapshot_only_if_it_says_so(metadata: dict[str, Any], *, ends: bool) -> None:
    body = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "8", **metadata},
        "spec": {"containers": None},
    }
    assert decode_event(event("BOOKMARK", json.dumps(body).encode())) == Bookmark("8", ends)


def test_an_error_event_is_the_error_its_status_says() -> None:
    body = b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old","reason":"Expired","code":410}'
    with pytest.raises(ResourceExpired, match="410 Expired: too old"):
        decode_event(event("ERROR", body))


@pytest.mark.parametrize("body", [b"{}", b'{"kind":"Status"}', b'{"message":"x"}'])
def test_an_error_event_that_says_nothing_is_a_server_error(body: bytes) -> None:
    with pytest.raises(ServerError) as failed:
        decode_event(event("ERROR", body))
    assert failed.value.status == 500


def test_an_error_event_that_is_long_is_not_read() -> None:
    body = b'{"kind":"Status","code":410,"reason":"Expired","message":"' + b"x" * MAX_STATUS + b'"}'
    with pytest.raises(ServerError) as failed:
        decode_event(event("ERROR", body))
    assert str(failed.value) == "500 ServerError"


@pytest.mark.parametrize("body", [b"\xff", b"{}"])
def test_what_is_malformed_leaves_no_bytes_behind_in_the_error(body: bytes) -> None:
    """A UnicodeDecodeError holds all that was decoded; chained, it would be kept for as long as the error is."""
    for decode in (decode_event, decode_page):
        with pytest.raises(MalformedResponse) as refused:
            decode(body)
        assert refused.value.__context__ is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"5",
        b"null",
        b'"ADDED"',
        b"<html>",
        b"{}{}",
        event("ADDED") + event("ADDED"),
        event("ADDED")[:-1],
        event("ADDED")[:-20],
        event("ADDED") + b"x",
        b'{"type":"ADDED"}',
        b'{"object":{}}',
        b'{"type":5,"object":{}}',
        event("added"),
        event(""),
        event("PATCHED"),
        event("BOOKMARK", b"{}"),
        event("BOOKMARK", b'{"metadata":{"resourceVersion":8}}'),
        event("BOOKMARK", b'{"metadata":{"resourceVersion":""}}'),
        event("ADDED", b'{"metadata":{"name":"\xff"}}'),
        event("ADDED", b'{"metadata":{"name":"\\ud800"}}'),
        event("ADDED", b'{"kind":"Table","metadata":{"name":"n"},"rows":[]}'),
        event("ERROR", b"nonsense"),
        event("BOOKMARK", DEEP),
        DEEP,
    ],
)
def test_a_line_that_is_no_watch_event_is_malformed(line: bytes) -> None:
    with pytest.raises(MalformedResponse):
        decode_event(line)


def test_a_malformed_line_is_not_quoted() -> None:
    """It may be a Secret's."""
    for line in (
        b'{"type":"ADDED","object":{"metadata":{"name":"n"},"data":"aHVudGVyMg=="}',
        b'{"type":"aHVudGVyMg==","x":1}',
    ):
        with pytest.raises(MalformedResponse) as refused:
            decode_event(line)
        assert "aHVudGVyMg" not in str(refused.value)


def page(*items: bytes, kind: str = "PodList", metadata: bytes = b'{"resourceVersion":"50"}') -> bytes:
    """A list as Kubernetes writes it."""
    return b'{"kind":"%b","apiVersion":"v1","metadata":%b,"items":[%b]}' % (kind.encode(), metadata, b",".join(items))


def items_of(body: bytes) -> list[Delta | Undecodable]:
    found = decode_page(body)
    return [decode_item(item, found.kind, found.api_version) for item in found.items]


def test_a_page_says_what_it_lists_at_which_version_and_how_to_go_on() -> None:
    found = decode_page(page(POD, POD, metadata=b'{"resourceVersion":"50","continue":"t","remainingItemCount":3}'))
    assert (found.kind, found.api_version, found.resource_version, found.continue_token) == ("Pod", "v1", "50", "t")
    assert [bytes(item) for item in found.items] == [POD, POD]


@pytest.mark.parametrize(
    "body",
    [
        page(),
        b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"50"},"items":null}',
        b'{"items":null,"metadata":{"continue":null,"resourceVersion":"50"},"kind":"PodList","apiVersion":"v1"}\n',
    ],
)
def test_a_page_without_items_is_empty(body: bytes) -> None:
    found = decode_page(body)
    assert (found.items, found.resource_version, found.continue_token) == ([], "50", "")


def test_a_list_may_call_itself_as_it_likes() -> None:
    """A CustomResourceDefinition chooses its ``listKind``; its objects carry their own kind."""
    (found,) = items_of(page(b'{"kind":"Widget","metadata":{"name":"w"}}', kind="WidgetCollection"))
    assert isinstance(found, Delta)
    assert KubeObject(found.record).kind == "Widget"


def test_items_of_built_in_types_get_the_kind_and_version_they_lack() -> None:
    (found,) = items_of(page(b' {"metadata":{"name":"web"},"spec":{}}'))
    assert isinstance(found, Delta)
    assert found.record.name == "web"
    assert not found.deleted
    assert KubeObject(found.record).to_dict() == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "web"},
        "spec": {},
    }


@pytest.mark.parametrize(
    "own", [b'{"kind":"Widget","metadata":{"name":"w"}}', POD, b'{"metadata":{"name":"w"},"kind":"Widget"}']
)
def test_an_item_with_a_kind_is_kept_as_it_came(own: bytes) -> None:
    (found,) = items_of(page(own))
    assert isinstance(found, Delta)
    assert found.record.raw == own


def test_items_of_a_plain_list_get_no_kind() -> None:
    (found,) = items_of(page(b'{"metadata":{"name":"w"}}', kind="List"))
    assert isinstance(found, Delta)
    assert KubeObject(found.record).kind == ""


def test_partial_metadata_is_taken_for_what_it_is() -> None:
    (found,) = items_of(page(b'{"metadata":{"name":"w"}}', kind="PartialObjectMetadataList"))
    assert isinstance(found, Delta)
    assert KubeObject(found.record).kind == "PartialObjectMetadata"


def test_one_bad_item_does_not_spoil_the_page() -> None:
    found = items_of(page(POD, b"null", b"{}", b'{"metadata":{"name":5}}', b"7", POD))
    assert [type(item) for item in found] == [Delta, *[Undecodable] * 4, Delta]


def test_one_item_nested_deeper_than_python_goes_does_not_spoil_the_page() -> None:
    found = items_of(page(POD, b'{"metadata":{"name":"n"},"spec":' + DEEP + b"}", POD, metadata=b'{"continue":"t"}'))
    assert [type(item) for item in found] == [Delta, Undecodable, Delta]
    assert decode_page(page(b'{"spec":' + DEEP + b"}", metadata=b'{"continue":"t"}')).continue_token == "t"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"<html>",
        b"{}",
        page(POD)[:-1],
        page(POD) + b"x",
        b'{"metadata":{},"items":[]}',
        b'{"kind":"PodList","items":[]}',
        b'{"kind":"PodList","metadata":{"resourceVersion":5},"items":[]}',
        b'{"kind":"PodList","metadata":{},"items":{}}',
        b'{"kind":"PodList","metadata":{"resourceVersion":"\xff"},"items":[]}',
        POD,
        b'{"kind":"PodList","metadata":{}}',
        DEEP,
    ],
)
def test_what_is_no_list_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        decode_page(body)


def test_a_table_is_refused_by_name() -> None:
    with pytest.raises(MalformedResponse, match="'Table' where a list"):
        decode_page(b'{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{},"columnDefinitions":[],"rows":[]}')


def test_an_item_with_broken_text_is_malformed() -> None:
    with pytest.raises(MalformedResponse, match="an item of the list"):
        items_of(page(b'{"metadata":{"name":"\xff"}}'))


def test_a_status_that_comes_with_http_200_is_the_failure_it_says() -> None:
    with pytest.raises(ResourceExpired):
        decode_page(b'{"kind":"Status","metadata":{},"status":"Failure","reason":"Expired","code":410}')


BYTES = st.one_of(
    st.binary(max_size=40),
    st.tuples(st.sampled_from(["ADDED", "DELETED", "BOOKMARK", "ERROR", "X"]), st.binary(max_size=20)).map(
        lambda e: event(*e)
    ),
    st.tuples(
        st.sampled_from([event("ADDED"), page(POD), b'{"kind":"Status","code":410,"reason":"Expired"}']),
        st.integers(0, 250),
        st.binary(max_size=3),
    ).map(lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + len(cut[2]) :]),
)


def anything(body: bytes) -> list[WatchEvent | Undecodable]:
    """Whatever can be made of bytes, read as a line and as a page."""
    found: list[WatchEvent | Undecodable] = []
    for decode in (lambda: [decode_event(body)], lambda: items_of(body)):
        with suppress(MalformedResponse, APIError):
            found += decode()
    return found


@given(BYTES)
def test_arbitrary_bytes_are_decoded_or_refused_and_nothing_else(body: bytes) -> None:
    for found in anything(body):
        if isinstance(found, Delta):
            assert found.record.raw
    assert isinstance(status_error(500, body), APIError)
