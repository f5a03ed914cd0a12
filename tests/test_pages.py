"""pages.py: reading a list while it arrives gives what reading it whole gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioinformer.batches import Delta, Undecodable
from aioinformer.errors import InformerError
from aioinformer.framing import ItemCutter
from aioinformer.pages import PageReader
from aioinformer.wire import decode_item, decode_page

DEEP = b"[" * 2000 + b"]" * 2000
TOO_DEEP = b"[" * 20_000 + b"]" * 20_000

SPOKEN = st.sampled_from(['},{"metadata":', '"items":[', "}]}", '"', "\\", "é", "},", '\\"', "]"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | SPOKEN | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["metadata", "items", "a", "kind"]) | SPOKEN, inner, max_size=3)
        | st.lists(st.fixed_dictionaries({"metadata": inner}), max_size=3)
    ),
    max_leaves=8,
)
"""Values in which a list's own punctuation occurs, quoted and for real."""
META = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b", "web-1"])},
    optional={
        "namespace": st.sampled_from(["n", "m/n", ""]),
        "resourceVersion": st.sampled_from(["1", "17"]),
        "labels": st.none() | st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=2),
        "managedFields": st.lists(st.just({"manager": "m"}), max_size=2),
        "ownerReferences": JSON,
    },
)
BUILT_IN = st.fixed_dictionaries({"metadata": META | JSON}, optional={"spec": JSON, "status": JSON})
CUSTOM = st.fixed_dictionaries(
    {"apiVersion": st.just("example.com/v1"), "kind": st.just("Widget"), "metadata": META}, optional={"spec": JSON}
)
COMPACT, SPACED = (",", ":"), (", ", ": ")


def dumps(document: Any, separators: tuple[str, str] = COMPACT, indent: int | None = None) -> bytes:
    return json.dumps(document, separators=separators, indent=indent, ensure_ascii=False).encode()


@st.composite
def lists(draw: st.DrawFn) -> bytes:
    """Lists in the styles of built-in types, custom resources, and writers of their own."""
    items = draw(st.none() | st.lists(draw(st.sampled_from([BUILT_IN, CUSTOM])) | st.just(None), max_size=6))
    metadata = draw(st.fixed_dictionaries({"resourceVersion": st.just("50")}, optional={"continue": st.just("more")}))
    fields = {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items}
    order = draw(
        st.just(["kind", "apiVersion", "metadata", "items"])
        | st.just(["apiVersion", "items", "kind", "metadata"])
        | st.permutations(list(fields))
    )
    fields["kind"] = draw(st.sampled_from(["PodList", "WidgetList", "List", "Table", "Status", "Pod"]))
    for name in draw(st.lists(st.sampled_from(["kind", "apiVersion", "metadata", "items"]), max_size=1)):
        order.remove(name)
    separators, indent = draw(st.sampled_from([(COMPACT, None), (COMPACT, None), (SPACED, None), (COMPACT, 1)]))
    return dumps({name: fields[name] for name in order}, separators, indent)


Result = tuple[list[tuple[Any, ...]], tuple[str, str]] | str


def item_of(item: Delta | Undecodable) -> tuple[Any, ...]:
    if isinstance(item, Delta):
        return item.deleted, item.record
    return item.key, item.resource_version, type(item.error), str(item.error), item.raw_metadata


def whole(body: bytes, **options: bool) -> Result:
    try:
        page = decode_page(body)
        items = [item_of(decode_item(raw, page.kind, page.api_version, **options)) for raw in page.items]
    except InformerError as error:
        return f"{type(error).__name__}: {error}"
    return items, (page.resource_version, page.continue_token)


def in_parts(body: bytes, size: int, count: int = 64, **options: bool) -> Result:
    reader, items = PageReader(**options), []
    try:
        for start in range(0, len(body), size):
            reader.feed(body[start : start + size])
            while taken := reader.take(count):
                items += taken
        page = reader.close()
        items += [decode_item(raw, page.kind, page.api_version, **options) for raw in page.items]
    except InformerError as error:
        return f"{type(error).__name__}: {error}"
    assert reader.length == len(body)
    return [item_of(item) for item in items], (page.resource_version, page.continue_token)


@settings(max_examples=400)
@given(lists(), st.integers(1, 400), st.integers(1, 3), st.booleans())
def test_a_list_read_while_it_arrives_is_the_list_read_whole(body: bytes, size: int, count: int, keep: bool) -> None:  # noqa: FBT001  # drawn by Hypothesis
    """Objects, version, token, or the error: whatever the style of the list and however it is chunked."""
    options = {"keep_managed_fields": keep}
    assert in_parts(body, size, count, **options) == whole(body, **options)


@settings(max_examples=200)
@given(lists(), st.integers(1, 200), st.data())
def test_a_list_that_is_cut_short_or_spoilt_is_refused_just_as_if_it_were_whole(
    body: bytes, size: int, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(body)))
    spoilt = data.draw(st.sampled_from([body[:at], body[:at] + b"}" + body[at:], body[:at] + b"\xff" + body[at + 1 :]]))
    expected, found = whole(spoilt), in_parts(spoilt, size)
    if isinstance(expected, str):
        assert isinstance(found, str)
        assert found.split(":")[0] == expected.split(":")[0]
    else:
        assert found == expected


