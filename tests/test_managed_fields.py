from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import managed_fields
from aioinformer.batches import Delta
from aioinformer.managed_fields import without_managed_fields
from aioinformer.wire import decode_event
from benchmarks.pods import encoded, pod


class Metadata(msgspec.Struct):
    managedFields: msgspec.Raw = msgspec.Raw()  # noqa: N815  # the wire's spelling


class Fields(msgspec.Struct):
    metadata: Metadata


def cut_out(raw: bytes) -> bytes:
    """An object without its managedFields."""
    value = msgspec.json.decode(raw, type=Fields).metadata.managedFields
    return without_managed_fields(raw, 0, len(raw), value)


VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.sampled_from(["", "{", "}", '"managedFields":[]', "é", '\\"']),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["managedFields", "metadata", 'x"managedFields', "a"]), inner, max_size=2)
    ),
    max_leaves=6,
)
MANAGED_FIELDS: st.SearchStrategy[Any] = (
    st.none()
    | st.just([])
    | st.lists(st.fixed_dictionaries({"manager": VALUES | st.just("a" * 40)}), min_size=1, max_size=2)
)


@st.composite
def objects_with_managed_fields(draw: st.DrawFn) -> dict[str, object]:
    """Objects whose fields, and those of their metadata, come in any order, with copies of what is to be cut elsewhere.

    In metadata these are text, as all is in Kubernetes's that can be chosen freely.
    """
    managed = draw(MANAGED_FIELDS)
    others = st.sampled_from(["name", "annotations", 'x"managedFields', "ownerReferences", "labels"])
    copied = st.just(json.dumps(managed)) | st.just(json.dumps({"managedFields": managed}))
    texts = st.sampled_from(["", "{", "}", '"managedFields":[]', "é", '\\"']) | copied
    maps = st.dictionaries(st.sampled_from(["managedFields", 'x"managedFields', "a"]), texts, max_size=2)
    metadata = draw(st.dictionaries(others, texts | maps | st.lists(maps, max_size=2), max_size=3))
    names = draw(st.permutations([*metadata, "managedFields"]))
    metadata = {name: metadata.get(name, managed) for name in names}
    rest = st.sampled_from(["kind", "apiVersion", "data", "spec", 'x"metadata'])
    copies = st.just({"metadata": metadata}) | st.just(json.dumps({"metadata": metadata})) | VALUES
    fields = draw(st.dictionaries(rest, copies, max_size=3))
    order = draw(st.permutations([*fields, "metadata"]))
    return {name: fields.get(name, metadata) for name in order}


@given(objects_with_managed_fields(), st.sampled_from([(",", ":"), (", ", ": "), (",", " :")]), st.booleans())
def test_an_object_without_managed_fields_is_the_same_but_for_these(
    document: dict[str, Any],
    separators: tuple[str, str],
    ascii_only: bool,  # noqa: FBT001  # drawn by Hypothesis
) -> None:
    raw = json.dumps(document, separators=separators, ensure_ascii=ascii_only).encode()
    cut = cut_out(raw)
    document = json.loads(raw)  # of its own, whatever is shared in the one that was drawn
    document["metadata"].pop("managedFields")
    assert json.loads(cut) == document
    assert [*json.loads(cut)] == [*document]
    assert len(cut) < len(raw)


@pytest.mark.parametrize(
    ("raw", "cut"),
    [
        (b'{"kind":"Pod","metadata":{"name":"a","managedFields":[{}]}}', b'{"kind":"Pod","metadata":{"name":"a"}}'),
        (b'{"metadata":{"managedFields":[{}],"name":"a" }}', b'{"metadata":{"name":"a" }}'),
        (b'{"metadata":{"managedFields":[]}, "a":1.50}', b'{"metadata":{}, "a":1.50}'),
        (b'{"metadata":{"a":1,"managedFields":null,"b":2}}', b'{"metadata":{"a":1,"b":2}}'),
        (b'{"data":{"a":"{"},"metadata":{"a":1,"managedFields":[]}}', b'{"data":{"a":"{"},"metadata":{"a":1}}'),
        (
            b'{"data":{"metadata":{"managedFields":[]}},"metadata":{"managedFields":[]}}',
            b'{"data":{"metadata":{"managedFields":[]}},"metadata":{}}',
        ),
        (
            b'{"metadata":{"annotations":{"managedFields":"[]"},"managedFields":[]}}',
            b'{"metadata":{"annotations":{"managedFields":"[]"}}}',
        ),
        (
            b'{"metadata":{"labels":{"managedFields":"a"},"managedFields":[{"manager":"kubectl-client-side-apply"}]}}',
            b'{"metadata":{"labels":{"managedFields":"a"}}}',
        ),
        (
            b'{"metadata":{"labels":{"managedFields":"a"},"managed\\u0046ields":[{"manager":"a"}]}}',
            b'{"metadata":{"labels":{"managedFields":"a"}}}',
        ),
        (b'{"metadata":{"managedFields": [{"manager":"a"}],"name":"a"}}', b'{"metadata":{"name":"a"}}'),
        (b' {"metadata":{"managedFields":[],"name":"a"}}', b'{"metadata":{"name":"a"}}'),
        (b'{"metadata":{"x\\"managedFields":[],"managedFields":[]}}', b'{"metadata":{"x\\"managedFields":[]}}'),
        (b'{"metadata":{"x\\"managedFields":[],"managedFields" :[]}}', b'{"metadata":{"x\\"managedFields":[]}}'),
    ],
)
def test_managed_fields_are_cut_out_and_nothing_else(raw: bytes, cut: bytes) -> None:
    """The rest stays byte for byte as the server wrote it, wherever they stand."""
    assert cut_out(raw) == cut


def test_where_managed_fields_stand_as_kubernetes_writes_them_nothing_is_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(managed_fields, "_decode_fields", None)
    document = pod(1)
    raw = encoded(document)
    del document["metadata"]["managedFields"]
    assert cut_out(raw) == encoded(document)


def test_they_are_cut_out_of_the_middle_of_a_stream_and_a_kind_is_put_before() -> None:
    """Nothing before and behind the object is looked at."""
    document = pod(1)
    raw = encoded(document)
    value = msgspec.json.decode(raw, type=Fields).metadata.managedFields
    del document["metadata"]["managedFields"]
    buffer = raw + b"\n" + raw + b'{"metadata":{"managedFields":[]}}'
    start = len(raw) + 1
    cut = without_managed_fields(buffer, start, start + len(raw), value, b'{"a":1,')
    assert cut == b'{"a":1,' + encoded(document)[1:]


@pytest.mark.parametrize("keep", [True, False])
def test_whoever_asks_for_them_gets_them(*, keep: bool) -> None:
    delta = decode_event(b'{"type":"ADDED","object":%b}' % encoded(pod(1)), keep_managed_fields=keep)
    assert isinstance(delta, Delta)
    document = pod(1)
    if not keep:
        del document["metadata"]["managedFields"]
    assert delta.record.raw == encoded(document)