HEAD = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"50","continue":"more"},"items":['
POD = b'{"metadata":{"name":"%d","namespace":"n","uid":"u","resourceVersion":"1"},"spec":{}}'


def pod_list(*items: bytes) -> bytes:
    return HEAD + b",".join(items) + b"]}"


def nested(depth: int) -> bytes:
    return POD[:-2] % 7 + b'"deep":' + b"[" * depth + b"]" * depth + b"}}"


@pytest.mark.parametrize("size", [1, 7, 100, 1_000_000])
@pytest.mark.parametrize(
    "body",
    [
        pod_list(),
        pod_list(POD % 1),
        pod_list(POD % 1, POD % 2, POD % 3),
        pod_list(POD % 1, POD[:-2] % 2 + b'"list":[{"metadata":{}},{"metadata":{}},{"metadata":{}}]}}', POD % 3),
        pod_list(POD % 1, b"null", POD % 3),
        pod_list(POD % 1, b"{}", b"7", b"[]", POD % 3),
        pod_list(POD % 1, POD[:-2] % 2 + b'"items":[{"metadata":{"name":"x"}},{"metadata":{}}]}}', POD % 3),
        pod_list(POD % 1, POD[:-2] % 2 + b'"text":"},{\\"metadata\\":{}"}}', POD % 3),
        pod_list(POD % 1, POD[:-2] % 2 + b'"text":"\xff"}}', POD % 3),
        pod_list(POD % 1, b'{"kind":"Table",' + POD[1:] % 2, POD % 3),
        pod_list(POD % 1, nested(500), POD % 3),
        pod_list(POD % 1, nested(2000), POD % 3),
        HEAD[:-1] + b"null}",
        HEAD.replace(b"PodList", b"Table") + POD % 1 + b"," + POD % 2 + b"]}",
        b'{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{},"rows":[{"object":%b},{"object":%b}]}'
        % (POD, POD),
        b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":410,"reason":"Expired"}',
        b'{"apiVersion":"v1","items":[%b,%b],"kind":"PodList","metadata":{"resourceVersion":"50"}}'
        % (POD % 1, POD % 2),
        HEAD.replace(b'"apiVersion":"v1",', b"") + b'%b,%b],"apiVersion":"v1"}' % (POD % 1, POD % 2),
        b'{"metadata":{"items":[{"a":1},{"a":2}],"resourceVersion":"5"},"kind":"PodList","items":[%b,%b]}'
        % (POD % 1, POD % 2),
        b'{"a":"\\"items\\":[","x\\"items":[{"a":1},{"a":2}],"kind":"L","metadata":{},"items":[%b]}' % POD,
        b'{"kind":"PodList","metadata":{"resourceVersion":"5"},"items":[ %b , %b ]}' % (POD % 1, POD % 2),
        pod_list(b'{"metadata":{"name":"a"}oops},{"metadata":{"name":"b"}}', POD % 2),
        pod_list(*[POD[:-2] % 1 + b'"l":[' + b'{"metadata":{}},' * 40 + b"0]}}"] * 3),
        b"",
        b"[]",
        b'{"items":[',
        HEAD + POD + b"," + POD,
    ],
    ids=range(27),
)
def test_odd_lists(body: bytes, size: int) -> None:
    assert in_parts(body, size) == whole(body)


@pytest.mark.parametrize("size", [50, 1000, 100_000])
def test_items_of_very_different_lengths_all_come_out(size: int) -> None:
    """Long ones first, so that the next short ones are taken for a part of one."""
    lengths = [5000] * 5 + [10] * 50 + [5000] * 3 + [10, 2000] * 20
    items = [{"metadata": {"name": f"a{n}", "labels": {"a": "x" * length}}} for n, length in enumerate(lengths)]
    body = dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}, COMPACT, None)
    assert in_parts(body, size) == whole(body)
    assert len(whole(body)[0]) == len(lengths)


def test_one_item_nested_too_deep_to_tell_where_it_ends_spoils_nothing() -> None:
    body = pod_list(POD % 1, nested(20_000), POD % 3)
    found = in_parts(body, 5000)
    assert found == whole(body)
    assert not isinstance(found, str)
    assert [item[0] for item in found[0]] == [False, "", False]


def test_objects_come_out_while_the_list_is_still_on_its_way_and_what_was_taken_is_let_go() -> None:
    reader = PageReader()
    reader.feed(HEAD)
    held = []
    for number in range(1000):
        reader.feed(POD % number + b",")
        taken = reader.take(64)
        assert len(taken) == (number > 0)
        held.append(len(reader._cutter._body))
    assert max(held) < 3 * len(POD % 1000)
    assert reader.length == len(HEAD) + sum(len(POD % number) + 1 for number in range(1000))


def test_no_more_are_taken_at_once_than_asked_for() -> None:
    reader = PageReader()
    reader.feed(pod_list(*[POD % number for number in range(100)]))
    assert [len(reader.take(30)) for _ in range(5)] == [30, 30, 30, 9, 0]
    assert len(reader.close().items) == 1


def test_what_was_not_taken_is_in_the_list_at_the_end() -> None:
    reader = PageReader()
    reader.feed(pod_list(*[POD % number for number in range(10)]))
    reader.take(3)
    assert [bytes(item) for item in reader.close().items] == [POD % number for number in range(3, 10)]


@pytest.mark.parametrize("unfinished", [True, False])
def test_a_list_whose_items_hold_many_of_what_looks_like_items_costs_no_square(*, unfinished: bool) -> None:
    """After some refusals it is left whole: otherwise each would be parsed again, and longer, with the next."""
    item = POD[:-2] % 1 + b'"l":[' + b'{"metadata":{}},' * 5000 + b'"\\ud83d\\ude00"]}}'  # which C leaves to Python
    body = pod_list(item, item)
    reader = PageReader()
    reader.feed(body[: len(HEAD) + len(item) - 2] if unfinished else body)
    assert reader.take(64) == []
    assert not reader._cutter._cutting
    assert unfinished or len(reader.close().items) == 2


def test_a_head_that_never_ends_is_not_searched_for_ever() -> None:
    cutter = ItemCutter()
    cutter.feed(b'{"kind":"' + b"x" * 100_000)
    assert cutter.cut() == []
    assert not cutter._cutting
